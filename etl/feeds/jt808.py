"""JT/T 808: messages of vehicle terminals, editions 2013 and 2019.

``7E`` header body check ``7E``; inside, 7E is sent as 7D 02 and 7D as 7D 01. The check is the XOR of header
and body. All integers are big-endian, text is GBK. The envelope was checked against published frames.
"""

from dataclasses import dataclass

from etl.feeds.frame import CheckValue, FrameError, Refused

MARK = b"\x7e"
_SUB_PACKETS, _EDITION_2019 = 1 << 13, 1 << 14
_BODY = 0x3FF
_ENCRYPTION = 0b111 << 10
LONGEST = 2 * (17 + 4 + _BODY + 1)
"""Bytes between two marks at most, every one of them escaped."""


@dataclass(frozen=True)
class Message:
    """A message; ``version`` is None in the edition of 2013, ``phone`` its 12 or 20 digits."""

    message_id: int
    phone: str
    serial: int
    body: bytes = b""
    version: int | None = None
    total: int | None = None
    """Packets of a message sent in several, and which one this is, from 1."""
    number: int | None = None
    encryption: int = 0
    """Bits 10–12 of the properties: 1 says the body is RSA encrypted."""


def escape(content: bytes) -> bytes:
    return content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def unescape(content: bytes) -> bytes:
    """Undo the escape.

    Raises:
        FrameError: 7D is followed by something else than 01 or 02.
    """
    plain = bytearray()
    octets = iter(content)
    for octet in octets:
        if octet == 0x7D:
            follower = next(octets, None)
            if follower not in (1, 2):
                raise FrameError("转义符7D之后不是01或02", "7D is not followed by 01 or 02")
            octet = 0x7C + follower
        plain.append(octet)
    return bytes(plain)


def check_byte(content: bytes) -> int:
    value = 0
    for octet in content:
        value ^= octet
    return value


def check_value(frame: bytes) -> CheckValue:
    """The check byte a whole frame carries and the one it should."""
    content = unescape(frame[1:-1])
    return CheckValue(f"{content[-1]:02X}", f"{check_byte(content[:-1]):02X}")


def decode(frame: bytes) -> Message:
    """Read a whole frame with its marks.

    Raises:
        FrameError: its form, length or check value is wrong; nothing of it can be trusted then.
    """
    if len(frame) < 2 or frame[:1] != MARK or frame[-1:] != MARK or MARK in frame[1:-1]:
        raise FrameError("首尾不是7E标识位", "no mark 7E at both ends, or one inside")
    content = unescape(frame[1:-1])
    if len(content) < 13:
        raise FrameError("消息短于消息头", "shorter than a header")
    check = check_value(frame)
    if not check.right:
        raise FrameError(
            f"校验码不符：帧中为{check.declared}，应为{check.computed}",
            f"the check byte is wrong: the frame says {check.declared}, its bytes give {check.computed}",
            check,
        )
    return _message(content[:-1])


def _message(content: bytes) -> Message:
    properties = int.from_bytes(content[2:4])
    recent = bool(properties & _EDITION_2019)
    version, phone_at, phone_size = (content[4], 5, 10) if recent else (None, 4, 6)
    serial_at = phone_at + phone_size
    body_at = serial_at + 2 + (4 if properties & _SUB_PACKETS else 0)
    if len(content) - body_at != properties & _BODY:
        raise FrameError(
            f"消息体长度不符：消息头为{properties & _BODY}字节，实为{len(content) - body_at}字节",
            f"the header says {properties & _BODY} bytes of body, there are {len(content) - body_at}",
        )
    phone = content[phone_at:serial_at].hex()
    if not phone.isdecimal():
        raise FrameError(f"终端手机号“{phone}”不是BCD码", f"the phone number “{phone}” is not BCD")
    total = number = None
    if properties & _SUB_PACKETS:
        total, number = (int.from_bytes(content[body_at - 4 + at : body_at - 2 + at]) for at in (0, 2))
    return Message(
        int.from_bytes(content[:2]),
        phone,
        int.from_bytes(content[serial_at : serial_at + 2]),
        content[body_at:],
        version,
        total,
        number,
        (properties & _ENCRYPTION) >> 10,
    )


def encode(message: Message) -> bytes:
    """Write a message as a frame.

    Raises:
        ValueError: the body is longer than 1,023 bytes; send it in packets.
    """
    if len(message.body) > _BODY:
        raise ValueError(f"the body has {len(message.body)} bytes; send it in packets")
    recent, packets = message.version is not None, message.total is not None
    properties = len(message.body) | message.encryption << 10
    properties |= (_EDITION_2019 if recent else 0) | (_SUB_PACKETS if packets else 0)
    content = message.message_id.to_bytes(2) + properties.to_bytes(2)
    if message.version is not None:
        content += bytes((message.version,))
    content += bytes.fromhex(message.phone.zfill(20 if recent else 12)) + message.serial.to_bytes(2)
    if message.total is not None and message.number is not None:
        content += message.total.to_bytes(2) + message.number.to_bytes(2)
    content += message.body
    return MARK + escape(content + bytes((check_byte(content),))) + MARK


class MessageStream:
    """Cuts a connection's bytes at the marks; what lies between two marks is a frame or refused."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, received: bytes) -> list[bytes | Refused]:
        """Take bytes in; hand out the frames they complete and what is refused, in their order."""
        self._buffer += received
        found: list[bytes | Refused] = []
        while True:
            begin = self._buffer.find(MARK)
            if begin != 0:
                outside, self._buffer = self._split(begin)
                if outside:
                    error = FrameError("帧头之外的字节", "bytes outside of any frame")
                    found.append(Refused(outside, error))
            end = self._buffer.find(MARK, 1)
            if end < 0:
                break
            self._cut(end, found)
        if len(self._buffer) > LONGEST:
            error = FrameError("没有结束标识位", "no mark at the end")
            found.append(Refused(self._buffer, error))
            self._buffer = b""
        return found

    def _split(self, begin: int) -> tuple[bytes, bytes]:
        return (self._buffer, b"") if begin < 0 else (self._buffer[:begin], self._buffer[begin:])

    def _cut(self, end: int, found: list[bytes | Refused]) -> None:
        """Two marks with nothing between them are the end of one frame and the begin of the next."""
        frame = self._buffer[: end + 1]
        if end == 1:
            self._buffer = self._buffer[1:]
            return
        try:
            decode(frame)
        except FrameError as error:
            # The closing mark of what is damaged may be the opening one of the next frame.
            found.append(Refused(frame[:-1], error))
            self._buffer = self._buffer[end:]
            return
        found.append(frame)
        self._buffer = self._buffer[end + 1 :]

    def close(self) -> list[bytes | Refused]:
        """What is left when the stream ends: half a frame is refused."""
        left, self._buffer = self._buffer, b""
        if not left.strip(MARK):
            return []
        return [Refused(left, FrameError("帧不完整", "the frame is not complete"))]


def stream() -> MessageStream:
    """A connection's reader."""
    return MessageStream()
