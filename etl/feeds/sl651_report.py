"""The body of an SL 651 report: serial, time, station, and elements with their observation times.

SL 651-2014 §6.6 and appendix C. An element is a guide byte, a descriptor byte (bytes << 3 | decimals) and
BCD digits; some have forms of their own: hourly rows of rain (F4) and level (F5–FC), time step (04), state
(45), text (F2) and picture (F3).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from etl.feeds.frame import FrameError, beijing_time
from etl.feeds.sl651 import Frame
from geodata.code_table import CodeTable

TIME, ADDRESS, TEXT, PICTURE, RAIN_ROW, BULK, EXTENSION = 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xFD, 0xFF
LEVEL_ROWS = range(0xF5, 0xFD)
STEP, STATE = 0x04, 0x45
FIVE_MINUTES = timedelta(minutes=5)
_FORM = "%y%m%d%H%M"


@dataclass(frozen=True)
class Element:
    """One value: by its identifier (appendix C), None where the station marks it as missing."""

    guide: str
    identifier: str | None
    value: float | None
    at: datetime | None
    fault: str | None = None
    """Why the bytes could not be read, in English; the value is None then."""


@dataclass
class Report:
    """A report's body. ``state`` is the word of element 45, ``picture`` a JPEG, ``text`` set by hand."""

    serial: int
    sent: datetime
    station: str | None = None
    station_class: str | None = None
    elements: list[Element] = field(default_factory=list)
    state: int | None = None
    text: str | None = None
    picture: bytes | None = None
    picture_at: datetime | None = None
    """When it was taken; None where the station does not say."""


def read_report(frame: Frame, body: bytes | None = None) -> Report:
    """Read the body of an uplink frame, or of the packets of one put together.

    Raises:
        FrameError: the body ends in the middle of a part, or serial, time or address cannot be read.
    """
    content = frame.body if body is None else body
    return _read_characters(content) if frame.characters else _read_octets(content)


def write_report(
    serial: int,
    sent: datetime,
    station: str,
    station_class: str,
    observed: datetime,
    values: dict[str, float | None],
) -> bytes:
    """The body of a report in HEX/BCD with one observation time.

    Args:
        station: the 10 digits of the address; station_class: its letter (P rain, H river …).
        values: by identifier of appendix C, such as Z or PJ, in the unit of the table.

    Raises:
        ValueError: a value does not fit the digits of its element.
    """
    address = bytes.fromhex(station)
    letter = bytes((ord(station_class),))
    body = serial.to_bytes(2) + bytes.fromhex(sent.strftime("%y%m%d%H%M%S"))
    body += b"\xf1\xf1" + address + letter + b"\xf0\xf0" + bytes.fromhex(observed.strftime(_FORM))
    for identifier, value in values.items():
        entry = _BY_IDENTIFIER[identifier]
        descriptor = int(entry["descriptor"], 16)
        body += bytes((int(entry.code, 16), descriptor)) + _write_digits(value, descriptor)
    return body


def _write_digits(value: float | None, descriptor: int) -> bytes:
    size, decimals = descriptor >> 3, descriptor & 7
    if value is None:
        return b"\xff" * size
    digits = f"{abs(round(value * 10**decimals)):0{2 * size}d}"
    # The minus sign takes the first byte.
    if len(digits) > 2 * size or (value < 0 and not digits.startswith("00")):
        raise ValueError(f"{value} does not fit in {size} bytes with {decimals} decimals")
    if value < 0:
        digits = "FF" + digits[2:]
    return bytes.fromhex(digits)


_TABLE = CodeTable.load("sl651_element")
_BY_IDENTIFIER = {entry["ascii"]: entry for entry in _TABLE}


