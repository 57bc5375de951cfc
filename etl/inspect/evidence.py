"""How well each reading of a file's coordinates fits what the store knows, as log-likelihoods.

Each piece of evidence gives one number per hypothesis, 0 for the best, and one for “none of these”. The
scales are chosen so that rows that err together (a street shifted, wrong codes) cannot outvote all else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from etl.inspect.knowledge import Knowledge
from geodata.coordinates.gcj02 import Floats

_AREA_EDGE = 20.0
"""Metres by which area boundaries of two departments differ."""
_ROAD_REACH = 40.0
"""Metres from a road's axis at which things that bear its name stand."""
_SURVEY_ERROR = 8.0
"""Metres that two surveys of the same things may differ as a whole."""
_DISTINCT = 0.6
"""Share of different values from which on a column identifies its rows."""
_CAP = 40.0
_ROWS_THAT_COUNT = 60
_FEW = 10
"""Rows of which so many may well lie beyond the border together."""


@dataclass(frozen=True)
class Evidence:
    """What one comparison says: log-likelihood per hypothesis and of none of them; in two languages."""

    kind: str
    log_likelihood: Floats
    none_of_them: float
    zh: str
    en: str


@dataclass
class Placed:
    """Sampled rows with their place in metres under each hypothesis.

    ``metres``: (hypotheses, rows, 2), NaN where a row has no place under it; ``columns``: the rows' cells as
    text, by the file's column names; ``traces``: (hypotheses, points, 2) along lines and outlines, empty of
    points.
    """

    labels: list[str]
    metres: Floats
    columns: dict[str, list[str]]
    traces: Floats


def weigh(knowledge: Knowledge, placed: Placed) -> list[Evidence]:
    """What rows say that name areas or roads, and what the district's border says."""
    comparisons: tuple[Callable[[Knowledge, Placed], Evidence | None], ...] = (
        _areas_in_rows,
        _roads_in_rows,
        _inside_district,
    )
    return [one for compare in comparisons if (one := compare(knowledge, placed)) is not None]


@dataclass(frozen=True)
class KnownOffset:
    """Metres from rows to features of the same code or name: middle (hypotheses, 2) and its error."""

    rows: int
    middle: Floats
    error: Floats

    @property
    def distance(self) -> Floats:
        return np.hypot(self.middle[:, 0], self.middle[:, 1])


def known_offset(knowledge: Knowledge, placed: Placed) -> KnownOffset | None:
    """By the column that identifies most rows; None where the store knows none of them."""
    best: tuple[int, Floats] | None = None
    for values in placed.columns.values():
        wanted = sorted({value for value in values if _identifies(value)})
        if not wanted or len(wanted) < _DISTINCT * len(values):
            continue
        codes, names = knowledge.places(wanted, [value for value in wanted if _is_name(value)])
        known = codes | names
        rows = [row for row, value in enumerate(values) if value in known]
        if len(rows) > (best[0] if best else 0):
            target = np.array([known[values[row]] for row in rows])
            best = len(rows), placed.metres[:, rows] - target
    if best is None:
        return None
    count, offsets = best
    middle = np.nanmedian(offsets, axis=1)
    spread = 1.4826 * np.nanmedian(np.abs(offsets - middle[:, None]), axis=1).max(axis=1)
    if count < _FEW:
        # Names that are another thing's by chance stand far apart, and few rows have no dependable middle.
        spread = np.maximum(np.nanmax(np.abs(offsets - middle[:, None]), axis=(1, 2)), 60.0 / count)
    return KnownOffset(count, middle, np.sqrt(1.57 * spread**2 / count + _SURVEY_ERROR**2))


def same_features(offset: KnownOffset, labels: list[str]) -> Evidence:
    """Rows whose code or name the store knows: their offset from there must vanish."""
    fit = -0.5 * np.minimum((offset.distance / offset.error) ** 2, 2 * _CAP)
    fit = np.nan_to_num(fit, nan=-_CAP)
    none = -min(8.0, 2.0 * offset.rows)
    best = max(float(fit.max()), none)
    words = list(zip(labels, offset.middle, strict=True))
    return Evidence(
        "same_features",
        fit - best,
        none - best,
        f"{offset.rows} 行与库中同码或同名要素比较，整体偏移："
        + "；".join(f"{label} {_offset_zh(one)}" for label, one in words),
        f"offset of {offset.rows} rows from features of the same code or name: "
        + "; ".join(f"{label} {_offset_en(one)}" for label, one in words),
    )


def _areas_in_rows(knowledge: Knowledge, placed: Placed) -> Evidence | None:
    """Rows that name a unit grid, community or street must lie in it; the smallest areas say most."""
    best: tuple[float, list[int], list[Any]] | None = None
    for name, values in placed.columns.items():
        areas = [_area(knowledge, value) for value in values]
        rows = [row for row, area in enumerate(areas) if area is not None]
        if len(rows) < max(1, 0.2 * len(values)) or name == "":
            continue
        shapes = [areas[row] for row in rows]
        size = float(np.median([shapely.area(shape) for shape in shapes]))
        score = len(rows) / np.sqrt(size)
        if best is None or score > best[0]:
            best = score, rows, shapes
    if best is None:
        return None
    _score, rows, shapes = best
    return _nearness(
        "areas",
        placed,
        rows,
        shapes,
        _AREA_EDGE,
        ("位于所写的网格、社区或街道内", "lie in the area they name"),
    )


