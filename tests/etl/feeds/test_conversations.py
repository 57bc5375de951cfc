"""What the centre says to devices, by protocol: the answers a real device waits for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.feeds import hj212, jt808, jt808_body, sl651
from etl.feeds.conversation import Conversation, Heard
from etl.feeds.frame import BEIJING
from etl.feeds.hj212_conversation import Hj212Conversation
from etl.feeds.jt808_body import FIXED, Location
from etl.feeds.jt808_conversation import Jt808Conversation
from etl.feeds.sl651_conversation import Sl651Conversation
from tests.etl.feeds import published_frames as published
from tests.etl.test_photo import JPEG, SECRET

NOW = datetime(2026, 7, 1, 6, 0, 30, tzinfo=UTC)
PHONE = "013942000001"


def _code(phone: str) -> str:
    return f"code of {phone}"


def _upload(command: str, content: str, flag: int | None = 5, **fields: object) -> bytes:
    items = tuple(
        tuple(tuple(pair.split("=")) for pair in item.split(",")) for item in filter(None, content.split(";"))
    )
    message = hj212.Message("32", command, items, "20260701140030123", "123456", "A1", flag)  # pyright: ignore[reportArgumentType]
    return hj212.encode(replace(message, **fields))


def _said(heard: Heard) -> list[hj212.Message]:
    return [hj212.decode(answer) for answer in heard.answers]


# ---------------------------------------------------------------- HJ 212


@pytest.mark.parametrize(("flag", "edition"), [(1, "2005"), (5, "2017")])
def test_an_upload_that_asks_is_answered_with_its_own_number(flag: int, edition: str) -> None:
    heard = Hj212Conversation().hear(_upload("2011", "DataTime=20260701140000;w01018-Rtd=9.5", flag), NOW)
    (answer,) = _said(heard)
    assert (answer.st, answer.cn, answer.qn, answer.mn) == ("91", "9014", "20260701140030123", "A1")
    assert (answer.edition, answer.answer_wanted) == (edition, False)
    assert len(heard.readings) == 1


def test_an_upload_that_does_not_ask_is_not_answered() -> None:
    for flag in (None, 4):
        heard = Hj212Conversation().hear(_upload("2011", "DataTime=20260701140000;w01018-Rtd=9.5", flag), NOW)
        assert (len(heard.readings), heard.answers) == (1, [])


def test_what_cannot_be_stored_is_refused_by_its_return_code() -> None:
    conversation = Hj212Conversation()
    for frame, code in (
        (_upload("2011", "w01018-Rtd=9.5"), "100"),
        (_upload("2011", "DataTime=20261301000000;w01018-Rtd=9.5"), "100"),
        (_upload("1062", "RtdInterval=30"), "8"),
        (_upload("2011", "DataTime=20260701140000", mn="not an id"), "4"),
    ):
        heard = conversation.hear(frame, NOW)
        (answer,) = _said(heard)
        assert (answer.cn, answer.items, len(heard.faults)) == ("9011", ((("QnRtn", code),),), 1)


def test_packets_of_one_upload_share_the_time_of_the_first() -> None:
    conversation = Hj212Conversation()
    first = _upload("2011", "DataTime=20260701140000;w01018-Rtd=9.5", 7, pnum=2, pno=1)
    second = _upload("2011", "w21003-Rtd=0.4", 7, pnum=2, pno=2)
    heard = [conversation.hear(frame, NOW) for frame in (first, second)]
    assert [(one.readings[0].metric, one.readings[0].observed_at.hour) for one in heard] == [
        ("w01018", 14),
        ("w21003", 14),
    ]
    assert [answer.cn for one in heard for answer in _said(one)] == ["9014", "9014"]


def test_a_device_that_asks_for_the_time_gets_it_and_a_heartbeat_its_notice() -> None:
    notice, clock = _said(Hj212Conversation().hear(_upload("1013", "PolId=w01018"), NOW))
    assert (notice.cn, clock.cn) == ("9013", "1012")
    assert clock.items == ((("SystemTime", "20260701140030"),),)
    assert clock.answer_wanted
    (heartbeat,) = _said(Hj212Conversation().hear(_upload("9015", "", 9), NOW))
    assert heartbeat.cn == "9013"
    assert Hj212Conversation().hear(_upload("9011", "QnRtn=1"), NOW).answers == ()


# ---------------------------------------------------------------- SL 651


def test_a_report_is_confirmed_with_its_serial_and_the_centres_time() -> None:
    heard = Sl651Conversation().hear(bytes.fromhex(published.SL651_TIMED), NOW)
    (content,) = heard.answers
    answer = sl651.decode(content)
    assert (answer.down, answer.end, answer.station, answer.function) == (True, sl651.ESC, "0011223344", 0x32)
    # Serial 52; 2026-07-01 14:00:30 in Beijing.
    assert answer.body.hex() == "0034260701140030"
    assert (heard.device, len(heard.readings)) == ("0011223344", 4)


def test_a_keep_alive_gets_no_answer_and_a_report_before_others_ack() -> None:
    conversation = Sl651Conversation()
    alive = conversation.hear(bytes.fromhex(published.SL651_KEEP_ALIVE), NOW)
    assert (alive.device, alive.answers, alive.readings) == ("0012345678", (), ())
    more = replace(sl651.decode(bytes.fromhex(published.SL651_TIMED)), end=sl651.ETB)
    (answer,) = conversation.hear(sl651.encode(more), NOW).answers
    assert sl651.decode(answer).end == sl651.ACK


def _packets(total: int) -> list[bytes]:
    """The published report as a transmission of several packets (M3)."""
    whole = sl651.decode(bytes.fromhex(published.SL651_TIMED))
    size = -(-len(whole.body) // total)
    return [
        sl651.encode(
            replace(
                whole,
                body=whole.body[size * place : size * (place + 1)],
                total=total,
                number=place + 1,
                end=sl651.ETX if place + 1 == total else sl651.ETB,
            )
        )
        for place in range(total)
    ]


def test_packets_are_confirmed_together_and_the_missing_asked_for() -> None:
    conversation = Sl651Conversation()
    packets = _packets(4)
    assert [conversation.hear(packets[place], NOW).answers for place in (0, 2)] == [[], []]
    (content,) = conversation.hear(packets[3], NOW).answers
    asked = sl651.decode(content)
    assert (asked.end, asked.total, asked.number) == (sl651.NAK, 4, 2)
    heard = conversation.hear(packets[1], NOW)
    assert [reading.value for reading in heard.readings] == [4.0, 4.0, 10.49, 10.99]
    assert sl651.decode(heard.answers[0]).end == sl651.ESC
    # The confirmation was lost: the station sends all of it again, and is confirmed again.
    again = [conversation.hear(packet, NOW) for packet in packets]
    assert [len(one.answers) for one in again] == [0, 0, 0, 1]


def _picture_report(file: bytes) -> bytes:
    """A picture (function 36) of 2017-07-18 11:00 in Beijing."""
    report = sl651.decode(bytes.fromhex(published.SL651_TIMED))
    observed = report.body[:16] + bytes.fromhex("f0f01707181100")
    return sl651.encode(replace(report, function=0x36, body=observed + b"\xf3\xf3" + file))


def test_a_picture_comes_with_its_time_and_without_what_the_camera_wrote_into_it() -> None:
    heard = Sl651Conversation().hear(_picture_report(JPEG), NOW)
    (picture,) = heard.pictures
    assert picture.device == "0011223344"
    assert picture.taken_at == datetime(2017, 7, 18, 3, 0, tzinfo=UTC)
    assert (picture.photo.media_type, picture.photo.width, picture.photo.height) == ("image/jpeg", 640, 480)
    assert SECRET not in picture.photo.body
    assert len(heard.answers) == 1

    damaged = Sl651Conversation().hear(_picture_report(JPEG[:40]), NOW)
    # Sent again it would be damaged again.
    assert (len(damaged.pictures), len(damaged.faults), len(damaged.answers)) == (0, 1, 1)


def test_packets_of_a_broken_off_message_do_not_mix_with_the_next() -> None:
    conversation = Sl651Conversation()
    stale = sl651.decode(_packets(2)[0])
    conversation.hear(sl651.encode(replace(stale, body=b"\x00" * len(stale.body))), NOW)
    heard = [conversation.hear(packet, NOW) for packet in _packets(2)]
    assert [reading.value for reading in heard[1].readings] == [4.0, 4.0, 10.49, 10.99]


def test_a_report_that_cannot_be_read_is_not_confirmed() -> None:
    whole = sl651.decode(bytes.fromhex(published.SL651_TIMED))
    heard = Sl651Conversation().hear(sl651.encode(replace(whole, body=whole.body[:-1])), NOW)
    assert (heard.answers, len(heard.faults)) == ((), 1)


# ---------------------------------------------------------------- JT/T 808


class _Terminal:
    """A vehicle's terminal and the platform it talks to."""

    def __init__(self, version: int | None) -> None:
        self.platform = Jt808Conversation(_code)
        self.version = version
        self.phone = PHONE if version is None else PHONE.zfill(20)
        self.serial = 0

    def say(self, kind: int, body: bytes = b"", packet: tuple[int, int] | None = None) -> Heard:
        self.serial += 1
        total, number = packet or (None, None)
        message = jt808.Message(kind, self.phone, self.serial, body, self.version, total, number)
        return self.platform.hear(jt808.encode(message), NOW)

    def authenticate(self) -> None:
        code = _code(PHONE).encode()
        body = code if self.version is None else bytes((len(code),)) + code
        assert self.results(self.say(jt808_body.AUTHENTICATE, body)) == [(self.serial, 0)]

    def results(self, heard: Heard) -> list[tuple[int, int]]:
        """(serial answered, result) of each answer 0x8001."""
        answers = [jt808.decode(answer) for answer in heard.answers]
        assert {(one.message_id, one.phone, one.version) for one in answers} == {
            (jt808_body.PLATFORM_ANSWER, self.phone, self.version)
        }
        return [(int.from_bytes(one.body[:2]), one.body[4]) for one in answers]


