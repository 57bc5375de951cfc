"""Finds the area a row lies in: unit grid, community, street or district, the deepest that is published."""

import numpy as np
import pandas as pd
import shapely

from etl.job import LEVELS, Job
from etl.references import Published
from etl.rows import Rows
from geodata.coordinates import geodesic_distance
from geodata.coordinates.measure import METRES_PER_DEGREE

_DIGITS = {"unit_grid": 15, "community": 12, "street": 9, "district": 6}


def assign_areas(job: Job, rows: Rows) -> None:
    """Fill ``rows.area_code`` and the columns of grid, community and street that the table has.

    Where place and file differ, the place counts; what the file said stays in ``rows.stated``.
    """
    how = job.assign
    if how.by == "none":
        rows.area_code = np.full(len(rows), None, dtype=object)
    elif how.by == "code":
        rows.area_code = (
            rows.columns[how.column].astype(object).where(rows.columns[how.column].notna(), None).to_numpy()
        )
    elif how.by == "reference":
        _from_reference(rows, str(how.table), how.column, how.position)
    else:
        rows.area_code = _locate(rows, LEVELS[LEVELS.index(how.by) :], how.tolerance_m)
        _fill_columns(job, rows)


def _from_reference(rows: Rows, table: str, column: str, position: bool) -> None:
    other = rows.references.table(table)
    index = other.codes.get_indexer(pd.Index(rows.columns[column]))
    found = index >= 0
    rows.area_code = np.full(len(rows), None, dtype=object)
    rows.area_code[found] = other.area_codes[index[found]]
    if position:
        places = np.full(len(rows), None, dtype=object)
        places[found] = other.geometry[index[found]]
        rows.geometry = places


def representative_points(geometry: np.ndarray) -> np.ndarray:
    """A point on each shape: itself, the middle of a line, a point inside a polygon; None stays None."""
    kinds = shapely.get_type_id(geometry)
    points = geometry.copy()
    lines, others = kinds == shapely.GeometryType.LINESTRING, kinds > shapely.GeometryType.LINESTRING
    points[lines] = shapely.line_interpolate_point(geometry[lines], 0.5, normalized=True)
    points[others] = shapely.point_on_surface(geometry[others])
    return points


def _locate(rows: Rows, levels: tuple[str, ...], tolerance_m: float) -> np.ndarray:
    codes = np.full(len(rows), None, dtype=object)
    rows.assigned = rows.none()
    if rows.geometry is None:
        return codes
    located = rows.located()
    points = np.full(len(rows), None, dtype=object)
    points[located] = representative_points(rows.geometry[located])
    for level in levels:
        areas = rows.references.table(level)
        _confirm_stated(rows, codes, points, level, areas)
        open_rows = np.flatnonzero(located & ~rows.assigned)
        if len(areas) and len(open_rows):
            row, area = areas.tree.query(points[open_rows], predicate="intersects")
            row, first = np.unique(row, return_index=True)
            codes[open_rows[row]] = areas.codes.to_numpy(dtype=object)[area[first]]
            rows.assigned[open_rows[row]] = True
    if tolerance_m > 0:
        _locate_near(rows, codes, points, located, levels, tolerance_m)
    return codes


def _confirm_stated(rows: Rows, codes: np.ndarray, points: np.ndarray, level: str, areas: Published) -> None:
    """Rows that lie in the very area the file states need no search; most do."""
    stated = rows.columns.get(f"{level}_code")
    if stated is None or not len(areas):
        return
    assert rows.assigned is not None, "set by the caller"
    index = areas.codes.get_indexer(pd.Index(stated))
    asked = np.flatnonzero((index >= 0) & ~shapely.is_missing(points) & ~rows.assigned)
    shapely.prepare(areas.geometry)
    east, north = shapely.get_coordinates(points[asked]).T
    confirmed = shapely.intersects_xy(areas.geometry[index[asked]], east, north)
    codes[asked[confirmed]] = areas.codes.to_numpy(dtype=object)[index[asked[confirmed]]]
    rows.assigned[asked[confirmed]] = True


def _locate_near(
    rows: Rows,
    codes: np.ndarray,
    points: np.ndarray,
    located: np.ndarray,
    levels: tuple[str, ...],
    tolerance_m: float,
) -> None:
    for level in levels:
        areas: Published = rows.references.table(level)
        open_rows = np.flatnonzero(located & pd.isna(codes))
        if not len(areas) or not len(open_rows):
            continue
        reach = 2 * tolerance_m / METRES_PER_DEGREE
        (row, area) = areas.tree.query_nearest(points[open_rows], max_distance=reach, all_matches=False)
        lines = shapely.shortest_line(points[open_rows[row]], areas.geometry[area])
        ends = shapely.get_coordinates(lines).reshape(-1, 2, 2)
        near = geodesic_distance(ends[:, 0, 0], ends[:, 0, 1], ends[:, 1, 0], ends[:, 1, 1]) <= tolerance_m
        codes[open_rows[row[near]]] = areas.codes.to_numpy(dtype=object)[area[near]]


def _fill_columns(job: Job, rows: Rows) -> None:
    columns = job.model.__table__.columns
    found = pd.Series(rows.area_code, dtype="str")
    length = found.str.len().fillna(0)
    for level in LEVELS[LEVELS.index(job.assign.by) : -1]:
        digits = _DIGITS[level]
        codes = found.str.slice(0, digits).where(length >= digits)
        if f"{level}_code" in columns:
            _decide(rows, f"{level}_code", codes)
        if f"{level}_name" in columns:
            published = rows.references.table(level)
            index = published.codes.get_indexer(pd.Index(codes))
            names = np.full(len(rows), None, dtype=object)
            names[index >= 0] = published.names[index[index >= 0]]
            _decide(rows, f"{level}_name", pd.Series(names, dtype="str"))


def _decide(rows: Rows, column: str, found: pd.Series) -> None:
    if column in rows.columns:
        rows.stated[column] = rows.columns[column]
        rows.columns[column] = found.where(found.notna(), rows.columns[column])
    else:
        rows.columns[column] = found
