from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.feeds import sl651
from etl.feeds.frame import FrameError, Refused
from etl.feeds.packets import PacketAssembly
from etl.feeds.sl651_report import read_report
from etl.feeds.sl651_station_body import write_report
from tests.etl.feeds import published_frames as published

BEIJING = timezone(timedelta(hours=8))
TIMED = bytes.fromhex(published.SL651_TIMED)
HOURLY = bytes.fromhex(published.SL651_HOURLY)

digits = st.text("0123456789", min_size=10, max_size=10)
frames = st.builds(
    sl651.Frame,
    centre=st.integers(1, 255),
    station=digits,
    password=st.text("0123456789ABCDEF", min_size=4, max_size=4),
    function=st.integers(0, 255),
    body=st.binary(max_size=300),
    end=st.sampled_from(sorted(sl651.UP_ENDS)),
) | st.builds(
    sl651.Frame,
    centre=st.integers(1, 255),
    station=digits,
    password=st.just("03E8"),
    function=st.integers(0, 255),
    body=st.text("0123456789ABCDEF .", max_size=100).map(str.encode),
    end=st.sampled_from(sorted(sl651.DOWN_ENDS)),
    down=st.just(True),
    total=st.just(0xABC),
    number=st.integers(1, 0xABC),
    characters=st.booleans(),
)


def _values(frame: bytes) -> list[tuple[str | None, float | None, str]]:
    report = read_report(sl651.decode(frame))
    return [(e.identifier, e.value, e.at.strftime("%H:%M") if e.at else "") for e in report.elements]


def test_a_timed_report() -> None:
    frame = sl651.decode(TIMED)
    assert (frame.centre, frame.station, frame.password, frame.function) == (5, "0011223344", "03E8", 0x32)
    report = read_report(frame)
    assert (report.serial, report.station, report.station_class) == (52, "0011223344", "H")
    assert report.sent == datetime(2017, 7, 18, 11, 0, 16, tzinfo=BEIJING)
    assert _values(TIMED) == [
        ("PJ", 4.0, "11:00"),
        ("PT", 4.0, "11:00"),
        ("Z", 10.49, "11:00"),
        ("VT", 10.99, "11:00"),
    ]
    assert _values(bytes.fromhex(published.SL651_TIMED_2020)) == [
        ("PJ", 13.0, "17:23"),
        ("PN05", 4.0, "17:23"),
        ("Z", 0.55, "17:23"),
        ("VT", 12.68, "17:23"),
    ]


def test_an_hourly_report_holds_rows_of_five_minutes() -> None:
    values = _values(HOURLY)
    rain = [value for name, value, _at in values if name == "DRP"]
    levels = [(at, value) for name, value, at in values if name == "DRZ1"]
    assert rain == [0.5, 0, 0, 0, 2.0, None, None, None, None, None, 0, 0]
    assert levels[:4] == [("10:05", 0.12), ("10:10", 0.12), ("10:15", 0.28), ("10:20", 0.49)]
    assert levels[-1] == ("11:00", 0.49)
    assert values[-3:] == [("Z", 10.49, "11:00"), ("PJ", 4.0, "11:00"), ("VT", 10.99, "11:00")]


def test_a_period_report_with_a_time_step() -> None:
    values = _values(bytes.fromhex(published.SL651_PERIOD))
    assert [value for _n, value, _at in values] == [0.5, 0, 0, 0, 2.0, None, None, None, None, None, 0, 0]


def test_a_repeated_element_moves_on_by_the_step() -> None:
    body = bytes.fromhex("0001260801120000F1F1001122334448F0F026080111000418000100")
    body += bytes.fromhex("3923000010003923000011003923FFFFFFFF")
    report = read_report(sl651.Frame(1, "0011223344", "0000", 0x38, body, sl651.ETX))
    assert [(e.value, e.at and e.at.hour) for e in report.elements] == [(1.0, 11), (1.1, 12), (None, 13)]


def test_a_negative_level_and_one_that_is_no_bcd() -> None:
    body = bytes.fromhex("0001260801120000F0F026080111003923FF0012343923000A00003812AAAA")
    report = read_report(sl651.Frame(1, "0011223344", "0000", 0x32, body, sl651.ETX))
    assert [element.value for element in report.elements] == [-1.234, None, None]
    assert [element.fault is not None for element in report.elements] == [False, True, False]


def test_the_published_answer_is_what_the_centre_sends() -> None:
    answer = sl651.answer(sl651.decode(TIMED), 52, "170718110016")
    assert answer is not None
    assert sl651.encode(answer).hex().upper() == published.SL651_ANSWER
    assert sl651.answer(sl651.decode(bytes.fromhex(published.SL651_KEEP_ALIVE)), 3, "260801120000") is None


