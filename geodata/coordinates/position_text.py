"""A position as someone types it into a search box: degrees in either order, or metres of a plane."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geodata.coordinates.conversion import convert
from geodata.coordinates.degrees import LAT_MARKS, LON_MARKS, Angle, normalise, parse_angle
from geodata.coordinates.detection import LAT_RANGE, LON_RANGE, detect_by_magnitude
from geodata.coordinates.frame import BD09, CGCS2000, GCJ02, WEB_MERCATOR, WGS84, Frame
from geodata.coordinates.gauss_kruger import Zone, zone_of_epsg
from geodata.errors import UserError

_LONGEST = 160
_PREFIXES = (
    (re.compile(r"(?:CGCS ?-?2000|国家2000|2000国家大地坐标系?|北斗)", re.IGNORECASE), CGCS2000),
    (re.compile(r"(?:WGS ?-?(?:19)?84|GPS)", re.IGNORECASE), WGS84),
    (re.compile(r"(?:GCJ ?-?02|高德|腾讯|火星)", re.IGNORECASE), GCJ02),
    (re.compile(r"(?:BD ?-?09|百度)", re.IGNORECASE), BD09),
    (re.compile(r"(?:web ?mercator|web ?墨卡托)", re.IGNORECASE), WEB_MERCATOR),
)
_EPSG_PREFIX = re.compile(r"EPSG ?:? ?([0-9]{4,5})", re.IGNORECASE)
_AFTER_PREFIX = re.compile(r"(?:地图)?(?:坐标系?)?[\s:,;]*")
_BRACKETS = re.compile(r"(?:POINT ?)?[(\[{【](.*)[)\]}】]", re.IGNORECASE)
_METRES = re.compile(r"[+-]?[0-9]{5,8}(?:\.[0-9]*)?")
_LABEL = re.compile(r"(?:横坐标|纵坐标|东坐标|北坐标|[XYEN]) ?[:=]? ?|米|m\b", re.IGNORECASE)
_MARK = re.compile(f"{LON_MARKS}|{LAT_MARKS}", re.IGNORECASE)
_AXIS_WORDS = (
    (re.compile(r"\b(?:longitude|long|lng|lon)\b", re.IGNORECASE), "经"),
    (re.compile(r"\b(?:latitude|lat)\b", re.IGNORECASE), "纬"),
)


@dataclass(frozen=True)
class Position:
    """A position read from text: CGCS2000 degrees, the frame it was taken to be in, and that in words."""

    lon: float
    lat: float
    frame: Frame
    read_as_zh: str
    read_as_en: str


def parse_position(text: str, district_frame: str = "EPSG:4547") -> Position | None:
    """Read a pair of coordinates, or None where the text is none.

    Degrees without a frame's name are taken as CGCS2000; 'GCJ-02 …', '高德 …', '百度 …', 'EPSG:4526 …' before
    them say otherwise. Marks (经纬, E, N) decide which comes first, else the size of the numbers; unmarked
    pairs must lie in China. Metres without zone number are taken to be in `district_frame`'s zone.
    """
    if not 3 <= len(text) <= _LONGEST:
        return None
    frame, body = _take_frame(normalise(text))
    if bracketed := _BRACKETS.fullmatch(body):
        body = bracketed[1].strip()
    return _metres(body, frame, district_frame) or _degrees(body, frame)


def _take_frame(body: str) -> tuple[Frame | None, str]:
    for pattern, frame in _PREFIXES:
        if match := pattern.match(body):
            return frame, body[_end_of_prefix(body, match) :]
    if match := _EPSG_PREFIX.match(body):
        try:
            return Frame.parse(match[1]), body[_end_of_prefix(body, match) :]
        except UserError:
            return None, body
    return None, body


def _end_of_prefix(body: str, match: re.Match[str]) -> int:
    after = _AFTER_PREFIX.match(body, match.end())
    return after.end() if after else match.end()


def _degrees(body: str, frame: Frame | None) -> Position | None:
    frame = frame or CGCS2000
    if not frame.is_degrees:
        return None
    for first, second in _halves(body):
        try:
            pair = _longitude_first(parse_angle(first), parse_angle(second))
        except UserError:
            continue
        if pair:
            return _position(*pair, frame, frame.name, "经纬度", "degrees")
    return None


def _halves(body: str) -> Iterator[tuple[str, str]]:
    """Every way of cutting the text in two that its marks and separators suggest, surest first."""
    for word, mark in _AXIS_WORDS:
        body = word.sub(mark, body)
    parts = _cut_at_separator(body)
    if len(parts) == 2:
        yield parts[0], parts[1]
        return
    marks = list(_MARK.finditer(body))
    if len(marks) == 2:
        cut = marks[1].start() if marks[0].start() == 0 else marks[0].end()
        yield body[:cut], body[cut:]
    if body.count("°") == 2:
        second = re.search(r"[+-]?[0-9.]+ ?°", body[body.index("°") + 1 :])
        if second:
            cut = body.index("°") + 1 + second.start()
            yield body[:cut], body[cut:]
    words = body.split(" ")
    if len(words) in (2, 4, 6):
        half = len(words) // 2
        yield " ".join(words[:half]), " ".join(words[half:])


def _cut_at_separator(body: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;、/|]", body.strip(" ,;、"))]


def _longitude_first(first: Angle, second: Angle) -> tuple[float, float] | None:
    if first.axis and first.axis == second.axis:
        return None
    if first.axis or second.axis:
        swapped = first.axis == "lat" or second.axis == "lon"
        lon, lat = (second, first) if swapped else (first, second)
        return (lon.degrees, lat.degrees) if abs(lat.degrees) <= 90 else None
    for lon, lat in ((first.degrees, second.degrees), (second.degrees, first.degrees)):
        if LON_RANGE[0] <= lon <= LON_RANGE[1] and LAT_RANGE[0] <= lat <= LAT_RANGE[1]:
            return lon, lat
    return None


def _metres(body: str, frame: Frame | None, district_frame: str) -> Position | None:
    """Two numbers of five to eight digits. Their size, not their label, tells northing from easting.

    Surveyors' X is north, mapping software's x is east, so the labels X and Y decide nothing.
    """
    parts = [part for part in re.split(r"[,;、/| ]+", _LABEL.sub(" ", body)) if part]
    if len(parts) != 2 or not all(_METRES.fullmatch(part) for part in parts):
        return None
    first, second = map(float, parts)
    if frame is not None:
        return None if frame.is_degrees else _in_plane(first, second, frame)
    readings = []
    for candidate in detect_by_magnitude(first, second):
        if candidate.form != "degrees":
            code = candidate.frame or _without_zone_number(district_frame)
            x, y = (second, first) if candidate.swapped else (first, second)
            if position := _plane_position(x, y, Frame.parse(code)):
                readings.append(position)
    home = _home_meridian(district_frame)
    return min(readings, key=lambda position: abs(position.lon - home), default=None)


def _in_plane(first: float, second: float, frame: Frame) -> Position | None:
    positions = (_plane_position(first, second, frame), _plane_position(second, first, frame))
    return next((position for position in positions if position and _is_in_china(position)), None)


def _plane_position(x: float, y: float, frame: Frame) -> Position | None:
    zone = _zone(frame)
    if zone:
        number = f"第 {zone.number} 带，" if zone.numbered else ""
        kind_zh = f"{zone.width} 度带{number or ' '}中央经线 {zone.central_meridian:g}°"
        kind_en = f"{zone.width}-degree zone, central meridian {zone.central_meridian:g}° E"
    else:
        kind_zh, kind_en = "平面坐标", "plane metres"
    try:
        return _position(x, y, frame, frame.name, kind_zh, kind_en)
    except UserError:
        return None


def _position(x: float, y: float, frame: Frame, name: str, kind_zh: str, kind_en: str) -> Position | None:
    lon, lat = (float(value) for value in convert(x, y, frame, CGCS2000))
    if not (np.isfinite(lon) and np.isfinite(lat)):
        return None
    return Position(lon, lat, frame, f"{name} {kind_zh}", f"{name} {kind_en}")


def _is_in_china(position: Position) -> bool:
    return LON_RANGE[0] <= position.lon <= LON_RANGE[1] and LAT_RANGE[0] <= position.lat <= LAT_RANGE[1]


def _zone(frame: Frame) -> Zone | None:
    return zone_of_epsg(int(frame.name.removeprefix("EPSG:"))) if frame.name.startswith("EPSG:") else None


def _without_zone_number(district_frame: str) -> str:
    zone = _zone(Frame.parse(district_frame))
    return f"EPSG:{Zone(zone.width, zone.number).epsg}" if zone else district_frame


def _home_meridian(district_frame: str) -> float:
    zone = _zone(Frame.parse(district_frame))
    return zone.central_meridian if zone else sum(LON_RANGE) / 2
