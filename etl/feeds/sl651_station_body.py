"""Bodies that a station of SL 651 writes, in HEX/BCD: reports, and answers when it is asked (§6.6.4)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from etl.feeds.sl651_report import ADDRESS, STATE, STEP, TIME
from geodata.code_table import CodeTable

_FORM = "%y%m%d%H%M"
_BY_IDENTIFIER = {entry["ascii"]: entry for entry in CodeTable.load("sl651_element")}


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
    body = write_status(serial, sent, station) + _class_and_time(station_class, observed)
    for identifier, value in values.items():
        head = _head(identifier)
        body += head + _write_digits(value, head[1])
    return body


def write_row(
    serial: int,
    sent: datetime,
    station: str,
    station_class: str,
    observed: datetime,
    step: timedelta,
    identifier: str,
    values: Sequence[float | None],
) -> bytes:
    """The body of a report of one element in equal steps (31) or of the answer to 38, in HEX/BCD.

    Args:
        observed: the time of the first value.
        step: below an hour in minutes.

    Raises:
        ValueError: a value does not fit the digits of its element.
    """
    head = _head(identifier)
    minutes = round(step / timedelta(minutes=1))
    digits = f"{minutes // 1440:02d}{minutes // 60 % 24:02d}{minutes % 60:02d}"
    body = write_status(serial, sent, station) + _class_and_time(station_class, observed)
    body += bytes((STEP, 0x18)) + bytes.fromhex(digits) + head
    return body + b"".join(_write_digits(value, head[1]) for value in values)


def write_status(
    serial: int, sent: datetime, station: str, state: int | None = None, version: str = ""
) -> bytes:
    """The body of the answer to 51, with a ``state`` to 46, with a ``version`` to 45, in HEX/BCD."""
    body = serial.to_bytes(2) + bytes.fromhex(sent.strftime("%y%m%d%H%M%S"))
    body += bytes((ADDRESS, ADDRESS)) + bytes.fromhex(station)
    if state is not None:
        body += bytes((STATE, 0x20)) + state.to_bytes(4)
    if version:
        content = version.encode("gb18030")
        body += bytes((len(content),)) + content
    return body


def _class_and_time(station_class: str, observed: datetime) -> bytes:
    return bytes((ord(station_class), TIME, TIME)) + bytes.fromhex(observed.strftime(_FORM))


def _head(identifier: str) -> bytes:
    entry = _BY_IDENTIFIER[identifier]
    return bytes((int(entry.code, 16), int(entry["descriptor"], 16)))


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
