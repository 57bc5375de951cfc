"""Buildings in the cells between the roads, and the parks, hills and belts of green that are free of them."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ioc.demo.areas import Areas
from ioc.demo.landscape import Floats, Landscape
from ioc.demo.roads import RoadNetwork

# Kinds of quarters: length and depth of a house, gaps between houses (metres), fewest and most floors.
STYLES = {
    "老城里巷": ((15.0, 10.0), (2.5, 4.0), (2, 5)),
    "多层住宅": ((40.0, 12.0), (5.0, 9.5), (6, 8)),
    "高层住宅": ((28.0, 16.0), (10.0, 16.0), (18, 34)),
    "商业办公": ((42.0, 28.0), (12.0, 12.0), (5, 28)),
    "厂房仓库": ((58.0, 24.0), (9.0, 9.0), (1, 3)),
    "校园机关": ((46.0, 16.0), (14.0, 18.0), (4, 9)),
}
OLD_TOWN = ("420106005", "420106006", "420106007", "420106008")
INDUSTRIAL = ("420106009", "420106014", "420106002")
STOREY = 3.0


@dataclass(frozen=True)
class Green:
    name: str
    kind: str
    shape: BaseGeometry


@dataclass(frozen=True)
class Buildings:
    """Footprints with their style, number of floors and the row of the cell they stand in."""

    shapes: np.ndarray
    style: np.ndarray
    floors: np.ndarray
    cell: np.ndarray


def plant_greens(landscape: Landscape, areas: Areas, rng: np.random.Generator) -> list[Green]:
    """Hills, lake shores, the river beach and small gardens."""
    land = landscape.land
    greens = [
        Green(hill.name, "山林", hill.ridge.buffer(hill.radius * 0.8).intersection(land))
        for hill in landscape.hills
    ]
    for lake in landscape.lakes:
        belt = lake.shape.buffer(55 if lake.shape.area > 1e6 else 38).difference(lake.shape)
        greens.append(Green(f"{lake.name}公园", "公园", belt.intersection(land)))
    for water, name, width in (("长江", "武昌江滩", 75), ("东湖", "东湖绿道", 45)):
        shape = next(item.shape for item in landscape.waters if item.name == water)
        greens.append(Green(name, "公园", shape.buffer(width).intersection(land)))
    taken = shapely.union_all([green.shape for green in greens])
    free = np.flatnonzero(shapely.disjoint(areas.cells, taken) & (shapely.area(areas.cells) < 20_000))
    chosen = np.sort(rng.choice(free, min(len(free), 110), replace=False))
    for cell in chosen:
        community = areas.names.communities[str(areas.community[cell])].removesuffix("社区")
        shape = shapely.union_all([shapely.buffer(areas.cells[[cell]], -14.0)])
        greens.append(Green(f"{community}游园", "街头绿地", shape))
    return [green for green in greens if not green.shape.is_empty]


def put_up_buildings(
    landscape: Landscape,
    network: RoadNetwork,
    areas: Areas,
    greens: list[Green],
    share: float,
    rng: np.random.Generator,
) -> Buildings:
    """Rows of houses in each cell, off roads and greens; `share` of all of them."""
    styles = _styles(areas, rng)
    lakes = shapely.union_all([lake.shape for lake in landscape.lakes])
    built = np.flatnonzero(~shapely.within(shapely.centroid(areas.cells), lakes))
    inner = shapely.buffer(areas.cells, -3.0)
    corners = shapely.get_coordinates(shapely.oriented_envelope(areas.cells[built])).reshape(-1, 5, 2)
    shapes, owners = [], []
    for cell, box in zip(built, corners, strict=True):
        houses = _rows(box, *STYLES[styles[cell]][:2])
        shapes.append(houses)
        owners.append(np.full(len(houses), cell))
    owner = np.concatenate(owners)
    rings = np.concatenate(shapes)
    rings = rings + rng.uniform(-1.2, 1.2, (len(rings), 1, 2))
    houses = np.asarray(shapely.polygons(rings))
    shapely.prepare(inner)
    kept = shapely.contains(inner[owner], houses) & (rng.random(len(houses)) < min(1.0, share) * 0.97)
    houses, owner = houses[kept], owner[kept]
    clear = _clear_of_roads(houses, network) & _clear_of(houses, [green.shape for green in greens])
    houses, owner = houses[clear], owner[clear]
    limits = np.array([STYLES[style][2] for style in styles])[owner]
    floors = rng.integers(limits[:, 0], limits[:, 1] + 1)
    return Buildings(houses, styles[owner], floors, owner)


def _styles(areas: Areas, rng: np.random.Generator) -> np.ndarray:
    """One style for each duty grid, after the character of the street."""
    names = list(STYLES)
    duty, place = np.unique(areas.duty, return_inverse=True)
    street = duty.astype("U9")
    luck = rng.random(len(duty))
    chances = np.tile([0.02, 0.42, 0.26, 0.15, 0.02, 0.13], (len(duty), 1))
    chances[np.isin(street, OLD_TOWN)] = [0.5, 0.28, 0.06, 0.09, 0.0, 0.07]
    chances[np.isin(street, INDUSTRIAL)] = [0.03, 0.36, 0.24, 0.1, 0.2, 0.07]
    chosen = (luck[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)
    return np.array(names)[np.minimum(chosen, len(names) - 1)][place]


def _rows(box: Floats, size: tuple[float, float], gap: tuple[float, float]) -> Floats:
    """Rectangles in rows inside an oriented box, as rings of five corners."""
    sides = np.diff(box[:3], axis=0)
    lengths = np.hypot(*sides.T)
    # Houses face south: their length runs along the side that is nearer to east and west.
    first, second = (0, 1) if abs(sides[0, 0]) / lengths[0] >= abs(sides[1, 0]) / lengths[1] else (1, 0)
    origin = box[0] if first == 0 else box[1]
    along = sides[first] / lengths[first]
    across = sides[second] / lengths[second] * (1 if first == 0 else -1)
    counts = [
        max(1, int((lengths[i] - 4.0) // (s + g))) for i, s, g in zip((first, second), size, gap, strict=True)
    ]
    steps = [lengths[i] / n for i, n in zip((first, second), counts, strict=True)]
    u, v = np.meshgrid((np.arange(counts[0]) + 0.5) * steps[0], (np.arange(counts[1]) + 0.5) * steps[1])
    centre = origin + u.reshape(-1, 1) * along + v.reshape(-1, 1) * across
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * np.array(size) / 2
    return centre[:, None, :] + corner[None, :, :1] * along + corner[None, :, 1:] * across


def _clear_of_roads(houses: np.ndarray, network: RoadNetwork) -> np.ndarray:
    tree = shapely.STRtree(network.lines)
    house, edge = tree.query(houses, predicate="dwithin", distance=30.0)
    room = network.widths[network.road[edge]] / 2 + 1.5
    touching = shapely.distance(houses[house], network.lines[edge]) < room
    clear = np.ones(len(houses), dtype=bool)
    clear[house[touching]] = False
    return clear


def _clear_of(houses: np.ndarray, shapes: list[BaseGeometry]) -> np.ndarray:
    clear = np.ones(len(houses), dtype=bool)
    clear[shapely.STRtree(houses).query(shapes, predicate="intersects")[1]] = False
    return clear
