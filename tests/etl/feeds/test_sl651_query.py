"""What the centre asks of stations and what they answer, against published frames."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.feeds import sl651, sl651_query
from etl.feeds.frame import BEIJING, FrameError
from etl.feeds.sl651_query import Query, query_frame, read_query, time_step, write_query
from etl.feeds.sl651_report import read_report
from etl.feeds.sl651_station_body import write_row, write_status
from tests.etl.feeds import published_frames as published

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ELEMENTS = ("Z", "PJ", "PN05", "PT", "VT", "Q", "DRP", "DRZ1", "ZT", "M10")

moments = st.datetimes(datetime(2000, 1, 1), datetime(2068, 12, 31)).map(
    lambda at: at.replace(microsecond=0, tzinfo=BEIJING)
)
hours = moments.map(lambda at: at.replace(minute=0, second=0))
steps = (
    st.just(timedelta())
    | st.integers(1, 59).map(lambda number: number * MINUTE)
    | st.integers(1, 23).map(lambda number: number * HOUR)
    | st.integers(1, 31).map(lambda number: number * DAY)
)
elements = st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=6, unique=True).map(tuple)
queries = (
    st.sampled_from((sl651_query.PRESENT, sl651_query.VERSION, sl651_query.STATE, sl651_query.CLOCK)).map(
        Query
    )
    | st.builds(Query, st.just(sl651_query.CHOSEN), elements)
    | st.builds(Query, st.just(sl651_query.PERIOD), elements, hours, hours, steps)
)


def _asked(function: str) -> sl651.Frame:
    return sl651.decode(bytes.fromhex(published.SL651_QUERIES[function]))


@pytest.mark.parametrize("function", sorted(published.SL651_QUERIES))
def test_published_queries_are_read_and_written_alike(function: str) -> None:
    frame = _asked(function)
    query, serial, sent = read_query(frame)
    assert (query.function, serial, frame.end) == (int(function, 16), 0, sl651.ENQ)
    heard = replace(frame, down=False, end=sl651.ETX, body=b"")
    assert query_frame(query, heard, sent) == frame


def test_a_published_query_of_a_period_and_one_of_elements() -> None:
    period, _, _ = read_query(_asked("38"))
    assert (period.elements, period.step) == (("DRP",), timedelta())
    assert period.begin == datetime(2013, 3, 24, 10, tzinfo=BEIJING)
    assert period.end == datetime(2013, 3, 25, 10, tzinfo=BEIJING)
    assert read_query(_asked("3A"))[0].elements == ("PD", "PJ", "PT", "VT", "Z")


@given(queries, moments, st.booleans())
def test_a_query_that_is_written_is_read_back(query: Query, sent: datetime, characters: bool) -> None:
    heard = sl651.Frame(1, "4201060012", "A000", 0x32, b"", sl651.ETX, characters=characters)
    frame = sl651.decode(sl651.encode(query_frame(query, heard, sent)))
    assert read_query(frame) == (query, 0, sent)


@given(st.binary(max_size=40), st.sampled_from(sorted(sl651_query.QUERIES)), st.booleans())
def test_a_query_of_rubbish_is_refused_at_worst(body: bytes, function: int, characters: bool) -> None:
    frame = sl651.Frame(1, "4201060012", "A000", function, body, sl651.ENQ, down=True, characters=characters)
    with suppress(FrameError):
        read_query(frame)


def test_what_the_standard_has_no_form_for_is_not_written() -> None:
    now = datetime(2026, 7, 1, 8, tzinfo=BEIJING)
    with pytest.raises(ValueError, match="no elements"):
        write_query(Query(sl651_query.CHOSEN, ("Z", "LEVEL")), now)
    for step in (90 * MINUTE, timedelta(seconds=30), 32 * DAY):
        with pytest.raises(ValueError, match="no time step"):
            write_query(Query(sl651_query.PERIOD, ("Z",), now, now + HOUR, step), now)


def test_a_period_is_asked_for_by_the_step_of_its_element() -> None:
    assert time_step("PN05", HOUR) == 5 * MINUTE
    assert time_step("DRP", HOUR) == timedelta()
    assert time_step("Z", timedelta(seconds=20)) == MINUTE
    assert time_step("Z", timedelta(minutes=59.9)) == HOUR
    assert time_step("Z", 30 * HOUR) == DAY


def test_published_answers_of_stations() -> None:
    said = {
        function: read_report(sl651.decode(bytes.fromhex(frame)))
        for function, frame in published.SL651_SAID.items()
    }
    assert [(e.identifier, e.value) for e in said["37"].elements] == [
        ("PJ", 1.5),
        ("PT", 1.5),
        ("Z", 0.122),
        ("VT", 11.08),
    ]
    assert [(e.identifier, e.value) for e in said["3A"].elements][-1] == ("Z", 10.49)
    rain = said["38"].elements
    assert (len(rain), {e.value for e in rain}, {e.identifier for e in rain}) == (16 * 12, {0.0}, {"DRP"})
    assert rain[12].at == datetime(2013, 3, 24, 11, 0, tzinfo=BEIJING)
    assert rain[-1].at == datetime(2013, 3, 25, 1, 55, tzinfo=BEIJING)
    assert said["45"].version == "DATA86-SW-V1.2(H)"
    assert (said["46"].state, said["46"].station, said["46"].station_class) == (1 << 10, "0011223344", None)
    assert said["51"].sent == datetime(2017, 7, 18, 10, 57, 6, tzinfo=BEIJING)


@given(
    st.lists(
        st.none() | st.integers(0, 9_999_999).map(lambda number: number / 1000), min_size=1, max_size=40
    ),
    steps.filter(bool),
)
def test_a_row_that_is_written_is_read_back(values: list[float | None], step: timedelta) -> None:
    first = datetime(2026, 7, 1, 8, 5, tzinfo=BEIJING)
    body = write_row(7, first, "4201060012", "H", first, step, "Z", values)
    report = read_report(sl651.Frame(1, "4201060012", "A000", 0x38, body, sl651.ETX))
    read = [(e.identifier, e.value, e.at) for e in report.elements]
    assert read == [("Z", value, first + number * step) for number, value in enumerate(values)]


def test_a_row_as_characters_holds_one_value_of_each_element_for_a_step() -> None:
    body = b"0007260701080500ST 4201060012 H TT 2607010805 DRN05 Z PJ 1.5 0.2 M 0.4 "
    report = read_report(sl651.Frame(1, "4201060012", "A000", 0x38, body, sl651.ETX, characters=True))
    assert [(e.identifier, e.value, e.at and e.at.minute) for e in report.elements] == [
        ("Z", 1.5, 5),
        ("PJ", 0.2, 5),
        ("Z", None, 10),
        ("PJ", 0.4, 10),
    ]


def test_what_is_no_row_is_not_taken_for_one() -> None:
    """An element more behind the first one, as some stations send."""
    first = datetime(2026, 7, 1, 8, 5, tzinfo=BEIJING)
    body = write_row(7, first, "4201060012", "H", first, 5 * MINUTE, "Z", [1.5]) + bytes.fromhex("38121268")
    report = read_report(sl651.Frame(1, "4201060012", "A000", 0x38, body, sl651.ETX))
    assert [(e.identifier, e.value) for e in report.elements] == [("Z", 1.5), ("VT", 12.68)]


def test_state_version_and_clock_as_a_station_writes_them() -> None:
    sent = datetime(2026, 7, 1, 8, 5, 30, tzinfo=BEIJING)
    for function, state, version in ((0x46, 0x480, None), (0x45, None, "演示 1.0"), (0x51, None, None)):
        body = write_status(9, sent, "4201060012", state, version or "")
        report = read_report(sl651.Frame(1, "4201060012", "A000", function, body, sl651.ETX))
        assert (report.sent, report.station) == (sent, "4201060012")
        assert (report.state, report.version) == (state, version)
