"""Limits of cases and their clocks, held against dates worked out by hand."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.case_deadline import (
    DEFAULT_CONDITION,
    HandlingClock,
    Limit,
    LimitUnit,
    condition_by_key,
    conditions_of,
)
from geodata.code_table import CodeTable
from geodata.working_calendar import ZONE, WorkingCalendar

CALENDAR = WorkingCalendar()
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=ZONE)
)
CLOCKS = st.builds(
    lambda value, unit: HandlingClock(Limit(value, unit), CALENDAR),
    st.integers(1, 30),
    st.sampled_from(LimitUnit),
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def clock(value: float, unit: LimitUnit) -> HandlingClock:
    return HandlingClock(Limit(value, unit), CALENDAR)


# Dispatched on the eve of Spring Festival 2026: 15 to 23 February are free, Saturday 14 and 28 are worked.
@pytest.mark.parametrize(
    ("value", "unit", "deadline"),
    [
        (2, LimitUnit.EMERGENCY_HOUR, "2026-02-14 18:30"),
        (1, LimitUnit.EMERGENCY_DAY, "2026-02-15 16:30"),
        (4, LimitUnit.WORKING_HOUR, "2026-02-24 10:30"),  # 16:30-18 is 1.5 h, then 2.5 h from 24 Feb 08:00
        (1, LimitUnit.WORKING_DAY, "2026-02-24 16:30"),
        (5, LimitUnit.WORKING_DAY, "2026-02-28 16:30"),  # 24, 25, 26, 27 and Saturday 28 February
        (6, LimitUnit.WORKING_DAY, "2026-03-02 16:30"),
        (15, LimitUnit.NATURAL_DAY, "2026-03-01 16:30"),
    ],
)
def test_over_spring_festival(value: int, unit: LimitUnit, deadline: str) -> None:
    assert clock(value, unit).deadline(local("2026-02-14 16:30")) == local(deadline)


def test_a_suspension_leaves_what_was_left() -> None:
    ten_hours = clock(10, LimitUnit.WORKING_HOUR)
    dispatched = local("2026-03-04 09:00")
    deadline = ten_hours.deadline(dispatched)
    assert deadline == local("2026-03-05 11:00")
    # Seven hours were left at 12:00; they run on from Monday 16 March 16:00: 2 h, and 5 h on Tuesday.
    assert ten_hours.resumed(local("2026-03-04 12:00"), deadline, local("2026-03-16 16:00")) == local(
        "2026-03-17 15:00"
    )


def test_an_emergency_is_paused_by_the_clock() -> None:
    two_hours = clock(2, LimitUnit.EMERGENCY_HOUR)
    assert two_hours.resumed(
        local("2026-03-04 02:30"), local("2026-03-04 03:00"), local("2026-03-08 01:00")
    ) == local("2026-03-08 01:30")


def test_what_was_overdue_stays_overdue() -> None:
    deadline = local("2026-03-04 10:00")
    paused = deadline + timedelta(minutes=1)
    assert clock(2, LimitUnit.WORKING_DAY).resumed(paused, deadline, local("2026-04-01 10:00")) == deadline


def test_an_extension_adds_the_original_limit() -> None:
    days = clock(2, LimitUnit.WORKING_DAY)
    first = days.deadline(local("2026-02-12 10:00"))
    assert first == local("2026-02-14 10:00")
    assert days.extended(first) == local("2026-02-25 10:00")


@given(CLOCKS, MOMENTS, st.integers(0, 10**6))
def test_a_pause_of_no_length_changes_nothing_that_counts(
    clock: HandlingClock, start: datetime, seconds: int
) -> None:
    deadline = clock.deadline(start)
    paused = min(start + timedelta(seconds=seconds), deadline - timedelta(seconds=1))
    assert clock.resumed(paused, deadline, paused) == deadline


@given(CLOCKS, MOMENTS, st.integers(0, 10**6), st.integers(0, 10**7))
def test_a_pause_never_takes_time_away(
    clock: HandlingClock, start: datetime, until_pause: int, paused_for: int
) -> None:
    deadline = clock.deadline(start)
    paused = start + timedelta(seconds=until_pause)
    assert clock.resumed(paused, deadline, paused + timedelta(seconds=paused_for)) >= deadline


def test_conditions_of_matters() -> None:
    # Manhole covers are components: matter 01001 is about component 01001.
    cover = conditions_of("01001")
    assert [str(one.limit) for one in cover] == ["2紧急工作时", "4工作时", "2工作日", "5工作日"]
    assert cover[0].condition == "missing_shift_crack"
    # Exposed household rubbish is conduct; its number shifted from 01 to 06 between the editions.
    assert [str(one.limit) for one in conditions_of("06010")] == ["4工作时"]
    assert condition_by_key("06010", conditions_of("06010")[0].key) == conditions_of("06010")[0]
    assert condition_by_key("06010", "component.0101.1") is None


def test_every_matter_has_a_condition_and_keys_tell_them_apart() -> None:
    for matter in CodeTable.load("event").of_edition("2026"):
        found = conditions_of(matter.code)
        assert found
        assert len({one.key for one in found}) == len(found)
    assert conditions_of("06015") == (DEFAULT_CONDITION,)
