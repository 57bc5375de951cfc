"""What a layer's rows add up to: distinct values of a field, numbers and lengths by area or class."""

from typing import Any

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.class_count import class_property, class_value
from layers.filter import field_value
from layers.filter_reading import declared_field
from layers.layer import Layer, Property, ShownField
from layers.listing import layer_style
from layers.tile_sql import row_filter, row_parameters
from styles import legend_of

AREA_DIGITS = {"street": 9, "community": 12}
"""Digits of an area code by the layer of such areas."""
MOST_BARS = 200
LENGTH_COLUMN = "length_m"


async def distinct_values(
    store: Store, viewer: Viewer, layer: Layer, dataset_ids: list[int], name: str, limit: int
) -> dict[str, Any]:
    """The values that a declared field has, most frequent first, as far as the viewer may see rows.

    Raises:
        FilterError: the layer does not declare the field.
    """
    shown = declared_field(layer, name)
    statement = sql.SQL(
        """
        SELECT value, count(*) FROM (SELECT {value} AS value FROM ioc.{table} WHERE {rows}) AS one
        WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT %(most)s
        """
    ).format(
        value=field_value(shown.name, shown.kind, shown.attribute),
        table=sql.Identifier(layer.table),
        rows=row_filter(layer),
    )
    parameters = {**row_parameters(layer, dataset_ids), "most": limit + 1}
    (rows,) = await store.read(viewer, [(statement, parameters)])
    values = [_value(shown, value, count) for value, count in rows[:limit] if value != ""]
    return {"field": name, "kind": shown.kind, "values": values, "complete": len(rows) <= limit}


def _value(shown: ShownField, value: Any, count: int) -> dict[str, Any]:
    plain = value if isinstance(value, str | float | int) else value.isoformat()
    return {
        "value": plain,
        "text_zh": shown.text(value),
        "text_en": shown.text(value, "en"),
        "count": count,
    }


async def statistics(
    store: Store, catalogue: Catalogue, viewer: Viewer, layer: Layer, dataset_ids: list[int], by: str
) -> dict[str, Any]:
    """Numbers (and lengths in metres) of a layer's rows ``by`` street, community or class, largest first."""
    grouped = class_value(layer) if by == "class" else _area_value(AREA_DIGITS[by])
    measured = LENGTH_COLUMN in layer.columns
    length = sql.SQL("sum({})").format(sql.Identifier(LENGTH_COLUMN)) if measured else sql.SQL("NULL::float8")
    statement = sql.SQL(
        """
        SELECT {grouped}, count(*), {length} FROM ioc.{table} WHERE {rows}
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(most)s
        """
    ).format(grouped=grouped, length=length, table=sql.Identifier(layer.table), rows=row_filter(layer))
    parameters = {**row_parameters(layer, dataset_ids), "most": MOST_BARS}
    (rows,) = await store.read(viewer, [(statement, parameters)])
    if by == "class":
        bars = [_class_bar(layer, value) for value, _, _ in rows]
    else:
        areas = await _areas(store, catalogue, viewer, by)
        bars = [_area_bar(value, areas.get(value)) for value, _, _ in rows]
    for bar, (_, count, metres) in zip(bars, rows, strict=True):
        bar |= {"count": count, "length_m": round(metres, 1) if metres is not None else None}
    return {"layer": layer.id, "by": by, "bars": bars, "complete": len(rows) < MOST_BARS}


def _area_value(digits: int) -> sql.Composed:
    code = sql.SQL("left(area_code, {})").format(sql.Literal(digits))
    return sql.SQL("CASE WHEN length(area_code) >= {} THEN {} END").format(sql.Literal(digits), code)


async def _areas(store: Store, catalogue: Catalogue, viewer: Viewer, by: str) -> dict[str, tuple[Any, ...]]:
    """Names and extents (degrees) of the areas that the viewer may see, by code."""
    layer = catalogue.by_id.get(by)
    dataset_ids = [d.id for d in catalogue.visible_datasets(layer, viewer)] if layer else []
    if layer is None or not dataset_ids:
        return {}
    statement = sql.SQL(
        "SELECT code, name, ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom) "
        "FROM ioc.{table} WHERE {rows}"
    ).format(table=sql.Identifier(layer.table), rows=row_filter(layer))
    (rows,) = await store.read(viewer, [(statement, row_parameters(layer, dataset_ids))])
    return {code: (name, box) for code, name, *box in rows}


def _area_bar(code: str | None, area: tuple[Any, ...] | None) -> dict[str, Any]:
    name = area[0] if area else code
    return {"value": code, "label_zh": name, "label_en": name, "bbox": area[1] if area else None}


def _class_bar(layer: Layer, value: str | None) -> dict[str, Any]:
    told = class_property(layer)
    bar: dict[str, Any] = {"value": value, "label_zh": value, "label_en": value, "conditions": None}
    shown = next((one for one in layer.fields if told and one.name == told.column), None)
    entries = legend_of(layer_style(layer, "night"))
    entry = next((one for one in entries if one["value"] and one["value"] == value), None)
    if shown is not None and told is not None and told.prefix is None:
        bar |= {"label_zh": shown.text(value), "label_en": shown.text(value, "en")}
    elif entry is not None:
        bar |= {"label_zh": entry["zh"], "label_en": entry["en"]}
    if shown is not None and told is not None:
        bar["conditions"] = _class_conditions(told, value)
    return bar


def _class_conditions(told: Property, value: str | None) -> list[list[str]]:
    if not value:
        return [[told.column, "is_empty"]]
    return [[told.column, "is" if told.prefix is None else "starts_with", value]]