def _location(second: int) -> Location:
    return Location(0, FIXED, 114.3, 30.5, 24, 36.5, 90, NOW.astimezone(BEIJING).replace(second=second))


@pytest.mark.parametrize("version", [None, 1])
def test_a_terminal_registers_authenticates_and_reports(version: int | None) -> None:
    terminal = _Terminal(version)
    assert terminal.results(terminal.say(jt808_body.LOCATION, jt808_body.write_location(_location(1)))) == [
        (1, 1)
    ]
    (given_code,) = terminal.say(jt808_body.REGISTER, bytes(80)).answers
    answer = jt808.decode(given_code)
    assert (answer.message_id, answer.body) == (0x8100, b"\x00\x02\x00" + _code(PHONE).encode())
    assert terminal.results(terminal.say(jt808_body.AUTHENTICATE, b"\x05wrong")) == [(3, 1)]
    terminal.authenticate()
    assert terminal.results(terminal.say(jt808_body.HEARTBEAT)) == [(5, 0)]
    heard = terminal.say(jt808_body.LOCATION, jt808_body.write_location(_location(2)))
    assert (terminal.results(heard), [one.device for one in heard.positions]) == ([(6, 0)], [PHONE])
    batch = jt808_body.write_location_batch([_location(3), _location(4)])
    heard = terminal.say(jt808_body.LOCATION_BATCH, batch)
    assert (terminal.results(heard), len(heard.positions)) == ([(7, 0)], 2)
    assert terminal.results(terminal.say(jt808_body.LOCATION, b"short")) == [(8, 2)]
    assert terminal.results(terminal.say(0x0900)) == [(9, 3)]
    assert terminal.say(jt808_body.TERMINAL_ANSWER, bytes(5)).answers == ()