class _Octets:
    """Reads forward through a body."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def __bool__(self) -> bool:
        return self._place < len(self._content)

    def take(self, count: int, what: str) -> bytes:
        taken = self._content[self._place : self._place + count]
        if len(taken) < count:
            raise FrameError(f"正文在{what}处中断", f"the body ends in the middle of its {what}")
        self._place += count
        return taken

    def rest(self) -> bytes:
        taken, self._place = self._content[self._place :], len(self._content)
        return taken


def _read_octets(content: bytes) -> Report:
    octets = _Octets(content)
    serial = int.from_bytes(octets.take(2, "serial"))
    sent = beijing_time(octets.take(6, "time").hex(), "%y%m%d%H%M%S", "发报时间")
    report = Report(serial, sent)
    observed: datetime | None = None
    step: timedelta | None = None
    repeats: dict[str, int] = {}
    while octets:
        guide = octets.take(1, "guide")[0]
        if guide == ADDRESS:
            octets.take(1, "address guide")
            report.station = octets.take(5, "address").hex().upper()
            report.station_class = octets.take(1, "station class").decode("latin-1")
        elif guide == TIME:
            octets.take(1, "time guide")
            observed = beijing_time(octets.take(5, "observation time").hex(), _FORM, "观测时间")
            repeats = {}
        elif guide == TEXT:
            octets.take(1, "text guide")
            report.text = octets.rest().decode("gb18030", "replace").rstrip()
        elif guide == PICTURE:
            octets.take(1, "picture guide")
            report.picture, report.picture_at = octets.rest(), observed
        elif guide == STEP:
            octets.take(1, "step descriptor")
            step = _step(octets.take(3, "time step"))
        else:
            for element in _elements(octets, guide, observed):
                if element.guide == "45" and element.value is not None:
                    report.state = int(element.value)
                    continue
                report.elements.append(_stepped(element, step, repeats))
    return report


def _stepped(element: Element, step: timedelta | None, repeats: dict[str, int]) -> Element:
    """In a period report an element that is repeated holds for one step later each time."""
    times = repeats[element.guide] = repeats.get(element.guide, -1) + 1
    row = int(element.guide, 16) == RAIN_ROW or int(element.guide, 16) in LEVEL_ROWS
    if step is None or row or element.at is None:
        return element
    return Element(element.guide, element.identifier, element.value, element.at + times * step, element.fault)


def _elements(octets: _Octets, guide: int, observed: datetime | None) -> Iterator[Element]:
    code = f"{guide:02X}"
    if guide == EXTENSION:
        code += octets.take(1, "extension guide").hex().upper()
    descriptor = octets.take(1, "descriptor")[0]
    entry = _TABLE.get(code)
    identifier = entry["ascii"] if entry else None
    size = descriptor >> 3
    data = octets.take(size, f"element {code}")
    if guide == RAIN_ROW or guide in LEVEL_ROWS:
        width, factor = (1, 10) if guide == RAIN_ROW else (2, 100)
        for number, start in enumerate(range(0, size - width + 1, width)):
            part = data[start : start + width]
            value = None if part == b"\xff" * width else int.from_bytes(part) / factor
            yield Element(code, identifier, value, observed and observed + number * FIVE_MINUTES)
    elif guide == STATE:
        yield Element(code, identifier, int.from_bytes(data), observed)
    else:
        value, fault = _bcd(data, descriptor & 7)
        yield Element(code, identifier, value, observed, fault)


def _bcd(data: bytes, decimals: int) -> tuple[float | None, str | None]:
    """A BCD number; first byte FF is the minus sign, all FF (or AA, seen in the field) is missing."""
    if not data or data in (b"\xff" * len(data), b"\xaa" * len(data)):
        return None, None
    sign, digits = (-1, data[1:].hex()) if data[0] == 0xFF else (1, data.hex())
    if not digits.isdecimal():
        return None, f"“{data.hex().upper()}” is not BCD"
    return sign * int(digits) / 10**decimals, None


def _step(data: bytes) -> timedelta:
    digits = data.hex()
    if not digits.isdecimal():
        raise FrameError(f"时间步长“{digits}”不是BCD码", f"the time step “{digits}” is not BCD")
    days, hours, minutes = (int(digits[place : place + 2]) for place in (0, 2, 4))
    return timedelta(days=days, hours=hours, minutes=minutes)


_CHARACTER_STEP = re.compile(r"DR([DHN])(\d\d)")
_CHARACTER_NUMBER = re.compile(r"-?\d+(\.\d*)?|-?\.\d+")


def _read_characters(content: bytes) -> Report:
    """The ASCII form: words separated by single spaces (§6.6.2)."""
    text = content.decode("latin-1")
    try:
        serial = int(text[:4], 16)
    except ValueError:
        raise FrameError("流水号不是十六进制", "the serial is not hexadecimal") from None
    report = Report(serial, beijing_time(text[4:16], "%y%m%d%H%M%S", "发报时间"))
    words = iter(text[16:].split())
    observed: datetime | None = None
    step: timedelta | None = None
    repeats: dict[str, int] = {}
    for word in words:
        following = _CHARACTER_STEP.fullmatch(word)
        if word == "ST":
            report.station = next(words, None)
        elif word == "TT":
            observed, repeats = beijing_time(next(words, ""), _FORM, "观测时间"), {}
        elif following:
            unit = {"D": "days", "H": "hours", "N": "minutes"}[following[1]]
            step = timedelta(**{unit: int(following[2])}) or None
        elif len(word) == 1 and report.station and report.station_class is None:
            report.station_class = word
        elif word == "RGZS":
            report.text = " ".join(words)
        elif word == "PIC":
            report.picture, report.picture_at = _hexadecimal("".join(words)), observed
        else:
            for element in _character_elements(word, next(words, ""), observed):
                report.elements.append(_stepped(element, step, repeats))
    return report


def _hexadecimal(digits: str) -> bytes:
    # The bytes as characters, like everything else of this form; no published frame shows it.
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise FrameError("图片不是十六进制字符", "the picture is not hexadecimal characters") from None


def _character_elements(word: str, text: str, observed: datetime | None) -> Iterator[Element]:
    entry = _BY_IDENTIFIER.get(word)
    guide = entry.code if entry else "00"
    identifier = word if entry else None
    if entry and (int(guide, 16) == RAIN_ROW or int(guide, 16) in LEVEL_ROWS):
        width, factor = (2, 10) if int(guide, 16) == RAIN_ROW else (4, 100)
        for number, start in enumerate(range(0, len(text), width)):
            value, fault = _row_value(text[start : start + width], width, factor)
            yield Element(guide, identifier, value, observed and observed + number * FIVE_MINUTES, fault)
    elif text in ("M", "F"):
        yield Element(guide, identifier, None, observed)
    elif _CHARACTER_NUMBER.fullmatch(text):
        fault = None if entry else f"“{word}” is no element of SL 651"
        yield Element(guide, identifier, float(text), observed, fault)
    else:
        yield Element(guide, identifier, None, observed, f"“{word} {text}” is no element with a number")


def _row_value(digits: str, width: int, factor: int) -> tuple[float | None, str | None]:
    if digits.upper() == "F" * width:
        return None, None
    if not re.fullmatch(f"[0-9A-Fa-f]{{{width}}}", digits):
        return None, f"“{digits}” is not hexadecimal"
    return int(digits, 16) / factor, None
