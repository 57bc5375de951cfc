from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.feeds import jt808, jt808_body
from etl.feeds.frame import FrameError, Refused
from tests.etl.feeds import published_frames as published

BEIJING = timezone(timedelta(hours=8))
BOTH_ESCAPES = bytes.fromhex(published.JT808_BOTH_ESCAPES)
PLAIN = bytes.fromhex(published.JT808_2013)

_packets = st.one_of(st.just((None, None)), st.tuples(st.integers(1, 65535), st.integers(1, 65535)))
_phones_2013 = st.text("0123456789", min_size=12, max_size=12)
_phones_2019 = st.text("0123456789", min_size=20, max_size=20)


@st.composite
def messages(draw: st.DrawFn) -> jt808.Message:
    version = draw(st.none() | st.integers(0, 255))
    total, number = draw(_packets)
    return jt808.Message(
        draw(st.integers(0, 0xFFFF)),
        draw(_phones_2013 if version is None else _phones_2019),
        draw(st.integers(0, 0xFFFF)),
        # 7D and 7E often: they are what the escape is about.
        draw(st.binary(max_size=60) | st.lists(st.sampled_from(b"\x7d\x7e\x01\x02"), max_size=60).map(bytes)),
        version,
        total,
        number,
        draw(st.integers(0, 7)),
    )


locations = st.builds(
    jt808_body.Location,
    alarm=st.integers(0, 0xFFFFFFFF),
    status=st.just(jt808_body.FIXED | jt808_body.ACC),
    longitude=st.integers(1, 180_000_000).map(lambda micro: micro / 1e6),
    latitude=st.integers(1, 90_000_000).map(lambda micro: micro / 1e6),
    altitude=st.integers(-500, 9000),
    speed=st.integers(0, 2200).map(lambda tenths: tenths / 10),
    direction=st.integers(0, 359),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2068, 12, 31)).map(
        lambda at: at.replace(microsecond=0, tzinfo=BEIJING)
    ),
    items=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=4).map(tuple),
)


def test_a_location_with_both_escapes() -> None:
    message = jt808.decode(BOTH_ESCAPES)
    assert (message.message_id, message.phone, message.serial) == (0x0200, "123456789012", 126)
    location = jt808_body.read_location(message.body)
    assert (location.longitude, location.latitude, location.altitude) == (132.444444, 12.222222, 40)
    assert (location.speed, location.direction, location.alarm) == (6.0, 0, 1)
    assert location.at == datetime(2018, 10, 15, 10, 10, 10, tzinfo=BEIJING)
    assert (location.mileage, location.fuel) == (10.0, 12.5)
    assert jt808.encode(message) == BOTH_ESCAPES
    assert jt808_body.write_location(location) == message.body


def test_an_exchanged_position_is_read_and_not_believed() -> None:
    message = jt808.decode(bytes.fromhex(published.JT808_EXCHANGED))
    location = jt808_body.read_location(message.body)
    assert (location.latitude, location.longitude) == (116.307629, 40.058359)
    faults = [en for _zh, en in jt808_body.implausible(location, location.at)]
    assert any("exchanged" in fault for fault in faults)
    assert "the terminal has no fix" in faults


def test_an_old_position_is_not_believed() -> None:
    location = jt808_body.read_location(jt808.decode(PLAIN).body)
    assert jt808_body.implausible(location, location.at + timedelta(hours=23)) == []
    assert jt808_body.implausible(location, location.at + timedelta(hours=25))


@given(messages())
def test_what_is_written_is_read_back(message: jt808.Message) -> None:
    assert jt808.decode(jt808.encode(message)) == message


@given(messages(), st.data())
def test_no_changed_byte_is_accepted(message: jt808.Message, data: st.DataObject) -> None:
    frame = bytearray(jt808.encode(message))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FrameError):
        jt808.decode(bytes(frame))


@given(st.binary(max_size=200))
def test_rubbish_never_crashes_the_reader(rubbish: bytes) -> None:
    stream = jt808.stream()
    assert PLAIN in [*stream.feed(rubbish), *stream.feed(PLAIN), *stream.close()]


@given(st.binary(max_size=120))
def test_a_body_of_rubbish_is_refused_at_worst(body: bytes) -> None:
    for version in (None, 1):
        message = jt808.Message(jt808_body.REGISTER, "0" * 12, 1, body, version)
        for read in (
            lambda: jt808_body.read_location(body),
            lambda: jt808_body.read_location_batch(body),
            lambda message=message: jt808_body.read_registration(message),
            lambda message=message: jt808_body.read_authentication(message),
        ):
            with suppress(FrameError):
                read()


@given(st.data())
def test_frames_come_whole_however_the_bytes_are_cut(data: st.DataObject) -> None:
    stream, sent, found = jt808.stream(), PLAIN + BOTH_ESCAPES + PLAIN, []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        found += stream.feed(sent[:size])
        sent = sent[size:]
    assert found == [PLAIN, BOTH_ESCAPES, PLAIN]


def test_a_frame_cut_off_does_not_swallow_the_next_one() -> None:
    found = jt808.stream().feed(BOTH_ESCAPES[:30] + PLAIN)
    assert isinstance(found[0], Refused)
    assert found[1:] == [PLAIN]


def test_bytes_without_an_end_do_not_pile_up() -> None:
    stream = jt808.stream()
    [refused] = stream.feed(b"\x7e" + b"\x00" * 100_000)
    assert isinstance(refused, Refused)
    assert stream.feed(PLAIN) == [PLAIN]


@given(st.lists(locations, max_size=5))
def test_a_batch_of_locations_is_read_back(sent: list[jt808_body.Location]) -> None:
    assert jt808_body.read_location_batch(jt808_body.write_location_batch(sent)) == sent


@given(locations)
def test_south_and_west_are_signs(location: jt808_body.Location) -> None:
    there = replace(location, longitude=-location.longitude, latitude=-location.latitude)
    read = jt808_body.read_location(jt808_body.write_location(there))
    assert (read.longitude, read.latitude) == (there.longitude, there.latitude)


def test_a_registration_in_both_editions() -> None:
    plate = "鄂A12345".encode("gbk")
    front = b"\x00\x2a\x00\x6a"
    old = front + b"MAKER" + b"MODEL".ljust(20, b"\0") + b"T000001" + b"\x01" + plate
    new = (
        front
        + b"MAKER".ljust(11, b"\0")
        + b"MODEL".ljust(30, b"\0")
        + b"T000001".ljust(30, b"\0")
        + b"\x01"
        + plate
    )
    for version, body in ((None, old), (1, new)):
        message = jt808.Message(jt808_body.REGISTER, "013800000000", 1, body, version)
        read = jt808_body.read_registration(message)
        assert read == jt808_body.Registration(42, 106, "MAKER", "MODEL", "T000001", 1, "鄂A12345")


def test_answers_carry_the_serial_they_answer() -> None:
    message = jt808.Message(jt808_body.REGISTER, "013800000000", 0x1234)
    assert jt808_body.registration_answer(message, 5, "K7").body.hex() == "1234" + "00" + "4b37"
    assert jt808_body.registration_answer(message, 5, None, 1).body.hex() == "1234" + "01"
    assert jt808_body.platform_answer(message, 5).body.hex() == "1234" + "0100" + "00"
