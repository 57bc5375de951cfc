"""The pipe survey: manholes, outfalls and segments, with levels that fall along the flow."""

from dataclasses import dataclass, fields, replace

import numpy as np
import shapely

from ioc.demo.drain_layout import (
    COMBINED,
    OLD_TOWN,
    SEWER,
    STORM,
    Tree,
    clear_of_each_other,
    downstream_order,
    drain_tree,
    find_outfalls,
    prune,
    side_branches,
    usable_edges,
)
from ioc.demo.landscape import Floats, Landscape, points_at
from ioc.demo.placement import beside
from ioc.demo.roads import LANE, RoadNetwork

# Wanted lengths at scale 1 in metres: 256 km along roads and 430 km in communities, after the misconnections.
ROAD_LENGTH = {STORM: 145_000.0, SEWER: 106_000.0}
LANE_LENGTH = {STORM: 242_000.0, SEWER: 179_000.0}
SPACING = 32.0
SIZES = np.array([300, 400, 500, 600, 800, 1000, 1200, 1500, 1800, 2000, 2200])
# Metres of drain above, from which on the next size is laid.
STORM_REACH = np.array([120, 300, 600, 1100, 2200, 4200, 7500, 12_000, 20_000, 30_000])
SEWER_REACH = np.array([900, 2000, 4500, 9000, 18_000, 36_000])
SLOPES = np.array([3.0, 2.2, 1.7, 1.4, 1.1, 0.9, 0.8, 0.7, 0.6, 0.6, 0.5]) / 1000
LEAST_COVER, DEEPEST, AFTER_LIFT = 0.9, 6.2, 1.3
SIDE = {STORM: 1.0, SEWER: -1.0}
# No family of roads runs square to this direction.
COURSE = np.array([np.cos(np.radians(30)), np.sin(np.radians(30))])


@dataclass
class Drains:
    """Nodes (position, ground, kind) and segments (upper and lower node) as columns of equal length.

    Levels are metres (1985), diameters millimetres; `tree_order` lists segments from the tips down.
    """

    position: Floats
    ground: Floats
    system: np.ndarray
    feature: np.ndarray
    fixture: np.ndarray
    node_road: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    subclass: np.ndarray
    diameter: np.ndarray
    invert_top: Floats
    invert_bottom: Floats
    segment_road: np.ndarray

    @property
    def lengths(self) -> Floats:
        return np.hypot(*(self.position[self.bottom] - self.position[self.top]).T)


@dataclass
class _Growing:
    """One system while it is laid out: chains of points from a junction down to the next."""

    system: str
    position: list[Floats]
    road: list[np.ndarray]
    count: int
    top: list[np.ndarray]
    bottom: list[np.ndarray]
    segment_road: list[np.ndarray]


def lay_drains(
    landscape: Landscape, network: RoadNetwork, scale: float, street_of: np.ndarray, rng: np.random.Generator
) -> Drains:
    """Storm drains and sewers along the roads; `street_of` is the street code of every junction."""
    ground = landscape.ground(network.junctions[:, 0], network.junctions[:, 1])
    usable = usable_edges(landscape, network, ground)
    outfalls = find_outfalls(landscape, network)
    tree = drain_tree(network, outfalls, ground, usable)
    spacing = SPACING / max(1.0, scale) ** 0.5
    share = scale / max(1.0, scale) ** 0.5
    parts = []
    for system in (STORM, SEWER):
        # Fewer lanes than wanted at first, or too few roads become tips; side branches make up for it.
        kept = prune(tree, network, ROAD_LENGTH[system] * share, 0.8 * LANE_LENGTH[system] * share, rng)
        extra = _chosen_side_branches(system, tree, kept, network, ground, usable, share, rng)
        grown = _lay_chains(system, tree, kept, extra, network, spacing)
        parts.append(_one_system(landscape, network, grown, street_of, rng))
    return _together(*parts)


