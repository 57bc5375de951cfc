"""Streets, communities, duty grids and unit grids: one partition of the district, joined up from its cells.

Lakes are single large cells, so that the grids cover the whole district without a gap.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from geodata.code_table import CodeTable
from ioc.demo.landscape import DrawnRoad, Floats, Landscape

DISTRICT, DISTRICT_NAME = "420106", "武昌区"
# The East Lake scenic area is administered apart, and its two communities with it.
APART = "420106490"
# The river runs at about this angle, and the town is laid out along it.
RIVER_ANGLE = np.radians(52.0)
# Blocks between main roads up to so many m² are not divided between streets.
LARGEST_WHOLE_BLOCK = 1_300_000.0


@dataclass(frozen=True)
class AreaNames:
    """The streets and communities by code, with the names of the statistics bureau's list."""

    streets: dict[str, str]
    communities: dict[str, str]


@dataclass(frozen=True)
class Areas:
    """Cells (unit grids) with what they belong to; rows of `cells`, `grid_code`, `duty` go together."""

    names: AreaNames
    cells: np.ndarray
    grid_code: np.ndarray
    community: np.ndarray
    duty: np.ndarray

    @property
    def street(self) -> np.ndarray:
        return self.community.astype("U9")

    def joined(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sorted codes and the union of the cells that have each."""
        order = np.argsort(codes, kind="stable")
        found, first = np.unique(codes[order], return_index=True)
        groups = np.split(self.cells[order], first[1:])
        return found, np.array([shapely.coverage_union_all(group) for group in groups])

    def cell_at(self, points: np.ndarray) -> np.ndarray:
        """The row of the cell that each point lies in, the nearest one for points outside."""
        tree = shapely.STRtree(self.cells)
        number, cell = tree.query(points, predicate="intersects")
        found = np.full(len(points), -1)
        found[number[::-1]] = cell[::-1]
        outside = np.flatnonzero(found < 0)
        if len(outside):
            found[outside] = tree.nearest(points[outside])
        return found


def read_names() -> AreaNames:
    """The 14 streets of Wuchang and their communities."""
    entries = CodeTable.load("wuchang_area").entries
    streets = {e.code: e.name for e in entries if len(e.code) == 9 and e.code.startswith(DISTRICT)}
    streets.pop(APART, None)
    communities = {
        e.code: e.name.removesuffix("居委会") for e in entries if len(e.code) == 12 and e.code[:9] in streets
    }
    return AreaNames(streets, communities)


def divide(landscape: Landscape, roads: list[DrawnRoad], cells: np.ndarray, duty_grids: int) -> Areas:
    """Gives every cell its street, community and duty grid, and numbers the unit grids."""
    names = read_names()
    centre = shapely.get_coordinates(shapely.centroid(cells))
    neighbours = _neighbours(cells)
    street = _streets(landscape, roads, cells, names)
    street = _contiguous(street, cells, neighbours)
    community = np.empty(len(cells), dtype="U12")
    for code in names.streets:
        members = np.flatnonzero(street == code)
        own = np.array([c for c in names.communities if c.startswith(code)])
        weight = np.minimum(shapely.area(cells[members]), 60_000)
        community[members] = own[_groups(centre[members], weight, len(own))]
    community = _contiguous(community, cells, neighbours)
    duty = _duty_grids(centre, community, duty_grids)
    duty = _contiguous(duty, cells, neighbours, community)
    return Areas(names, cells, _numbered(centre, community), community, duty)


def _streets(landscape: Landscape, roads: list[DrawnRoad], cells: np.ndarray, names: AreaNames) -> np.ndarray:
    """By the nearest seed; a block between main roads goes to the one that has most of it."""
    seeds = [(code, seed) for code, points in landscape.street_seeds.items() for seed in points]
    if {code for code, _ in seeds} != set(names.streets):
        raise ValueError("the control points and the area table name different streets")
    nearest = shapely.STRtree([seed for _, seed in seeds]).nearest(shapely.centroid(cells))
    codes = np.array(list(names.streets))
    street = np.searchsorted(codes, np.array([code for code, _ in seeds])[nearest])
    noded = shapely.union_all([road.line for road in roads] + [landscape.district.boundary], grid_size=0.01)
    blocks = shapely.get_parts(shapely.polygonize([noded]))
    blocks = blocks[shapely.area(blocks) < LARGEST_WHOLE_BLOCK]
    cell, block = shapely.STRtree(blocks).query(shapely.point_on_surface(cells), predicate="within")
    area = np.zeros((len(blocks), len(codes)))
    np.add.at(area, (block, street[cell]), shapely.area(cells)[cell])
    clear = area.max(axis=1)[block] > 0.6 * area.sum(axis=1)[block]
    street[cell[clear]] = area.argmax(axis=1)[block[clear]]
    return codes[street]


def _groups(centre: Floats, weight: Floats, count: int) -> np.ndarray:
    """Splits points into `count` compact groups of about equal weight, halving across the longer side."""
    group = np.zeros(len(centre), dtype=int)
    turn = np.array([[np.cos(RIVER_ANGLE), -np.sin(RIVER_ANGLE)], [np.sin(RIVER_ANGLE), np.cos(RIVER_ANGLE)]])
    turned = centre @ turn
    pending = [(np.arange(len(centre)), 0, count)]
    while pending:
        members, first, parts = pending.pop()
        if parts == 1:
            group[members] = first
            continue
        axis = int(np.argmax(np.ptp(turned[members], axis=0)))
        order = members[np.argsort(turned[members, axis], kind="stable")]
        left = parts // 2
        share = np.cumsum(weight[order]) / weight[order].sum()
        cut = int(np.searchsorted(share, left / parts)) + 1
        cut = min(max(cut, left), len(order) - (parts - left))
        pending += [(order[:cut], first, left), (order[cut:], first + left, parts - left)]
    return group


def _neighbours(cells: np.ndarray) -> list[tuple[np.ndarray, Floats]]:
    """For every cell its neighbours and the length of the boundary shared with each."""
    tree = shapely.STRtree(cells)
    one, other = tree.query(cells, predicate="intersects")
    apart = one != other
    one, other = one[apart], other[apart]
    shared = shapely.length(shapely.intersection(cells[one], cells[other]))
    order = np.lexsort((other, one))
    one, other, shared = one[order], other[order], shared[order]
    bounds = np.searchsorted(one, np.arange(len(cells) + 1))
    return [(other[a:b], shared[a:b]) for a, b in pairwise(bounds)]


def _contiguous(
    label: np.ndarray,
    cells: np.ndarray,
    neighbours: list[tuple[np.ndarray, Floats]],
    inside: np.ndarray | None = None,
) -> np.ndarray:
    """Cells cut off from the main part of their area go to the area that they border on most.

    With `inside`, only to an area that has the same value there.
    """
    label = label.copy()
    inside = np.zeros(len(cells)) if inside is None else inside
    for _ in range(6):
        moved = False
        for cut_off in _cut_off_parts(label, cells, neighbours):
            border: dict[Any, float] = {}
            for cell in cut_off:
                for other, length in zip(*neighbours[cell], strict=True):
                    if label[other] != label[cell] and inside[other] == inside[cell]:
                        border[label[other]] = border.get(label[other], 0.0) + length
            if border:
                label[cut_off] = max(sorted(border), key=lambda code: border[code])
                moved = True
        if not moved:
            break
    return label


def _cut_off_parts(
    label: np.ndarray, cells: np.ndarray, neighbours: list[tuple[np.ndarray, Floats]]
) -> list[list[int]]:
    seen = np.zeros(len(label), dtype=bool)
    parts: dict[str, list[list[int]]] = {}
    for start in range(len(label)):
        if seen[start]:
            continue
        part, pending = [], [start]
        seen[start] = True
        while pending:
            cell = pending.pop()
            part.append(cell)
            near, length = neighbours[cell]
            for other in near[(length > 1.0) & (label[near] == label[cell]) & ~seen[near]]:
                seen[other] = True
                pending.append(int(other))
        parts.setdefault(label[start], []).append(part)
    area = shapely.area(cells)
    return [
        part for group in parts.values() for part in sorted(group, key=lambda part: -area[part].sum())[1:]
    ]


def _duty_grids(centre: Floats, community: np.ndarray, count: int) -> np.ndarray:
    """Shares the duty grids out over the communities by their number of cells; codes of 12 + 3 digits."""
    codes, members = np.unique(community, return_counts=True)
    wanted = np.maximum(1.0, members / members.sum() * count)
    shares = np.minimum(np.floor(wanted).astype(int), members)
    for index in np.argsort(shares - wanted, kind="stable").tolist() * 4:
        if shares.sum() >= count:
            break
        if shares[index] < members[index]:
            shares[index] += 1
    while shares.sum() > count and shares.max() > 1:
        shares[int(np.argmax(shares))] -= 1
    duty = np.empty(len(community), dtype="U15")
    for code, share in zip(codes, shares, strict=True):
        cells = np.flatnonzero(community == code)
        group = _groups(centre[cells], np.ones(len(cells)), int(share))
        duty[cells] = [f"{code}{number + 1:03d}" for number in group]
    return duty


def _numbered(centre: Floats, community: np.ndarray) -> np.ndarray:
    """Codes of the unit grids: inside a community from north to south in rows of 100 m, each west to east."""
    row = np.floor(-centre[:, 1] / 100.0)
    order = np.lexsort((centre[:, 0], row, community))
    _, first, counts = np.unique(community[order], return_index=True, return_counts=True)
    sequence = np.arange(len(order)) - np.repeat(first, counts) + 1
    codes = np.empty(len(order), dtype="U15")
    codes[order] = np.char.add(community[order], np.char.zfill(sequence.astype(str), 3))
    return codes
