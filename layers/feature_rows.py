"""The table of the features in view: pages of rows in any order, by keyset, and the same as CSV."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from psycopg import sql

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from layers.filter import field_value
from layers.filter_reading import declared_field, is_storable
from layers.layer import DEPARTMENTAL_TABLE, Layer, ShownField
from layers.tile_sql import row_filter, row_parameters
from layers.view_extent import Extent, in_view, view_parameters

MOST_ROWS = 500
CSV_PAGE = 2000
MOST_CSV_ROWS = 100_000
BYTE_ORDER_MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RowOrder:
    """By which field rows are sorted; by feature id without one. Rows without a value come last."""

    field: str | None = None
    descending: bool = False


@dataclass(frozen=True)
class Page:
    """What is asked: rows in view (or all) after a row, as ``next`` of the page before said it."""

    extent: Extent | None = None
    order: RowOrder = RowOrder()
    limit: int = 100
    after: tuple[Any, int] | None = None


async def rows_page(
    store: Store, viewer: Viewer, layer: Layer, dataset_ids: list[int], page: Page, language: str = "zh"
) -> dict[str, Any]:
    """Rows as ``cells`` in the order of the layer's fields, and ``next`` where there are more.

    Raises:
        FilterError: the order names a field that the layer does not declare.
        UserError: ``after`` is not what a page before has said.
    """
    shown = declared_field(layer, page.order.field) if page.order.field else None
    (rows,) = await store.read(viewer, [_statement(layer, dataset_ids, page, shown)])
    found = [_row(layer, row, language) for row in rows[: page.limit]]
    more = len(rows) > page.limit
    last = rows[page.limit - 1] if more else None
    return {"rows": found, "next": [_plain(last[1]), last[0]] if last else None}


def columns(layer: Layer) -> list[dict[str, Any]]:
    """The table's columns."""
    return [
        {
            "name": shown.name,
            "label_zh": shown.label.zh,
            "label_en": shown.label.en,
            "unit": shown.unit,
            "kind": shown.kind,
        }
        for shown in layer.fields
    ]


async def csv_rows(
    store: Store, viewer: Viewer, layer: Layer, dataset_ids: list[int], page: Page, language: str
) -> AsyncIterator[str]:
    """The table as CSV that spreadsheets read as UTF-8, its positions in CGCS2000 degrees."""
    heads = [
        (shown.label.zh if language == "zh" else shown.label.en) + (f" ({shown.unit})" if shown.unit else "")
        for shown in layer.fields
    ]
    places = ["经度", "纬度"] if language == "zh" else ["Longitude", "Latitude"]
    yield BYTE_ORDER_MARK + _csv_text([[*heads, *places]])
    left = MOST_CSV_ROWS
    page = replace(page, limit=min(CSV_PAGE, left))
    while left > 0:
        found = await rows_page(store, viewer, layer, dataset_ids, page, language)
        lines = [
            [*(_harmless(cell) for cell in row["cells"]), row["lon"], row["lat"]] for row in found["rows"]
        ]
        yield _csv_text(lines)
        left -= len(lines)
        if found["next"] is None:
            return
        page = replace(page, after=tuple(found["next"]), limit=min(CSV_PAGE, left))


def _csv_text(lines: list[list[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(lines)
    return written.getvalue()


def _harmless(cell: str) -> str:
    """Text that a spreadsheet does not take for a formula; numbers stay numbers."""
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return "'" + cell
    return cell


def _statement(
    layer: Layer, dataset_ids: list[int], page: Page, shown: ShownField | None
) -> tuple[sql.Composed, dict[str, Any]]:
    value = _order_value(shown)
    terms: list[sql.Composable] = [row_filter(layer), sql.SQL("geom IS NOT NULL")]
    parameters = {**row_parameters(layer, dataset_ids), "most": page.limit + 1}
    if page.extent is not None:
        terms.append(in_view(layer))
        parameters |= view_parameters(page.extent)
    if page.after is not None:
        terms.append(_after(value, shown, page))
        parameters |= {"after_value": _read_after(shown, page.after[0]), "after_id": page.after[1]}
    statement = sql.SQL(
        """
        SELECT id, sort_value, ST_X(place), ST_Y(place), ST_XMin(geom), ST_YMin(geom), ST_XMax(geom),
            ST_YMax(geom), {columns}
        FROM (
            SELECT *, {value} AS sort_value, ST_PointOnSurface(geom) AS place FROM ioc.{table} WHERE {terms}
            ORDER BY {value} {direction} NULLS LAST, id LIMIT %(most)s
        ) AS found
        ORDER BY sort_value {direction} NULLS LAST, id
        """
    ).format(
        columns=_columns(layer),
        value=value,
        table=sql.Identifier(layer.table),
        terms=sql.SQL(" AND ").join(terms),
        direction=sql.SQL("DESC" if page.order.descending else "ASC"),
    )
    return statement, parameters


def _columns(layer: Layer) -> sql.Composed:
    names: list[sql.Composable] = [sql.Identifier(one.name) for one in layer.fields if not one.attribute]
    if layer.table == DEPARTMENTAL_TABLE:
        names.append(sql.Identifier("attributes"))
    return sql.SQL(", ").join(names)


def _order_value(shown: ShownField | None) -> sql.Composable:
    if shown is None:
        return sql.SQL("NULL::float8")
    value = field_value(shown.name, shown.kind, shown.attribute)
    # Chinese names in the order of their pinyin, as people look them up.
    collated = shown.kind in ("text", "list")
    return sql.SQL('({}) COLLATE "zh-x-icu"' if collated else "({})").format(value)


def _after(value: sql.Composable, shown: ShownField | None, page: Page) -> sql.Composed:
    """Rows that come after the given one; those without a value come after all that have one."""
    assert page.after is not None, "asked only where there is a row before"
    if shown is None or page.after[0] is None:
        # Without an order the value is NULL throughout.
        return sql.SQL("{} IS NULL AND id > %(after_id)s::int8 AND %(after_value)s::text IS NULL").format(
            value
        )
    kind = {"number": "float8", "date": "date"}.get(shown.kind, "text")
    given = sql.SQL("%(after_value)s::{}").format(sql.SQL(kind))  # pyright: ignore[reportArgumentType]
    beyond = sql.SQL("<" if page.order.descending else ">")
    return sql.SQL("({0} {1} {2} OR ({0} = {2} AND id > %(after_id)s::int8) OR {0} IS NULL)").format(
        value, beyond, given
    )


def _read_after(shown: ShownField | None, value: Any) -> str | float | None:
    if value is None or shown is None:
        return None
    fault = UserError("The value “after” is not the “next” of a page before: start from the first page.")
    if shown.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
            raise fault
        return float(value)
    if not isinstance(value, str) or not is_storable(value):
        raise fault
    if shown.kind == "date":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise fault from error
    return value


def _row(layer: Layer, row: tuple[Any, ...], language: str) -> dict[str, Any]:
    feature_id, _, lon, lat, west, south, east, north, *values = row
    attributes = values.pop() if layer.table == DEPARTMENTAL_TABLE else {}
    plain = iter(values)
    cells = [
        shown.text(attributes.get(shown.name) if shown.attribute else next(plain), language)
        for shown in layer.fields
    ]
    bbox = [west, south, east, north]
    return {"id": feature_id, "lon": round(lon, 8), "lat": round(lat, 8), "bbox": bbox, "cells": cells}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
