"""Bodies of JT/T 808 messages: location, batch of locations, registration, authentication, and the answers.

The location report was checked against published frames; the other bodies follow general knowledge of the
standard, whose text was not at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl.feeds.frame import FrameError, beijing_time
from etl.feeds.jt808 import Message

TERMINAL_ANSWER, HEARTBEAT, DEREGISTER, REGISTER, AUTHENTICATE = 0x0001, 0x0002, 0x0003, 0x0100, 0x0102
LOCATION, LOCATION_BATCH = 0x0200, 0x0704
PLATFORM_ANSWER, REGISTER_ANSWER = 0x8001, 0x8100

ACC, FIXED, SOUTH, WEST, ENCRYPTED = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5
_MICRO = 1_000_000


@dataclass(frozen=True)
class Location:
    """A location report: degrees in the terminal's datum, metres, km/h, degrees clockwise from north."""

    alarm: int
    status: int
    longitude: float
    latitude: float
    altitude: int
    speed: float
    direction: int
    at: datetime
    items: tuple[tuple[int, bytes], ...] = ()
    """Additional items as (id, bytes)."""

    @property
    def fixed(self) -> bool:
        return bool(self.status & FIXED)

    @property
    def mileage(self) -> float | None:
        """Kilometres, item 01."""
        return self._tenths(0x01)

    @property
    def fuel(self) -> float | None:
        """Litres, item 02."""
        return self._tenths(0x02)

    @property
    def recorder_speed(self) -> float | None:
        """km/h of the driving recorder, item 03."""
        return self._tenths(0x03)

    def _tenths(self, item: int) -> float | None:
        content = dict(self.items).get(item)
        return int.from_bytes(content) / 10 if content else None


@dataclass(frozen=True)
class Registration:
    """What a terminal says of itself and its vehicle."""

    province: int
    city: int
    maker: str
    model: str
    terminal: str
    plate_colour: int
    plate: str


def read_location(body: bytes) -> Location:
    """Read the body of 0x0200.

    Raises:
        FrameError: it is too short, an item is cut off, or its time is none.
    """
    if len(body) < 28:
        raise FrameError("位置信息短于28字节", "a location has at least 28 bytes")
    alarm, status = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
    latitude, longitude = int.from_bytes(body[8:12]) / _MICRO, int.from_bytes(body[12:16]) / _MICRO
    return Location(
        alarm,
        status,
        -longitude if status & WEST else longitude,
        -latitude if status & SOUTH else latitude,
        int.from_bytes(body[16:18], signed=True),
        int.from_bytes(body[18:20]) / 10,
        int.from_bytes(body[20:22]),
        beijing_time(body[22:28].hex(), "%y%m%d%H%M%S", "定位时间"),
        _items(body[28:]),
    )


def _items(content: bytes) -> tuple[tuple[int, bytes], ...]:
    items, place = [], 0
    while place < len(content):
        begin = place + 2
        size = content[place + 1] if place + 1 < len(content) else 0
        if begin + size > len(content):
            raise FrameError("附加信息不完整", "an additional item is cut off")
        items.append((content[place], content[begin : begin + size]))
        place = begin + size
    return tuple(items)


def write_location(location: Location) -> bytes:
    """The body of 0x0200."""
    status = location.status & ~(SOUTH | WEST)
    status |= (SOUTH if location.latitude < 0 else 0) | (WEST if location.longitude < 0 else 0)
    body = location.alarm.to_bytes(4) + status.to_bytes(4)
    for degrees in (location.latitude, location.longitude):
        body += round(abs(degrees) * _MICRO).to_bytes(4)
    body += location.altitude.to_bytes(2, signed=True) + round(location.speed * 10).to_bytes(2)
    body += location.direction.to_bytes(2) + bytes.fromhex(location.at.strftime("%y%m%d%H%M%S"))
    return body + b"".join(bytes((item, len(content))) + content for item, content in location.items)


