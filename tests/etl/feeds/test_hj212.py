import string
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.feeds import hj212
from etl.feeds.frame import FrameError, Refused
from tests.etl.feeds.published_frames import HJ212_AIR, HJ212_APPENDIX_A, HJ212_WRONG_CRC

BEIJING = timezone(timedelta(hours=8))
APPENDIX_A, AIR = HJ212_APPENDIX_A.encode(), HJ212_AIR.encode()

_word = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
_value = st.text(string.ascii_letters + string.digits + ".-:水质 ", max_size=12)
_items = st.lists(st.lists(st.tuples(_word, _value), min_size=1, max_size=3).map(tuple), max_size=5)
messages = st.builds(
    hj212.Message,
    st=st.text(string.digits, min_size=2, max_size=2),
    cn=st.text(string.digits, min_size=4, max_size=4),
    items=_items.map(tuple),
    qn=st.none() | st.text(string.digits, min_size=17, max_size=17),
    pw=st.none() | _word,
    mn=st.none() | _word,
    flag=st.none() | st.integers(0, 255),
    pnum=st.none() | st.integers(0, 9999),
    pno=st.none() | st.integers(0, 9999),
)


def test_the_frame_of_the_standards_appendix() -> None:
    message = hj212.decode(APPENDIX_A)
    assert (message.st, message.cn, message.mn) == ("32", "1062", "010000A8900016F000169DC0")
    assert (message.edition, message.answer_wanted) == ("2017", True)
    assert message.items == ((("RtdInterval", "30"),),)
    assert hj212.encode(message) == APPENDIX_A


def test_values_carry_factor_time_and_flag() -> None:
    values = hj212.factor_values(hj212.decode(AIR))
    at = datetime(2019, 10, 12, 13, 37, 10, tzinfo=BEIJING)
    assert len(values) == 7
    assert values[4] == hj212.FactorValue("a21001", "Rtd", 25.4, "25.40", at, "N")
    assert {value.at for value in values} == {at}


@pytest.mark.parametrize(("frame", "computed"), HJ212_WRONG_CRC.items())
def test_a_wrong_check_value_is_refused_with_both_values(frame: str, computed: str) -> None:
    with pytest.raises(FrameError, match="CRC") as refused:
        hj212.decode(frame.encode())
    assert refused.value.check is not None
    assert refused.value.check.computed == computed
    assert not refused.value.check.right


def test_a_modbus_check_value_is_refused() -> None:
    # CRC-16/MODBUS of the same data segment, computed with crcmod: the trap of this protocol.
    assert hj212.crc16(b"123456789") != 0x4B37
    with pytest.raises(FrameError, match="CRC"):
        hj212.decode(APPENDIX_A.replace(b"1C80", b"4B37"))


@given(messages)
def test_what_is_written_is_read_back(message: hj212.Message) -> None:
    assert hj212.decode(hj212.encode(message)) == message


@given(messages, st.data())
def test_no_changed_byte_is_accepted(message: hj212.Message, data: st.DataObject) -> None:
    frame = bytearray(hj212.encode(message))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    # The check value may be sent in small letters.
    if bytes(frame).upper() == hj212.encode(message).upper() and place >= len(frame) - 6:
        return
    with pytest.raises(FrameError):
        hj212.decode(bytes(frame))


@given(st.binary(max_size=200))
def test_rubbish_never_crashes_the_reader(rubbish: bytes) -> None:
    stream = hj212.stream()
    found = [*stream.feed(rubbish), *stream.feed(AIR), *stream.close()]
    assert AIR in found


@given(st.lists(st.sampled_from([APPENDIX_A, AIR]), min_size=1, max_size=4), st.data())
def test_frames_come_whole_however_the_bytes_are_cut(frames: list[bytes], data: st.DataObject) -> None:
    stream, sent, found = hj212.stream(), b"".join(frames), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        found += stream.feed(sent[:size])
        sent = sent[size:]
    assert found + stream.close() == frames


def test_a_frame_cut_off_does_not_swallow_the_next_one() -> None:
    stream = hj212.stream()
    found = stream.feed(AIR[:100] + APPENDIX_A)
    assert found[-1] == APPENDIX_A
    assert isinstance(found[0], Refused)
    assert found[0].content == AIR[:100]


def test_a_length_of_rubbish_is_refused_at_once() -> None:
    [refused] = hj212.stream().feed(b"##01x1QN=1")
    assert isinstance(refused, Refused)
    assert "four digits" in str(refused.error)


def test_an_upload_is_answered_when_it_asks_for_it() -> None:
    upload = hj212.decode(hj212.encode(hj212.Message("21", "2011", qn="20260801120000000", mn="A1", flag=5)))
    answered = hj212.answer(upload)
    assert answered is not None
    assert (answered.st, answered.cn, answered.qn, answered.mn) == ("91", "9014", "20260801120000000", "A1")
    assert not answered.answer_wanted
    assert hj212.answer(hj212.decode(AIR)) is None


def test_a_time_that_is_none_is_refused() -> None:
    message = hj212.Message("21", "2011", ((("DataTime", "20261340000000"),), (("w01001-Rtd", "7"),)))
    with pytest.raises(FrameError, match="DataTime"):
        hj212.factor_values(message)
