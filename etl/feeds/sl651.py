"""SL 651: frames of hydrological stations, in HEX/BCD or in ASCII (SL 651-2014 §6).

HEX/BCD: 7E 7E, centre, station, password, function, direction and length, STX (02) or SYN (16), body, an end
byte, CRC-16/MODBUS with the high byte first. Downwards the station stands before the centre. The length
counts what lies between the start byte and the end byte. The ASCII form begins with 01 and writes the same
fields as hexadecimal characters; it was implemented without a published frame to check it against.
"""

from dataclasses import dataclass

from etl.feeds.crc16 import CRC16
from etl.feeds.frame import CheckValue, FrameError, FrameStream

HEX_HEAD = b"\x7e\x7e"
ASCII_HEAD = b"\x01"

STX, SYN = 0x02, 0x16
ETX, ETB = 0x03, 0x17
ENQ, EOT, ACK, NAK, ESC = 0x05, 0x04, 0x06, 0x15, 0x1B
UP_ENDS = frozenset({ETX, ETB})
DOWN_ENDS = frozenset({ENQ, EOT, ACK, NAK, ESC})
_DOWN = 8

KEEP_ALIVE = 0x2F
"""The only report that asks for no answer (§6.6.4)."""


@dataclass(frozen=True)
class Frame:
    """A frame; ``station`` are the 10 hexadecimal digits of its address, ``password`` 4 of them."""

    centre: int
    station: str
    password: str
    function: int
    body: bytes
    end: int
    down: bool = False
    total: int | None = None
    """Number of packets of an M3 transmission, and which one this is, from 1."""
    number: int | None = None
    characters: bool = False
    """The ASCII form."""


def crc16_modbus(content: bytes) -> int:
    """CRC-16/MODBUS: polynomial x16+x15+x2+1 reflected (A001), begins with FFFF."""
    register = 0xFFFF
    for byte in content:
        register = (register >> 8) ^ CRC16[(register ^ byte) & 0xFF]
    return register


@dataclass(frozen=True)
class _Form:
    """Lengths of a form's parts in bytes."""

    head: bytes
    width: int
    """Bytes that one byte of a field takes."""

    @property
    def front(self) -> int:
        return len(self.head) + 11 * self.width + 1

    @property
    def crc(self) -> int:
        return 2 * self.width

    def octets(self, content: bytes) -> bytes:
        if self.width == 1:
            return content
        try:
            return bytes.fromhex(content.decode("ascii"))
        except ValueError:
            raise FrameError("帧头不是十六进制字符", "the header is not hexadecimal characters") from None

    def written(self, octets: bytes) -> bytes:
        return octets if self.width == 1 else octets.hex().upper().encode()


_HEX = _Form(HEX_HEAD, 1)
_ASCII = _Form(ASCII_HEAD, 2)


def _form(frame: bytes) -> _Form:
    return _ASCII if frame[:1] == ASCII_HEAD else _HEX


def frame_end(buffer: bytes, begin: int) -> int | None:
    """End of the frame that begins here, behind its check value."""
    form = _form(buffer[begin : begin + 1])
    if len(buffer) < begin + form.front:
        return None
    header = form.octets(buffer[begin + len(form.head) : begin + form.front - 1])
    if buffer[begin + form.front - 1] not in (STX, SYN):
        raise FrameError("正文起始符不是02或16", "the body does not begin with 02 or 16")
    if header[9] >> 4 not in (0, _DOWN):
        raise FrameError("上下行标识不是0或8", "the direction is neither 0 nor 8")
    end = begin + form.front + _length(header) + 1 + form.crc
    return end if len(buffer) >= end else None


def _length(header: bytes) -> int:
    return (header[9] & 0x0F) << 8 | header[10]


def check_value(frame: bytes) -> CheckValue:
    """The CRC a whole frame carries and the one it should."""
    form = _form(frame)
    behind = frame[-form.crc :]
    declared = behind.hex() if form is _HEX else behind.decode("ascii", "replace")
    return CheckValue(declared.upper(), f"{crc16_modbus(frame[: -form.crc]):04X}")


