"""In which frames coordinate pairs could be, each with a way to bring them to degrees of CGCS2000."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import shapely
from pyproj import CRS, Transformer

from etl.packed_angle import packing_of, unpack
from geodata.coordinates import BD09, CGCS2000, GCJ02, WGS84, Frame, convert, detect_by_magnitude
from geodata.coordinates.degrees import Packing
from geodata.coordinates.frame import OLD_CHINESE_DATUMS
from geodata.coordinates.gauss_kruger import ZONES, Zone, ZoneWidth
from geodata.coordinates.gcj02 import Floats
from geodata.errors import UserError

HINTS = Path(__file__).with_name("frame_hints.toml")
UNKNOWN = "unknown"
Origin: TypeAlias = Literal["file", "format", "words"]

_UNSTATED = {"CGCS2000": 0.52, "GCJ-02": 0.28, "BD-09": 0.16}
_BESIDE_STATED = {"GCJ-02": 0.07, "BD-09": 0.04, "CGCS2000": 0.04, "WGS84": 0.04}
"""Judgement, not counted: how often files are in another frame than they state."""
_UTM_IN_CHINA = range(43, 54)
_NEAR_DISTRICT = 0.25
"""Degrees around the district in which its departments' files may still lie."""


@dataclass(frozen=True)
class Statement:
    """What file, format or words say; ``frame`` is a frame's name, an old datum, or ``local``."""

    frame: str
    origin: Origin
    words: str
    weight: float
    crs: CRS | None = None


@dataclass(frozen=True)
class Hypothesis:
    """A frame the coordinates may be in.

    ``frame`` is what a job states; ``shift`` names an offset frame whose degrees were projected (a job cannot
    state that); ``old_datum`` frames are placed without their unknown datum shift.
    """

    frame: str
    prior: float
    swapped: bool = False
    packed: Packing | None = None
    shift: str | None = None
    old_datum: bool = False
    note_zh: str = ""
    note_en: str = ""

    @property
    def label(self) -> str:
        return f"{self.shift} → {self.frame}" if self.shift else self.frame

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """(n,) degrees of CGCS2000, NaN where a pair cannot be of this frame."""
        if self.swapped:
            x, y = y, x
        if self.packed:
            x, y = unpack(x, self.packed), unpack(y, self.packed)
        if self.old_datum:
            return _without_datum_shift(self.frame, x, y)
        lon, lat = convert(x, y, self.frame, CGCS2000)
        return convert(lon, lat, self.shift, CGCS2000) if self.shift else (lon, lat)


def statement_of_words(*words: str) -> Statement | None:
    """What names and titles say of the frame."""
    for text in words:
        for pattern, frame, weight in _hints():
            if found := pattern.search(text):
                return Statement(frame, "words", found.group(), weight)
    return None


def statement_of_crs(crs: CRS, origin: Origin = "file", weight: float = 0.9) -> Statement | None:
    """What a file's own coordinate reference system says; None where it says nothing usable."""
    try:
        frame = Frame.of_crs(crs)
        old = frame.datum in OLD_CHINESE_DATUMS
    except UserError:
        return None
    return Statement(_code_of(crs, frame), origin, crs.name, weight if not old else 0.95, frame.crs)


def hypotheses(
    x: Floats, y: Floats, stated: Statement | None, near: shapely.Geometry | None, home: str
) -> list[Hypothesis]:
    """All readings of the pairs worth weighing; empty where the numbers are of no frame known.

    Args:
        near: the district in degrees, where one is loaded.
        home: the district's projected frame, for bare metres where no district is loaded.
    """
    found = list(_readings(x, y, stated, near, home))
    if not found and stated is not None and stated.crs is not None:
        found = [Hypothesis(stated.frame, 0.9, old_datum=_is_old(stated.frame))]
    if not found and near is not None:
        # Elsewhere in China the numbers must say where: bare metres do not.
        found = [one for one in _readings(x, y, stated, None, home) if one.note_zh and not one.shift]
    total = sum(one.prior for one in found)
    known = 0.5 if stated is not None and stated.frame == "local" else 0.97
    return [replace(one, prior=one.prior / total * known) for one in found]


