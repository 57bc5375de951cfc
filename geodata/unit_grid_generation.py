"""Divides communities into unit grids (万米单元网格) of about 10,000 m² along roads and water.

Roads, shores and community borders cut the land into blocks; blocks that are too large are cut on
(``geodata.block_cutting``), pieces that are too small join a neighbour, across a main road or a shore only
where nothing else is left of them. The result covers each community exactly: neighbours share every vertex.
Geometries are in a projected CGCS2000 frame, in metres. The same input gives the same output.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np
import shapely

from geodata.block_cutting import Obstacles, cuts_through
from geodata.coverage import (
    PRECISION,
    Booleans,
    Borders,
    Floats,
    Geometries,
    Integers,
    borders_of,
    dissolved,
    faces_of,
    junctions_of,
    noded_edges,
)
from geodata.errors import UserError

TARGET_AREA = 10_000.0
SMALLEST = 0.4
"""A piece smaller than this many times the target joins a neighbour."""
ISLAND = 0.1
"""A piece smaller than this many times the target does so even across a main road or a shore."""
LARGEST_JOINED = 1.9
"""Joining makes nothing larger than this many times the target where there is another neighbour."""
REACH = 15.0
"""Metres by which a road that ends just short of another line is led on to it."""


def _none() -> Geometries:
    return np.empty(0, dtype=object)


@dataclass(frozen=True)
class Barriers:
    """What unit grids are divided along, and what they should leave whole.

    ``roads`` are lines, ``main`` says which of them are main roads; ``water`` are polygons (their shores
    divide; water is not cut into squares) or lines; ``buildings`` are footprints.
    """

    roads: Geometries = field(default_factory=_none)
    main: Booleans = field(default_factory=lambda: np.empty(0, dtype=bool))
    water: Geometries = field(default_factory=_none)
    buildings: Geometries = field(default_factory=_none)


@dataclass(frozen=True)
class UnitGrids:
    """The result, in no order yet; ``community`` is the row of each grid's community."""

    polygons: Geometries
    community: Integers
    water: Booleans
    buildings_cut: int


def generate(communities: Geometries, barriers: Barriers, target_area: float = TARGET_AREA) -> UnitGrids:
    """Unit grids of about ``target_area`` m² that cover each community exactly.

    Raises:
        UserError: a community has no area, or the target area is not positive.
    """
    _check(communities, target_area)
    outlines = shapely.boundary(communities)
    near = shapely.buffer(shapely.box(*shapely.total_bounds(communities)), REACH)
    roads, main = _lines_near(barriers.roads, near, barriers.main)
    shores, _ = _lines_near(barriers.water, near)
    leads = _led_on(roads, np.concatenate([roads, shores, outlines]))
    edges = noded_edges(np.concatenate([outlines, roads, leads, shores]))
    blocks, community = _within(faces_of(edges), communities)
    obstacles = Obstacles.of(barriers.buildings, junctions_of(edges))
    wet = _inside(blocks, barriers.water)
    cuts = [line for block in blocks[~wet] for line in cuts_through(block, target_area, obstacles)]
    faces, community = _within(faces_of(noded_edges(np.array([*edges, *cuts], dtype=object))), communities)
    wet = _inside(faces, barriers.water)
    borders = _inner(borders_of(faces), community)
    barred = _along_any(borders.middle, np.concatenate([roads[main], shores]))
    group = _joined(shapely.area(faces), wet, borders, barred, target_area)
    polygons, first = dissolved(faces, group)
    cut = _buildings_cut(polygons, barriers.buildings)
    return UnitGrids(polygons, community[first], wet[first], cut)


def _check(communities: Geometries, target_area: float) -> None:
    if not target_area > 0:
        raise UserError(f"A target area of {target_area:g} m² divides nothing: give one above 0.")
    empty = np.flatnonzero(~(shapely.area(communities) > 0))
    if not len(communities) or len(empty):
        which = f"community number {empty[0] + 1} has no area" if len(empty) else "there is no community"
        raise UserError(f"Unit grids divide communities, but {which}: give each as a polygon.")


def _lines_near(
    shapes: Geometries, near: shapely.Geometry, flags: Booleans | None = None
) -> tuple[Geometries, Booleans]:
    """Lines, and borders of polygons, as single lines near the communities, with a flag for each."""
    flags = np.zeros(len(shapes), dtype=bool) if flags is None else flags
    parts, owner = shapely.get_parts(shapes, return_index=True)
    areal = shapely.get_dimensions(parts) == 2
    parts = np.where(areal, shapely.boundary(parts), parts)
    lines, part = shapely.get_parts(parts, return_index=True)
    kept = shapely.intersects(lines, near) & (shapely.get_dimensions(lines) == 1)
    return lines[kept], flags[owner[part[kept]]]


def _led_on(roads: Geometries, lines: Geometries) -> Geometries:
    """Short lines that lead loose ends of roads straight on to the line they stop short of."""
    if not len(roads):
        return _none()
    points = np.concatenate([shapely.get_point(roads, 0), shapely.get_point(roads, -1)])
    before = np.concatenate([shapely.get_point(roads, 1), shapely.get_point(roads, -2)])
    tree = shapely.STRtree(lines)
    touched = np.bincount(tree.query(points, "dwithin", distance=PRECISION)[0], minlength=len(points))
    loose = touched == 1
    end, inner = shapely.get_coordinates(points[loose]), shapely.get_coordinates(before[loose])
    ahead = (end - inner) / np.maximum(np.hypot(*(end - inner).T), PRECISION)[:, None]
    rays = _segments(end + 2 * PRECISION * ahead, end + REACH * ahead)
    ray, line = tree.query(rays, "intersects")
    meets = shapely.shortest_line(shapely.points(end[ray]), shapely.intersection(rays[ray], lines[line]))
    order = np.lexsort((shapely.length(meets), ray))
    nearest = order[np.r_[True, ray[order][1:] != ray[order][:-1]]] if len(order) else order
    target = shapely.get_coordinates(shapely.get_point(meets[nearest], 1))
    # A millimetre too far, so that rounding never leaves it short.
    beyond = target + 2 * PRECISION * ahead[ray[nearest]]
    return _segments(end[ray[nearest]], beyond)


