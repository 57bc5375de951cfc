"""The table of the features in view: rows in any order from any position, and the same as CSV."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from layers.filter import field_value
from layers.filter_reading import declared_field
from layers.layer import DEPARTMENTAL_TABLE, Layer
from layers.tile_sql import row_filter, row_parameters
from layers.view_extent import Extent, in_view, view_parameters

MOST_ROWS = 500
CSV_PAGE = 10_000
MOST_CSV_ROWS = 100_000
BYTE_ORDER_MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RowOrder:
    """A field by which rows are sorted. Rows without a value come last."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class Page:
    """What is asked: ``limit`` rows in view (or of all) from position ``offset`` on, in an order.

    Rows that the order leaves equal come by feature id.
    """

    extent: Extent | None = None
    order: tuple[RowOrder, ...] = ()
    limit: int = 100
    offset: int = 0


async def rows_page(
    store: Store, viewer: Viewer, layer: Layer, dataset_ids: list[int], page: Page, language: str = "zh"
) -> list[dict[str, Any]]:
    """Rows as ``cells`` in the order of the layer's fields.

    Raises:
        FilterError: the order names a field that the layer does not declare.
    """
    (rows,) = await store.read(viewer, [_statement(layer, dataset_ids, page)])
    return [_row(layer, row, language) for row in rows]


async def number_of_rows(
    store: Store, viewer: Viewer, layer: Layer, dataset_ids: list[int], page: Page
) -> int:
    """How many rows there are to page through."""
    terms, parameters = _terms(layer, dataset_ids, page)
    statement = sql.SQL("SELECT count(*) FROM {relation} WHERE {terms}").format(
        relation=layer.relation, terms=terms
    )
    (((number,),),) = await store.read(viewer, [(statement, parameters)])
    return number


async def position_of(
    store: Store, viewer: Viewer, layer: Layer, dataset_ids: list[int], page: Page, feature_id: int
) -> int | None:
    """At which position of the order a feature stands, from 0; None when it is not among the rows."""
    terms, parameters = _terms(layer, dataset_ids, page)
    statement = sql.SQL(
        """
        SELECT position FROM (
            SELECT id, row_number() OVER (ORDER BY {order}) - 1 AS position FROM {relation} WHERE {terms}
        ) AS placed WHERE id = %(wanted)s::int8
        """
    ).format(order=_order(layer, page), relation=layer.relation, terms=terms)
    (rows,) = await store.read(viewer, [(statement, {**parameters, "wanted": feature_id})])
    return rows[0][0] if rows else None


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
    for offset in range(0, MOST_CSV_ROWS, CSV_PAGE):
        page = replace(page, offset=offset, limit=CSV_PAGE)
        rows = await rows_page(store, viewer, layer, dataset_ids, page, language)
        yield _csv_text(
            [[*(_harmless(cell) for cell in row["cells"]), row["lon"], row["lat"]] for row in rows]
        )
        if len(rows) < CSV_PAGE:
            return


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


def _terms(layer: Layer, dataset_ids: list[int], page: Page) -> tuple[sql.Composed, dict[str, Any]]:
    terms: list[sql.Composable] = [row_filter(layer), sql.SQL("geom IS NOT NULL")]
    parameters = row_parameters(layer, dataset_ids)
    if page.extent is not None:
        terms.append(in_view(layer))
        parameters |= view_parameters(page.extent)
    return sql.SQL(" AND ").join(terms), parameters


def _statement(layer: Layer, dataset_ids: list[int], page: Page) -> tuple[sql.Composed, dict[str, Any]]:
    terms, parameters = _terms(layer, dataset_ids, page)
    statement = sql.SQL(
        """
        SELECT id, ST_X(place), ST_Y(place), ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom),
            {columns}
        FROM (
            SELECT *, ST_PointOnSurface(geom) AS place FROM (
                SELECT * FROM {relation} WHERE {terms}
                ORDER BY {order} LIMIT %(most)s::int OFFSET %(first)s::int
            ) AS page
        ) AS found
        ORDER BY {order}
        """
    ).format(columns=_columns(layer), relation=layer.relation, terms=terms, order=_order(layer, page))
    return statement, {**parameters, "most": page.limit, "first": page.offset}


def _columns(layer: Layer) -> sql.Composed:
    names: list[sql.Composable] = [sql.Identifier(one.name) for one in layer.fields if not one.attribute]
    if layer.table == DEPARTMENTAL_TABLE:
        names.append(sql.Identifier("attributes"))
    return sql.SQL(", ").join(names)


def _order(layer: Layer, page: Page) -> sql.Composed:
    terms: list[sql.Composable] = []
    for one in page.order:
        shown = declared_field(layer, one.field)
        value = field_value(shown.name, shown.kind, shown.attribute)
        # Chinese names in the order of their pinyin, as people look them up.
        collated = sql.SQL(' COLLATE "zh-x-icu"' if shown.kind in ("text", "list") else "")
        direction = sql.SQL("DESC" if one.descending else "ASC")
        terms.append(sql.SQL("({}){} {} NULLS LAST").format(value, collated, direction))
    return sql.SQL(", ").join([*terms, sql.SQL("id")])


def _row(layer: Layer, row: tuple[Any, ...], language: str) -> dict[str, Any]:
    feature_id, lon, lat, west, south, east, north, *values = row
    attributes = values.pop() if layer.table == DEPARTMENTAL_TABLE else {}
    plain = iter(values)
    cells = [
        shown.text(attributes.get(shown.name) if shown.attribute else next(plain), language)
        for shown in layer.fields
    ]
    bbox = [west, south, east, north]
    return {"id": feature_id, "lon": round(lon, 8), "lat": round(lat, 8), "bbox": bbox, "cells": cells}
