"""Working time over holidays, weekends worked in exchange, and years not yet announced."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.working_calendar import HOURS, ZONE, WorkingCalendar, holidays_known, is_working_day

CALENDAR = WorkingCalendar()
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=ZONE)
)
SPANS = st.integers(0, 60 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


# State Council notice for 2026: Spring Festival 15 to 23 February, worked on 14 and 28 February instead.
@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2026-02-13", True),
        ("2026-02-14", True),  # a Saturday
        ("2026-02-15", False),
        ("2026-02-16", False),  # a Monday
        ("2026-02-23", False),  # a Monday
        ("2026-02-24", True),
        ("2026-02-28", True),  # a Saturday
        ("2026-03-01", False),
        ("2027-10-01", True),  # not announced: a Friday is a working day
        ("2027-10-02", False),
    ],
)
def test_days(day: str, worked: bool) -> None:
    assert is_working_day(date.fromisoformat(day)) is worked


def test_it_says_which_years_it_knows() -> None:
    assert holidays_known(2026)
    assert not holidays_known(2040)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-04 09:00", 2, "2026-03-04 11:00"),
        ("2026-03-04 11:00", 2, "2026-03-04 15:00"),  # over lunch
        ("2026-03-04 08:00", 4, "2026-03-04 12:00"),  # ends with the morning, not in the afternoon
        ("2026-03-04 12:30", 1, "2026-03-04 15:00"),
        ("2026-03-06 17:00", 2, "2026-03-09 09:00"),  # over a weekend
        ("2026-03-07 03:00", 8, "2026-03-09 18:00"),  # in the night from Friday to Saturday
        ("2026-02-13 17:00", 3, "2026-02-14 10:00"),  # the Saturday before the festival is worked
        ("2026-02-14 17:00", 2, "2026-02-24 09:00"),  # over the whole festival
        ("2026-02-27 17:00", 9, "2026-02-28 18:00"),  # the Saturday after it too
        ("2026-02-28 17:00", 2, "2026-03-02 09:00"),
        ("2026-02-13 09:00", 40, "2026-02-27 09:00"),  # 7 + 8 before the festival, 3 × 8 after it, 1
    ],
)
def test_hours_by_hand(start: str, hours: int, end: str) -> None:
    assert CALENDAR.add(local(start), timedelta(hours=hours)) == local(end)


def test_no_time_ends_where_it_begins() -> None:
    night = local("2026-03-07 03:00")
    assert CALENDAR.add(night, timedelta()) == night


@given(MOMENTS, SPANS)
def test_what_is_added_lies_between(start: datetime, working: timedelta) -> None:
    assert CALENDAR.between(start, CALENDAR.add(start, working)) == working


@given(MOMENTS, SPANS, SPANS)
def test_adding_twice_is_adding_the_sum(start: datetime, first: timedelta, second: timedelta) -> None:
    whole = CALENDAR.add(start, first + second)
    assert CALENDAR.add(CALENDAR.add(start, first), second) == whole or not first + second


@given(MOMENTS, SPANS.filter(bool))
def test_it_ends_within_hours_of_a_working_day(start: datetime, working: timedelta) -> None:
    end = CALENDAR.add(start, working).astimezone(ZONE)
    assert is_working_day(end.date())
    hour = end.hour + end.minute / 60 + end.second / 3600
    assert any(begin < hour <= close for begin, close in HOURS)


@given(MOMENTS, st.integers(0, 20))
def test_it_agrees_with_counting_minutes(start: datetime, days: int) -> None:
    end = start + timedelta(days=days)
    counted = sum(
        max(
            0.0,
            (min(end, opening + timedelta(hours=close)) - max(start, opening + timedelta(hours=begin)))
            / timedelta(seconds=1),
        )
        for opening in (
            datetime.combine(start.date() + timedelta(n), datetime.min.time(), ZONE) for n in range(days + 1)
        )
        if is_working_day(opening.date())
        for begin, close in HOURS
    )
    assert CALENDAR.between(start, end).total_seconds() == counted


def test_other_hours_count_otherwise() -> None:
    straight = WorkingCalendar(((9, 17),))
    assert straight.add(local("2026-03-04 16:00"), timedelta(hours=2)) == local("2026-03-05 10:00")


def test_outside_of_its_years_it_says_so() -> None:
    with pytest.raises(ValueError, match="2004"):
        CALENDAR.between(datetime(1999, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="2060"):
        CALENDAR.add(local("2060-12-31 17:00"), timedelta(hours=20))
    with pytest.raises(ValueError, match="backwards"):
        CALENDAR.add(local("2026-03-04 09:00"), -timedelta(hours=1))
