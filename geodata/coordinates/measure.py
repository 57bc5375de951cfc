"""Length, area and bearing on the CGCS2000 ellipsoid, for shapely geometries in degrees (EPSG:4490).

Measured along geodesics, so nothing depends on a projection or its zone.
"""

from collections.abc import Collection
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import ArrayLike
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geodata.coordinates.gcj02 import Floats
from geodata.coordinates.local_frame import CGCS2000_INVERSE_FLATTENING, CGCS2000_SEMI_MAJOR_AXIS

METRES_PER_DEGREE = 111_320.0
"""Of latitude, for reaches and buffers that need not be exact."""

Geometries: TypeAlias = BaseGeometry | Collection[BaseGeometry | None]

CGCS2000_ELLIPSOID = Geod(a=CGCS2000_SEMI_MAJOR_AXIS, rf=CGCS2000_INVERSE_FLATTENING)


def geodesic_length(geometries: Geometries) -> Floats:
    """Length of each geometry in metres: polygons along all their rings, points 0, None NaN."""
    shapes = np.atleast_1d(np.asarray(geometries, dtype=object))
    lengths = np.where(shapely.is_missing(shapes), np.nan, 0.0)
    for lines, owner in (_lines(shapes), _rings(shapes)):
        points, line = shapely.get_coordinates(lines, return_index=True)
        same = line[1:] == line[:-1]
        start, end = points[:-1][same], points[1:][same]
        metres = CGCS2000_ELLIPSOID.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2]
        np.add.at(lengths, owner[line[1:][same]], metres)
    return lengths


def geodesic_area(geometries: Geometries) -> Floats:
    """Area of each geometry in square metres, holes taken off; 0 for points and lines, NaN for None."""
    shapes = np.atleast_1d(np.asarray(geometries, dtype=object))
    areas = np.where(shapely.is_missing(shapes), np.nan, 0.0)
    polygons, owner = _polygons(shapes)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    outer = np.r_[True, polygon[1:] != polygon[:-1]] if len(polygon) else np.empty(0, dtype=bool)
    for ring, index, is_outer in zip(rings, owner[polygon], outer, strict=True):
        lon, lat = shapely.get_coordinates(ring).T
        square_metres = abs(CGCS2000_ELLIPSOID.polygon_area_perimeter(lon, lat)[0])
        areas[index] += square_metres if is_outer else -square_metres
    return areas


def geodesic_distance(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Floats:
    """Distance in metres between points in degrees."""
    ends = np.broadcast_arrays(lon1, lat1, lon2, lat2)
    return np.asarray(CGCS2000_ELLIPSOID.inv(ends[0], ends[1], ends[2], ends[3])[2])


def bearing(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Floats:
    """Direction from the first to the second point in degrees clockwise from north, 0 up to 360."""
    ends = np.broadcast_arrays(lon1, lat1, lon2, lat2)
    return np.mod(np.asarray(CGCS2000_ELLIPSOID.inv(ends[0], ends[1], ends[2], ends[3])[0]), 360.0)


def _simple_parts(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All single geometries inside collections of any depth, with the index of the shape they belong to."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    while np.any(shapely.get_type_id(parts) > shapely.GeometryType.POLYGON):
        parts, nested = shapely.get_parts(parts, return_index=True)
        owner = owner[nested]
    return parts, owner


def _polygons(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts, owner = _simple_parts(shapes)
    kept = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return parts[kept], owner[kept]


def _rings(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    polygons, owner = _polygons(shapes)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    return rings, owner[polygon]


def _lines(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts, owner = _simple_parts(shapes)
    kept = np.isin(
        shapely.get_type_id(parts), (shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING)
    )
    return parts[kept], owner[kept]
