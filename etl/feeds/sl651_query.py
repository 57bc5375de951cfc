"""What the centre asks of a station: the queries of SL 651, working mode M4 (SL 651-2014 §6.3, §6.6.4).

A query is a downlink frame that ends with ENQ. Its body is a serial, which is 0 in what the centre begins
(§6.6.2.4), the centre's time, and by function: nothing more (37, 45, 46, 51), identifiers of elements (3A),
or begin and end in whole hours, a time step and an identifier (38). Read in a text recognition of the
standard (64673a/SL651-2014); the HEX/BCD form agrees with frames of novrain/SL-0x028B, the ASCII form only
with the general rule of §6.6.2.1 and one other program: unverified.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl.feeds import sl651
from etl.feeds.frame import BEIJING, FrameError, beijing_time
from etl.feeds.sl651 import Frame
from geodata.code_table import CodeTable

PRESENT, PERIOD, CHOSEN, VERSION, STATE, CLOCK = 0x37, 0x38, 0x3A, 0x45, 0x46, 0x51
QUERIES = frozenset((PRESENT, PERIOD, CHOSEN, VERSION, STATE, CLOCK))

CENTRE_SERIAL = 0
STEP_HEAD = b"\x04\x18"
_NEVER_ASKED = frozenset(("F0", "F1", "F2", "F3", "FD", "04"))
"""Times, addresses, hand-set texts, pictures, bulk data and the step itself."""
_SENT = "%y%m%d%H%M%S"
_HOUR = "%y%m%d%H"
_CHARACTER_STEP = re.compile(r"DR([DHN])(\d\d)")
_RAIN_STEPS = {
    "PN01": timedelta(minutes=1),
    "PN05": timedelta(minutes=5),
    "PN10": timedelta(minutes=10),
    "PN30": timedelta(minutes=30),
    "P1": timedelta(hours=1),
    "P2": timedelta(hours=2),
    "P3": timedelta(hours=3),
    "P6": timedelta(hours=6),
    "P12": timedelta(hours=12),
    "PD": timedelta(days=1),
}
"""Rain of an interval is asked for by the step of that interval (table 44)."""
_ASKABLE = {
    entry["ascii"]: entry
    for entry in CodeTable.load("sl651_element")
    if len(entry.code) == 2 and entry.code not in _NEVER_ASKED and entry["ascii"]
}
_BY_GUIDE = {int(entry.code, 16): identifier for identifier, entry in _ASKABLE.items()}


@dataclass(frozen=True)
class Query:
    """A question by its function; ``elements`` are identifiers of appendix C.

    A period has ``begin`` and ``end`` on whole hours, with a zone, and one ``step`` (see ``time_step``).
    """

    function: int
    elements: tuple[str, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None
    step: timedelta | None = None


def is_askable(element: str) -> bool:
    """Whether an identifier is an element that a station can be asked for."""
    return element in _ASKABLE


def time_step(element: str, interval: timedelta) -> timedelta:
    """The step with which a period of an element is asked for.

    The rows of an hour (DRP, DRZ1 …) go with the step 0, rain with its own interval (tables 44, C.1), all
    else with the interval at which it is kept, in minutes below an hour, else in hours or days (table C.3).
    """
    if element.startswith(("DRP", "DRZ")):
        return timedelta()
    if element in _RAIN_STEPS:
        return _RAIN_STEPS[element]
    minutes = max(1, round(interval / timedelta(minutes=1)))
    if minutes < 60:
        return timedelta(minutes=minutes)
    hours = round(minutes / 60)
    return timedelta(hours=hours) if hours < 24 else timedelta(days=min(31, round(hours / 24)))


def query_frame(query: Query, heard: Frame, now: datetime) -> Frame:
    """The frame that asks the station which sent ``heard``: with its centre, password and encoding."""
    body = write_query(query, now, characters=heard.characters)
    return Frame(
        heard.centre,
        heard.station,
        heard.password,
        query.function,
        body,
        sl651.ENQ,
        down=True,
        characters=heard.characters,
    )


def write_query(query: Query, now: datetime, *, characters: bool = False) -> bytes:
    """The body of a query.

    Raises:
        ValueError: an element is not of appendix C, or the step has no form in table C.3.
    """
    unknown = [element for element in query.elements if element not in _ASKABLE]
    if unknown:
        raise ValueError(f"no elements of SL 651: {', '.join(unknown)}")
    sent = now.astimezone(BEIJING).strftime(_SENT)
    hours = [at.astimezone(BEIJING).strftime(_HOUR) for at in (query.begin, query.end) if at]
    step = [] if query.step is None else [_step_parts(query.step)]
    if characters:
        words = [*hours, *(_step_word(parts) for parts in step), *query.elements]
        return (f"{CENTRE_SERIAL:04X}{sent}" + "".join(f"{word} " for word in words)).encode()
    body = CENTRE_SERIAL.to_bytes(2) + bytes.fromhex(sent + "".join(hours))
    for parts in step:
        body += STEP_HEAD + bytes.fromhex("".join(f"{part:02d}" for part in parts))
    for element in query.elements:
        body += bytes.fromhex(_ASKABLE[element].code + _ASKABLE[element]["descriptor"])
    return body


def read_query(frame: Frame) -> tuple[Query, int, datetime]:
    """A query with its serial and the centre's time.

    Raises:
        FrameError: the frame is no query of this module, or its body does not have the form of its function.
    """
    if not frame.down or frame.end != sl651.ENQ or frame.function not in QUERIES:
        raise FrameError("不是查询帧", "no query")
    try:
        return _read_characters(frame) if frame.characters else _read_octets(frame)
    except (ValueError, IndexError, KeyError) as error:
        if isinstance(error, FrameError):
            raise
        raise FrameError(
            "查询正文格式不符", "the body of the query has not the form of its function"
        ) from None


def _read_octets(frame: Frame) -> tuple[Query, int, datetime]:
    body = frame.body
    sent = beijing_time(body[2:8].hex(), _SENT, "发报时间")
    begin = end = step = None
    rest = body[8:]
    if frame.function == PERIOD:
        begin, end = (beijing_time(rest[place : place + 4].hex(), _HOUR, "起止时间") for place in (0, 4))
        if rest[8:10] != STEP_HEAD or not rest[10:13].hex().isdecimal():
            raise ValueError
        days, hours, minutes = (int(f"{part:02x}") for part in rest[10:13])
        step = timedelta(days=days, hours=hours, minutes=minutes)
        rest = rest[13:]
    if len(rest) % 2 or len(body) < 8:
        raise ValueError
    elements = tuple(_BY_GUIDE[rest[place]] for place in range(0, len(rest), 2))
    return Query(frame.function, elements, begin, end, step), int.from_bytes(body[:2]), sent


def _read_characters(frame: Frame) -> tuple[Query, int, datetime]:
    text = frame.body.decode("ascii")
    sent = beijing_time(text[4:16], _SENT, "发报时间")
    begin = end = step = None
    words = text[16:].split()
    if frame.function == PERIOD:
        begin, end = (beijing_time(word, _HOUR, "起止时间") for word in words[:2])
        found = _CHARACTER_STEP.fullmatch(words[2])
        if found is None:
            raise ValueError
        step = timedelta(**{{"D": "days", "H": "hours", "N": "minutes"}[found[1]]: int(found[2])})
        words = words[3:]
    if any(word not in _ASKABLE for word in words):
        raise ValueError
    return Query(frame.function, tuple(words), begin, end, step), int(text[:4], 16), sent


def _step_parts(step: timedelta) -> tuple[int, int, int]:
    """Days, hours and minutes, of which one at most is not 0 (table C.3)."""
    minutes, seconds = divmod(round(step.total_seconds()), 60)
    parts = (step.days, minutes // 60 % 24, minutes % 60)
    if seconds or step < timedelta() or sum(part > 0 for part in parts) > 1 or parts[0] > 31:
        raise ValueError(f"{step} is no time step of SL 651")
    return parts


def _step_word(parts: tuple[int, int, int]) -> str:
    """As characters (table C.2); 0 is written as hours."""
    days, hours, minutes = parts
    return f"DRD{days:02d}" if days else f"DRN{minutes:02d}" if minutes else f"DRH{hours:02d}"
