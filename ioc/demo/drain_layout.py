"""Where the drains lie: trees along the roads that run to outfalls and pumping stations.

Every storm drain (YS) ends at an outfall in a river or lake, every sewer (WS, in the old town also combined,
HS) at a pumping station near it. The trees are pruned from their tips until the wanted length is left.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import shapely

from ioc.demo.landscape import Floats, Landscape, points_at
from ioc.demo.roads import LANE, RoadNetwork

OUTFALL_SPACING = 520.0
OUTFALL_REACH = 230.0
# So far beyond the district's edge (metres) a shore is still its own.
SHORE = 50.0
# A metre of ground against the flow counts as so many metres of drain.
CLIMB = 400.0
# No drain climbs a hill between two junctions, nor goes over a crest between them (metres).
HIGHEST_CLIMB, HIGHEST_CREST = 3.0, 1.5
STORM, SEWER, COMBINED = "YS", "WS", "HS"
# Pipes of one system that are not joined keep so far from each other (metres).
CLEARANCE = 1.0
# No pipe runs below ground that rises by so much from its upper to its lower end (metres).
CLIFF = 8.0
# Combined drains are left only in lanes of the old town.
OLD_TOWN = ("420106005", "420106006", "420106007", "420106008")


@dataclass(frozen=True)
class Tree:
    """Edges of the road network as drains: edge `edge[i]` flows from junction `top[i]` to `bottom[i]`.

    Rows are ordered so that every edge stands before the one it flows into.
    """

    edge: np.ndarray
    top: np.ndarray
    bottom: np.ndarray


def find_outfalls(landscape: Landscape, network: RoadNetwork) -> np.ndarray:
    """Junctions near water whose shore is the district's too, not closer to each other than the spacing."""
    water = landscape.receiving_water
    shapely.prepare(water)
    points = points_at(network.junctions)
    distance = shapely.distance(points, water)
    shapely.prepare(landscape.land)
    near = np.flatnonzero((distance < OUTFALL_REACH) & shapely.contains(landscape.land, points))
    shore = shapely.get_point(shapely.shortest_line(points[near], water), -1)
    near = near[shapely.dwithin(shore, landscape.district, SHORE)]
    chosen: list[int] = []
    for junction in near[np.argsort(distance[near], kind="stable")]:
        away = network.junctions[chosen] - network.junctions[junction]
        if len(away) == 0 or np.hypot(away[:, 0], away[:, 1]).min() > OUTFALL_SPACING:
            chosen.append(int(junction))
    return np.array(sorted(chosen))


def drain_tree(network: RoadNetwork, outfalls: np.ndarray, ground: Floats, usable: np.ndarray) -> Tree:
    """The cheapest way to an outfall from every junction, where going against the ground costs much."""
    links: list[list[tuple[int, int]]] = [[] for _ in network.junctions]
    for edge in np.flatnonzero(usable):
        links[network.start[edge]].append((int(edge), int(network.end[edge])))
        links[network.end[edge]].append((int(edge), int(network.start[edge])))
    lengths = network.lengths
    cost = np.full(len(network.junctions), np.inf)
    cost[outfalls] = 0.0
    way = np.full(len(network.junctions), -1)
    onward = np.full(len(network.junctions), -1)
    heap = [(0.0, int(junction)) for junction in outfalls]
    settled: list[int] = []
    done = np.zeros(len(cost), dtype=bool)
    while heap:
        at, below = heapq.heappop(heap)
        if done[below]:
            continue
        done[below] = True
        settled.append(below)
        for edge, above in links[below]:
            if ground[below] - ground[above] > HIGHEST_CLIMB:
                continue
            price = at + lengths[edge] + CLIMB * max(0.0, ground[below] - ground[above])
            if price < cost[above]:
                cost[above], way[above], onward[above] = price, edge, below
                heapq.heappush(heap, (price, above))
    top = np.array([junction for junction in reversed(settled) if way[junction] >= 0])
    return Tree(way[top], top, onward[top])


