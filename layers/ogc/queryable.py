"""The properties of a layer's features: what they hold, how SQL reads them, their JSON Schema."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from psycopg import sql
from sqlalchemy import ARRAY, Date, Float, Integer

from geodata.errors import UserError
from geodata.models import RECORD_MODELS
from layers.dataset_watch import PublishedDataset
from layers.layer import Layer, ShownField

Kind = Literal["text", "number", "integer", "date", "texts"]

GEOMETRY = "geometry"
_COLUMN_KINDS: tuple[tuple[type, Kind], ...] = (
    (ARRAY, "texts"),
    (Date, "date"),
    (Float, "number"),
    (Integer, "integer"),
)
_ATTRIBUTE_KINDS: Mapping[str, Kind] = {"number": "number", "integer": "integer", "date": "date"}
_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "date": {"type": "string", "format": "date"},
    "texts": {"type": "array", "items": {"type": "string"}},
}
_GEOMETRY_FORMATS = {
    "POINT": "geometry-point",
    "LINESTRING": "geometry-linestring",
    "POLYGON": "geometry-polygon",
    "GEOMETRY": "geometry-any",
}
_CAST: Mapping[Kind, sql.SQL] = {
    "text": sql.SQL("text"),
    "number": sql.SQL("float8"),
    "integer": sql.SQL("float8"),
    "date": sql.SQL("date"),
    "texts": sql.SQL("text[]"),
}


@dataclass(frozen=True)
class Queryable:
    """A declared field of a layer's records."""

    field: ShownField
    kind: Kind

    def value(self) -> sql.Composable:
        """SQL expression of the value, NULL where there is none or it is not of its kind."""
        if not self.field.attribute:
            return sql.Identifier(self.field.name)
        key = sql.Literal(self.field.name)
        if self.kind in ("number", "integer"):
            return sql.SQL(
                "(CASE jsonb_typeof(attributes -> {key}) WHEN 'number' "
                "THEN (attributes ->> {key})::numeric::{type} END)"
            ).format(key=key, type=sql.SQL("float8" if self.kind == "number" else "bigint"))
        text = sql.SQL("(attributes ->> {})").format(key)
        if self.kind == "date":
            # The loader writes dates in ISO 8601.
            return sql.SQL(
                "(CASE WHEN {text} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' THEN {text}::date END)"
            ).format(text=text)
        return text

    def cast(self) -> sql.SQL:
        """The SQL type that a value is given in to be compared with this."""
        return _CAST[self.kind]

    def schema(self, language: str) -> dict[str, Any]:
        """JSON Schema."""
        label = self.field.label
        described: dict[str, Any] = {
            "title": label.zh if language == "zh" else label.en,
            **_SCHEMAS[self.kind],
        }
        if self.field.unit:
            described["x-ogc-unit"] = self.field.unit
        return described

    def read(self, text: str) -> str | float | date:
        """The value that a query parameter's text is.

        Raises:
            UserError: it is none of this property's kind.
        """
        if "\x00" in text:
            raise UserError(f"The value of {self.field.name} holds the character NUL: leave it out.")
        try:
            if self.kind == "date":
                # GDAL writes a day as 2026-01-31T.
                return date.fromisoformat(text.removesuffix("T"))
            if self.kind in ("number", "integer"):
                return _finite(text)
        except ValueError as error:
            raise UserError(
                f"The property {self.field.name} is {_ARTICLES[self.kind]}, which “{text[:60]}” is not."
            ) from error
        return text


_ARTICLES: Mapping[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "integer": "a number",
    "date": "a date such as 2026-01-31",
    "texts": "a list of texts",
}


def article(kind: Kind) -> str:
    """What a kind is called in a sentence."""
    return _ARTICLES[kind]


def _finite(text: str) -> float:
    if not re.fullmatch(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,2})?", text):
        raise ValueError(text)
    return float(text)


def queryables(layer: Layer, datasets: Sequence[PublishedDataset]) -> dict[str, Queryable]:
    """The properties of a layer's features, by name, in the order of its record."""
    declared = {
        str(entry["name"]): str(entry.get("type", "text")) for dataset in datasets for entry in dataset.fields
    }
    columns = RECORD_MODELS[layer.table].__table__.columns
    found: dict[str, Queryable] = {}
    for shown in layer.fields:
        if shown.attribute:
            kind = _ATTRIBUTE_KINDS.get(declared.get(shown.name, "text"), "text")
        else:
            kind = _kind_of(columns[shown.name].type)
        found[shown.name] = Queryable(shown, kind)
    return found


def _kind_of(type_: Any) -> Kind:
    for class_, kind in _COLUMN_KINDS:
        if isinstance(type_, class_):
            return kind
    return "text"


def time_property(properties: Mapping[str, Queryable]) -> Queryable | None:
    """The property that the parameter ``datetime`` asks for: the first date of the record."""
    return next((one for one in properties.values() if one.kind == "date"), None)


def sortables(layer: Layer, properties: Mapping[str, Queryable], uri: str, language: str) -> dict[str, Any]:
    """The properties that features may be sorted by, all that they show, as a JSON Schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": uri,
        "type": "object",
        "title": layer.title.zh if language == "zh" else layer.title.en,
        "properties": {name: one.schema(language) for name, one in properties.items()},
        "additionalProperties": False,
    }


def schema(layer: Layer, properties: Mapping[str, Queryable], uri: str, language: str) -> dict[str, Any]:
    """The layer's queryables, the sortables and the place, as a JSON Schema."""
    described = sortables(layer, properties, uri, language)
    model: Any = RECORD_MODELS[layer.table]
    described["properties"][GEOMETRY] = {
        "title": "位置" if language == "zh" else "Place",
        "x-ogc-role": "primary-geometry",
        "format": _GEOMETRY_FORMATS[model.geometry_type],
    }
    return described
