"""Which frame a file's coordinates are in: what it states, what the numbers allow, what fits the store.

The posterior over all readings gives the confidence; “none of these” always takes part, so that a file that
fits nowhere is not forced into a frame.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely

from etl.inspect.alignment import alignments, best_move, traces
from etl.inspect.evidence import (
    Evidence,
    KnownOffset,
    Placed,
    distinct_columns,
    known_offset,
    same_features,
    weigh,
)
from etl.inspect.hypotheses import Hypothesis, Statement, hypotheses
from etl.inspect.knowledge import Knowledge
from etl.packed_angle import unpack
from geodata.coordinates import CGCS2000, convert
from geodata.coordinates.degrees import Packing
from geodata.coordinates.gcj02 import Floats

SUREST = 0.99
CERTAIN = 0.75
"""Below this the proposal leaves the choice to the steward."""
MOVED = "moved"
_SAMPLED = 400
_LEAST_MOVE, _MOST_MOVE = 15.0, 400.0
"""Metres between which a common offset speaks of a wrong datum, not of survey errors or an offset frame."""
_MOVED = 0.02
_WELL_KNOWN = 10
"""Rows of known code or name from which on they alone say whether all is moved."""
_METRES_PER_DEGREE = 111_320.0


@dataclass
class FrameFinding:
    """The likeliest frame with its confidence (0–1) and the next best, and why in two languages.

    ``crs`` is None where the numbers are of no frame known (a city's own plane) or there are none.
    """

    crs: str | None
    confidence: float
    swapped: bool = False
    packed: Packing | None = None
    runner_up: str | None = None
    runner_up_confidence: float = 0.0
    stated: str | None = None
    choose: bool = False
    needs_parameters: bool = False
    evidence: list[tuple[str, str]] = field(default_factory=list)
    lon: Floats | None = None
    lat: Floats | None = None


def find_frame(
    x: Floats,
    y: Floats,
    attributes: pd.DataFrame,
    stated: Statement | None,
    knowledge: Knowledge | None,
    home: str,
    shapes: np.ndarray | None = None,
) -> FrameFinding:
    """The frame of pairs in the file's own order, (n,) each, with the rows' attributes.

    Args:
        shapes: the geometries the pairs stand for, where there are any.
        stated: what file or words say, or None.
        knowledge: None where no district is loaded.
        home: the district's projected frame.
    """
    rows = _sample(x, y)
    said = [] if stated is None else [_said(stated)]
    if not len(rows):
        return FrameFinding(None, 0.0, stated=stated.words if stated else None, evidence=said)
    x, y = x[rows], y[rows]
    near = knowledge.district if knowledge else None
    candidates = hypotheses(x, y, stated, near, home)
    if not candidates:
        said.append(
            (
                "数值不属于任何已知坐标系：可能是地方独立坐标系，须由测绘部门给出参数文件",
                "the numbers are of no known frame: perhaps a city's own plane: state its parameters",
            )
        )
        return FrameFinding(None, 0.0, stated=stated.words if stated else None, choose=True, evidence=said)
    places = [one.place(x, y) for one in candidates]
    candidates, places, evidence = _weigh(
        knowledge, candidates, places, attributes, rows, traces(shapes) if knowledge else np.empty((0, 2))
    )
    posterior, none = _posterior(candidates, evidence)
    return _finding(candidates, posterior, none, places, stated, said, evidence, knowledge is not None)


def _sample(x: Floats, y: Floats) -> np.ndarray:
    given = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & ~((x == 0) & (y == 0)))
    if len(given) <= _SAMPLED:
        return given
    return given[np.linspace(0, len(given) - 1, _SAMPLED).astype(np.intp)]


def _weigh(
    knowledge: Knowledge | None,
    candidates: list[Hypothesis],
    places: list[tuple[Floats, Floats]],
    attributes: pd.DataFrame,
    rows: np.ndarray,
    along: Floats,
) -> tuple[list[Hypothesis], list[tuple[Floats, Floats]], list[Evidence]]:
    """The evidence; a reading that what is known contradicts takes part again, moved to where that is."""
    if knowledge is None or knowledge.district is None:
        return candidates, places, []
    metres = np.array([knowledge.plane.metres(lon, lat) for lon, lat in places])
    traced = np.array(
        [knowledge.plane.metres(*one.place(along[:, 0], along[:, 1])) for one in candidates]
        if len(along)
        else np.empty((len(candidates), 0, 2))
    )
    placed = Placed([one.label for one in candidates], metres, distinct_columns(attributes, rows), traced)
    offset = known_offset(knowledge, placed)
    evidence = _evidence(knowledge, candidates, placed, offset)
    move = _move_to_known(offset)
    if move is None and (offset is None or offset.rows < _WELL_KNOWN):
        move = _move_to_lines(knowledge, candidates, placed, evidence)
    if move is None:
        return candidates, places, evidence
    best, shift = move
    east, north = shift
    moved = replace(candidates[best], prior=_MOVED, shift=f"{MOVED} {east:+.0f} m E {north:+.0f} m N")
    placed.labels.append(moved.label)
    placed.metres = np.concatenate([metres, metres[best : best + 1] + shift])
    placed.traces = np.concatenate([traced, traced[best : best + 1] + shift])
    candidates = [*candidates, moved]
    evidence = _evidence(knowledge, candidates, placed, known_offset(knowledge, placed))
    return candidates, [*places, places[best]], evidence


def _evidence(
    knowledge: Knowledge, candidates: list[Hypothesis], placed: Placed, offset: KnownOffset | None
) -> list[Evidence]:
    """All that speaks for a reading; how rows run along lines only where known features are silent."""
    first = [] if offset is None else [same_features(offset, placed.labels)]
    said = [*first, *weigh(knowledge, placed)]
    if offset is not None and offset.rows >= _WELL_KNOWN and _decided(candidates, said):
        return said
    return [*said, *alignments(knowledge, placed)]


def _decided(candidates: list[Hypothesis], evidence: list[Evidence]) -> bool:
    posterior, _none = _posterior(candidates, evidence)
    return float(posterior.max()) >= SUREST


def _move_to_known(offset: KnownOffset | None) -> tuple[int, Floats] | None:
    """Which reading known features contradict least, and the metres by which they do."""
    if offset is None or not np.isfinite(offset.distance).any():
        return None
    best = int(np.nanargmin(offset.distance))
    away, error = float(offset.distance[best]), float(offset.error[best])
    if _LEAST_MOVE < away < _MOST_MOVE and away > 3 * error:
        return best, -offset.middle[best]
    return None


def _move_to_lines(
    knowledge: Knowledge, candidates: list[Hypothesis], placed: Placed, evidence: list[Evidence]
) -> tuple[int, Floats] | None:
    """The likeliest reading and the metres after which it runs along roads and outlines far better."""
    posterior, _none = _posterior(candidates, evidence)
    best = int(posterior.argmax())
    move = best_move(knowledge, placed, best)
    if move is None or not _LEAST_MOVE < float(np.hypot(*move)) < _MOST_MOVE:
        return None
    return best, np.array(move)


def _posterior(candidates: list[Hypothesis], evidence: list[Evidence]) -> tuple[Floats, float]:
    priors = np.array([one.prior for one in candidates])
    none = max(1.0 - float(priors.sum()), 0.01)
    log = np.log(np.append(priors, none))
    for one in evidence:
        log += np.append(one.log_likelihood, one.none_of_them)
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    return weights[:-1], float(weights[-1])


def _finding(
    candidates: list[Hypothesis],
    posterior: Floats,
    none: float,
    places: list[tuple[Floats, Floats]],
    stated: Statement | None,
    said: list[tuple[str, str]],
    evidence: list[Evidence],
    with_store: bool,
) -> FrameFinding:
    order = np.argsort(-posterior, kind="stable")
    direct = [index for index in order if not candidates[index].shift]
    best = int(direct[0])
    chosen = candidates[best]
    words = [*said, *((one.zh, one.en) for one in evidence)]
    if chosen.note_zh:
        words.append((chosen.note_zh, chosen.note_en))
    shifted = candidates[int(order[0])]
    if shifted.shift and shifted.shift.startswith(MOVED):
        words.append(
            (
                f"整体偏移（{shifted.shift}）后才与库中要素吻合：可能是西安80、北京54 标成 CGCS2000",
                f"fits the store only when {shifted.shift}: perhaps Xian 80 or Beijing 54 labelled CGCS2000",
            )
        )
    elif shifted.shift:
        words.append(
            (
                f"像是 {shifted.shift} 经纬度直接投影成 {shifted.frame}：须先还原偏移",
                f"looks like {shifted.shift} degrees projected to {shifted.frame}: undo the offset first",
            )
        )
    others = [index for index in order if candidates[index].label != chosen.label]
    runner = int(others[0]) if others else None
    confidence = float(posterior[best])
    if chosen.old_datum:
        # What is moved as a whole is what an old datum looks like: it confirms the statement.
        confidence += sum(
            float(share)
            for one, share in zip(candidates, posterior, strict=True)
            if one.shift and one.shift.startswith(MOVED)
        )
    if stated is not None and stated.frame not in (chosen.frame, "local"):
        words.insert(0, _differs(stated, chosen, candidates, places))
    if stated is not None and stated.frame == "local":
        confidence = min(confidence, 0.5)
    if none > confidence and evidence:
        words.append(
            (
                "与库中数据比较，没有一种坐标系吻合：声明可能有误（例如西安80、北京54 标成 CGCS2000）",
                "no frame fits what the store knows: the statement may be wrong (Xian 80 or Beijing 54, say)",
            )
        )
    if not with_store:
        words.append(
            (
                "库中没有区域数据可比较，只依据文件本身",
                "no district is loaded to compare with: from the file alone",
            )
        )
    lon, lat = places[best]
    return FrameFinding(
        crs=chosen.frame,
        confidence=round(min(confidence, SUREST), 3),
        swapped=chosen.swapped,
        packed=chosen.packed,
        runner_up=candidates[runner].label if runner is not None else None,
        runner_up_confidence=round(float(posterior[runner]), 3) if runner is not None else 0.0,
        stated=stated.words if stated else None,
        choose=confidence < CERTAIN or chosen.old_datum,
        needs_parameters=chosen.old_datum,
        evidence=words,
        lon=lon,
        lat=lat,
    )


def _differs(
    stated: Statement, chosen: Hypothesis, candidates: list[Hypothesis], places: list[tuple[Floats, Floats]]
) -> tuple[str, str]:
    """That the rows are not where the file says, and by how far, where that can be told."""
    as_said = next((at for at, one in enumerate(candidates) if one.frame == stated.frame), None)
    if as_said is None:
        return (
            f"声明为 {stated.words}，但数值属于 {chosen.frame}：请核实",
            f"stated is {stated.words}, but the numbers are of {chosen.frame}: please check",
        )
    middles = [
        np.nanmedian(np.column_stack(places[at]), axis=0) for at in (as_said, candidates.index(chosen))
    ]
    east, north = (middles[1] - middles[0]) * _METRES_PER_DEGREE
    metres = float(np.hypot(east * np.cos(np.radians(middles[0][1])), north))
    return (
        f"声明为 {stated.words}，但各行按 {chosen.frame} 更吻合，两者相差约 {metres:.0f} m：请核实",
        f"stated is {stated.words}, but the rows fit {chosen.frame} better, {metres:.0f} m off: please check",
    )


def _said(stated: Statement) -> tuple[str, str]:
    origin = {"file": ("文件声明", "the file states"), "format": ("格式规定", "the format implies")}
    zh, en = origin.get(stated.origin, ("名称中写有", "names or titles say"))
    return f"{zh}：{stated.words}", f"{en}: {stated.words}"


def frame_as_told(found: FrameFinding, x: Floats, y: Floats, crs: str) -> FrameFinding:
    """The finding as a person corrects it; the order of the axes stays as it was found.

    Raises:
        UserError: there is no such frame.
    """
    rows = _sample(x, y)
    x, y = (y[rows], x[rows]) if found.swapped else (x[rows], y[rows])
    if found.packed:
        x, y = unpack(x, found.packed), unpack(y, found.packed)
    lon, lat = convert(x, y, crs, CGCS2000)
    return replace(
        found,
        crs=crs,
        confidence=1.0,
        runner_up=found.crs if found.crs != crs else found.runner_up,
        runner_up_confidence=found.confidence if found.crs != crs else found.runner_up_confidence,
        choose=False,
        needs_parameters=False,
        evidence=[("由数据管理员选定", "chosen by a data steward"), *found.evidence],
        lon=lon,
        lat=lat,
    )


def extent(lon: Floats | None, lat: Floats | None) -> list[float] | None:
    """West, south, east, north of all places; None where there are none."""
    if lon is None or lat is None:
        return None
    given = np.isfinite(lon) & np.isfinite(lat)
    if not given.any():
        return None
    return [
        round(float(one), 6)
        for one in (lon[given].min(), lat[given].min(), lon[given].max(), lat[given].max())
    ]


def representative(geometry: Any) -> tuple[Floats, Floats]:
    """(n,) x and y of a place in each geometry, in the file's order; NaN where there is none."""
    shapes = shapely.centroid(np.asarray(geometry, dtype=object))
    return shapely.get_x(shapes), shapely.get_y(shapes)
