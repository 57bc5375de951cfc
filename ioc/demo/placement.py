"""Where things stand along roads: evenly or at random, on the carriageway, its edge or the pavement."""

from collections.abc import Callable

import numpy as np
import shapely

from ioc.demo.landscape import Floats
from ioc.demo.roads import RANKS, RoadNetwork

# Distance from the middle of the road in halves of its width, plus metres beyond the kerb.
OFFSETS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "carriageway": lambda half, rng: half * rng.uniform(0.05, 0.75, len(half)),
    "edge": lambda half, rng: half - 0.4 + rng.normal(0, 0.08, len(half)),
    "pavement": lambda half, rng: half + rng.uniform(0.6, 2.6, len(half)),
    "compound": lambda half, rng: half + rng.uniform(6.0, 26.0, len(half)),
}


def along_roads(
    network: RoadNetwork,
    ranks: tuple[int, int],
    count: int,
    where: str,
    spread: bool,
    rng: np.random.Generator,
) -> tuple[Floats, np.ndarray]:
    """`count` points beside roads of those ranks (1 to 5), and the road each stands at.

    With `spread` at equal distances on either side, else anywhere.
    """
    rank = np.array([RANKS[name] for name in network.classes])[network.road]
    edges = np.flatnonzero((rank >= ranks[0]) & (rank <= ranks[1]) & ~network.bridge[network.road])
    length = network.lengths[edges]
    until = np.cumsum(length)
    if spread:
        at = (np.arange(count) + 0.5) * 2 * until[-1] / max(count, 1) + rng.normal(0, 0.6, count)
    else:
        at = rng.uniform(0, 2 * until[-1], count)
    at = np.clip(at, 0, 2 * until[-1] - 0.01)
    side = np.where(at < until[-1], 1.0, -1.0)
    at %= until[-1]
    index = np.minimum(np.searchsorted(until, at, side="right"), len(edges) - 1)
    distance = at - (until[index] - length[index])
    edge = edges[index]
    half = network.widths[network.road[edge]] / 2
    offset = OFFSETS[where](half, rng) * side
    return beside(network.lines[edge], distance, offset), network.road[edge]


def beside(lines: np.ndarray, along: Floats, offset: Floats) -> Floats:
    """Points at a distance along lines, moved to the right of the line's direction by `offset` metres."""
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, along + 0.5))
    behind = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(along - 0.5, 0)))
    direction = ahead - behind
    direction /= np.maximum(np.hypot(*direction.T), 1e-9)[:, None]
    return here + np.column_stack([direction[:, 1], -direction[:, 0]]) * offset[:, None]


def at_junctions(
    network: RoadNetwork, ranks: tuple[int, int], count: int, rng: np.random.Generator
) -> tuple[Floats, np.ndarray]:
    """Points at the corners of junctions where at least three edges meet, greater roads first served."""
    rank = np.array([RANKS[name] for name in network.classes])[network.road]
    edges = np.flatnonzero((rank <= ranks[1]) & ~network.bridge[network.road])
    ends = np.concatenate([network.start[edges], network.end[edges]])
    degree = np.bincount(ends, minlength=len(network.junctions))
    best = np.full(len(network.junctions), 99)
    np.minimum.at(best, ends, np.tile(rank[edges], 2))
    road = np.full(len(network.junctions), len(network.names))
    np.minimum.at(road, ends, np.tile(network.road[edges], 2))
    places = np.flatnonzero((degree >= 3) & (best >= ranks[0]))
    chance = degree[places] / (best[places] ** 1.3)
    chosen = places[rng.choice(len(places), count, p=chance / chance.sum())]
    half = network.widths[road[chosen]] / 2
    angle = rng.integers(0, 4, count) * np.pi / 2 + np.pi / 4 + rng.normal(0, 0.12, count)
    reach = (half * 1.25 + rng.uniform(0.5, 3.0, count))[:, None]
    return network.junctions[chosen] + np.column_stack([np.cos(angle), np.sin(angle)]) * reach, road[chosen]


def in_polygons(polygons: np.ndarray, count: int, rng: np.random.Generator) -> Floats:
    """Random points inside polygons, more in the larger ones."""
    found = np.zeros((0, 2))
    area = shapely.area(polygons)
    shapely.prepare(polygons)
    while len(found) < count:
        which = rng.choice(len(polygons), max(64, (count - len(found)) * 2), p=area / area.sum())
        low, high = shapely.bounds(polygons[which])[:, :2], shapely.bounds(polygons[which])[:, 2:]
        points = low + (high - low) * rng.random((len(which), 2))
        found = np.vstack([found, points[shapely.contains_xy(polygons[which], points)]])
    return found[:count]


def along_lines(lines: np.ndarray, count: int, offset: float, rng: np.random.Generator) -> Floats:
    """Points at equal distances along lines taken one after the other."""
    length = shapely.length(lines)
    until = np.cumsum(length)
    at = (np.arange(count) + rng.uniform(0.3, 0.7, count)) * until[-1] / max(count, 1)
    index = np.minimum(np.searchsorted(until, at, side="right"), len(lines) - 1)
    return beside(lines[index], at - (until[index] - length[index]), np.full(count, offset))
