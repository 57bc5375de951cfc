"""Brings a delivery to the store's form: CGCS2000 in two dimensions, target columns, clean texts, codes."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from etl.cell_values import as_dates, as_numbers, as_text
from etl.coordinate_columns import split_positions
from etl.delivery import Delivery
from etl.job import Code, Column, Job
from etl.packed_angle import unpack
from etl.references import References
from etl.rows import Rows
from etl.source_options import SourceOptions
from geodata import area_code, component_code, credit_code, device_code
from geodata.arrow_call import join_texts
from geodata.binary_copy import postgres_type
from geodata.coordinates import (
    CGCS2000,
    WGS84,
    DatumParameters,
    Frame,
    convert,
    convert_geometries,
    geodesic_area,
    geodesic_length,
    load_parameters,
    parse_degrees,
)
from geodata.coordinates.degrees import Packing
from geodata.errors import UserError

HARMLESS_CHANGE = 0.001
"""Share of a polygon's area that mending may change."""


def normalise(job: Job, delivery: Delivery, references: References) -> Rows:
    """All rows in the store's form; what could not be converted is marked for the checks.

    Raises:
        UserError: the frame is unknown, not stated, or cannot be converted without parameters.
    """
    rows = Rows(
        columns={},
        source_row=delivery.source_row,
        raw=delivery.attributes,
        geometry=None,
        geometry_type=getattr(job.model, "geometry_type", ""),
        references=references,
    )
    if job.has_geometry:
        _place(job, delivery, rows)
    for target, column in job.fields.items():
        _fill(rows, target, column, postgres_type(job.model.__table__.columns[target]))
    for target, code in job.codes.items():
        _bring_code(rows, target, code)
    if job.attributes:
        rows.columns["attributes"] = _attributes(job, rows)
    elif "attributes" in job.model.__table__.columns:
        rows.columns["attributes"] = pd.Series(["{}"] * len(rows), dtype="str")
    for target, what in job.measure.items():
        shapes = rows.geometry if rows.geometry is not None else np.full(len(rows), None, dtype=object)
        measured = geodesic_length(shapes) if what == "length" else geodesic_area(shapes)
        rows.columns[target] = pd.Series(measured)
    return rows


def stated_frame(job: Job, delivery: Delivery) -> tuple[Frame, DatumParameters | None]:
    """The frame of a delivery's coordinates, from the job or else from the file.

    Raises:
        UserError: neither says it.
    """
    parameters = load_parameters(job.folder / job.source.parameters) if job.source.parameters else None
    if job.source.crs or parameters:
        name = job.source.crs or "local"
        frame = parameters.frame(name) if parameters else Frame.parse(name)
        return frame, parameters.datum if parameters else None
    if delivery.crs is None:
        raise UserError(
            f"{delivery.path} does not say in which frame its coordinates are: state crs in [source] of job "
            f"“{job.code}”, such as CGCS2000, GCJ-02 or EPSG:4547."
        )
    return Frame.of_crs(delivery.crs), None


def _place(job: Job, delivery: Delivery, rows: Rows) -> None:
    if (job.source.x and job.source.y) or job.source.xy:
        frame, parameters = stated_frame(job, delivery)
        names = (job.source.xy or job.source.x or "", job.source.xy or job.source.y or "")
        rows.sources |= dict(zip("xy", names, strict=True))
        x, y = _coordinate_columns(job.source, delivery.attributes)
        rows.geometry, rows.swapped = _points(x, y, frame, parameters, job.source.packed)
        return
    geometry = delivery.geometry
    if geometry is None:
        rows.geometry = np.full(len(delivery), None, dtype=object)
        return
    if job.source.swapped:
        geometry = shapely.transform(geometry, lambda points: points[:, ::-1])
    if not shapely.is_missing(geometry).all():
        frame, parameters = stated_frame(job, delivery)
        if frame not in (CGCS2000, WGS84):
            geometry = convert_geometries(geometry, frame, CGCS2000, parameters)
    rows.geometry, rows.repaired = _mended(_single(geometry, rows.geometry_type))


