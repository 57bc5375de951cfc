"""Polygons that tile a plane without gaps or overlaps: cut out of lines, and how they border each other.

Coordinates are metres of a projected frame, rounded to ``PRECISION``, so that two neighbours have exactly
the same vertices along their common border.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

PRECISION = 0.001
"""Metres: finer than any survey, coarse enough that intersections of lines fall on shared vertices."""

Geometries = NDArray[np.object_]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Borders:
    """Straight pieces of border between two polygons of a coverage, by their row numbers."""

    first: Integers
    second: Integers
    length: Floats
    middle: Floats


def noded_edges(lines: Geometries) -> Geometries:
    """All lines in one, cut wherever two meet; ``shapely.union_all`` with snap rounding."""
    return shapely.get_parts(shapely.line_merge(shapely.union_all(lines, grid_size=PRECISION)))


def faces_of(edges: Geometries) -> Geometries:
    """The polygons that noded edges enclose, in an order that depends on nothing but their place."""
    faces = shapely.get_parts(shapely.polygonize(edges))
    points = shapely.get_coordinates(shapely.point_on_surface(faces))
    return faces[np.lexsort((points[:, 1], points[:, 0]))] if len(faces) else faces


def junctions_of(edges: Geometries) -> Geometries:
    """Points where three or more edges meet or where one ends."""
    ends = np.concatenate([shapely.get_point(edges, 0), shapely.get_point(edges, -1)])
    places, times = np.unique(shapely.get_coordinates(ends), axis=0, return_counts=True)
    return np.asarray(shapely.points(places[times != 2]), dtype=object)


def borders_of(polygons: Geometries) -> Borders:
    """Every straight piece of border that two polygons share vertex for vertex."""
    rings, owner = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    owners = owner[ring[1:][same]]
    start, end = points[:-1][same], points[1:][same]
    swapped = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    keys = np.rint(np.where(swapped[:, None], np.hstack([end, start]), np.hstack([start, end])) / PRECISION)
    order = np.lexsort((owners, *keys.T))
    paired = np.flatnonzero((keys[order][1:] == keys[order][:-1]).all(axis=1))
    one, other = order[paired], order[paired + 1]
    return Borders(
        owners[one],
        owners[other],
        np.hypot(*(end[one] - start[one]).T),
        (start[one] + end[one]) / 2,
    )


def dissolved(polygons: Geometries, group: Integers) -> tuple[Geometries, Integers]:
    """The polygons of each group as one, all their outer vertices kept; and the groups' numbers."""
    order = np.argsort(group, kind="stable")
    numbers, first = np.unique(group[order], return_index=True)
    members = np.split(polygons[order], first[1:])
    return np.array([m[0] if len(m) == 1 else _joined(m) for m in members], dtype=object), numbers


def _joined(members: Geometries) -> shapely.Geometry:
    parts = shapely.get_parts(shapely.coverage_union_all(members))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))
