"""The rules a job may declare. Each marks rows and says in Chinese and English what is wrong with one.

A rule is a function of the rows and its own parameters, registered under its name; a job names it in
``[[checks]]`` with those parameters and a severity: rows with an error are refused, with a warning flagged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely

from etl.rows import Rows
from geodata.code_table import CodeTable
from geodata.code_text import fault_reasons
from geodata.coordinates import geodesic_distance

Describe = Callable[[int], tuple[str, str]]
Scope = Literal["row", "dataset", "order"]


@dataclass(frozen=True)
class Finding:
    """Rows that break a rule, the column concerned, and words for one of them."""

    rows: np.ndarray
    field: str | None
    describe: Describe


Rule = Callable[..., Finding]
RULES: dict[str, Rule] = {}


def rule(
    name: str, reads: tuple[str, ...] = (), scope: Scope = "row", columns: tuple[str, ...] = ()
) -> Callable[[Rule], Rule]:
    """Register a rule.

    Args:
        reads: tables whose published rows it looks at.
        scope: ``row`` judges each row by itself, so that a load of any size is checked chunk by chunk, on
            several machines if need be. ``dataset`` looks across rows: it runs once the accepted rows stand
            in the store, on all rows of the new version (those carried over from the version before
            included) and only on ``columns`` and what its parameters ``column`` and ``columns`` name.
            ``order`` is for uniqueness alone, which is decided row after row.
        columns: for ``dataset``: target columns it reads, ``geom`` for ``rows.geometry``. It gets no raw
            rows, nor anything that was only known on the way in, such as ``stated`` or ``code_faults``.
    """

    def register(function: Rule) -> Rule:
        function.reads, function.scope, function.columns = reads, scope, columns  # type: ignore[attr-defined]
        RULES[name] = function
        return function

    return register


def always(zh: str, en: str) -> Describe:
    """The same words for every row."""
    return lambda _row: (zh, en)


@rule("geometry")
def geometry(rows: Rows, optional: bool = False) -> Finding:
    """A place is given, valid, and of the kind the table holds."""
    shapes = rows.geometry
    if shapes is None:
        return Finding(rows.none(), "geom", always("", ""))
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    lost = ~missing & ~rows.located()
    kinds = {"POINT": 0, "LINESTRING": 1}
    wrong_kind = ~missing & (
        shapely.get_type_id(shapes) != kinds[rows.geometry_type]
        if rows.geometry_type in kinds
        else shapely.get_type_id(shapes) > shapely.GeometryType.MULTIPOLYGON
    )
    invalid = ~missing & ~lost & ~shapely.is_valid(shapes)
    swapped = (rows.swapped if rows.swapped is not None else rows.none()) | (lost & _fits_swapped(shapes))

    def describe(row: int) -> tuple[str, str]:
        if swapped[row]:
            return (
                "坐标只有在经纬度（纵横坐标）对调后才合理",
                "the coordinates only make sense with x and y exchanged",
            )
        if missing[row]:
            return "没有位置，或坐标无法识别", "no place, or coordinates that cannot be read"
        if lost[row]:
            return "坐标超出所声明坐标系的范围", "coordinates outside the range of the stated frame"
        if wrong_kind[row]:
            kind = shapely.get_type_id(shapes[row])
            return f"几何类型不符（类型 {kind}）", f"geometry of another kind (type {kind})"
        reason = shapely.is_valid_reason(shapes[row])
        return f"几何无效且无法安全修复：{reason}", f"invalid geometry that cannot be mended safely: {reason}"

    return Finding((missing & (not optional)) | lost | wrong_kind | invalid, "geom", describe)


def _fits_swapped(shapes: np.ndarray) -> np.ndarray:
    """Degrees that could be latitude first."""
    bounds = shapely.bounds(shapes)
    limits = np.array([89.0, 180.0, 89.0, 180.0])
    return np.all(np.abs(bounds) <= limits, axis=1)


@rule("geometry_repaired")
def geometry_repaired(rows: Rows) -> Finding:
    """The geometry was invalid and has been mended."""
    repaired = rows.repaired if rows.repaired is not None else rows.none()
    return Finding(repaired, "geom", always("几何无效，已自动修复", "invalid geometry, mended"))


@rule("inside_district", reads=("district",))
def inside_district(rows: Rows, tolerance_m: float = 0.0) -> Finding:
    """The whole place lies in a published district, or no further than the tolerance from one."""
    districts = rows.references.table("district")
    shapes = rows.geometry
    if shapes is None or not len(districts):
        return Finding(rows.none(), "geom", always("", ""))
    candidates = np.flatnonzero(rows.located() & ~_inside_unit(rows))
    area = shapely.union_all(districts.geometry)
    shapely.prepare(area)
    outside = candidates[~shapely.covers(area, shapes[candidates])]
    if tolerance_m > 0 and len(outside):
        outside = outside[_metres_beyond(area, shapes[outside]) > tolerance_m]
    mask = rows.none()
    mask[outside] = True

    def describe(row: int) -> tuple[str, str]:
        metres = _metres_beyond(area, shapes[[row]])[0]
        return f"位于辖区之外，超出 {metres:,.0f} 米", f"{metres:,.0f} m outside the district"

    return Finding(mask, "geom", describe)


def _inside_unit(rows: Rows) -> np.ndarray:
    """Points already found in a unit grid or community need no second look."""
    if rows.area_code is None or rows.geometry is None:
        return rows.none()
    deep = pd.Series(rows.area_code).str.len().fillna(0).to_numpy() >= 12
    within = rows.assigned if rows.assigned is not None else rows.none()
    return deep & within & (shapely.get_type_id(rows.geometry) == 0)


def _metres_beyond(area: Any, shapes: np.ndarray) -> np.ndarray:
    """Distance of each shape's farthest vertex from the area in metres, 0 inside."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    vertices = shapely.points(points)
    links = shapely.get_coordinates(shapely.shortest_line(vertices, area)).reshape(-1, 2, 2)
    metres = geodesic_distance(links[:, 0, 0], links[:, 0, 1], links[:, 1, 0], links[:, 1, 1])
    farthest = np.zeros(len(shapes))
    np.maximum.at(farthest, owner, metres)
    return farthest