def _readings(
    x: Floats, y: Floats, stated: Statement | None, near: shapely.Geometry | None, home: str
) -> Iterator[Hypothesis]:
    forms = [one for one in detect_by_magnitude(x, y, 0.6) if one.form != "zone" or one.share > 0.6]
    degrees = next((one for one in forms if one.form == "degrees"), None)
    if degrees is None and packing_of(x, y) == "DDDMMSS":
        yield from _datums(stated, swapped=False, packed="DDDMMSS")
    elif degrees is None and packing_of(y, x) == "DDDMMSS":
        yield from _datums(stated, swapped=True, packed="DDDMMSS")
    elif degrees is not None:
        a, b = (y, x) if degrees.swapped else (x, y)
        packed = packing_of(a, b)
        yield from _datums(stated, degrees.swapped, packed)
    elif _are_degrees(x, y):
        yield _abroad(y, stated)
    else:
        yield from _planes(x, y, stated, near, home)


def _datums(stated: Statement | None, swapped: bool, packed: Packing | None) -> Iterator[Hypothesis]:
    """Degrees in China: true ones, GCJ-02 or BD-09."""
    said = stated.frame if stated else None
    if stated is not None and stated.crs is not None and not stated.crs.is_geographic:
        said = None
    if stated is not None and said in ("CGCS2000", "WGS84", "GCJ-02", "BD-09"):
        priors = {name: share * (1 - stated.weight) / 0.15 for name, share in _BESIDE_STATED.items()}
        priors[said] = stated.weight
        for twin, name in (("CGCS2000", "WGS84"), ("WGS84", "CGCS2000")):
            if said == name:
                del priors[twin]
        if said in ("GCJ-02", "BD-09"):
            del priors["WGS84"]
    elif stated is not None and stated.crs is not None and stated.crs.is_geographic:
        yield Hypothesis(stated.frame, stated.weight, swapped, packed, old_datum=_is_old(stated.frame))
        priors = {"CGCS2000": 0.05, "GCJ-02": 0.03, "BD-09": 0.02}
    else:
        priors = _UNSTATED
    for name, prior in priors.items():
        yield Hypothesis(name, prior, swapped, packed)


def _abroad(y: Floats, stated: Statement | None) -> Hypothesis:
    swapped = bool(np.nanmax(np.abs(y)) > 90)
    frame = stated.frame if stated and stated.crs is not None and stated.crs.is_geographic else "WGS84"
    return Hypothesis(frame, 0.8, swapped, old_datum=_is_old(frame))


def _planes(
    x: Floats, y: Floats, stated: Statement | None, near: shapely.Geometry | None, home: str
) -> Iterator[Hypothesis]:
    """Metres: the stated plane, zones by their number, central meridians that lead to the district."""
    plane_stated = stated is not None and stated.crs is not None and stated.crs.is_projected
    seen: set[tuple[str, bool]] = set()
    if stated is not None and plane_stated:
        for swapped in (False, True):
            one = Hypothesis(stated.frame, stated.weight, swapped, old_datum=_is_old(stated.frame))
            if _lands(one, x, y, near):
                seen.add((one.frame, swapped))
                yield one
                if stated.frame == "EPSG:3857" or one.old_datum:
                    break
    old = stated.frame if stated is not None and stated.frame in OLD_CHINESE_DATUMS else None
    for one in _unstated_planes(x, y, near, home):
        if (one.frame, one.swapped) in seen:
            continue
        if old is not None and (epsg := _old_plane(old, one.frame)):
            yield Hypothesis(epsg, 0.9, one.swapped, old_datum=True)
        weight = 0.06 if seen else 1.0
        yield replace(one, prior=one.prior * weight)
        if not seen and one.prior > 0.3:
            yield replace(one, prior=0.04 * one.prior, shift="GCJ-02")
    for frame, swapped in seen:
        if not _is_old(frame):
            for shift, prior in (("GCJ-02", 0.03), ("BD-09", 0.015)):
                yield Hypothesis(frame, prior, swapped, shift=shift)


def _unstated_planes(x: Floats, y: Floats, near: shapely.Geometry | None, home: str) -> Iterator[Hypothesis]:
    for one in detect_by_magnitude(x, y, 0.6):
        if one.form in ("zone", "web_mercator") and one.frame:
            candidate = Hypothesis(one.frame, 0.9, one.swapped, note_zh=one.reason_zh, note_en=one.reason_en)
            if _lands(candidate, x, y, near):
                yield candidate
        elif one.form == "no_zone":
            yield from _central_meridians(x, y, one.swapped, near, home)