def _coordinate_columns(source: SourceOptions, attributes: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    if source.xy:
        first, second = split_positions(series(attributes, source.xy))
        return (second, first) if source.swapped else (first, second)
    return series(attributes, source.x or ""), series(attributes, source.y or "")


def _points(
    x: pd.Series,
    y: pd.Series,
    frame: Frame,
    parameters: DatumParameters | None,
    packed: Packing | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    if packed:
        east, north = (unpack(as_numbers(one)[0].to_numpy(dtype=np.float64), packed) for one in (x, y))
    elif frame.is_degrees:
        east, north = parse_degrees(x)[0], parse_degrees(y)[0]
    else:
        east, north = as_numbers(x)[0].to_numpy(), as_numbers(y)[0].to_numpy()
    # Whoever has no position types zeros; nothing a district keeps lies at 0, 0 of any frame.
    nowhere = (east == 0) & (north == 0)
    east, north = np.where(nowhere, np.nan, east), np.where(nowhere, np.nan, north)
    lon, lat = convert(east, north, frame, CGCS2000, parameters)
    given = np.isfinite(lon) & np.isfinite(lat)
    points = np.full(len(lon), None, dtype=object)
    points[given] = shapely.points(lon[given], lat[given])
    written = np.isfinite(east) & np.isfinite(north) & ~given
    swapped = np.zeros(len(lon), dtype=bool)
    if written.any():
        other = convert(north[written], east[written], frame, CGCS2000, parameters)
        swapped[written] = np.isfinite(other[0])
    return points, swapped


def _single(geometry: np.ndarray, wanted: str) -> np.ndarray:
    """A multi-part geometry of one part as that part, where the target holds single ones."""
    if wanted not in ("POINT", "LINESTRING"):
        return geometry
    single = geometry.copy()
    several = shapely.get_type_id(single) >= shapely.GeometryType.MULTIPOINT
    if wanted == "LINESTRING" and several.any():
        single[several] = shapely.line_merge(single[several])
    several &= shapely.get_num_geometries(single) == 1
    single[several] = shapely.get_geometry(single[several], 0)
    return single


def _mended(geometry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invalid polygons made valid where that changes next to nothing."""
    repaired = np.zeros(len(geometry), dtype=bool)
    areal = np.isin(shapely.get_type_id(geometry), (3, 6))
    wrong = np.flatnonzero(areal & ~shapely.is_valid(geometry) & np.isfinite(shapely.area(geometry)))
    if not len(wrong):
        return geometry, repaired
    mended = shapely.make_valid(geometry[wrong], method="structure", keep_collapsed=False)
    before, after = np.abs(shapely.area(geometry[wrong])), shapely.area(mended)
    harmless = (np.abs(after - before) <= HARMLESS_CHANGE * np.maximum(before, after)) & (after > 0)
    geometry = geometry.copy()
    geometry[wrong[harmless]] = mended[harmless]
    repaired[wrong[harmless]] = True
    return geometry, repaired


def _fill(rows: Rows, target: str, column: Column, kind: str) -> None:
    values, unreadable = _values(rows, column, kind)
    rows.columns[target] = values
    if column.source:
        rows.sources[target] = column.source
    if unreadable is not None and unreadable.any():
        rows.unreadable[target] = unreadable


def _values(rows: Rows, column: Column, kind: str) -> tuple[pd.Series, np.ndarray | None]:
    if column.row:
        return pd.Series(rows.source_row).astype("str"), None
    if column.constant is not None:
        return _typed(pd.Series([column.constant] * len(rows)), column, kind)
    if column.join:
        parts = [as_text(series(rows.raw, name)) for name in column.join]
        joined = join_texts(*parts, separator=column.separator)
        return pd.Series(joined, dtype="str"), None
    if column.source is None or column.source not in rows.raw.columns:
        return _typed(pd.Series([None] * len(rows), dtype="str"), column, kind)
    return _typed(series(rows.raw, column.source), column, kind)


def _typed(values: pd.Series, column: Column, kind: str) -> tuple[pd.Series, np.ndarray | None]:
    if column.extract:
        values = pd.Series(as_text(values), dtype="str").str.extract(column.extract, expand=False)
    if kind in ("float8", "int4", "int2", "int8"):
        numbers, unreadable = as_numbers(values)
        numbers = numbers * column.factor if column.factor is not None else numbers
        if kind == "float8":
            return numbers, unreadable
        fraction = numbers.notna().to_numpy() & (numbers % 1 != 0).to_numpy()
        return numbers.mask(fraction).astype("Int64"), unreadable | fraction
    if kind == "date":
        return as_dates(values, column.date)
    text = as_text(values)
    if column.values:
        series = pd.Series(text, dtype="str")
        return series.map(lambda word: column.values.get(word, word), na_action="ignore").astype("str"), None
    return pd.Series(text, dtype="str"), None


def _bring_code(rows: Rows, target: str, code: Code) -> None:
    written = rows.columns[target]
    raw = series(rows.raw, rows.sources[target]) if target in rows.sources else written
    if code.kind == "component":
        checked = component_code.migrate_codes(raw, edition=code.edition)
        if code.type:
            rows.columns[code.type] = series(checked, "type_code").astype("str")
    elif code.kind == "device":
        checked = device_code.check_codes(raw)
    elif code.kind == "credit":
        checked = credit_code.check_codes(raw)
    else:
        checked = area_code.check_codes(raw)
    problem = series(checked, "problem")
    if code.original:
        rows.columns[code.original] = written
    rows.columns[target] = series(checked, "code").where(problem.isna(), written)
    rows.code_faults[target] = problem


def _attributes(job: Job, rows: Rows) -> pd.Series:
    """The declared fields as one JSON object per row, empty ones left out."""
    kinds = {"text": "text", "number": "float8", "integer": "int8", "date": "date"}
    columns: dict[str, list[Any]] = {}
    for attribute in job.attributes:
        values, unreadable = _values(rows, attribute.source, kinds[attribute.type])
        columns[attribute.name] = [_json_value(value) for value in values.astype(object)]
        if attribute.source.source:
            rows.sources[attribute.name] = attribute.source.source
        if unreadable is not None and unreadable.any():
            rows.unreadable[attribute.name] = unreadable
    objects = [
        json.dumps(
            {name: value for name, value in zip(columns, row, strict=True) if value is not None},
            ensure_ascii=False,
        )
        for row in zip(*columns.values(), strict=True)
    ]
    return pd.Series(objects, dtype="str")


def _json_value(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


def series(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column of a table."""
    return pd.Series(frame[column])


def arrow(values: pd.Series) -> pa.Array:
    """A column as Arrow has it, missing values as nulls."""
    converted = pa.array(values, from_pandas=True)
    return converted.combine_chunks() if isinstance(converted, pa.ChunkedArray) else converted
