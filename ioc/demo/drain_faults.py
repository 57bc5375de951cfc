"""Faults put into the drains on purpose, and the record of where they are."""

from dataclasses import dataclass, replace

import numpy as np
import shapely

from ioc.demo.drain_layout import COMBINED, SEWER, STORM
from ioc.demo.drains import SIZES, Drains
from ioc.demo.landscape import points_at

HAZARDS, MISCONNECTIONS = 831, 2632
REVERSED, NARROWED = "逆坡", "大管接小管"
INTO_SEWER, INTO_STORM = "雨水接入污水", "污水接入雨水"
# Defects seen by CCTV only: code of CJJ 181-2012, name, highest grade, share.
SEEN = (
    ("PL", "破裂", 4, 0.24), ("BX", "变形", 4, 0.08), ("CK", "错口", 4, 0.11), ("TJ", "脱节", 4, 0.10),
    ("FS", "腐蚀", 3, 0.07), ("SL", "渗漏", 4, 0.08), ("CR", "异物穿入", 3, 0.04), ("CJ", "沉积", 4, 0.16),
    ("ZW", "障碍物", 4, 0.07), ("SG", "树根", 4, 0.05),
)  # fmt: skip
# Directions tried for a short pipe, and how far it keeps from others of its kind (metres).
DIRECTIONS, CLEARANCE = 24, 0.7
# How far the lower end of a reversed pipe comes to lie above the upper one (metres).
HIGHEST_RISE = 0.22
GRADES = ("轻微", "中等", "严重", "重大")


@dataclass(frozen=True)
class DrainFault:
    """One seeded fault: on a segment, between its two nodes, at x, y (metres)."""

    category: str
    kind: str
    code: str
    grade: int
    segment: int
    x: float
    y: float


def seed_faults(drains: Drains, scale: float, rng: np.random.Generator) -> tuple[Drains, list[DrainFault]]:
    """The drains with misconnections joined and levels and sizes spoilt, and the list of all of it."""
    hazards = max(4, round(HAZARDS * scale))
    misconnections = max(2, round(MISCONNECTIONS * scale))
    sound = len(drains.top)
    drains, wrong = _misconnect(drains, misconnections, rng)
    drains = replace(
        drains,
        invert_top=drains.invert_top.copy(),
        invert_bottom=drains.invert_bottom.copy(),
        diameter=drains.diameter.copy(),
    )
    faults, taken = [], np.zeros(sound, dtype=bool)
    for kind, number in ((REVERSED, round(hazards * 0.18)), (NARROWED, round(hazards * 0.12))):
        candidates = _reversible(drains, sound) if kind == REVERSED else _narrowable(drains, sound)
        candidates = candidates[~taken[candidates]]
        for segment in np.sort(rng.choice(candidates, min(max(1, number), len(candidates)), replace=False)):
            _spoil(drains, kind, int(segment), rng)
            taken[segment] = True
            code = "NP" if kind == REVERSED else "DX"
            faults.append(_fault(drains, "隐患", kind, code, int(rng.integers(2, 4)), int(segment)))
    rest = np.flatnonzero(~taken)
    share = np.array([row[3] for row in SEEN])
    for segment in np.sort(rng.choice(rest, min(hazards - len(faults), len(rest)), replace=False)):
        code, kind, highest, _ = SEEN[int(rng.choice(len(SEEN), p=share / share.sum()))]
        grade = min(int(rng.choice([1, 2, 3, 4], p=[0.2, 0.4, 0.3, 0.1])), highest)
        faults.append(_fault(drains, "隐患", kind, f"{code}{grade}", grade, int(segment)))
    return drains, faults + wrong


def _fault(drains: Drains, category: str, kind: str, code: str, grade: int, segment: int) -> DrainFault:
    ends = drains.position[[drains.top[segment], drains.bottom[segment]]]
    x, y = np.round(ends.mean(axis=0), 3)
    return DrainFault(category, kind, code, grade, segment, float(x), float(y))


def _reversible(drains: Drains, sound: int) -> np.ndarray:
    """Segments deep enough for their lower end to be raised above the upper one."""
    cover = drains.ground[drains.bottom] - drains.invert_top - drains.diameter / 1000
    return np.flatnonzero((cover[:sound] > 0.75 + HIGHEST_RISE) & (drains.lengths[:sound] > 12))


def _narrowable(drains: Drains, sound: int) -> np.ndarray:
    """Segments of 500 mm and more that take in one of their size, of the same kind, and feed another of it.

    So a narrowing by one size is no jump by many.
    """
    arriving = np.zeros(len(drains.ground))
    np.maximum.at(arriving, drains.bottom[:sound], drains.diameter[:sound])
    segment = np.arange(sound)
    above = arriving[drains.top[segment]]
    onward = np.full(len(drains.ground), -1)
    onward[drains.top[:sound]] = segment
    following = onward[drains.bottom[segment]]
    alike = (drains.diameter[:sound] == above) & (drains.diameter[following] == above)
    return segment[(above >= 500) & (following >= 0) & alike]


def _spoil(drains: Drains, kind: str, segment: int, rng: np.random.Generator) -> None:
    if kind == REVERSED:
        rise = round(float(rng.uniform(0.05, HIGHEST_RISE)), 3)
        drains.invert_bottom[segment] = round(float(drains.invert_top[segment]) + rise, 3)
        return
    arriving = drains.diameter[drains.bottom == drains.top[segment]].max()
    drains.diameter[segment] = SIZES[np.searchsorted(SIZES, arriving) - 1]


