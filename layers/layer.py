"""What one layer of the map is: a typed, frozen description, checked against the store's models."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from psycopg import sql
from sqlalchemy import ARRAY, Date, Float, Integer, Numeric

from geodata.code_table import CodeTable
from geodata.models import RECORD_MODELS, field_names
from geodata.value_word import in_language
from layers.filter import Filter, Kind

Geometry = Literal["point", "line", "polygon"]
SearchKind = Literal["feature", "area"]

WORLD_ZOOM = 22
OWN_CODE = re.compile("[a-z_]+")
"""A code of this project rather than of a standard: people are not told it."""
DEPARTMENTAL_TABLE = "departmental_feature"
MOST_LISTED = 1_000
"""Enough to work with a view of the map, too few to carry a layer away page by page."""


@dataclass(frozen=True)
class Title:
    """A text in the two languages of the interface."""

    zh: str
    en: str


@dataclass(frozen=True)
class Theme:
    """A group of the layer tree."""

    id: str
    title: Title


@dataclass(frozen=True)
class Property:
    """A value that tiles carry: a column, or its first ``prefix`` characters, under a name."""

    name: str
    column: str
    prefix: int | None = None


@dataclass(frozen=True)
class ShownField:
    """A value of a feature's record: where it comes from, what it is called, how it is written.

    ``attribute`` is set where the value is a key of ``departmental_feature.attributes``. ``table`` names
    the code table that decodes the value, ``kind`` says how it is compared.
    """

    name: str
    label: Title
    unit: str | None = None
    digits: int | None = None
    table: str | None = None
    attribute: bool = False
    kind: Kind = "text"

    def text(self, value: Any, language: str = "zh") -> str:
        """The value as people read it; empty when there is none."""
        if value is None:
            return ""
        if self.table is not None:
            entry = CodeTable.load(self.table).get(str(value))
            if entry is None:
                return str(value)
            if OWN_CODE.fullmatch(str(value)):
                return entry.title(language)
            return f"{entry.name}（{value}）" if language == "zh" else f"{entry.title('en')} ({value})"
        if isinstance(value, bool):
            yes, no = ("是", "否") if language == "zh" else ("yes", "no")
            return yes if value else no
        if isinstance(value, float):
            return f"{value:,.{self.digits}f}" if self.digits is not None else f"{value:,.10g}"
        if isinstance(value, list):
            return ("；" if language == "zh" else "; ").join(str(item) for item in value)
        return in_language(str(value), language)


@dataclass(frozen=True)
class Summary:
    """How the features inside a drawn shape are summed up: by a class, with their length or area in it."""

    by: Property | None = None
    table: str | None = None
    measure: Literal["length", "area"] | None = None


@dataclass(frozen=True)
class LinkMatch:
    """Rows whose ``column`` equals the feature's ``value``, cut to ``prefix`` characters; and ``where``."""

    column: str
    value: str
    prefix: int | None = None
    where: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True)
class Link:
    """Features of another layer that belong to a feature of this one.

    Found by any of ``matches``; or, without those, by place: areas that hold the feature, points and lines
    within ``near_m`` metres of it. With matches, ``near_m`` only bounds where they are looked for.
    ``count_by_area`` only counts the rows whose area code begins with the feature's own code.
    """

    layer: str
    title: Title | None = None
    matches: tuple[LinkMatch, ...] = ()
    near_m: float = 0.0
    count_by_area: bool = False
    show: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetainedVersion:
    """A version's own table in schema ``version``, and those columns of today's that it does not have."""

    id: int
    missing: tuple[str, ...] = ()

    def rows(self, table: str, columns: Collection[str]) -> sql.Composed:
        """SELECT of the columns; those that the version does not have are NULL."""
        listed = [
            sql.SQL("(NULL::ioc.{}).{} AS {}").format(*map(sql.Identifier, (table, name, name)))
            if name in self.missing
            else sql.Identifier(name)
            for name in columns
        ]
        return sql.SQL("SELECT {} FROM version.{}").format(
            sql.SQL(", ").join(listed), sql.Identifier(f"{table}_{self.id}")
        )


@dataclass(frozen=True)
class Layer:
    """One layer. ``where`` holds columns and the values a row must have one of.

    Zooms count tiles of 512 pixels, as MapLibre does. Below ``point_min_zoom`` points are shown as counted
    clusters of the same ``cluster_class``; or, with ``thin_by``, the one with the lowest value of each spot.
    ``filter`` narrows the layer to what a viewer asked for. ``found_by`` is "function" where row-level
    security leaves the spatial index unused.
    ``versions`` are those it is read from when it is shown as of an earlier moment.
    ``datasets`` limits the layer to some datasets of its table; empty, it shows all of them. ``order`` is the
    drawing and listing order, lowest first.
    """

    id: str
    title: Title
    theme: Theme
    department: str
    table: str
    geometry: Geometry
    style: str
    order: int
    min_zoom: int = 0
    max_zoom: int = WORLD_ZOOM
    point_min_zoom: int = 0
    title_field: str = "name"
    properties: tuple[Property, ...] = ()
    cluster_class: Property | None = None
    thin_by: str | None = None
    fields: tuple[ShownField, ...] = ()
    summary: Summary | None = None
    links: tuple[Link, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    filter: Filter | None = None
    found_by: Literal["index", "function"] = "index"
    versions: tuple[RetainedVersion, ...] = ()
    datasets: tuple[str, ...] = ()
    search_by_code: bool = False
    search_kind: SearchKind = "feature"
    identify: bool = True
    sensitivity: int = 1
    downloadable: bool = True
    visible_by_default: bool = False
    source: str = "catalogue"

    @cached_property
    def columns(self) -> frozenset[str]:
        """Columns of the layer's table."""
        return frozenset(RECORD_MODELS[self.table].__table__.columns.keys())

    @property
    def most_listed(self) -> int | None:
        """Features of a question that may be listed in all its pages; None of what may be taken away."""
        return None if self.downloadable else MOST_LISTED

    @property
    def relation(self) -> sql.Composable:
        """What follows FROM: the layer's table, or the tables of the versions it is read from."""
        if not self.versions:
            return sql.SQL("ioc.{}").format(sql.Identifier(self.table))
        if len(self.versions) == 1 and not self.versions[0].missing:
            return sql.SQL("version.{}").format(sql.Identifier(f"{self.table}_{self.versions[0].id}"))
        columns = RECORD_MODELS[self.table].__table__.columns.keys()
        parts = [version.rows(self.table, columns) for version in self.versions]
        return sql.SQL("({}) AS retained").format(sql.SQL(" UNION ALL ").join(parts))


def listed_rows(layer: Layer, offset: int, limit: int) -> int:
    """How many of ``limit`` features from position ``offset`` on may be listed."""
    return limit if layer.most_listed is None else max(0, min(limit, layer.most_listed - offset))


def shown_column(source: str, name: str, **how: Any) -> ShownField:
    """A record field of a declared column, labelled as the model names it."""
    names = field_names(RECORD_MODELS[source])[name]
    unit = how.pop("unit", names.get("unit"))
    kind = _kind(RECORD_MODELS[source].__table__.columns[name].type)
    return ShownField(name, Title(names["zh"], names["en"]), unit=unit, kind=kind, **how)


def _kind(column_type: Any) -> Kind:
    if isinstance(column_type, ARRAY):
        return "list"
    if isinstance(column_type, Date):
        return "date"
    return "number" if isinstance(column_type, Numeric | Float | Integer) else "text"