def _roads_in_rows(knowledge: Knowledge, placed: Placed) -> Evidence | None:
    """Rows that name a road must lie by it."""
    for values in placed.columns.values():
        known = [_road(knowledge, value) for value in values]
        rows = [row for row, shape in enumerate(known) if shape is not None]
        if len(rows) >= max(3, 0.3 * len(values)):
            return _nearness(
                "roads",
                placed,
                rows,
                [known[row] for row in rows],
                _ROAD_REACH,
                ("位于所写道路旁", "lie by the road they name"),
            )
    return None


def _nearness(
    kind: str, placed: Placed, rows: list[int], shapes: list[Any], reach: float, words: tuple[str, str]
) -> Evidence:
    targets = np.array(shapes, dtype=object)
    shares = np.array(
        [
            np.mean(np.nan_to_num(np.exp(-shapely.distance(_points(one[rows]), targets) / reach)))
            for one in placed.metres
        ]
    )
    counted = min(len(rows), _ROWS_THAT_COUNT)
    best = shares.max()
    fit = np.maximum(-3.0 * counted * (best - shares), -_CAP)
    none = max(-3.0 * counted * max(best - 0.5, 0.0), -_CAP)
    said = [f"{label} {share:.0%}" for label, share in zip(placed.labels, shares, strict=True)]
    return Evidence(
        kind,
        fit,
        none,
        f"{len(rows)} 行{words[0]}的比例：" + "；".join(said),
        f"of {len(rows)} rows, {words[1]}: " + "; ".join(said),
    )


def _inside_district(knowledge: Knowledge, placed: Placed) -> Evidence | None:
    district = knowledge.district_in_metres
    outside = []
    for one in placed.metres:
        given = one[np.isfinite(one[:, 0])]
        points = shapely.points(given)
        outside.append(float(np.mean(shapely.distance(points, district) > 60)) if len(given) else 1.0)
    shares = np.array(outside)
    least = shares.min()
    rows = placed.metres.shape[1]
    counted = min(rows * rows / (rows + _FEW), 100)
    fit = -np.minimum(counted * (shares - least) * (1 - least), 8.0)
    said = [f"{label} {share:.0%}" for label, share in zip(placed.labels, shares, strict=True)]
    return Evidence(
        "district",
        fit,
        -4.0 * (1 - float(least)),
        "落在区界以外的比例：" + "；".join(said),
        "outside the district: " + "; ".join(said),
    )


def _points(metres: Floats) -> NDArray[Any]:
    points = np.full(len(metres), None, dtype=object)
    given = np.isfinite(metres).all(axis=1)
    points[given] = shapely.points(metres[given])
    return points


def _area(knowledge: Knowledge, value: str) -> shapely.Geometry | None:
    if value.isdigit() and len(value) in (9, 12, 15):
        return knowledge.areas_by_code.get(value)
    return knowledge.areas_by_name.get(value) or knowledge.areas_by_name.get(f"{value}社区")


def _road(knowledge: Knowledge, value: str) -> shapely.Geometry | None:
    """The road a cell names, alone or within an address: the longest known name that ends where it does."""
    if not value or value.isdigit() or value.isascii():
        return None
    if value in knowledge.roads_by_name:
        return knowledge.roads_by_name[value]
    for end in range(len(value), 1, -1):
        if value[end - 1] in "路街巷道里":
            for start in range(max(0, end - 10), end - 1):
                if (shape := knowledge.roads_by_name.get(value[start:end])) is not None:
                    return shape
    return None


def _identifies(value: str) -> bool:
    return (len(value) >= 4 and not value.isalpha()) or _is_name(value)


def _is_name(value: str) -> bool:
    return len(value) >= 3 and any("一" <= character <= "鿿" for character in value)


def _offset_zh(metres: Floats) -> str:
    if not np.isfinite(metres).all():
        return "无法换算"
    return f"东 {metres[0]:+.0f} m、北 {metres[1]:+.0f} m"


def _offset_en(metres: Floats) -> str:
    if not np.isfinite(metres).all():
        return "cannot be placed"
    return f"{metres[0]:+.0f} m E {metres[1]:+.0f} m N"


def distinct_columns(table: pd.DataFrame, rows: NDArray[np.intp]) -> dict[str, list[str]]:
    """Text cells of sampled rows in columns that could name something: not constants, not plain measures."""
    columns = {}
    for name in table.columns:
        values = [_text(value) for value in table[name].iloc[rows]]
        if len({value for value in values if value}) >= min(2, len(values)):
            columns[str(name)] = values
    return columns


def _text(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