def _misconnect(drains: Drains, count: int, rng: np.random.Generator) -> tuple[Drains, list[DrainFault]]:
    """Short pipes into the wrong system: rain inlets into sewers, house drains into storm drains."""
    into_sewer = round(count * 0.38)
    lowest = np.full(len(drains.ground), np.inf)
    np.minimum.at(lowest, drains.top, drains.invert_top)
    manhole = np.isin(drains.fixture, ("雨水井", "污水井")) & (drains.ground - lowest > 1.4)
    # Rain may go into combined drains.
    manhole[drains.top[drains.subclass == COMBINED]] = False
    chosen = []
    for system, number in ((SEWER, into_sewer), (STORM, count - into_sewer)):
        other = STORM if system == SEWER else SEWER
        candidates = np.flatnonzero(manhole & (drains.system == system))
        candidates = candidates[_clear_of(drains, other, drains.position[candidates])]
        picked = rng.choice(candidates, number, replace=number > len(candidates))
        chosen.append(np.sort(picked))
    host = np.concatenate(chosen)
    sewer = drains.system[host] == SEWER
    reach = rng.uniform(4.0, 9.0, len(host))
    position = _free_ends(drains, host, np.where(sewer, STORM, SEWER), reach, rng)
    ground = np.round(drains.ground[host] + rng.uniform(-0.08, 0.12, len(host)), 3)
    diameter = np.where(sewer, 300, 200)
    end = np.maximum(lowest[host] + 0.05, drains.ground[host] - 1.3)
    start = np.maximum(np.minimum(ground - 0.75 - diameter / 1000, end + 0.3), end + 0.02 * reach)
    nodes, segments = len(drains.ground), len(drains.top)
    joined = Drains(
        np.vstack([drains.position, position]),
        np.concatenate([drains.ground, ground]),
        np.concatenate([drains.system, np.where(sewer, STORM, SEWER)]),
        np.concatenate([drains.feature, np.full(len(host), "", dtype=object)]),
        np.concatenate([drains.fixture, np.where(sewer, "雨水箅", "污水井")]),
        np.concatenate([drains.node_road, drains.node_road[host]]),
        np.concatenate([drains.top, nodes + np.arange(len(host))]),
        np.concatenate([drains.bottom, host]),
        np.concatenate([drains.subclass, np.where(sewer, STORM, SEWER)]),
        np.concatenate([drains.diameter, diameter]),
        np.concatenate([drains.invert_top, np.round(start, 3)]),
        np.concatenate([drains.invert_bottom, np.round(end, 3)]),
        np.concatenate([drains.segment_road, drains.node_road[host]]),
    )
    grades = rng.integers(1, 4, len(host))
    return joined, [
        _fault(joined, "混接", INTO_SEWER if sewer[i] else INTO_STORM, "HJ", int(grades[i]), segments + i)
        for i in range(len(host))
    ]


def _clear_of(drains: Drains, system: str, position: np.ndarray) -> np.ndarray:
    """Which positions keep clear of all pipes of a system."""
    laid = shapely.STRtree(_courses(drains, np.flatnonzero(drains.subclass == system)))
    near, _ = laid.query(points_at(position), predicate="dwithin", distance=CLEARANCE)
    clear = np.ones(len(position), dtype=bool)
    clear[near] = False
    return clear


def _courses(drains: Drains, pipes: np.ndarray) -> np.ndarray:
    ends = np.stack([drains.position[drains.top[pipes]], drains.position[drains.bottom[pipes]]], axis=1)
    return np.asarray(shapely.linestrings(ends), dtype=object)


def _free_ends(
    drains: Drains, host: np.ndarray, kind: np.ndarray, reach: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Where short pipes from their hosts begin, so that none meets another of its kind on the way."""
    angle = rng.uniform(0, 2 * np.pi, len(host))[:, None] + np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    away = np.stack([np.cos(angle), np.sin(angle)], axis=2) * reach[:, None, None]
    begin = np.round(drains.position[host][:, None] + away, 3)
    ends = np.stack([np.broadcast_to(drains.position[host][:, None], begin.shape), begin], axis=2)
    lines = np.asarray(shapely.linestrings(ends.reshape(-1, 2, 2))).reshape(len(host), DIRECTIONS)
    taken = np.zeros(lines.shape, dtype=bool)
    for system in (STORM, SEWER):
        laid = _courses(drains, np.flatnonzero(drains.subclass == system))
        mine = np.flatnonzero(kind == system)
        near, _ = shapely.STRtree(laid).query(lines[mine].ravel(), predicate="dwithin", distance=CLEARANCE)
        taken[mine[near // DIRECTIONS], near % DIRECTIONS] = True
    chosen = np.zeros(len(host), dtype=int)
    placed = drains.position[host]
    for number in range(len(host)):
        beside = np.flatnonzero(np.hypot(*(placed[:number] - placed[number]).T) < 20.0)
        beside = beside[(kind[beside] == kind[number]) & (host[beside] != host[number])]
        blocked = taken[number].copy()
        for other in beside:
            blocked |= shapely.dwithin(lines[number], lines[other, chosen[other]], CLEARANCE)
        chosen[number] = int(np.argmin(blocked))
    return begin[np.arange(len(host)), chosen]
