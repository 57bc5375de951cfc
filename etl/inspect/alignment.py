"""How lines, outlines and places of rows run along what the store has: no code or name is needed for that."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.inspect.evidence import Evidence, Placed
from etl.inspect.knowledge import Knowledge
from geodata.coordinates.gcj02 import Floats

_ENOUGH = 20
_MOST_POINTS = 400
_RINGS, _DIRECTIONS = (180.0, 330.0, 620.0, 900.0), 12
_REACH = 140.0
"""Metres by which an old datum, taken for CGCS2000, can be off in China."""
_COARSE, _FINE = 20.0, 4.0
_SEARCHED, _REFINED = 100, 120
"""Points that are moved about to find the best move roughly, and to settle it."""
_PEAK = 6.0
"""Standard deviations by which the best move must fit better than the others tried."""
_ALONE = 1.4
"""Times the best move must stand out more than the best one elsewhere."""
_APART = 50.0


@dataclass(frozen=True)
class _Lines:
    """Something rows may run along: ``reach`` in metres is how near is near."""

    kind: str
    tree: shapely.STRtree
    reach: float
    zh: str
    en: str


def traces(shapes: NDArray[Any] | None) -> Floats:
    """(n, 2) places along lines and outlines as the file has them, at most 400; none of points."""
    empty = np.empty((0, 2))
    if shapes is None:
        return empty
    lines = shapely.get_parts(shapes[shapely.get_dimensions(shapes) >= 1])
    polygons = shapely.get_dimensions(lines) == 2
    lines[polygons] = shapely.get_exterior_ring(lines[polygons])
    lines = lines[shapely.length(lines) > 0]
    if not len(lines):
        return empty
    each = max(4, min(100, _MOST_POINTS // len(lines)))
    chosen = _thinned(lines, _MOST_POINTS // each)
    along = (np.arange(each) + 0.5) / each
    return shapely.get_coordinates(
        shapely.line_interpolate_point(chosen[:, None], along[None, :], normalized=True)
    )


def alignments(knowledge: Knowledge, placed: Placed) -> list[Evidence]:
    """Whether rows run along (or keep clear of) roads, outlines and buildings more than when moved at random.

    The score is compared with its mean and spread over moves of 180–900 m in twelve directions: what a wrong
    frame does.
    """
    metres = _aligned(placed)
    if metres is None:
        return []
    return [_evidence(lines, metres, placed.labels) for lines in _known(knowledge, placed)]


def best_move(knowledge: Knowledge, placed: Placed, hypothesis: int) -> tuple[float, float] | None:
    """Metres east and north after which rows run along what is known far better; None: no such move."""
    metres = _aligned(placed)
    if metres is None:
        return None
    found = [_peak(lines, metres[hypothesis]) for lines in _known(knowledge, placed)]
    peaks = [one for one in found if one is not None]
    if not peaks:
        return None
    _strength, east, north = max(peaks)
    return east, north


def _aligned(placed: Placed) -> Floats | None:
    metres = placed.traces if placed.traces.shape[1] else placed.metres
    given = np.flatnonzero(np.isfinite(metres).all(axis=(0, 2)))
    if len(given) < _ENOUGH:
        return None
    return metres[:, _thinned(given, _MOST_POINTS)]


def _thinned(values: NDArray[Any], most: int) -> NDArray[Any]:
    return values[np.linspace(0, len(values) - 1, min(len(values), most)).astype(np.intp)]


def _known(knowledge: Knowledge, placed: Placed) -> Iterator[_Lines]:
    yield from (
        lines
        for lines in (
            _Lines("along_roads", knowledge.road_tree, 8.0, "道路", "roads"),
            _Lines("buildings", knowledge.building_tree, 5.0, "建筑物", "buildings"),
        )
        if len(lines.tree.geometries)
    )
    if placed.traces.shape[1] and len(knowledge.outline_tree.geometries):
        yield _Lines("outlines", knowledge.outline_tree, 8.0, "区域与地物边线", "outlines")


def _evidence(lines: _Lines, metres: Floats, labels: list[str]) -> Evidence:
    angles = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    moves = [(ring * np.cos(a + ring), ring * np.sin(a + ring)) for ring in _RINGS for a in angles]
    chance = np.array([_score(lines, metres[0] + move) for move in moves])
    scores = np.array([_score(lines, one) for one in metres])
    deviation = np.abs(scores - chance.mean()) / max(float(chance.std()), 0.01)
    strength = np.minimum(0.25 * np.maximum(deviation - 1.5, 0.0) ** 2, 12.0)
    said = [f"{label} {one:.1f}σ" for label, one in zip(labels, deviation, strict=True)]
    return Evidence(
        lines.kind,
        strength - strength.max(),
        -float(strength.max()),
        f"与{lines.zh}的吻合程度（相对随机移动）：" + "；".join(said),
        f"agreement with {lines.en} against random moves: " + "; ".join(said),
    )


def _peak(lines: _Lines, metres: Floats) -> tuple[float, float, float] | None:
    """How far the best move stands out, and the move itself."""
    few = _thinned(metres, _SEARCHED)
    steps = np.arange(-_REACH, _REACH + 1, _COARSE)
    moves = np.array([(east, north) for east in steps for north in steps])
    coarse = _Lines(lines.kind, lines.tree, _COARSE, lines.zh, lines.en)
    scores = np.array([_score(coarse, few + move) for move in moves])
    best = moves[int(scores.argmax())]
    away = np.hypot(*(moves - best).T) > _APART
    usual, spread = float(scores[away].mean()), max(float(scores[away].std()), 0.005)
    strength = (float(scores.max()) - usual) / spread
    if strength < _PEAK or strength < _ALONE * (float(scores[away].max()) - usual) / spread:
        return None
    few = _thinned(metres, _REFINED)
    for step in (_COARSE / 2, _FINE):
        near = np.arange(-2, 3) * step
        around = best + np.array([(east, north) for east in near for north in near])
        best = around[int(np.argmax([_score(lines, few + move) for move in around]))]
    return strength, float(best[0]), float(best[1])


def _score(lines: _Lines, metres: Floats) -> float:
    """Mean nearness, 1 for all on the lines; what is further off than four times the reach counts as far."""
    _index, distance = lines.tree.query_nearest(
        shapely.points(metres), max_distance=4 * lines.reach, return_distance=True, all_matches=False
    )
    return float(np.exp(-distance / lines.reach).sum()) / len(metres)