def _chosen_side_branches(
    system: str,
    tree: Tree,
    kept: np.ndarray,
    network: RoadNetwork,
    ground: Floats,
    usable: np.ndarray,
    share: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """As many side branches as are missing from the wanted lengths."""
    edge, target = side_branches(tree, kept, network, ground, usable)
    order = rng.permutation(len(edge))
    edge, target = edge[order], target[order]
    length, lane = network.lengths[edge] - 14.0, network.edge_class[edge] == LANE
    laid, laid_lane = network.lengths[tree.edge[kept]], network.edge_class[tree.edge[kept]] == LANE
    chosen = np.zeros(len(edge), dtype=bool)
    for kind, wanted in ((False, ROAD_LENGTH[system]), (True, LANE_LENGTH[system])):
        missing = wanted * share - laid[laid_lane == kind].sum()
        mine = (lane == kind) & (length > 15.0)
        chosen |= mine & (np.cumsum(np.where(mine, length, 0.0)) <= missing)
    return edge[chosen], target[chosen]


def _lay_chains(
    system: str,
    tree: Tree,
    kept: np.ndarray,
    extra: tuple[np.ndarray, np.ndarray],
    network: RoadNetwork,
    spacing: float,
) -> _Growing:
    """Manholes at junctions and every `spacing` metres between them, beside the middle of the road."""
    edge = np.concatenate([extra[0], tree.edge[kept]])
    bottom = np.concatenate([extra[1], tree.bottom[kept]])
    top = np.concatenate([np.full(len(extra[0]), -1), tree.top[kept]])
    used = np.unique(np.concatenate([top[top >= 0], bottom]))
    row = np.full(len(network.junctions), -1)
    row[used] = np.arange(len(used))
    side = SIDE[system]
    manholes = _beside_junctions(network, used, side)
    grown = _Growing(system, [manholes], [_road_at(network, used)], len(used), [], [], [])
    forward = network.end[edge] == bottom
    lines = np.where(forward, network.lines[edge], shapely.reverse(network.lines[edge]))
    lengths = shapely.length(lines)
    width = network.widths[network.road[edge]]
    offset = side * _same_way(lines) * _off_the_middle(width)
    pieces = np.maximum(1, np.round(lengths / spacing)).astype(int)
    # A side branch begins 14 m short of the junction at its upper end.
    begin = np.where(top < 0, 14.0, 0.0)
    inner = np.where(top < 0, pieces, pieces - 1)
    owner = np.repeat(np.arange(len(edge)), inner)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(inner) - inner, inner)
    step = (lengths - begin) / pieces
    along = begin[owner] + step[owner] * (number + np.where(top[owner] < 0, 0, 1))
    grown.position.append(beside(lines[owner], along, offset[owner]))
    grown.road.append(network.road[edge][owner])
    first = grown.count + np.cumsum(inner) - inner
    for index in range(len(edge)):
        chain = np.arange(first[index], first[index] + inner[index])
        ends = [] if top[index] < 0 else [row[top[index]]]
        chain = np.concatenate([ends, chain, [row[bottom[index]]]]).astype(int)
        grown.top.append(chain[:-1])
        grown.bottom.append(chain[1:])
        grown.segment_road.append(np.full(len(chain) - 1, network.road[edge[index]]))
    grown.count += len(owner)
    return grown


def _same_way(lines: np.ndarray) -> Floats:
    """1 for lines that run roughly north-east, else -1: so a drain keeps to one side of its road."""
    course = shapely.get_coordinates(shapely.get_point(lines, -1)) - shapely.get_coordinates(
        shapely.get_point(lines, 0)
    )
    return np.where(course @ COURSE >= 0, 1.0, -1.0)


def _off_the_middle(width: Floats) -> Floats:
    return np.clip(width * 0.18, 1.3, 6.0)


def _beside_junctions(network: RoadNetwork, junctions: np.ndarray, side: float) -> Floats:
    """The manhole at a junction lies beside the middle of the greatest road there."""
    order = np.argsort(-network.road, kind="stable")
    edge_at = np.full(len(network.junctions), -1)
    at_start = np.zeros(len(network.junctions), dtype=bool)
    edge_at[network.start[order]] = order
    at_start[network.start[order]] = True
    for edge in order:
        end = network.end[edge]
        if network.road[edge] <= network.road[edge_at[end]] or edge_at[end] < 0:
            edge_at[end], at_start[end] = edge, False
    edge, start = edge_at[junctions], at_start[junctions]
    lines = network.lines[edge]
    along = np.where(start, 0.0, shapely.length(lines))
    offset = side * _same_way(lines) * _off_the_middle(network.widths[network.road[edge]])
    return beside(lines, along, offset)