def implausible(location: Location, received: datetime) -> list[tuple[str, str]]:
    """Why a location should not be believed, in Chinese and English; empty when nothing speaks against it."""
    faults = []
    if abs(location.latitude) > 90 or abs(location.longitude) > 180:
        words = ("，可能经纬度颠倒", ": latitude and longitude may be exchanged")
        zh, en = words if abs(location.longitude) <= 90 < abs(location.latitude) <= 180 else ("", "")
        place = f"{location.longitude}, {location.latitude}"
        faults.append((f"坐标{place}超出范围{zh}", f"coordinates {place} are out of range{en}"))
    if not location.fixed:
        faults.append(("终端未定位", "the terminal has no fix"))
    if location.status & ENCRYPTED:
        faults.append(("坐标已加密", "the coordinates are encrypted"))
    if location.speed > 220:
        faults.append((f"速度{location.speed}km/h过高", f"a speed of {location.speed} km/h"))
    if location.direction > 359:
        faults.append((f"方向{location.direction}超出0～359", f"direction {location.direction}"))
    if abs(received - location.at) > timedelta(hours=24):
        faults.append(("定位时间与接收时间相差超过24小时", "its time is more than 24 h from now"))
    return faults


def read_location_batch(body: bytes) -> list[Location]:
    """Read the body of 0x0704: number of locations, kind (1 says sent late), locations with their lengths.

    Raises:
        FrameError: it is cut off, or does not hold as many as it says.
    """
    if len(body) < 3:
        raise FrameError("批量位置短于3字节", "a batch has at least 3 bytes")
    count, place, locations = int.from_bytes(body[:2]), 3, []
    while place < len(body):
        size = int.from_bytes(body[place : place + 2])
        place += 2 + size
        if place > len(body):
            raise FrameError("批量位置不完整", "a location of the batch is cut off")
        locations.append(read_location(body[place - size : place]))
    if len(locations) != count:
        raise FrameError(
            f"批量位置应有{count}条，实有{len(locations)}条",
            f"the batch says {count} locations and holds {len(locations)}",
        )
    return locations


def write_location_batch(locations: Sequence[Location], *, late: bool = True) -> bytes:
    """The body of 0x0704."""
    bodies = [write_location(location) for location in locations]
    head = len(bodies).to_bytes(2) + bytes((int(late),))
    return head + b"".join(len(body).to_bytes(2) + body for body in bodies)


def read_registration(message: Message) -> Registration:
    """Read the body of 0x0100 in the edition of its message.

    Raises:
        FrameError: it is too short.
    """
    widths = (11, 30, 30) if message.version is not None else (5, 20, 7)
    maker, model, terminal = (4 + sum(widths[:place]) for place in range(3))
    colour, body = 4 + sum(widths), message.body
    if len(body) <= colour:
        raise FrameError("注册信息过短", "the registration is too short")
    return Registration(
        int.from_bytes(body[:2]),
        int.from_bytes(body[2:4]),
        _text(body[maker:model]),
        _text(body[model:terminal]),
        _text(body[terminal:colour]),
        body[colour],
        _text(body[colour + 1 :]),
    )


def read_authentication(message: Message) -> str:
    """The code of 0x0102 in the edition of its message."""
    if message.version is None:
        return _text(message.body)
    return _text(message.body[1 : 1 + message.body[0]]) if message.body else ""


def blank_registration(message: Message) -> Message:
    """0x0100 of a message's terminal that says nothing of itself, in the edition of the message."""
    maker, model, terminal = (11, 30, 30) if message.version is not None else (5, 20, 7)
    # Province, city and, behind the terminal, the colour of no plate.
    body = bytes(2 + 2 + maker + model + terminal + 1)
    return Message(REGISTER, message.phone, 0, body, message.version)


def authentication(answer: Message) -> Message:
    """0x0102 with the code that 0x8100 gave; in the edition of 2019 without IMEI and version of software."""
    code = answer.body[3:]
    body = code if answer.version is None else bytes((len(code),)) + code + bytes(15 + 20)
    return Message(AUTHENTICATE, answer.phone, 1, body, answer.version)


def _text(content: bytes) -> str:
    return content.decode("gbk", "replace").strip("\0 ")


def platform_answer(message: Message, serial: int, result: int = 0) -> Message:
    """0x8001 to a message; result 0 done, 1 failed, 2 wrong, 3 not supported."""
    body = message.serial.to_bytes(2) + message.message_id.to_bytes(2) + bytes((result,))
    return Message(PLATFORM_ANSWER, message.phone, serial, body, message.version)


def registration_answer(message: Message, serial: int, code: str | None, result: int = 0) -> Message:
    """0x8100 to 0x0100: the authentication code with result 0; 1 to 4 refuse and carry none."""
    body = message.serial.to_bytes(2) + bytes((result,)) + (code or "").encode("gbk")
    return Message(REGISTER_ANSWER, message.phone, serial, body, message.version)
