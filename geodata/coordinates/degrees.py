"""Degrees as people type them: degrees, minutes and seconds in Chinese and Western forms, and decimals.

Read are among others 114°18′00.5″E, 东经114度18分0.5秒, E114°18'00.5", 114:18:00.5, 114-18-00.5, 114 18 0.5
and 114.30013889, with full-width digits and punctuation; 1141800.5 (DDDMMSS) and 114.18005 (D.MMSS) only
when the caller says that they are packed so.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geodata.coordinates.gcj02 import Floats
from geodata.errors import UserError

Axis: TypeAlias = Literal["lon", "lat"]
Packing: TypeAlias = Literal["DDDMMSS", "D.MMSS"]

LIMIT: dict[Axis, float] = {"lon": 180.0, "lat": 90.0}
LON_MARKS = "东经|西经|E|W|东|西|经"
LAT_MARKS = "北纬|南纬|N|S|北|南|纬"
_NEGATIVE = ("西经", "南纬", "W", "S", "西", "南")


class Fault(Enum):
    """Why a value is not an angle, for people."""

    EMPTY = ("没有填写", "is empty")
    NOT_AN_ANGLE = ("不是经纬度", "is not an angle in degrees")
    SIXTY = ("分或秒不小于 60", "has minutes or seconds of 60 or more")
    OUT_OF_RANGE = ("超出经纬度范围", "is out of range")
    WRONG_AXIS = ("经度与纬度标记不符", "is marked as the other axis, longitude for latitude or the reverse")
    CONTRADICTORY = ("正负号与方位标记矛盾", "carries both a minus sign and a hemisphere")

    def __init__(self, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en


@dataclass(frozen=True)
class Angle:
    """An angle in decimal degrees, west and south negative, and its axis where the text names one."""

    degrees: float
    axis: Axis | None = None


class _UnreadableError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.en)
        self.fault = fault


_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_PREFIX = re.compile(rf"(?P<mark>{LON_MARKS}|{LAT_MARKS})\s*[:=]?\s*", re.IGNORECASE)
_SUFFIX = re.compile(rf"\s*(?P<mark>{LON_MARKS}|{LAT_MARKS})", re.IGNORECASE)
_FORMS = (
    re.compile(rf"(?P<d>{_NUMBER})°?"),
    re.compile(rf"(?P<d>[0-9]{{1,3}})°\s*(?P<m>{_NUMBER})'?"),
    re.compile(rf"(?P<d>[0-9]{{1,3}})°\s*(?P<m>[0-9]{{1,2}})'\s*(?P<s>{_NUMBER})\"?"),
    re.compile(rf"(?P<d>[0-9]{{1,3}})(?P<sep>[:\-\s])\s*(?P<m>[0-9]{{1,2}})(?P=sep)\s*(?P<s>{_NUMBER})"),
    re.compile(rf"(?P<d>[0-9]{{1,3}})[:\s]\s*(?P<m>{_NUMBER})"),
)
_PACKED: dict[Packing, re.Pattern[str]] = {
    "DDDMMSS": re.compile(r"(?P<d>[0-9]{1,3})(?P<m>[0-9][0-9])(?P<s>[0-9][0-9](?:\.[0-9]*)?)"),
    "D.MMSS": re.compile(r"(?P<d>[0-9]{1,3})\.(?P<m>[0-9][0-9])(?P<s>[0-9][0-9])(?P<f>[0-9]*)"),
}
_SYMBOLS = str.maketrans(
    {
        **dict.fromkeys("°º˚", "°"),
        **dict.fromkeys("′’‘ʹ＇`´", "'"),
        **dict.fromkeys("″”“ʺ＂", '"'),
        **dict.fromkeys("−–—－", "-"),
        "。": ".",
    }
)
# Only after a digit: 百度 is a map, not a unit.
_UNITS = {re.compile(rf"(?<=[0-9.]) *{word}"): sign for word, sign in zip("度分秒", "°'\"", strict=True)}


def normalise(text: str) -> str:
    """Text with full-width digits and punctuation, degree, minute and second signs brought to one form."""
    text = unicodedata.normalize("NFKC", text.translate(_SYMBOLS)).replace("''", '"')
    text = text.replace("经度", "经").replace("纬度", "纬")
    for word, sign in _UNITS.items():
        text = word.sub(sign, text)
    return re.sub(r"\s+", " ", text).strip()


def parse_angle(text: str, axis: Axis | None = None, packed: Packing | None = None) -> Angle:
    """Read one angle; UserError says what is wrong with it.

    `axis`: what the text must be, checked against its marks and the axis's range (without it, ±180).
    `packed`: read plain digits as DDDMMSS.s or D.MMSSs.
    """
    try:
        return _angle(text, axis, packed)
    except _UnreadableError as error:
        raise UserError(
            f"'{text[:60]}' {error.fault.en}: write for instance 114.3, 114°18′00.5″ or 东经114度18分0.5秒."
        ) from None


def parse_degrees(
    values: Any, axis: Axis | None = None, packed: Packing | None = None
) -> tuple[Floats, NDArray[np.object_]]:
    """Read a column of angles: decimal degrees (NaN where unreadable), and a Fault or None for each value.

    Numbers and decimal text are read vectorised; only the rest is parsed one by one.
    """
    column = pd.Series(values).reset_index(drop=True)
    empty = column.isna().to_numpy(dtype=bool)
    if not pd.api.types.is_numeric_dtype(column):
        empty = empty | (column.astype(str).str.strip() == "").to_numpy(dtype=bool)
    degrees = np.full(len(column), np.nan)
    if packed is None:
        numbers = pd.Series(pd.to_numeric(column, errors="coerce"))
        degrees = numbers.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    faults = np.full(len(column), None, dtype=object)
    faults[empty] = Fault.EMPTY
    for row in np.flatnonzero(np.isnan(degrees) & ~empty):
        try:
            degrees[row] = _angle(str(column.iat[row]), axis, packed).degrees
        except _UnreadableError as error:
            faults[row] = error.fault
    with np.errstate(invalid="ignore"):
        beyond = np.abs(degrees) > LIMIT[axis or "lon"]
    faults[beyond] = Fault.OUT_OF_RANGE
    degrees[beyond] = np.nan
    return degrees, faults


def format_dms(lon: float, lat: float, decimals: int = 2, language: Literal["zh", "en"] = "zh") -> str:
    """Degrees as 东经114°18′00.50″ 北纬30°35′43.86″ (or 114°18′00.50″E 30°35′43.86″N), longitude first."""
    east, north = _dms(lon, decimals), _dms(lat, decimals)
    if language == "zh":
        return f"{'西经' if lon < 0 else '东经'}{east} {'南纬' if lat < 0 else '北纬'}{north}"
    return f"{east}{'W' if lon < 0 else 'E'} {north}{'S' if lat < 0 else 'N'}"


def _dms(degrees: float, decimals: int) -> str:
    if not math.isfinite(degrees):
        raise UserError(f"{degrees} is no angle that could be written in degrees, minutes and seconds.")
    unit = 10**decimals
    # Whole units of the last decimal, so that 59.9996″ carries into the minute and is never written 60.00″.
    whole, rest = divmod(round(abs(degrees) * 3600 * unit), 3600 * unit)
    minutes, rest = divmod(rest, 60 * unit)
    width = decimals + 3 if decimals else 2
    return f"{whole}°{minutes:02d}′{rest / unit:0{width}.{decimals}f}″"


def _angle(text: str, axis: Axis | None, packed: Packing | None) -> Angle:
    body = normalise(text)
    if not body:
        raise _UnreadableError(Fault.EMPTY)
    if len(body) > 60:
        raise _UnreadableError(Fault.NOT_AN_ANGLE)
    marks, body = _take_marks(body)
    minus = body.startswith("-")
    degrees = _magnitude(body[1:].lstrip() if body[:1] in ("+", "-") else body, packed)
    named = _axis_of(marks)
    if axis and named and named != axis:
        raise _UnreadableError(Fault.WRONG_AXIS)
    opposite = any(mark in _NEGATIVE for mark in marks)
    if minus and opposite:
        raise _UnreadableError(Fault.CONTRADICTORY)
    if degrees > LIMIT[axis or named or "lon"]:
        raise _UnreadableError(Fault.OUT_OF_RANGE)
    return Angle(-degrees if minus or opposite else degrees, axis or named)


def _take_marks(body: str) -> tuple[list[str], str]:
    """The hemisphere and axis words round a number, upper case, and what is left between them."""
    marks = []
    while match := _PREFIX.match(body):
        marks.append(match["mark"].upper())
        body = body[match.end() :]
    while (match := _SUFFIX.search(body)) and match.end() == len(body):
        marks.append(match["mark"].upper())
        body = body[: match.start()]
    return marks, body


def _axis_of(marks: list[str]) -> Axis | None:
    axes: set[Axis] = {"lon" if mark in LON_MARKS.split("|") else "lat" for mark in marks}
    if len(axes) > 1:
        raise _UnreadableError(Fault.WRONG_AXIS)
    return axes.pop() if axes else None


def _magnitude(body: str, packed: Packing | None) -> float:
    forms = (_PACKED[packed], *_FORMS[1:]) if packed else _FORMS
    match = next((found for form in forms if (found := form.fullmatch(body))), None)
    if match is None:
        raise _UnreadableError(Fault.NOT_AN_ANGLE)
    part = match.groupdict()
    seconds = float((part.get("s") or "0") + (f".{part['f']}" if part.get("f") else ""))
    minutes = float(part.get("m") or 0)
    if minutes >= 60 or seconds >= 60:
        raise _UnreadableError(Fault.SIXTY)
    return float(part["d"]) + minutes / 60 + seconds / 3600