def _road_at(network: RoadNetwork, junctions: np.ndarray) -> np.ndarray:
    """The lowest-numbered, that is the greatest, road at each junction."""
    road = np.full(len(network.junctions), len(network.names))
    np.minimum.at(road, network.start, network.road)
    np.minimum.at(road, network.end, network.road)
    return road[junctions]


def _one_system(
    landscape: Landscape,
    network: RoadNetwork,
    grown: _Growing,
    street_of: np.ndarray,
    rng: np.random.Generator,
) -> Drains:
    position, road = np.vstack(grown.position), np.concatenate(grown.road)
    top = np.concatenate(grown.top) if grown.top else np.zeros(0, dtype=int)
    bottom = np.concatenate(grown.bottom) if grown.bottom else np.zeros(0, dtype=int)
    segment_road = np.concatenate(grown.segment_road) if grown.segment_road else np.zeros(0, dtype=int)
    last = np.setdiff1d(np.unique(bottom), top)
    if grown.system == STORM:
        position, road, top, bottom, segment_road = _to_the_water(
            landscape, position, road, top, bottom, segment_road, last
        )
    position = np.round(position, 3)
    ground = np.round(landscape.ground(position[:, 0], position[:, 1]), 3)
    stays = clear_of_each_other(position, ground, top, bottom)
    used, ends = np.unique(np.concatenate([top[stays], bottom[stays]]), return_inverse=True)
    position, ground, road, segment_road = position[used], ground[used], road[used], segment_road[stays]
    top, bottom = np.split(ends, 2)
    order = downstream_order(top, bottom, len(position))
    top, bottom, segment_road = top[order], bottom[order], segment_road[order]
    combined = _combined(grown.system, network, segment_road, position, top, bottom, street_of)
    length = np.hypot(*(position[bottom] - position[top]).T)
    diameter = _sizes(grown.system, length, top, bottom, len(position))
    inverts, lifts = _levels(ground, length, diameter, top, bottom, rng)
    feature, fixture = _kinds(grown.system, top, bottom, len(position), lifts)
    return Drains(
        position, ground, np.full(len(position), grown.system), feature, fixture, road,
        top, bottom, np.where(combined, COMBINED, grown.system), diameter, *inverts, segment_road,
    )  # fmt: skip