def test_a_wrong_check_value_is_refused_with_both_values() -> None:
    with pytest.raises(FrameError, match="CRC") as refused:
        sl651.decode(bytes.fromhex(published.SL651_WRONG_CRC))
    assert refused.value.check is not None
    assert (refused.value.check.declared, refused.value.check.computed) == ("7B54", "D001")


@given(frames)
def test_what_is_written_is_read_back(frame: sl651.Frame) -> None:
    assert sl651.decode(sl651.encode(frame)) == frame


@given(frames, st.data())
def test_no_changed_byte_is_accepted(frame: sl651.Frame, data: st.DataObject) -> None:
    written = bytearray(sl651.encode(frame))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    # Hexadecimal characters of the ASCII form may be small letters.
    if frame.characters and bytes(written).upper() == sl651.encode(frame).upper():
        return
    with pytest.raises(FrameError):
        sl651.decode(bytes(written))


@given(st.binary(max_size=200))
def test_rubbish_never_crashes_the_reader(rubbish: bytes) -> None:
    stream = sl651.stream()
    assert TIMED in [*stream.feed(rubbish), *stream.feed(TIMED), *stream.close()]


@given(st.binary(max_size=80), st.booleans())
def test_a_body_of_rubbish_is_refused_at_worst(body: bytes, characters: bool) -> None:
    frame = sl651.Frame(1, "0011223344", "0000", 0x32, body, sl651.ETX, characters=characters)
    with suppress(FrameError):
        read_report(frame)


@given(st.data())
def test_frames_come_whole_however_the_bytes_are_cut(data: st.DataObject) -> None:
    stream, sent, found = sl651.stream(), TIMED + HOURLY + TIMED, []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        found += stream.feed(sent[:size])
        sent = sent[size:]
    assert found == [TIMED, HOURLY, TIMED]


def test_a_frame_cut_off_does_not_swallow_the_next_one() -> None:
    found = sl651.stream().feed(HOURLY[:60] + TIMED)
    assert isinstance(found[0], Refused)
    assert found[1:] == [TIMED]


def test_a_message_in_packets_is_put_together() -> None:
    whole = sl651.decode(HOURLY).body
    packets = [whole[start : start + 40] for start in range(0, len(whole), 40)]
    sent = [
        sl651.Frame(5, "0011223344", "03E8", 0x34, part, sl651.ETB, total=len(packets), number=number)
        for number, part in enumerate(packets, start=1)
    ]
    assembly, joined, missing = PacketAssembly(), [], []
    for frame in [sent[2], sent[0], sent[1]]:
        read = sl651.decode(sl651.encode(frame))
        assert read.total is not None
        assert read.number is not None
        joined.append(assembly.add(read.station, read.total, read.number, read.body))
        missing.append(assembly.missing(read.station))
    assert joined == [None, None, whole]
    assert missing == [[1, 2], [2], []]


def test_the_ascii_form() -> None:
    body = b"0034170718110016ST 0011223344 H TT 1707181100 PJ 4.0 PT 4.0 Z 10.490 VT M DRP 05FF00 "
    frame = sl651.Frame(5, "0011223344", "03E8", 0x32, body, sl651.ETX, characters=True)
    assert _values(sl651.encode(frame)) == [
        ("PJ", 4.0, "11:00"),
        ("PT", 4.0, "11:00"),
        ("Z", 10.49, "11:00"),
        ("VT", None, "11:00"),
        ("DRP", 0.5, "11:00"),
        ("DRP", None, "11:05"),
        ("DRP", 0.0, "11:10"),
    ]


@given(st.floats(-99.9, 999.9).map(lambda number: round(number, 3)), st.booleans())
def test_a_written_report_is_read_back(level: float, missing: bool) -> None:
    at = datetime(2026, 7, 1, 8, 5, tzinfo=BEIJING)
    level = 0.0 if level == 0 else level
    body = write_report(7, at, "0060112200", "H", at, {"Z": level, "PJ": None if missing else 12.5})
    report = read_report(sl651.Frame(1, "0060112200", "0000", 0x33, body, sl651.ETX))
    assert [(e.identifier, e.value) for e in report.elements] == [
        ("Z", level),
        ("PJ", None if missing else 12.5),
    ]


def test_a_value_too_large_for_its_digits_is_not_written() -> None:
    at = datetime(2026, 7, 1, 8, 5, tzinfo=BEIJING)
    with pytest.raises(ValueError, match="does not fit"):
        write_report(7, at, "0060112200", "H", at, {"VT": 1000.0})