def test_packets_of_a_batch_are_answered_when_all_are_there() -> None:
    terminal = _Terminal(None)
    terminal.authenticate()
    body = jt808_body.write_location_batch([_location(second) for second in range(4)])
    parts = [body[:50], body[50:100], body[100:]]
    assert terminal.say(jt808_body.LOCATION_BATCH, parts[0], (3, 1)).answers == []
    terminal.serial += 1
    (asked,) = terminal.say(jt808_body.LOCATION_BATCH, parts[2], (3, 3)).answers
    # First serial 2, one packet is missing: number 2.
    assert (jt808.decode(asked).message_id, jt808.decode(asked).body.hex()) == (0x8003, "0002010002")
    terminal.serial = 2
    heard = terminal.say(jt808_body.LOCATION_BATCH, parts[1], (3, 2))
    assert (terminal.results(heard), len(heard.positions)) == ([(2, 0), (3, 0), (4, 0)], 4)


def test_a_position_that_is_not_believed_is_answered_and_not_stored() -> None:
    terminal = _Terminal(None)
    terminal.authenticate()
    lost = jt808_body.write_location(replace(_location(1), status=0))
    heard = terminal.say(jt808_body.LOCATION, lost)
    assert (terminal.results(heard), heard.positions) == ([(2, 0)], [])
    assert [fault.en for fault in heard.faults] == ["the terminal has no fix"]


