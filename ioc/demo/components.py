"""The component survey: 210,000 things along the streets, in the edition of the year they were surveyed."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from geodata.code_table import CodeTable
from geodata.component_code import successors
from ioc.demo.areas import DISTRICT, Areas
from ioc.demo.drain_layout import STORM
from ioc.demo.drains import Drains
from ioc.demo.landscape import Floats, Landscape, points_at
from ioc.demo.organisations import UNITS, credit_code
from ioc.demo.placement import along_lines, along_roads, at_junctions, in_polygons
from ioc.demo.roads import RoadNetwork

COUNT = 210_000
# These streets were surveyed before the 2026 edition and still carry 16-digit codes.
OLD_STREETS = ("420106008", "420106009", "420106010", "420106014", "420106015")
STREET_TREE, SINGLE_TREE = "04002", "04003"
STATES = ("完好", "破损", "丢失", "废弃", "移除")
# Two of a kind stand no nearer to each other; the later one moves by a multiple of the pace (metres).
TOGETHER, PACE = 0.25, np.array([0.31, 0.22])
MIX = Path(__file__).with_name("component_mix.csv")


@dataclass(frozen=True)
class Kind:
    """One row of the mix: a component type, how it is placed and who answers for it."""

    code: str
    where: str
    count: int
    ranks: tuple[int, int]
    spread: bool
    manager: str
    owner: str
    maintainer: str


@cache
def read_mix() -> tuple[Kind, ...]:
    """The kinds of components in the order of the packaged file."""
    lines = [line for line in MIX.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return tuple(
        Kind(
            row["code"], row["where"], int(row["count"]), (int(row["first_rank"]), int(row["last_rank"])),
            row["spread"] == "1", row["manager"], row["owner"], row["maintainer"],
        )
        for row in csv.DictReader(lines)
    )  # fmt: skip


@dataclass(frozen=True)
class Components:
    """Columns of the survey; positions are in metres."""

    table: pd.DataFrame
    position: Floats
    type_code: np.ndarray


def survey_components(
    landscape: Landscape,
    network: RoadNetwork,
    areas: Areas,
    drains: Drains,
    greens: np.ndarray,
    scale: float,
    rng: np.random.Generator,
) -> Components:
    """Places every kind in its share of 210,000 × `scale` and fills in the fields of GB/T 47678.5-2026."""
    kinds = read_mix()
    wanted = _shares(kinds, max(len(kinds), round(COUNT * scale)))
    placed, kind_of = [], []
    missing = 0
    for number in sorted(range(len(kinds)), key=lambda n: kinds[n].code == STREET_TREE):
        count = int(wanted[number]) + (missing if kinds[number].code == STREET_TREE else 0)
        points = _place(kinds[number], count, landscape, network, drains, greens, rng)
        missing += count - len(points)
        placed.append(points)
        kind_of.append(np.full(len(points), number))
    position, kind = np.vstack(placed), np.concatenate(kind_of)
    position = np.round(_apart(_inside(landscape, network, position), kind), 3)
    cell = areas.cell_at(points_at(position))
    order = np.lexsort((kind, areas.grid_code[cell]))
    position, kind, cell = position[order], kind[order], cell[order]
    return _described(kinds, kind, position, cell, areas, rng)


def _shares(kinds: tuple[Kind, ...], total: int) -> np.ndarray:
    weight = np.array([kind.count for kind in kinds], dtype=float)
    exact = weight / weight.sum() * total
    shares = np.floor(exact).astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: total - shares.sum()]] += 1
    return shares


def _place(
    kind: Kind,
    count: int,
    landscape: Landscape,
    network: RoadNetwork,
    drains: Drains,
    greens: np.ndarray,
    rng: np.random.Generator,
) -> Floats:
    if kind.where in ("storm_manhole", "sewer_manhole", "pump", "outfall"):
        nodes = _drain_nodes(kind.where, drains)
        chosen = np.sort(rng.choice(nodes, min(count, len(nodes)), replace=False))
        return drains.position[chosen]
    if kind.where == "junction":
        return at_junctions(network, kind.ranks, count, rng)[0]
    if kind.where == "green":
        return in_polygons(greens, count, rng)
    if kind.where == "shore":
        shores = np.array([lake.shape.exterior for lake in landscape.lakes])
        return along_lines(shores, count, 3.0, rng)
    return along_roads(network, kind.ranks, count, kind.where, kind.spread, rng)[0]


def _drain_nodes(where: str, drains: Drains) -> np.ndarray:
    if where == "pump":
        return np.flatnonzero(drains.fixture == "泵站")
    if where == "outfall":
        return np.flatnonzero(drains.feature == "出水口")
    storm = drains.system == STORM
    manhole = np.isin(drains.fixture, ("雨水井", "污水井", "沉泥井"))
    return np.flatnonzero(manhole & (storm if where == "storm_manhole" else ~storm))


def _inside(landscape: Landscape, network: RoadNetwork, position: Floats) -> Floats:
    """Points that fell into a lake or over the edge of the district go back to the nearest road."""
    land = landscape.land
    shapely.prepare(land)
    lost = np.flatnonzero(~shapely.contains_xy(land, position))
    outlets = lost[shapely.distance(points_at(position[lost]), landscape.receiving_water) < 12.0]
    lost = np.setdiff1d(lost, outlets[shapely.contains_xy(landscape.district, position[outlets])])
    if len(lost):
        on_land = network.lines[shapely.within(network.lines, land)]
        points = points_at(position[lost])
        line = on_land[shapely.STRtree(on_land).nearest(points)]
        position[lost] = shapely.get_coordinates(
            shapely.line_interpolate_point(line, shapely.line_locate_point(line, points))
        )
    return position


def _apart(position: Floats, kind: np.ndarray) -> Floats:
    """The points with those of one kind that fell together set apart, each a pace on from those before it."""
    while True:
        one, other = shapely.STRtree(points := points_at(position)).query(
            points, predicate="dwithin", distance=TOGETHER
        )
        late = np.unique(one[(other < one) & (kind[one] == kind[other])])
        if not len(late):
            return position
        position = position.copy()
        position[late] += PACE * (1 + late[:, None] % 3)


def _described(
    kinds: tuple[Kind, ...],
    kind: np.ndarray,
    position: Floats,
    cell: np.ndarray,
    areas: Areas,
    rng: np.random.Generator,
) -> Components:
    count = len(kind)
    street, community = areas.street[cell], areas.community[cell]
    old = np.isin(street, OLD_STREETS)
    # Types whose 2013 name is not at hand were not surveyed then.
    earlier = {entry["to_code"]: entry for entry in successors("2013").values() if entry.name}
    number_of = {item.code: number for number, item in enumerate(kinds)}
    unknown = np.array([item.code not in earlier for item in kinds])
    kind = np.where(old & unknown[kind], number_of[SINGLE_TREE], kind)
    current = {entry.code: entry.name for entry in CodeTable.load("component").of_edition("2026")}
    names = np.array([current[item.code] for item in kinds])
    old_codes = np.array([earlier[item.code].code if item.code in earlier else "" for item in kinds])
    old_names = np.array([earlier[item.code].name if item.code in earlier else "" for item in kinds])
    types = np.array([item.code for item in kinds])
    order = np.argsort(kind, kind="stable")
    sequence = np.empty(count, dtype=int)
    starts = np.searchsorted(kind[order], np.arange(len(kinds)))
    sequence[order] = np.arange(count) - starts[kind[order]] + 1
    digits = np.char.zfill(sequence.astype("U6"), 6)
    prefix = np.where(old, np.char.add(DISTRICT, old_codes)[kind], np.char.add(DISTRICT, types)[kind])
    first = np.where(old, _days(rng, count, "2014-03-01", 1900), _days(rng, count, "2026-01-05", 170))
    changed = np.where(rng.random(count) < 0.18, first + rng.integers(20, 400, count), np.iinfo(np.int64).min)
    changed = np.where(changed > _day("2026-10-31"), np.iinfo(np.int64).min, changed)
    state = np.array(STATES)[rng.choice(5, count, p=[0.94, 0.036, 0.012, 0.008, 0.004])]
    table = pd.DataFrame(
        {
            "GLBJBSM": np.char.add(prefix, digits),
            "GLBJMC": np.where(old, old_names[kind], names[kind]),
            **_units(kinds, kind),
            "SZDYWGBSM": areas.grid_code[cell],
            "GLBJZT": state,
            "CSRQ": first.astype("datetime64[D]"),
            "BGRQ": changed.astype("datetime64[D]"),
            "SJLY": np.where(old, "地形图", np.where(rng.random(count) < 0.9, "实测", "基础地理数据")),
            "BZ": "演示数据",
            "SZJDDM": street,
            "SZJDMC": _named(street, areas.names.streets),
            "SZSQDM": community,
            "SZSQMC": _named(community, areas.names.communities),
        }
    )
    return Components(table, position, types[kind])


def _units(kinds: tuple[Kind, ...], kind: np.ndarray) -> dict[str, np.ndarray]:
    columns = {}
    for role, code, name in (
        ("manager", "ZGBMDM", "ZGBMMC"), ("owner", "QSDWDM", "QSDWMC"), ("maintainer", "YHDWDM", "YHDWMC"),
    ):  # fmt: skip
        units = [UNITS[getattr(item, role)] for item in kinds]
        columns[code] = np.array([credit_code(unit) for unit in units])[kind]
        columns[name] = np.array(units)[kind]
    return columns


def _named(codes: np.ndarray, names: dict[str, str]) -> np.ndarray:
    unique, place = np.unique(codes, return_inverse=True)
    return np.array([names[code] for code in unique])[place]


def _day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def _days(rng: np.random.Generator, count: int, first: str, length: int) -> np.ndarray:
    return _day(first) + rng.integers(0, length, count)
