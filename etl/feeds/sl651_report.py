"""The body of an SL 651 report: serial, time, station, and elements with their observation times.

SL 651-2014 §6.6 and appendix C. An element is a guide byte, a descriptor byte (bytes << 3 | decimals) and
BCD digits; some have forms of their own: hourly rows of rain (F4) and level (F5–FC), time step (04), state
(45), text (F2) and picture (F3). Behind a time step one element has a row of data, a group for each step
(§6.6.4.4). Answers to 40–43 and 45–51 name the station without its class; a version is no element
(§6.6.4.19).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import dropwhile, takewhile

from etl.feeds.frame import FrameError, beijing_time
from etl.feeds.sl651 import Frame
from geodata.code_table import CodeTable

TIME, ADDRESS, TEXT, PICTURE, RAIN_ROW, BULK, EXTENSION = 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xFD, 0xFF
LEVEL_ROWS = range(0xF5, 0xFD)
STEP, STATE = 0x04, 0x45
UNIFORM, PERIOD, VERSION = 0x31, 0x38, 0x45
"""Functions whose bodies have forms of their own."""
WITHOUT_CLASS = frozenset(range(0x40, 0x52)) - {0x44}
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
    """A report's body. ``state`` is the word of element 45, ``picture`` a JPEG, ``text`` set by hand.

    ``version`` is that of the station's program.
    """

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
    version: str | None = None


def read_report(frame: Frame, body: bytes | None = None) -> Report:
    """Read the body of an uplink frame, or of the packets of one put together.

    Raises:
        FrameError: the body ends in the middle of a part, or serial, time or address cannot be read.
    """
    content = frame.body if body is None else body
    if frame.characters:
        return _read_characters(content, frame.function)
    return _read_octets(content, frame.function)


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

    def is_row(self, guide: int) -> bool:
        """Whether what follows a guide is its descriptor and nothing but groups of data to the end.

        Stations that repeat the identifier before each group, or add other elements, are told by that.
        """
        if guide == EXTENSION or self._place >= len(self._content):
            return False
        descriptor, rest = self._content[self._place], self._content[self._place + 1 :]
        size = descriptor >> 3
        return size > 0 and len(rest) % size == 0 and not _are_elements(rest[size:])


def _are_elements(content: bytes) -> bool:
    """Whether it is elements, at least one, with the descriptors of the standard, to the end."""
    place = 0
    while place + 1 < len(content):
        entry = _TABLE.get(f"{content[place]:02X}")
        if entry is None or entry["descriptor"] != f"{content[place + 1]:02X}":
            return False
        place += 2 + (content[place + 1] >> 3)
    return 0 < place == len(content)


def _read_octets(content: bytes, function: int) -> Report:
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
            if function not in WITHOUT_CLASS:
                report.station_class = octets.take(1, "station class").decode("latin-1")
            if function == VERSION:
                size = octets.take(1, "length of the version")[0]
                report.version = octets.take(size, "version").decode("gb18030", "replace").strip()
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
        elif step is not None and not repeats and function in (UNIFORM, PERIOD) and octets.is_row(guide):
            report.elements += _row(octets, guide, observed, step)
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


def _row(octets: _Octets, guide: int, observed: datetime | None, step: timedelta) -> Iterator[Element]:
    """The groups of one element behind a time step; a group of an hour's row holds for that hour."""
    descriptor = octets.take(1, "descriptor")[0]
    is_hourly = guide == RAIN_ROW or guide in LEVEL_ROWS
    while octets:
        data = octets.take(descriptor >> 3, f"element {guide:02X}")
        yield from _values(f"{guide:02X}", guide, descriptor, data, observed)
        observed = observed and observed + (timedelta(hours=1) if is_hourly else step)


def _elements(octets: _Octets, guide: int, observed: datetime | None) -> Iterator[Element]:
    code = f"{guide:02X}"
    if guide == EXTENSION:
        code += octets.take(1, "extension guide").hex().upper()
    descriptor = octets.take(1, "descriptor")[0]
    data = octets.take(descriptor >> 3, f"element {code}")
    yield from _values(code, guide, descriptor, data, observed)


def _values(
    code: str, guide: int, descriptor: int, data: bytes, observed: datetime | None
) -> Iterator[Element]:
    entry = _TABLE.get(code)
    identifier = entry["ascii"] if entry else None
    if guide == RAIN_ROW or guide in LEVEL_ROWS:
        width, factor = (1, 10) if guide == RAIN_ROW else (2, 100)
        for number, start in enumerate(range(0, len(data) - width + 1, width)):
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


def _read_characters(content: bytes, function: int) -> Report:
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
            if function == VERSION:
                next(words, None)  # Its length.
                report.version = " ".join(words)
        elif word == "TT":
            observed, repeats = beijing_time(next(words, ""), _FORM, "观测时间"), {}
        elif following:
            unit = {"D": "days", "H": "hours", "N": "minutes"}[following[1]]
            step = timedelta(**{unit: int(following[2])}) or None
            if function in (UNIFORM, PERIOD):
                row = list(words)
                words = iter(row)
                if _is_row(row):
                    report.elements += _character_row(words, observed, step)
        elif word == "ZT":
            report.state = _state(next(words, ""))
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


def _is_row(words: list[str]) -> bool:
    """Whether identifiers come first and then nothing but data, a group for each step (§6.6.4.4)."""
    data = dropwhile(_BY_IDENTIFIER.__contains__, words)
    return bool(words) and words[0] in _BY_IDENTIFIER and not any(word in _BY_IDENTIFIER for word in data)


def _character_row(
    words: Iterator[str], observed: datetime | None, step: timedelta | None
) -> Iterator[Element]:
    given = list(words)
    names = list(takewhile(_BY_IDENTIFIER.__contains__, given))
    for number, text in enumerate(given[len(names) :]):
        group, place = divmod(number, len(names))
        at = observed and observed + group * (step or timedelta(hours=1))
        yield from _character_elements(names[place], text, at)


def _state(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise FrameError(f"状态“{text}”不是十六进制", f"the state “{text}” is not hexadecimal") from None


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