# ---------------------------------------------------------------- rubbish

_parts = st.none() | st.tuples(st.integers(0, 4095), st.integers(0, 4095))


def _hj212_frame(text: str, command: str) -> bytes:
    content = f"ST=22;CN={command};MN=A1;CP=&&{text}&&".encode()
    return b"##%04d" % len(content) + content + b"%04X\r\n" % hj212.crc16(content)


def _sl651_frame(body: bytes, function: int, packet: tuple[int, int] | None) -> bytes:
    total, number = packet or (None, None)
    return sl651.encode(sl651.Frame(1, "0011223344", "A000", function, body, sl651.ETX, False, total, number))


def _jt808_frame(body: bytes, kind: int, version: int | None, packet: tuple[int, int] | None) -> bytes:
    total, number = packet or (None, None)
    return jt808.encode(jt808.Message(kind, PHONE, 1, body, version, total, number))


hj212_frames = st.builds(_hj212_frame, st.text(max_size=60), st.sampled_from(["2011", "2061", "9999"]))
sl651_frames = st.builds(_sl651_frame, st.binary(max_size=60), st.integers(0, 255), _parts)
_kinds = st.sampled_from([0x0100, 0x0102, 0x0200, 0x0704, 0x0002, 0x7777])
jt808_frames = st.builds(_jt808_frame, st.binary(max_size=60), _kinds, st.none() | st.just(1), _parts)


@pytest.mark.parametrize(
    ("begin", "frames"),
    [
        pytest.param(Hj212Conversation, hj212_frames, id="hj212"),
        pytest.param(Sl651Conversation, sl651_frames, id="sl651"),
        pytest.param(lambda: Jt808Conversation(_code), jt808_frames, id="jt808"),
    ],
)
@given(data=st.data())
@settings(max_examples=60)
def test_no_frame_ends_a_conversation(
    begin: Callable[[], Conversation], frames: st.SearchStrategy[bytes], data: st.DataObject
) -> None:
    conversation = begin()
    rubbish = data.draw(st.binary(max_size=20))
    for sent in data.draw(st.lists(frames, min_size=1, max_size=4)):
        for found in conversation.stream.feed(rubbish + sent):
            if isinstance(found, bytes):
                assert isinstance(conversation.hear(found, NOW), Heard)