@rule("given")
def given(rows: Rows, column: str) -> Finding:
    """The column is filled."""
    name = rows.source_name(column)
    missing = rows.columns[column].isna().to_numpy()
    return Finding(missing, column, always(f"“{name}”未填写", f"“{name}” is empty"))


@rule("readable")
def readable(rows: Rows, column: str) -> Finding:
    """The cell could be converted to the column's number or date."""

    def describe(row: int) -> tuple[str, str]:
        name, value = rows.source_name(column), rows.raw_value(column, row)
        return f"“{name}”的值“{value}”无法识别", f"“{name}” has the value “{value}”, which cannot be read"

    return Finding(rows.unreadable.get(column, rows.none()), column, describe)


@rule("unique", scope="order")
def unique(rows: Rows, column: str) -> Finding:
    """No accepted row before has the same value."""
    values = rows.columns[column]
    standing = ~rows.refused & values.notna().to_numpy()
    repeated = rows.none()
    repeated[standing] = pd.Series(values[standing]).duplicated().to_numpy()

    def describe(row: int) -> tuple[str, str]:
        value = values.iloc[row]
        first = rows.source_row[np.flatnonzero(standing & (values == value).to_numpy())[0]]
        return f"“{value}”与第 {first} 行重复", f"“{value}” is also in row {first}"

    return Finding(repeated, column, describe)


@rule("code")
def code(rows: Rows, column: str) -> Finding:
    """The code is well formed: length, digits, division, class, check character, after its standard."""
    faults = rows.code_faults.get(column)
    if faults is None:
        return Finding(rows.none(), column, always("", ""))
    zh, en = fault_reasons("zh"), fault_reasons("en")

    def describe(row: int) -> tuple[str, str]:
        fault, value = str(faults.iloc[row]), rows.raw_value(column, row)
        return f"编码“{value}”有误：{zh.get(fault, fault)}", f"code “{value}”: {en.get(fault, fault)}"

    wrong = faults.notna() & (faults != "missing")
    return Finding(wrong.to_numpy(dtype=bool), column, describe)


