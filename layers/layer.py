"""What one layer of the map is: a typed, frozen description, checked against the store's models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from geodata.code_table import CodeTable
from geodata.models import VERSIONED_MODELS, field_names

Geometry = Literal["point", "line", "polygon"]
SearchKind = Literal["feature", "area"]

WORLD_ZOOM = 22
DEPARTMENTAL_TABLE = "departmental_feature"


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
    the code table that decodes the value.
    """

    name: str
    label: Title
    unit: str | None = None
    digits: int | None = None
    table: str | None = None
    attribute: bool = False

    def text(self, value: Any, language: str = "zh") -> str:
        """The value as people read it; empty when there is none."""
        if value is None:
            return ""
        if self.table is not None:
            entry = CodeTable.load(self.table).get(str(value))
            return f"{entry.title(language)}（{value}）" if entry else str(value)
        if isinstance(value, bool):
            yes, no = ("是", "否") if language == "zh" else ("yes", "no")
            return yes if value else no
        if isinstance(value, float):
            return f"{value:,.{self.digits}f}" if self.digits is not None else f"{value:,.10g}"
        if isinstance(value, list):
            return "；".join(str(item) for item in value)
        return str(value)


@dataclass(frozen=True)
class Layer:
    """One layer. ``where`` holds columns and the values a row must have one of.

    Zooms count tiles of 512 pixels, as MapLibre does. Below ``point_min_zoom`` points are shown as counted
    clusters of the same ``cluster_class``; or, with ``thin_by``, the one with the lowest value of each spot.
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
    where: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
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
        return frozenset(VERSIONED_MODELS[self.table].__table__.columns.keys())


def shown_column(source: str, name: str, **how: Any) -> ShownField:
    """A record field of a declared column, labelled as the model names it."""
    names = field_names(VERSIONED_MODELS[source])[name]
    unit = how.pop("unit", names.get("unit"))
    return ShownField(name, Title(names["zh"], names["en"]), unit=unit, **how)
