"""Rows that are wrong on purpose, so that checks and quarantine have something real to find."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely

# The rules that a seeded row breaks, as the manifest names them.
DUPLICATE = "duplicate_code"
CHECK_DIGIT = "credit_code_check_digit"
OUTSIDE = "outside_district"
SWAPPED = "swapped_coordinates"
MISSING = "missing_mandatory"
UNKNOWN_TYPE = "unknown_type"
NO_GEOMETRY = "no_geometry"
BAD_LENGTH = "code_length"
DANGLING = "unknown_node"


@dataclass
class SeededRows:
    """What was spoilt: file, layer, data row (from 1), rule, field, and the value now in it."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, file: str, layer: str, row: int, rule: str, column: str, value: Any) -> None:
        self.rows.append(
            {
                "file": file,
                "layer": layer,
                "row": row + 1,
                "rule": rule,
                "field": column,
                "value": _plain(value),
            }
        )


Spoiler = Callable[[pd.DataFrame, np.ndarray, int], tuple[str, Any]]


def spoil(
    seeded: SeededRows,
    file: str,
    layer: str,
    table: pd.DataFrame,
    shapes: np.ndarray,
    plan: dict[str, tuple[int, Spoiler]],
    rng: np.random.Generator,
    busy: np.ndarray | None = None,
    suits: np.ndarray | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Copies of table and shapes, with `plan` (rule → how many, how) carried out on random rows.

    Rows that are `busy` (True) have a fault already or lie beside one, and stay as they are; where given,
    only rows that it `suits` are spoilt.
    """
    table, shapes = table.copy(), shapes.copy()
    total = sum(number for number, _ in plan.values())
    # Rows stand well apart, and the row before each stays sound: duplicates repeat it.
    free = np.arange(1, len(table) // 2) * 2
    if busy is not None:
        free = free[~(busy[free] | busy[free - 1])]
    if suits is not None:
        free = free[suits[free]]
    places = np.sort(rng.choice(free, min(total, len(free)), replace=False))
    rules = [(rule, how) for rule, (number, how) in plan.items() for _ in range(number)]
    for row, (rule, how) in zip(places, rules, strict=False):
        column, value = how(table, shapes, int(row))
        seeded.add(file, layer, int(row), rule, column, value)
    return table, shapes


def repeat_previous(column: str) -> Spoiler:
    def how(table: pd.DataFrame, _: np.ndarray, row: int) -> tuple[str, Any]:
        return column, _put(table, row, column, table[column].iat[row - 1])

    return how


def wrong_check_digit(column: str) -> Spoiler:
    def how(table: pd.DataFrame, _: np.ndarray, row: int) -> tuple[str, Any]:
        code = str(table[column].iat[row])
        return column, _put(table, row, column, code[:-1] + ("0" if code[-1] != "0" else "1"))

    return how


def emptied(column: str) -> Spoiler:
    def how(table: pd.DataFrame, _: np.ndarray, row: int) -> tuple[str, Any]:
        return column, _put(table, row, column, None)

    return how


def set_to(column: str, change: Callable[[Any], Any]) -> Spoiler:
    def how(table: pd.DataFrame, _: np.ndarray, row: int) -> tuple[str, Any]:
        return column, _put(table, row, column, change(table[column].iat[row]))

    return how


def moved(east: float, north: float) -> Spoiler:
    """The geometry moved, in its own units."""

    def how(_: pd.DataFrame, shapes: np.ndarray, row: int) -> tuple[str, Any]:
        shapes[row] = shapely.transform(shapes[row], lambda points: points + np.array([east, north]))
        return "geometry", f"{east:+g} E, {north:+g} N"

    return how


def swapped(_: pd.DataFrame, shapes: np.ndarray, row: int) -> tuple[str, Any]:
    shapes[row] = shapely.transform(shapes[row], lambda points: points[:, ::-1])
    return "geometry", "y, x"


def swapped_columns(first: str, second: str) -> Spoiler:
    def how(table: pd.DataFrame, _: np.ndarray, row: int) -> tuple[str, Any]:
        one, other = table[first].iat[row], table[second].iat[row]
        _put(table, row, first, other)
        return f"{first},{second}", _put(table, row, second, one)

    return how


def without_geometry(_: pd.DataFrame, shapes: np.ndarray, row: int) -> tuple[str, Any]:
    shapes[row] = None
    return "geometry", None


def _put(table: pd.DataFrame, row: int, column: str, value: Any) -> Any:
    table.iloc[row, table.columns.get_loc(column)] = value
    return value


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