@rule("same_division", reads=("district",))
def same_division(rows: Rows, column: str) -> Finding:
    """The code begins with a published district's."""
    divisions = set(rows.references.table("district").codes)
    values = rows.columns[column]
    own = values.str.slice(0, 6)
    other = values.notna() & ~own.isin(divisions) & bool(divisions)

    def describe(row: int) -> tuple[str, str]:
        return (
            f"编码“{values.iloc[row]}”属于 {own.iloc[row]}，不是本区",
            f"code “{values.iloc[row]}” belongs to {own.iloc[row]}, not to this district",
        )

    return Finding(other.to_numpy(dtype=bool), column, describe)


@rule("range")
def within_range(rows: Rows, column: str, min: float | None = None, max: float | None = None) -> Finding:
    """The number lies between the limits, both included."""
    values = rows.columns[column].astype("float64")
    below = (values < min) if min is not None else False
    above = (values > max) if max is not None else False
    limits = f"{'' if min is None else min}–{'' if max is None else max}"

    def describe(row: int) -> tuple[str, str]:
        name, value = rows.source_name(column), values.iloc[row]
        return f"“{name}”为 {value:g}，超出 {limits}", f"“{name}” is {value:g}, outside {limits}"

    broken = pd.Series(below | above, index=values.index).fillna(False)
    return Finding(broken.to_numpy(dtype=bool), column, describe)


@rule("one_of")
def one_of(rows: Rows, column: str, values: list[str]) -> Finding:
    """The value is one of a list."""
    return _listed(rows, column, set(values), "、".join(values[:8]), ", ".join(values[:8]))


@rule("in_table")
def in_table(rows: Rows, column: str, table: str, by: str = "code") -> Finding:
    """The value is a code (or, by name, a name) of a packaged code table."""
    entries = CodeTable.load(table)
    known = {entry.code if by == "code" else entry.name for entry in entries}
    return _listed(rows, column, known, f"代码表“{entries.title}”", f"the code table “{table}”")


def _listed(rows: Rows, column: str, known: set[str], zh: str, en: str) -> Finding:
    values = rows.columns[column]
    strange = values.notna() & ~values.isin(known)

    def describe(row: int) -> tuple[str, str]:
        name, value = rows.source_name(column), values.iloc[row]
        return f"“{name}”的值“{value}”不在{zh}中", f"“{name}” has “{value}”, which is not in {en}"

    return Finding(strange.to_numpy(dtype=bool), column, describe)


@rule("references")
def references(rows: Rows, column: str, table: str) -> Finding:
    """The value is the code of a published row of another table."""
    values = rows.columns[column]
    dangling = values.notna() & ~values.isin(rows.references.table(table).codes)

    def describe(row: int) -> tuple[str, str]:
        name, value = rows.source_name(column), values.iloc[row]
        return f"“{name}”引用的“{value}”不存在", f"“{name}” names “{value}”, which is not in {table}"

    return Finding(dangling.to_numpy(dtype=bool), column, describe)


@rule("agrees_with_location")
def agrees_with_location(rows: Rows, column: str) -> Finding:
    """The area the file states is the one the place lies in."""
    stated, found = rows.stated.get(column), rows.columns[column]
    if stated is None:
        return Finding(rows.none(), column, always("", ""))
    differs = stated.notna() & found.notna() & (stated != found)

    def describe(row: int) -> tuple[str, str]:
        name = rows.source_name(column)
        return (
            f"“{name}”填 {stated.iloc[row]}，按位置应为 {found.iloc[row]}",
            f"“{name}” says {stated.iloc[row]}, the place lies in {found.iloc[row]}",
        )

    return Finding(differs.to_numpy(dtype=bool), column, describe)