def _segments(start: Floats, end: Floats) -> Geometries:
    return np.asarray(shapely.linestrings(np.stack([start, end], axis=1)), dtype=object)


def _within(faces: Geometries, communities: Geometries) -> tuple[Geometries, Integers]:
    """The faces inside a community, with its row; where communities overlap, the first has it."""
    tree = shapely.STRtree(communities)
    face, community = tree.query(shapely.point_on_surface(faces), "intersects")
    order = np.lexsort((community, face))
    first = order[np.r_[True, face[order][1:] != face[order][:-1]]] if len(order) else order
    return faces[face[first]], community[first]


def _inside(faces: Geometries, areas: Geometries) -> Booleans:
    """Which faces lie in one of the areas."""
    inside = np.zeros(len(faces), dtype=bool)
    inside[
        shapely.STRtree(areas[shapely.get_dimensions(areas) == 2]).query(
            shapely.point_on_surface(faces), "intersects"
        )[0]
    ] = True
    return inside


def _inner(borders: Borders, community: Integers) -> Borders:
    same = community[borders.first] == community[borders.second]
    return Borders(borders.first[same], borders.second[same], borders.length[same], borders.middle[same])


def _along_any(middles: Floats, lines: Geometries) -> Booleans:
    """Which pieces of border run along one of the lines."""
    along = np.zeros(len(middles), dtype=bool)
    found = shapely.STRtree(lines).query(shapely.points(middles), "dwithin", distance=5 * PRECISION)
    along[found[0]] = True
    return along


class _Neighbours:
    """Groups of faces that have been joined, and the length of free and barred border between them."""

    def __init__(self, areas: Floats, wet: Booleans, borders: Borders, barred: Booleans) -> None:
        self.area = areas.tolist()
        self.wet = wet.tolist()
        self.group = list(range(len(areas)))
        self.border: list[dict[int, list[float]]] = [{} for _ in self.area]
        for one, other, metres, bar in zip(
            borders.first.tolist(), borders.second.tolist(), borders.length.tolist(), barred.tolist(),
            strict=True,
        ):  # fmt: skip
            if one != other:
                self._add(one, other, (0.0, metres) if bar else (metres, 0.0))

    def _add(self, one: int, other: int, metres: tuple[float, float] | list[float]) -> None:
        for here, there in ((one, other), (other, one)):
            known = self.border[here].setdefault(there, [0.0, 0.0])
            known[0] += metres[0]
            known[1] += metres[1]

    def best(self, small: int, largest: float, across_below: float) -> int | None:
        """The neighbour to join: over free border before barred, then not too large, then the longest."""

        def cost(other: int) -> tuple[bool, bool, float, int]:
            free, barred = self.border[small][other]
            across = barred >= free or self.wet[small] != self.wet[other]
            too_large = self.area[small] + self.area[other] > largest
            return across, too_large, -round(free + barred, 3), other

        costs = sorted(cost(other) for other in self.border[small])
        if not costs or (costs[0][0] and self.area[small] >= across_below):
            return None
        return costs[0][3]

    def join(self, small: int, large: int) -> None:
        """Give all of a group to a neighbour."""
        for other, metres in self.border[small].items():
            del self.border[other][small]
            if other != large:
                self._add(large, other, metres)
        self.border[small] = {}
        self.area[large] += self.area[small]
        self.group[small] = large

    def groups(self) -> Integers:
        """The group each face ended in."""
        for face in range(len(self.group)):
            whole = face
            while self.group[whole] != whole:
                whole = self.group[whole]
            self.group[face] = whole
        return np.array(self.group, dtype=np.int64)


def _joined(areas: Floats, wet: Booleans, borders: Borders, barred: Booleans, target_area: float) -> Integers:
    """The group of each face after the small ones, the smallest first, have joined a neighbour."""
    neighbours = _Neighbours(areas, wet, borders, barred)
    limit = SMALLEST * target_area
    heap = [(area, face) for face, area in enumerate(neighbours.area) if area < limit]
    heapq.heapify(heap)
    while heap:
        area, small = heapq.heappop(heap)
        if neighbours.group[small] != small or neighbours.area[small] != area:
            continue
        large = neighbours.best(small, LARGEST_JOINED * target_area, ISLAND * target_area)
        if large is None:
            continue
        neighbours.join(small, large)
        if neighbours.area[large] < limit:
            heapq.heappush(heap, (neighbours.area[large], large))
    return neighbours.groups()


def _buildings_cut(polygons: Geometries, buildings: Geometries) -> int:
    """Buildings of which more than a square metre lies in more than one grid."""
    if not len(buildings):
        return 0
    building, grid = shapely.STRtree(polygons).query(buildings, "intersects")
    several = np.isin(building, np.flatnonzero(np.bincount(building, minlength=len(buildings)) > 1))
    building, grid = building[several], grid[several]
    shared = shapely.area(shapely.intersection(buildings[building], polygons[grid])) > 1.0
    return int((np.bincount(building[shared], minlength=len(buildings)) > 1).sum())
