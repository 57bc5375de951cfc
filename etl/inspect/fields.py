"""Which field of a file fills which column of a target, by name and content, best over all of them."""

import re
from dataclasses import dataclass, replace

import numpy as np

from etl.inspect.assignment import best_assignment
from etl.inspect.content import Content
from etl.inspect.names import TargetColumn, folded, likeness, target_columns, unit_of

LEAST = 0.55
"""A match below this is no match."""
_STRONG = {
    "component_code": 0.9,
    "device_code": 0.9,
    "unit_grid_code": 0.75,
    "community_code": 0.7,
    "street_code": 0.7,
    "district_code": 0.7,
    "credit_code": 0.55,
    "phone": 0.6,
    "pipe_subclass": 0.7,
    "pipe_material": 0.65,
    "pipe_embedding": 0.65,
    "pipe_element": 0.85,
    "component_state": 0.8,
    "station_type": 0.5,
}
"""Kinds of content that tell a column without its name, and how surely."""
_METRES = {
    "m": 1.0,
    "米": 1.0,
    "mm": 0.001,
    "毫米": 0.001,
    "cm": 0.01,
    "厘米": 0.01,
    "km": 1000.0,
    "公里": 1000.0,
}
_ROW_NUMBERS = frozenset({"objectid", "fid", "oid", "gid", "fid1"})
"""What programs number rows by, anew with every export: a code only where there is no other."""
_AS_LAST = 0.6
_LENGTH = re.compile("mm|cm|km|m|毫米|厘米|公里|米")


@dataclass
class FieldMatch:
    """A field of the file and the column it fills; ``target`` is None where none fits.

    ``factor`` multiplies its numbers into the column's unit.
    """

    source: str
    content: Content
    target: str | None = None
    score: float = 0.0
    runner_up: str | None = None
    runner_up_score: float = 0.0
    unit: str | None = None
    factor: float | None = None


def match_fields(target: str, contents: dict[str, Content], cut: bool = False) -> list[FieldMatch]:
    """One match per field, in the file's order; each column is filled at most once."""
    columns = target_columns(target)
    names = list(contents)
    scores = np.array([[_score(name, contents[name], column, cut) for column in columns] for name in names])
    matches = [FieldMatch(name, contents[name], unit=unit_of(name)) for name in names]
    if not scores.size:
        return matches
    # Squared, so that one sure match outweighs two doubtful ones.
    for row, column in best_assignment(np.where(scores >= LEAST, scores**2, 0.0)):
        if scores[row, column] >= LEAST:
            match = matches[row]
            match.target, match.score = columns[column].name, round(float(scores[row, column]), 3)
            match.factor = _factor(match, columns[column])
    for row, match in enumerate(matches):
        others = [
            index for index in np.argsort(-scores[row], kind="stable") if columns[index].name != match.target
        ]
        if others and scores[row, others[0]] >= 0.3:
            match.runner_up = columns[others[0]].name
            match.runner_up_score = round(float(scores[row, others[0]]), 3)
    return matches


def match_as_told(match: FieldMatch, target: str, column: str | None) -> FieldMatch:
    """The match as a person corrects it; a column the target has not is none."""
    known = {one.name: one for one in target_columns(target)}
    wanted = known.get(column or "")
    told = replace(match, target=wanted.name if wanted else None, score=1.0 if wanted else 0.0, factor=None)
    if wanted:
        told.factor = _factor(told, wanted)
    return told


def _score(name: str, content: Content, column: TargetColumn, cut: bool) -> float:
    by_name = likeness(name, column, cut)
    if folded(name) in _ROW_NUMBERS:
        by_name = min(by_name, _AS_LAST)
    if not content.kinds:
        return by_name * 0.95
    strong = max((_STRONG.get(kind, 0.0) for kind in content.kinds if kind in column.content), default=0.0)
    if strong:
        return max(by_name, strong, min(1.0, 0.35 + 0.65 * by_name + 0.2 * strong) if by_name else 0.0)
    if _contradicts(content, column):
        return by_name * (0.45 if column.name == "code" or len(column.content) == 1 else 0.7)
    return by_name


def _contradicts(content: Content, column: TargetColumn) -> bool:
    """The values are plainly of another kind than the column's."""
    kinds = set(content.kinds)
    wanted = set(column.content)
    if wanted & kinds:
        return False
    if wanted <= {"text", "code"}:
        other_code = kinds & {
            "component_code",
            "device_code",
            "unit_grid_code",
            "credit_code",
            "phone",
            "date",
        }
        return (bool(other_code) and column.name != "code") or "wkt" in kinds
    if wanted <= {"number"}:
        return "number" not in kinds and "year" not in kinds
    if wanted <= {
        "component_code",
        "device_code",
        "unit_grid_code",
        "community_code",
        "street_code",
        "district_code",
    }:
        return True
    if wanted <= {"credit_code"}:
        return bool(kinds & {"number", "date"}) or (content.type == "text" and "code" not in kinds)
    if wanted <= {"date", "year"}:
        return not kinds & {"date", "timestamp", "year", "number"}
    return bool(wanted <= {"phone"} and kinds & {"date", "longitude", "latitude"})


def _factor(match: FieldMatch, column: TargetColumn) -> float | None:
    """From the header's unit to the column's; a diameter below 5 without a unit is plainly in metres."""
    given, wanted = _METRES.get(match.unit or ""), _METRES.get(column.unit or "")
    if given is None and column.name == "section" and match.unit is None:
        high = match.content.high
        given = 1.0 if high is not None and 0 < high <= 5 else None
    if given is None or wanted is None or given == wanted:
        return None
    return float(f"{given / wanted:g}")
