"""Guessing the frame of bare numbers from their size, for positions in China.

Size tells degrees, Gauss–Kruger planes and Web Mercator apart, and which of two columns is which. It cannot
tell CGCS2000, WGS 84, GCJ-02 and BD-09 apart: those differ by a few hundred metres at most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geodata.coordinates.gauss_kruger import FALSE_EASTING, ZONES, Zone
from geodata.coordinates.gcj02 import Floats

FormOfNumbers: TypeAlias = Literal["degrees", "zone", "no_zone", "web_mercator"]

LON_RANGE = (72.0, 138.0)
LAT_RANGE = (0.8, 56.0)
NORTHING_RANGE = (80_000.0, 6_210_000.0)
_MERCATOR_X_RANGE = (8_015_000.0, 15_363_000.0)
_MERCATOR_Y_RANGE = (89_000.0, 7_558_000.0)
_HALF_WIDTH = {3: 250_000.0, 6: 400_000.0}
"""Metres either side of the central meridian: half a zone at 0.8° north and an overlap into the next."""


@dataclass(frozen=True)
class Candidate:
    """One reading of a set of coordinate pairs, and the share of the pairs it fits (0–1).

    `frame` is a name for `Frame.parse`, or None where the numbers do not say the central meridian.
    `swapped`: the first column is y (latitude, northing).
    """

    form: FormOfNumbers
    frame: str | None
    swapped: bool
    share: float
    reason_zh: str
    reason_en: str


def detect_by_magnitude(x: ArrayLike, y: ArrayLike, least_share: float = 0.5) -> list[Candidate]:
    """All readings that fit at least `least_share` of the pairs, best first; empty when none does.

    Pairs with NaN are left out of account. Several readings may fit at once: 13–15 million with 2–6 million
    is Web Mercator or a 6-degree zone 13–15; two numbers of six digits do not say which is the easting.
    """
    first = np.atleast_1d(np.asarray(x, dtype=np.float64)).ravel()
    second = np.atleast_1d(np.asarray(y, dtype=np.float64)).ravel()
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if not first.size:
        return []
    found = [
        candidate
        for swapped, (east, north) in ((False, (first, second)), (True, (second, first)))
        for candidate in _readings(east, north, swapped)
        if candidate.share >= least_share
    ]
    return sorted(found, key=lambda candidate: -candidate.share)


def _readings(east: Floats, north: Floats, swapped: bool) -> Iterator[Candidate]:
    zh, en = ("（纵坐标或纬度在前）", ", latitude or northing first") if swapped else ("", "")
    yield Candidate(
        "degrees",
        "CGCS2000",
        swapped,
        _share(_within(east, LON_RANGE) & _within(north, LAT_RANGE)),
        f"数值在我国经纬度范围内{zh}；无法区分 CGCS2000、WGS84、GCJ-02 与 BD-09",
        f"within China's longitudes and latitudes{en}; CGCS2000, WGS84, GCJ-02 and BD-09 look alike",
    )
    plausible_north = _within(north, NORTHING_RANGE)
    half = _HALF_WIDTH[6]
    yield Candidate(
        "no_zone",
        None,
        swapped,
        _share(plausible_north & _within(east, (FALSE_EASTING - half, FALSE_EASTING + half))),
        f"六位横坐标，不带带号{zh}；中央经线须另行说明（武汉为 EPSG:4547）",
        f"six-digit easting without zone number{en}; the central meridian must be stated",
    )
    yield from _zone_readings(east, plausible_north, swapped)
    yield Candidate(
        "web_mercator",
        "EPSG:3857",
        swapped,
        _share(_within(east, _MERCATOR_X_RANGE) & _within(north, _MERCATOR_Y_RANGE)),
        f"数值在我国 Web 墨卡托范围内{zh}",
        f"within China's extent in Web Mercator{en}",
    )


def _zone_readings(east: Floats, plausible_north: NDArray[np.bool_], swapped: bool) -> Iterator[Candidate]:
    zh, en = ("（纵坐标在前）", ", northing first") if swapped else ("", "")
    numbers, offsets = np.divmod(east, 1_000_000.0)
    for width, zones in ZONES.items():
        fits = plausible_north & (np.abs(offsets - FALSE_EASTING) <= _HALF_WIDTH[width])
        for number in np.unique(numbers[fits]):
            if number not in zones:
                continue
            zone = Zone(width, int(number), numbered=True)
            yield Candidate(
                "zone",
                f"EPSG:{zone.epsg}",
                swapped,
                _share(fits & (numbers == number)),
                f"八位横坐标以 {zone.number} 开头，为 {width} 度带第 {zone.number} 带，"
                f"中央经线 {zone.central_meridian:g}°{zh}",
                f"eight-digit easting starting with {zone.number}: {width}-degree zone {zone.number}, "
                f"central meridian {zone.central_meridian:g}° E{en}",
            )


def _within(values: Floats, limits: tuple[float, float]) -> NDArray[np.bool_]:
    return (values >= limits[0]) & (values <= limits[1])


def _share(fits: NDArray[np.bool_]) -> float:
    return float(np.mean(fits))
