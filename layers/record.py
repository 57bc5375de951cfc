"""A feature's record as people read it: labelled, decoded, with units, in the order the layer declares."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg import sql

from layers.layer import DEPARTMENTAL_TABLE, Layer, ShownField


def record_columns(layer: Layer) -> sql.Composed:
    """The layer's title and record fields as a list of SELECT, in the order ``record`` expects."""
    columns: list[sql.Composable] = [sql.Identifier(layer.title_field)]
    columns += [sql.Identifier(shown.name) for shown in layer.fields if not shown.attribute]
    if layer.table == DEPARTMENTAL_TABLE:
        columns.append(sql.Identifier("attributes"))
    return sql.SQL(", ").join(columns)


def record(layer: Layer, row: tuple[Any, ...]) -> tuple[str, list[dict[str, Any]]]:
    """Title and record of a row of ``record_columns``; fields without a value are left out."""
    title, *values = row
    attributes = values.pop() if layer.table == DEPARTMENTAL_TABLE else {}
    columns = iter(values)
    entries = []
    for shown in layer.fields:
        value = attributes.get(shown.name) if shown.attribute else next(columns)
        if value is None or value in ("", []):
            continue
        entries.append(_entry(shown, value))
    return str(title or layer.title.zh), entries


def _entry(shown: ShownField, value: Any) -> dict[str, Any]:
    return {
        "name": shown.name,
        "label_zh": shown.label.zh,
        "label_en": shown.label.en,
        "value": _plain(value),
        "unit": shown.unit,
        "text": shown.text(value),
        "text_en": shown.text(value, "en"),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
