"""Roads and the fine cells between them.

The hand-drawn main roads cut the land into large blocks; each block is cut in two across its longer side,
again and again. The cuts through large blocks become branch roads, those through middling ones lanes of the
communities, and the last ones are only boundaries between unit grids.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from ioc.demo.landscape import PRECISION, DrawnRoad, Floats, Landscape

BRANCH_ABOVE = 150_000.0
LANE_ABOVE = 40_000.0
SAME_JUNCTION = 9.0
LANE, BRANCH = "小区道路", "支路"
WIDTHS = {BRANCH: 16.0, LANE: 6.0}
# How far a loose end is led on to the next road, in metres.
REACH, BRIDGE_REACH = 260.0, 900.0
RANKS = {"快速路": 1, "主干路": 2, "次干路": 3, BRANCH: 4, LANE: 5}


@dataclass(frozen=True)
class Cut:
    """A cut through a block: its line and the area of the block that it went through."""

    line: BaseGeometry
    block_area: float


@dataclass(frozen=True)
class Cells:
    """The finest division: cells of the unit grid and the cuts that made all divisions."""

    polygons: np.ndarray
    cuts: tuple[Cut, ...]


@dataclass(frozen=True)
class RoadNetwork:
    """Edges between junctions, and the junctions' positions (x, y in metres).

    `road` numbers the named road that an edge belongs to (rows of `names`, `classes`, `widths`).
    """

    lines: np.ndarray
    start: np.ndarray
    end: np.ndarray
    road: np.ndarray
    junctions: Floats
    names: np.ndarray
    classes: np.ndarray
    widths: np.ndarray
    bridge: np.ndarray

    @property
    def edge_class(self) -> np.ndarray:
        return self.classes[self.road]

    @property
    def lengths(self) -> Floats:
        return shapely.length(self.lines)


def main_roads(landscape: Landscape) -> list[DrawnRoad]:
    """The drawn roads with their loose ends led on to the nearest other road and kept inside the district."""
    roads = [road for road in landscape.roads if not road.bridge]
    joined = []
    for number, road in enumerate(roads):
        others = shapely.union_all([other.line for i, other in enumerate(roads) if i != number])
        line = shapely.intersection(_led_on(road.line, others, (0, -1), REACH), landscape.district)
        longest = max(getattr(line, "geoms", [line]), key=lambda part: part.length)
        joined.append(DrawnRoad(road.name, road.road_class, road.width, longest))
    return joined


def _led_on(line: LineString, others: BaseGeometry, ends: tuple[int, ...], reach: float) -> LineString:
    points = [np.asarray(point) for point in line.coords]
    for end in ends:
        target = shapely.get_coordinates(shapely.shortest_line(shapely.Point(points[end]), others))[1]
        gap = float(np.hypot(*(target - points[end])))
        if 0 < gap < reach:
            beyond = target + (target - points[end]) / gap
            points.insert(0, beyond) if end == 0 else points.append(beyond)
    return LineString(points)


def cut_cells(
    landscape: Landscape, roads: list[DrawnRoad], count: int, lane_above: float, rng: np.random.Generator
) -> Cells:
    """The land cut into `count` cells, the largest first, and on until no cell is larger than `lane_above`.

    Cuts made after the `count`th are in `cuts`, but do not divide the cells.
    """
    lines = [road.line for road in roads] + [landscape.land.boundary]
    noded = shapely.union_all(shapely.set_precision(lines, PRECISION), grid_size=PRECISION)
    land = landscape.land.buffer(1.0)
    shapely.prepare(land)
    blocks = [block for block in shapely.get_parts(shapely.polygonize([noded])) if land.contains(block)]
    heap = [(-block.area, number, block) for number, block in enumerate(blocks)]
    heapq.heapify(heap)
    cuts: list[Cut] = []
    lakes = [lake.shape for lake in landscape.lakes]
    cells: list[Polygon] | None = None
    number = len(heap)
    while cells is None or -heap[0][0] > lane_above:
        if cells is None and len(heap) + len(lakes) >= count:
            cells = [block for _, _, block in sorted(heap)]
            continue
        area, _, block = heapq.heappop(heap)
        line, parts = _cut(block, rng)
        cuts.append(Cut(line, -area))
        for part in parts:
            number += 1
            heapq.heappush(heap, (-part.area, number, part))
    return Cells(_one_coverage(cells, lakes, landscape), tuple(cuts))


def _cut(block: Polygon, rng: np.random.Generator) -> tuple[BaseGeometry, list[Polygon]]:
    """One cut across the longer side, somewhere about the middle and not quite square."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(block))
    sides = np.diff(corners[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    longer = int(lengths[1] > lengths[0])
    along = sides[longer] / lengths[longer]
    across = np.array([-along[1], along[0]]) + along * rng.normal(0, 0.035)
    middle = corners[longer] + along * lengths[longer] * rng.uniform(0.42, 0.58) + sides[1 - longer] * 0.5
    if longer == 1:
        middle = corners[1] + along * lengths[1] * rng.uniform(0.42, 0.58) - sides[0] * 0.5
    reach = across * lengths.sum() * 1.5
    ends = np.array([middle - reach, middle + reach])
    half = Polygon(np.vstack([ends, ends[::-1] + along * lengths.sum() * 3]))
    line = shapely.intersection(LineString(ends), block)
    parts = shapely.get_parts([shapely.intersection(block, half), shapely.difference(block, half)])
    return line, [part for part in parts if isinstance(part, Polygon) and part.area > 1.0]


def _one_coverage(cells: list[Polygon], lakes: list[Polygon], landscape: Landscape) -> np.ndarray:
    """The cells with every vertex shared by all neighbours; what the rounding left over is joined to them."""
    rings = shapely.boundary(np.array(cells + lakes + [landscape.district]))
    noded = shapely.union_all(rings, grid_size=0.01)
    polygons = shapely.get_parts(shapely.polygonize([noded]))
    inside = shapely.contains_properly(landscape.district.buffer(1.0), polygons)
    return _without_slivers(polygons[inside], 2_500.0)


def _without_slivers(polygons: np.ndarray, least: float) -> np.ndarray:
    """Cells below `least` m² joined to the neighbour they share the longest boundary with."""
    for _ in range(8):
        area = shapely.area(polygons)
        small = np.flatnonzero(area < least)
        if len(small) == 0:
            break
        tree = shapely.STRtree(polygons)
        gone, merged = set(), {}
        for index in small[np.argsort(area[small], kind="stable")]:
            near = [i for i in sorted(tree.query(polygons[index])) if i != index]
            shared = shapely.length(shapely.intersection(polygons[index], polygons[near]))
            host = near[int(np.argmax(shared))]
            if host in gone or host in merged or index in merged:
                continue
            merged[host] = shapely.coverage_union_all([polygons[host], polygons[index]])
            gone.add(index)
        for host, polygon in merged.items():
            polygons[host] = polygon
        polygons = np.delete(polygons, sorted(gone))
    return polygons


def build_network(
    roads: list[DrawnRoad], cells: Cells, landscape: Landscape, lane_above: float
) -> RoadNetwork:
    """All roads noded where they meet; branch roads and lanes have no names yet."""
    lines: list[BaseGeometry] = [road.line for road in roads]
    table = [(road.name, road.road_class, road.width, False) for road in roads]
    branches = [cut for cut in cells.cuts if cut.block_area > BRANCH_ABOVE]
    lanes = [cut for cut in cells.cuts if lane_above < cut.block_area <= BRANCH_ABOVE]
    for cut in branches:
        lines.append(cut.line)
        table.append(("", BRANCH, WIDTHS[BRANCH], False))
    for cut in lanes:
        lines.append(cut.line)
        table.append(("", LANE, WIDTHS[LANE], False))
    ashore = shapely.union_all([road.line for road in roads])
    for road in landscape.roads:
        if road.bridge:
            lines.append(_led_on(road.line, ashore, (0,), BRIDGE_REACH))
            table.append((road.name, road.road_class, road.width, True))
    noded = shapely.get_parts(shapely.union_all(lines, grid_size=0.05))
    noded = noded[shapely.length(noded) > 0.5]
    tree = shapely.STRtree(lines)
    road = _source_of(noded, tree)
    noded, road = _merge_at_bends(noded, road)
    noded, road = _without_stubs(noded, road)
    ends = np.vstack([_end_points(noded, 0), _end_points(noded, -1)])
    junctions, place = np.unique(np.round(ends, 2), axis=0, return_inverse=True)
    start, end = place[: len(noded)], place[len(noded) :]
    noded, start, end, road, junctions = _without_short_edges(noded, start, end, road, junctions)
    return RoadNetwork(
        noded, start, end, road, junctions,
        np.array([row[0] for row in table], dtype=object),
        np.array([row[1] for row in table], dtype=object),
        np.array([row[2] for row in table]),
        np.array([row[3] for row in table]),
    )  # fmt: skip


def _source_of(noded: np.ndarray, tree: shapely.STRtree) -> np.ndarray:
    """The road each noded piece came from: the one that runs along its middle, the greater one of several."""
    middle = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    piece, source = tree.query(middle, predicate="dwithin", distance=0.3)
    order = np.lexsort((source, piece))
    first = np.unique(piece[order], return_index=True)[1]
    found = np.full(len(noded), -1)
    found[piece[order][first]] = source[order][first]
    missing = found < 0
    if missing.any():
        found[missing] = tree.nearest(middle[missing])
    return found


def _end_points(lines: np.ndarray, index: int) -> Floats:
    return shapely.get_coordinates(shapely.get_point(lines, index))


def _merge_at_bends(lines: np.ndarray, road: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of one road that meet where no other road does become one edge."""
    ends = np.round(np.vstack([_end_points(lines, 0), _end_points(lines, -1)]), 2)
    _, place, degree = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    simple = degree[place] == 2
    count = len(lines)
    free = ~(simple[:count] | simple[count:])
    merged, owners = [lines[free]], [road[free]]
    for number in np.unique(road[~free]):
        chain = lines[~free & (road == number)]
        parts = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(list(chain))))
        merged.append(parts)
        owners.append(np.full(len(parts), number))
    return np.concatenate(merged), np.concatenate(owners)


def _without_stubs(lines: np.ndarray, road: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the metre or two that roads were led beyond each other."""
    ends = np.round(np.vstack([_end_points(lines, 0), _end_points(lines, -1)]), 2)
    _, place, degree = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    loose = degree[place] == 1
    stub = (loose[: len(lines)] | loose[len(lines) :]) & (shapely.length(lines) < 12.0)
    return lines[~stub], road[~stub]


def _without_short_edges(
    lines: np.ndarray, start: np.ndarray, end: np.ndarray, road: np.ndarray, junctions: Floats
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Floats]:
    """Junctions less than `SAME_JUNCTION` metres apart along a road become one."""
    home = np.arange(len(junctions))
    for edge in np.flatnonzero((shapely.length(lines) < SAME_JUNCTION) & (start != end)):
        one, other = sorted((home[start[edge]], home[end[edge]]))
        home[home == other] = one
    start, end = home[start], home[end]
    kept = (start != end) | (shapely.length(lines) > 60.0)
    lines, start, end, road = lines[kept], start[kept], end[kept], road[kept]
    coordinates, owner = shapely.get_coordinates(lines, return_index=True)
    first = np.searchsorted(owner, np.arange(len(lines)))
    last = np.append(first[1:], len(owner)) - 1
    coordinates[first], coordinates[last] = junctions[start], junctions[end]
    lines = np.asarray(shapely.linestrings(coordinates, indices=owner))
    used, place = np.unique(np.concatenate([start, end]), return_inverse=True)
    return lines, place[: len(lines)], place[len(lines) :], road, junctions[used]