def _to_the_water(
    landscape: Landscape,
    position: Floats,
    road: np.ndarray,
    top: np.ndarray,
    bottom: np.ndarray,
    segment_road: np.ndarray,
    last: np.ndarray,
) -> tuple[Floats, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Leads every last manhole on to the water in steps of at most 35 m."""
    water = landscape.receiving_water
    shore = shapely.get_coordinates(shapely.shortest_line(points_at(position[last]), water)).reshape(-1, 2, 2)
    added, tops, bottoms, owners = [], [], [], []
    count = len(position)
    for node, (here, there) in zip(last, shore, strict=True):
        away = float(np.hypot(*(there - here)))
        steps = int(np.ceil((away + 4.0) / 35.0))
        course = here - position[top[bottom == node][0]]
        onward = (there - here) / away if away > 0.5 else course / np.hypot(*course)
        target = there + onward * 4.0
        points = here + (target - here) * (np.arange(1, steps + 1) / steps)[:, None]
        numbers = count + np.arange(steps)
        added.append(points)
        tops.append(np.concatenate([[node], numbers[:-1]]))
        bottoms.append(numbers)
        owners.append(np.full(steps, road[node]))
        count += steps
    owner = np.concatenate(owners)
    return (
        np.vstack([position, *added]), np.concatenate([road, owner]), np.concatenate([top, *tops]),
        np.concatenate([bottom, *bottoms]), np.concatenate([segment_road, owner]),
    )  # fmt: skip


def _combined(
    system: str,
    network: RoadNetwork,
    segment_road: np.ndarray,
    position: Floats,
    top: np.ndarray,
    bottom: np.ndarray,
    street_of: np.ndarray,
) -> np.ndarray:
    """Sewers in lanes of the old town with only such above them: there rain and sewage share the pipe."""
    if system != SEWER:
        return np.zeros(len(top), dtype=bool)
    junction = shapely.STRtree(points_at(network.junctions)).nearest(points_at(position[top]))
    old = (network.classes[segment_road] == LANE) & np.isin(street_of[junction], OLD_TOWN)
    separate_above = np.zeros(len(position), dtype=bool)
    combined = np.zeros(len(top), dtype=bool)
    for index in range(len(top)):
        combined[index] = old[index] and not separate_above[top[index]]
        separate_above[bottom[index]] |= not combined[index]
    return combined


def _sizes(system: str, length: Floats, top: np.ndarray, bottom: np.ndarray, nodes: int) -> np.ndarray:
    """Sizes by the length of drain above, at most the next one after the widest that arrives."""
    above = np.zeros(nodes)
    widest = np.full(nodes, -1)
    reach = STORM_REACH if system == STORM else SEWER_REACH
    size = np.zeros(len(top), dtype=int)
    for index in range(len(top)):
        total = above[top[index]] + length[index]
        above[bottom[index]] += total
        size[index] = np.searchsorted(reach, total)
        if widest[top[index]] >= 0:
            size[index] = min(size[index], widest[top[index]] + 1)
        widest[bottom[index]] = max(widest[bottom[index]], size[index])
    return SIZES[size]


def _levels(
    ground: Floats,
    length: Floats,
    diameter: np.ndarray,
    top: np.ndarray,
    bottom: np.ndarray,
    rng: np.random.Generator,
) -> tuple[tuple[Floats, Floats], np.ndarray]:
    """Invert levels at both ends of every segment, and the nodes where a pump lifts the water."""
    slope = SLOPES[np.searchsorted(SIZES, diameter)] * rng.uniform(0.9, 1.5, len(top))
    arriving = np.full(len(ground), np.inf)
    upper, lower = np.zeros(len(top)), np.zeros(len(top))
    lifts = np.zeros(len(ground), dtype=bool)
    size = diameter / 1000.0
    for index in range(len(top)):
        above, below = top[index], bottom[index]
        shallow = ground[above] - LEAST_COVER - size[index]
        start = min(arriving[above], shallow)
        if max(ground[above], ground[below]) - start > DEEPEST and np.isfinite(arriving[above]):
            start = ground[above] - AFTER_LIFT - size[index]
            lifts[above] = True
        end = min(start - max(slope[index] * length[index], 0.004), ground[below] - LEAST_COVER - size[index])
        upper[index], lower[index] = start, end
        arriving[below] = min(arriving[below], end)
    upper, lower = np.round(upper, 3), np.round(lower, 3)
    return (upper, np.minimum(lower, upper - 0.002)), lifts


def _kinds(
    system: str, top: np.ndarray, bottom: np.ndarray, nodes: int, lifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """特征 or 附属物 of every node, exactly one of the two."""
    out, into = np.bincount(top, minlength=nodes), np.bincount(bottom, minlength=nodes)
    feature, fixture = np.full(nodes, "", dtype=object), np.full(nodes, "", dtype=object)
    fixture[:] = "雨水井" if system == STORM else "污水井"
    number = np.arange(nodes)
    if system == STORM:
        fixture[(into == 0) & (number % 3 > 0)] = "雨水箅"
        fixture[(number % 17 == 0) & (into == 1)] = "沉泥井"
    else:
        fixture[(into == 0) & (number % 5 == 0)] = "化粪池"
    fixture[lifts] = "泵站"
    last = out == 0
    if system == STORM:
        fixture[last], feature[last] = "", "出水口"
    else:
        fixture[last] = "泵站"
    return feature, fixture


def _together(first: Drains, second: Drains) -> Drains:
    shift = len(first.position)
    second = replace(second, top=second.top + shift, bottom=second.bottom + shift)
    columns = (field.name for field in fields(Drains))
    return Drains(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in columns))
