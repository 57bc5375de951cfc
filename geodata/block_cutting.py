"""Cuts a block of land into pieces of about one size, across its longer side and between its buildings."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, Polygon

from geodata.coverage import Floats, Geometries

LARGEST = 1.5
"""A block is cut when it is larger than this many times the target area."""
WINDOW = 0.22
"""How far a cut may leave the place that halves the block, as a share of one piece's length."""
BUILDING_COST, JUNCTION_GAIN = 4.0, 0.7
CLEARANCE = 0.5
STEPS = 12


@dataclass(frozen=True)
class Obstacles:
    """What cuts go around or make for: buildings, and junctions and ends of roads."""

    buildings: shapely.STRtree
    junctions: shapely.STRtree

    @classmethod
    def of(cls, buildings: Geometries, junctions: Geometries) -> "Obstacles":
        return cls(shapely.STRtree(buildings), shapely.STRtree(junctions))


def cuts_through(block: Polygon, target_area: float, obstacles: Obstacles) -> list[LineString]:
    """The lines that cut a block into pieces of about ``target_area`` m²; none for a small block.

    Each piece is cut across the longer side of its minimum rotated rectangle, where a whole number of
    target areas lies on either side; the cut moves a little to leave buildings whole or to meet a junction.
    """
    cuts: list[LineString] = []
    pieces = [block]
    while pieces:
        piece = pieces.pop()
        if piece.area <= LARGEST * target_area:
            continue
        lines, parts = _cut(piece, target_area, obstacles)
        if len(parts) < 2:
            continue
        cuts += lines
        pieces += parts
    return cuts


def _cut(piece: Polygon, target_area: float, obstacles: Obstacles) -> tuple[list[LineString], list[Polygon]]:
    """One cut: its lines inside the piece and the parts it leaves."""
    origin, turn = _axes(piece)
    level = shapely.transform(piece, lambda points: (points - origin) @ turn)
    place = _place(piece, level, (origin, turn), target_area, obstacles)
    low, high = shapely.bounds(level)[1] - 1, shapely.bounds(level)[3] + 1
    chord = shapely.intersection(LineString([(place, low), (place, high)]), level)
    left, right = _sides(level, place)
    parts = shapely.get_parts(np.array([left, right]))
    back = [
        shapely.transform(shape, lambda points: points @ turn.T + origin)
        for shape in (*shapely.get_parts(chord), *parts)
    ]
    lines = [shape for shape in back if isinstance(shape, LineString)]
    return lines, [shape for shape in back if isinstance(shape, Polygon) and shape.area > 1.0]


def _axes(piece: Polygon) -> tuple[Floats, Floats]:
    """Origin and rotation that lay the longer side of the minimum rotated rectangle along the first axis."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(piece))
    sides = np.diff(corners[:3], axis=0)
    along = sides[int(np.hypot(*sides[1]) > np.hypot(*sides[0]))]
    along = along / np.hypot(*along)
    # The rectangle may start at any corner: turn the axis to the east, so that the result does not depend.
    along = along if (along[0], along[1]) > (0.0, 0.0) else -along
    return corners[:4].mean(axis=0), np.array([[along[0], -along[1]], [along[1], along[0]]])


def _sides(level: Polygon, place: float) -> tuple[shapely.Geometry, shapely.Geometry]:
    west, south, east, north = shapely.bounds(level)
    return (
        shapely.clip_by_rect(level, west - 1, south - 1, place, north + 1),
        shapely.clip_by_rect(level, place, south - 1, east + 1, north + 1),
    )


def _place(
    piece: Polygon,
    level: Polygon,
    axes: tuple[Floats, Floats],
    target_area: float,
    obstacles: Obstacles,
) -> float:
    """Where along the first axis to cut: the cheapest of the candidates around the place that halves."""
    count = max(2, round(level.area / target_area))
    middle = _halving(level, (count // 2) / count)
    west, _, east, _ = shapely.bounds(level)
    reach = WINDOW * (east - west) / count
    spans = _spans(piece, axes, obstacles)
    nodes = _positions(piece, axes, obstacles)
    edges = np.concatenate([spans[:, 0] - CLEARANCE, spans[:, 1] + CLEARANCE])
    candidates = np.concatenate([[middle], nodes, edges])
    candidates = candidates[np.abs(candidates - middle) <= reach]
    cut = ((spans[:, 0] < candidates[:, None]) & (candidates[:, None] < spans[:, 1])).sum(axis=1)
    at_node = (np.abs(candidates[:, None] - nodes) < CLEARANCE).any(axis=1)
    cost = BUILDING_COST * cut + np.abs(candidates - middle) / reach - JUNCTION_GAIN * at_node
    return float(candidates[np.lexsort((candidates, np.round(cost, 6)))[0]])


def _halving(level: Polygon, share: float) -> float:
    """Where the area to the left is ``share`` of the whole, by bisection."""
    low, _, high, _ = shapely.bounds(level)
    wanted = share * level.area
    for _ in range(STEPS):
        place = (low + high) / 2
        if shapely.area(_sides(level, place)[0]) < wanted:
            low = place
        else:
            high = place
    return (low + high) / 2


def _spans(piece: Polygon, axes: tuple[Floats, Floats], obstacles: Obstacles) -> Floats:
    """From where to where each building in the piece reaches along the first axis."""
    found = obstacles.buildings.geometries[np.sort(obstacles.buildings.query(piece, "intersects"))]
    if not len(found):
        return np.empty((0, 2))
    points, building = shapely.get_coordinates(found, return_index=True)
    along = _along(points, axes)
    first = np.flatnonzero(np.r_[True, building[1:] != building[:-1]])
    return np.column_stack([np.minimum.reduceat(along, first), np.maximum.reduceat(along, first)])


def _positions(piece: Polygon, axes: tuple[Floats, Floats], obstacles: Obstacles) -> Floats:
    """Where junctions on the piece's edge, and ends of roads inside it, lie along the first axis."""
    found = np.sort(obstacles.junctions.query(piece, "dwithin", distance=0.01))
    return _along(shapely.get_coordinates(obstacles.junctions.geometries[found]), axes)


def _along(points: Floats, axes: tuple[Floats, Floats]) -> Floats:
    origin, turn = axes
    return ((points - origin) @ turn)[:, 0]