def decode(frame: bytes) -> Frame:
    """Read a whole frame.

    Raises:
        FrameError: its form, length or check value is wrong; nothing of it can be trusted then.
    """
    form = _form(frame)
    if not frame.startswith(form.head) or frame_end(frame, 0) != len(frame):
        raise FrameError("不是完整的SL 651帧：帧头或长度不符", "no whole frame: head or length is wrong")
    check = check_value(frame)
    if not check.right:
        raise FrameError(
            f"CRC校验不符：帧中为{check.declared}，应为{check.computed}",
            f"the CRC is wrong: the frame says {check.declared}, its bytes give {check.computed}",
            check,
        )
    header = form.octets(frame[len(form.head) : form.front - 1])
    down = header[9] >> 4 == _DOWN
    centre, station = (header[5], header[:5]) if down else (header[0], header[1:6])
    body, end = frame[form.front : -form.crc - 1], frame[-form.crc - 1]
    if end not in (DOWN_ENDS if down else UP_ENDS):
        raise FrameError(f"结束符{end:02X}与方向不符", f"the end byte {end:02X} does not fit the direction")
    total = number = None
    if frame[form.front - 1] == SYN:
        total, number, body = _packet(form, body)
    return Frame(
        centre,
        station.hex().upper(),
        header[6:8].hex().upper(),
        header[8],
        body,
        end,
        down,
        total,
        number,
        form is _ASCII,
    )


def _packet(form: _Form, body: bytes) -> tuple[int, int, bytes]:
    size = 3 * form.width
    if len(body) < size:
        raise FrameError("分包正文没有包总数和序号", "a packet without its total and number")
    octets = form.octets(body[:size])
    return octets[0] << 4 | octets[1] >> 4, (octets[1] & 0x0F) << 8 | octets[2], body[size:]


def encode(frame: Frame) -> bytes:
    """Write a frame.

    Raises:
        ValueError: the body is longer than a length of 12 bits can say.
    """
    form = _ASCII if frame.characters else _HEX
    body, start = frame.body, STX
    if frame.total is not None and frame.number is not None:
        start = SYN
        packet = bytes(
            (
                frame.total >> 4,
                (frame.total & 0x0F) << 4 | frame.number >> 8,
                frame.number & 0xFF,
            )
        )
        body = form.written(packet) + body
    if len(body) > 0x0FFF:
        raise ValueError(f"the body has {len(body)} bytes; split it into packets")
    station, centre = bytes.fromhex(frame.station), bytes((frame.centre,))
    address = station + centre if frame.down else centre + station
    direction = (_DOWN if frame.down else 0) << 12 | len(body)
    header = address + bytes.fromhex(frame.password) + bytes((frame.function,)) + direction.to_bytes(2)
    content = form.head + form.written(header) + bytes((start,)) + body + bytes((frame.end,))
    return content + form.written(crc16_modbus(content).to_bytes(2))


def stream() -> FrameStream:
    """A connection's reader."""
    return FrameStream((HEX_HEAD, ASCII_HEAD), frame_end, decode)


def answer(frame: Frame, serial: int, now_digits: str, *, keep_on_line: bool = True) -> Frame | None:
    """What the centre sends back to a report in modes M2 and M3 (§6.5): its serial and the centre's time.

    Args:
        serial: of the report.
        now_digits: the centre's time as YYMMDDHHmmSS in Beijing time.
        keep_on_line: end with ESC, so that the station stays connected, instead of EOT.
    """
    if frame.function == KEEP_ALIVE or frame.down:
        return None
    body = serial.to_bytes(2) + bytes.fromhex(now_digits)
    if frame.characters:
        body = body.hex().upper().encode()
    return Frame(
        frame.centre,
        frame.station,
        frame.password,
        frame.function,
        body,
        ESC if keep_on_line else EOT,
        down=True,
        characters=frame.characters,
    )