def prune(
    tree: Tree, network: RoadNetwork, road_m: float, lane_m: float, rng: np.random.Generator
) -> np.ndarray:
    """Which rows of the tree are kept: tips go at random until roads and lanes have the wanted metres."""
    lane = network.edge_class[tree.edge] == LANE
    length = network.lengths[tree.edge]
    row_below = {int(top): row for row, top in enumerate(tree.top)}
    tributaries = np.zeros(len(tree.edge), dtype=int)
    for bottom in tree.bottom:
        if int(bottom) in row_below:
            tributaries[row_below[int(bottom)]] += 1
    kept = np.ones(len(tree.edge), dtype=bool)
    left = {True: length[lane].sum(), False: length[~lane].sum()}
    wanted = {True: lane_m, False: road_m}
    luck = rng.random(len(tree.edge))
    heap = [(luck[row], int(row)) for row in np.flatnonzero(tributaries == 0)]
    heapq.heapify(heap)
    while heap:
        _, row = heapq.heappop(heap)
        kind = bool(lane[row])
        if left[kind] - length[row] / 2 < wanted[kind]:
            continue
        kept[row] = False
        left[kind] -= length[row]
        below = row_below.get(int(tree.bottom[row]))
        if below is not None:
            tributaries[below] -= 1
            if tributaries[below] == 0:
                heapq.heappush(heap, (luck[below], below))
    return kept


def side_branches(
    tree: Tree, kept: np.ndarray, network: RoadNetwork, ground: Floats, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Edges outside the tree, and the junction of a kept drain at their lower end that they drain to."""
    reached = np.zeros(len(network.junctions), dtype=bool)
    reached[tree.top[kept]] = True
    reached[tree.bottom[kept]] = True
    outside = usable.copy()
    outside[tree.edge] = False
    edge = np.flatnonzero(outside)
    start, end = network.start[edge], network.end[edge]
    lower = np.where(ground[start] < ground[end], start, end)
    other = np.where(lower == start, end, start)
    target = np.where(reached[lower], lower, other)
    fits = reached[target]
    return edge[fits], target[fits]


def usable_edges(landscape: Landscape, network: RoadNetwork, ground: Floats) -> np.ndarray:
    """Edges on land that can carry drains: no bridges, and none that climb over a hill between their ends."""
    land = landscape.land.buffer(0.5)
    shapely.prepare(land)
    usable = shapely.contains(land, network.lines) & ~network.bridge[network.road]
    ends = np.maximum(ground[network.start], ground[network.end])
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        middle = shapely.get_coordinates(
            shapely.line_interpolate_point(network.lines, share, normalized=True)
        )
        usable &= landscape.ground(middle[:, 0], middle[:, 1]) < ends + HIGHEST_CREST
    return usable


def clear_of_each_other(position: Floats, ground: Floats, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Which pipes stay when those go that climb a cliff or pass close by another, and all that is above them.

    Of two that pass within a metre without being joined the one goes that has less above it.
    """
    order = downstream_order(top, bottom, len(position))
    above = np.zeros(len(position))
    for index in order:
        above[bottom[index]] += above[top[index]] + 1
    lines = np.asarray(shapely.linestrings(np.stack([position[top], position[bottom]], axis=1)))
    one, other = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=CLEARANCE)
    ends = np.stack([top, bottom], axis=1)
    apart = (one < other) & ~(ends[one][:, :, None] == ends[other][:, None, :]).any(axis=(1, 2))
    gone = ground[bottom] - ground[top] > CLIFF
    for a, b in zip(one[apart], other[apart], strict=True):
        if not (gone[a] or gone[b]):
            gone[a if above[top[a]] <= above[top[b]] else b] = True
    dry = np.zeros(len(position), dtype=bool)
    for index in order[::-1]:
        gone[index] |= dry[bottom[index]]
        dry[top[index]] = gone[index]
    return ~gone


def downstream_order(top: np.ndarray, bottom: np.ndarray, nodes: int) -> np.ndarray:
    """Segments from the tips downwards: every one after all that flow into it."""
    out = np.full(nodes, -1)
    out[top] = np.arange(len(top))
    depth = np.zeros(len(top), dtype=int)
    following = out[bottom]
    active = np.arange(len(top))
    hops = following.copy()
    while True:
        active = active[hops[active] >= 0]
        if len(active) == 0:
            break
        depth[active] += 1
        hops[active] = following[hops[active]]
    return np.argsort(-depth, kind="stable")