def _central_meridians(
    x: Floats, y: Floats, swapped: bool, near: shapely.Geometry | None, home: str
) -> Iterator[Hypothesis]:
    if near is None:
        one = Hypothesis(home, 0.5, swapped)
        if np.isfinite(one.place(x, y)[0]).any():
            yield one
            for shifted in (-1, 1):
                yield Hypothesis(f"EPSG:{int(home.removeprefix('EPSG:')) + shifted}", 0.15, swapped)
        return
    widths: tuple[tuple[ZoneWidth, float], ...] = ((3, 0.9), (6, 0.3))
    for width, prior in widths:
        for number in ZONES[width]:
            zone = Zone(width, number, numbered=False)
            if width == 6 and zone.central_meridian % 3 == 0 and _also_of_three(zone):
                continue
            candidate = Hypothesis(f"EPSG:{zone.epsg}", prior, swapped)
            if _lands(candidate, x, y, near):
                yield candidate
    for number in _UTM_IN_CHINA:
        candidate = Hypothesis(f"EPSG:{32600 + number}", 0.1, swapped)
        if _lands(candidate, x, y, near):
            yield candidate


def _also_of_three(zone: Zone) -> bool:
    """A 6-degree plane without zone number is the 3-degree plane of the same meridian, only wider."""
    return any(
        Zone(3, number, numbered=False).central_meridian == zone.central_meridian for number in ZONES[3]
    )


def _lands(one: Hypothesis, x: Floats, y: Floats, near: shapely.Geometry | None) -> bool:
    """Most pairs come to lie about the district, or in China where none is loaded."""
    try:
        lon, lat = one.place(x, y)
    except UserError:
        return False
    if near is None:
        return bool(np.mean((lon > 72) & (lon < 138) & (lat > 0.8) & (lat < 56)) >= 0.6)
    west, south, east, north = shapely.bounds(near)
    reach = _NEAR_DISTRICT
    inside = (lon > west - reach) & (lon < east + reach) & (lat > south - reach) & (lat < north + reach)
    return bool(np.mean(inside) >= 0.6)


def _are_degrees(x: Floats, y: Floats) -> bool:
    big, small = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return bool(np.all(big <= 180) and np.all(small <= 90))


def _without_datum_shift(frame: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Degrees of the frame's own old datum, up to some 100 m from CGCS2000; for weighing only."""
    crs = CRS.from_user_input(frame)
    if crs.is_geographic:
        return x, y
    lon, lat = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    lost = ~(np.isfinite(lon) & np.isfinite(lat))
    return np.where(lost, np.nan, lon), np.where(lost, np.nan, lat)


def _is_old(frame: str) -> bool:
    try:
        return Frame.parse(frame).datum in OLD_CHINESE_DATUMS
    except UserError:
        return False


def _code_of(crs: CRS, frame: Frame) -> str:
    if frame in (CGCS2000, WGS84, GCJ02, BD09) or frame.name.startswith("EPSG:"):
        return frame.name
    code = crs.to_epsg(min_confidence=20)
    return f"EPSG:{code}" if code else frame.name


def _old_plane(datum: str, modern: str) -> str | None:
    """The old datum's plane with the same central meridian and false easting; None where PROJ has none."""
    new = Frame.parse(modern).crs
    first, last = {"Xian 1980": (2327, 2390), "Beijing 1954": (2401, 2442)}.get(datum, (1, 0))
    for code in range(first, last + 1):
        old = Frame.parse(f"EPSG:{code}").crs
        if _grid(old) == _grid(new):
            return f"EPSG:{code}"
    return None


@cache
def _grid_of(wkt: str) -> tuple[float, ...]:
    operation = CRS.from_wkt(wkt).coordinate_operation
    return tuple(float(one.value) for one in operation.params) if operation else ()


def _grid(crs: CRS) -> tuple[float, ...]:
    return _grid_of(crs.to_wkt())


@cache
def _hints() -> list[tuple[re.Pattern[str], str, float]]:
    with HINTS.open("rb") as file:
        entries = tomllib.load(file)["hint"]
    return [(re.compile(one["pattern"], re.IGNORECASE), one["frame"], one["weight"]) for one in entries]
