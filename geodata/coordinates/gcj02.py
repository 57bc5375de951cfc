"""The offset frames of Chinese web maps: GCJ-02 (AMap, Tencent) and BD-09 (Baidu).

The formulae are the published reconstructions of an unpublished transformation: they agree with the online
services to about 0.8 m, so results are metre-level and fit for display and address matching, not for survey.
The inverses here are iterated until they close to well below 1 mm against the forward formula.

All functions take and return degrees, longitude first, scalars or arrays; NaN stays NaN.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

SEMI_MAJOR_AXIS = 6378245.0
ECCENTRICITY_SQUARED = 0.00669342162296594323
WEST, SOUTH, EAST, NORTH = 72.004, 0.8293, 137.8347, 55.8271

BD09_ANGLE = math.pi * 3000.0 / 180.0
BD09_EAST, BD09_NORTH = 0.0065, 0.006

_CLOSE_ENOUGH = 1e-10
_MOST_ROUNDS = 30
_BLOCK = 16_384


def is_inside_offset_box(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Whether points lie in the box outside which the published formula adds no offset.

    The box (72.004–137.8347° E, 0.8293–55.8271° N) is crude: it covers neighbouring countries as well.
    """
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    return (lon >= WEST) & (lon <= EAST) & (lat >= SOUTH) & (lat <= NORTH)


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike, *, everywhere: bool = False) -> tuple[Floats, Floats]:
    """Degrees in WGS 84 (or CGCS2000, the same at metre level) to degrees in GCJ-02.

    Points outside the box of `is_inside_offset_box` come back unchanged, as the map services do it;
    `everywhere=True` applies the formula to all points.
    """
    return _in_blocks(lambda x, y: _forward(x, y, everywhere), lon, lat)


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike, *, everywhere: bool = False) -> tuple[Floats, Floats]:
    """Degrees in GCJ-02 to degrees in WGS 84, closing to less than 1 mm against `wgs84_to_gcj02`.

    A point whose origin lies outside the box comes back unchanged, unless `everywhere`. Where the formula
    has no inverse (near the poles, far from China) the result is NaN.
    """

    def inverse(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        origin = _fixed_point(_add_offset, x, y, x, y)
        if everywhere:
            return origin
        inside = is_inside_offset_box(*origin)
        return np.where(inside, origin[0], x), np.where(inside, origin[1], y)

    return _in_blocks(inverse, lon, lat)


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Degrees in GCJ-02 to degrees in BD-09. The published formula knows no box: it is applied everywhere."""
    return _in_blocks(_add_bd09_offset, lon, lat)


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Degrees in BD-09 to degrees in GCJ-02, closing to less than 1 mm against `gcj02_to_bd09`.

    The closed form in circulation misses by up to 0.22 m; it is only the start of the iteration here.
    """

    def inverse(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        start = _rotate_and_stretch(x - BD09_EAST, y - BD09_NORTH, sign=-1.0)
        return _fixed_point(_add_bd09_offset, x, y, *start)

    return _in_blocks(inverse, lon, lat)


def _forward(lon: Floats, lat: Floats, everywhere: bool) -> tuple[Floats, Floats]:
    shifted = _add_offset(lon, lat)
    if everywhere:
        return shifted
    inside = is_inside_offset_box(lon, lat)
    return np.where(inside, shifted[0], lon), np.where(inside, shifted[1], lat)


def _add_offset(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105.0, lat - 35.0
    px, py = x * math.pi, y * math.pi
    xy, root = 0.1 * x * y, np.sqrt(np.abs(x))
    shared = 20.0 * np.sin(6.0 * px) + 20.0 * np.sin(2.0 * px)
    north = (
        (-100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + xy + 0.2 * root)
        + (shared + 20.0 * np.sin(py) + 40.0 * np.sin(py / 3.0)) * (2.0 / 3.0)
        + (160.0 * np.sin(py / 12.0) + 320.0 * np.sin(py / 30.0)) * (2.0 / 3.0)
    )
    east = (
        (300.0 + x + 2.0 * y + 0.1 * x * x + xy + 0.1 * root)
        + (shared + 20.0 * np.sin(px) + 40.0 * np.sin(px / 3.0)) * (2.0 / 3.0)
        + (150.0 * np.sin(px / 12.0) + 300.0 * np.sin(px / 30.0)) * (2.0 / 3.0)
    )
    phi = np.radians(lat)
    m = 1.0 - ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    root_m = np.sqrt(m)
    meridian_radius = SEMI_MAJOR_AXIS * (1.0 - ECCENTRICITY_SQUARED) / (m * root_m)
    parallel_radius = SEMI_MAJOR_AXIS / root_m * np.cos(phi)
    return lon + np.degrees(east / parallel_radius), lat + np.degrees(north / meridian_radius)


def _add_bd09_offset(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = _rotate_and_stretch(lon, lat, sign=1.0)
    return x + BD09_EAST, y + BD09_NORTH


def _rotate_and_stretch(x: Floats, y: Floats, sign: float) -> tuple[Floats, Floats]:
    radius = np.hypot(x, y) + sign * 0.00002 * np.sin(y * BD09_ANGLE)
    angle = np.arctan2(y, x) + sign * 0.000003 * np.cos(x * BD09_ANGLE)
    return radius * np.cos(angle), radius * np.sin(angle)


_Mapping: TypeAlias = Callable[[Floats, Floats], tuple[Floats, Floats]]


def _fixed_point(
    forward: _Mapping, x: Floats, y: Floats, start_x: Floats, start_y: Floats
) -> tuple[Floats, Floats]:
    """Solve forward(w) = (x, y) for w by w ← w − (forward(w) − (x, y)); NaN where that does not settle.

    Each round leaves less than 3 % of the error of the one before over China, so a last step below
    1e-10 degrees (0.01 mm) means an error far below that.
    """
    wx, wy = start_x.copy(), start_y.copy()
    step = np.full(x.shape, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(_MOST_ROUNDS):
            fx, fy = forward(wx, wy)
            dx, dy = fx - x, fy - y
            wx -= dx
            wy -= dy
            step = np.maximum(np.abs(dx), np.abs(dy))
            if not np.any(step > _CLOSE_ENOUGH):
                break
    settled = step <= _CLOSE_ENOUGH
    return np.where(settled, wx, np.nan), np.where(settled, wy, np.nan)


def _in_blocks(mapping: _Mapping, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Apply `mapping` block by block: temporaries that stay in the processor's cache double the speed."""
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    flat_lon, flat_lat = lon.ravel(), lat.ravel()
    out_lon, out_lat = np.empty(flat_lon.size), np.empty(flat_lat.size)
    with np.errstate(invalid="ignore"):
        for start in range(0, flat_lon.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            out_lon[part], out_lat[part] = mapping(flat_lon[part], flat_lat[part])
    return out_lon.reshape(lon.shape), out_lat.reshape(lat.shape)
