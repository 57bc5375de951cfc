"""Reads one layer from its declarative file, and says what is wrong with it by file and key."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from geodata.code_table import table_names
from geodata.errors import UserError
from geodata.models import RECORD_MODELS, field_names
from layers.layer import (
    WORLD_ZOOM,
    Geometry,
    Layer,
    Link,
    LinkMatch,
    Property,
    ShownField,
    Summary,
    Theme,
    Title,
    shown_column,
)

LAYER_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")

THEMES = (
    Theme("area", Title("区划网格", "Areas and grids")),
    Theme("component", Title("城市部件", "City components")),
    Theme("drainage", Title("排水管网", "Drainage")),
    Theme("video", Title("视频监控", "Video")),
    Theme("facility", Title("公共设施", "Public facilities")),
    Theme("station", Title("监测站点", "Monitoring stations")),
    Theme("case", Title("城市案件", "Cases")),
    Theme("departmental", Title("部门图层", "Departmental layers")),
    Theme("base", Title("基础地图", "Base map")),
)
"""Groups of the layer tree, in its order."""


class LayerFileError(UserError):
    """A layer's file does not say what it must."""


class _Table:
    """One table of a layer's file: every key is asked for once, and none may be left over."""

    def __init__(self, path: Path, content: Mapping[str, Any], prefix: str = "") -> None:
        self._path = path
        self._left = dict(content)
        self._prefix = prefix

    def fault(self, key: str, what: str) -> LayerFileError:
        return LayerFileError(f"{self._path}: the key “{self._prefix}{key}” {what}.")

    def take(self, key: str, kind: type, default: Any = ...) -> Any:
        if key not in self._left:
            if default is ...:
                raise self.fault(key, "is missing")
            return default
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fault(key, f"must be of type {kind.__name__}, not {value!r}")
        return value

    def part(self, key: str) -> "_Table":
        return _Table(self._path, self.take(key, dict), f"{self._prefix}{key}.")

    def parts(self, key: str) -> "list[_Table]":
        entries = self.take(key, list, [])
        if not all(isinstance(entry, dict) for entry in entries):
            raise self.fault(key, "must be a list of tables")
        return [
            _Table(self._path, entry, f"{self._prefix}{key}.{number}.")
            for number, entry in enumerate(entries)
        ]

    def has(self, key: str) -> bool:
        return key in self._left

    def finish(self) -> None:
        for key in self._left:
            raise self.fault(key, "is not known; correct its spelling or remove it")


def read_layer(path: Path) -> Layer:
    """The layer that a file declares.

    Raises:
        LayerFileError: the file is no TOML, or a key is missing, unknown or names what does not exist.
    """
    try:
        table = _Table(path, tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LayerFileError(f"{path} is not a TOML file in UTF-8: {error}.") from error
    layer = _layer(table)
    table.finish()
    return layer


def _layer(table: _Table) -> Layer:
    source = table.take("table", str)
    model = RECORD_MODELS.get(source)
    if model is None or "geom" not in model.__table__.columns:
        raise table.fault("table", f"names “{source}”, which is no spatial table of the store")
    columns = frozenset(model.__table__.columns.keys())

    def column(key: str, name: str) -> str:
        if name not in columns:
            raise table.fault(key, f"names the column “{name}”, which the table {source} does not have")
        return name

    layer_id = table.take("id", str)
    if not LAYER_ID.fullmatch(layer_id):
        raise table.fault("id", "must be lower-case letters, digits and underscores")
    geometry = table.take("geometry", str)
    if geometry not in get_args(Geometry):
        raise table.fault("geometry", f"must be one of {', '.join(get_args(Geometry))}")
    cluster_class = table.take("cluster_class", dict, None)
    thin_by = table.take("thin_by", str, None)
    sensitivity = table.take("sensitivity", int, 1)
    if sensitivity not in (1, 2, 3):
        raise table.fault("sensitivity", "must be 1 (公开), 2 (内部) or 3 (受控)")
    search_kind = table.take("search_kind", str, "feature")
    if search_kind not in ("feature", "area"):
        raise table.fault("search_kind", "must be feature or area")
    min_zoom, max_zoom, point_min_zoom = _zooms(table)
    return Layer(
        id=layer_id,
        title=_title(table.part("title")),
        theme=_theme(table),
        department=table.take("department", str),
        table=source,
        geometry=geometry,
        style=table.take("style", str, layer_id),
        order=table.take("order", int),
        min_zoom=min_zoom,
        max_zoom=max_zoom,
        point_min_zoom=point_min_zoom,
        title_field=column("title_field", table.take("title_field", str, "name")),
        properties=tuple(_property(table, entry, column) for entry in table.take("properties", list, [])),
        cluster_class=_property(table, {"name": "class", **cluster_class}, column) if cluster_class else None,
        thin_by=column("thin_by", thin_by) if thin_by else None,
        fields=tuple(_field(table, entry, source) for entry in table.take("fields", list)),
        summary=_summary(table, column),
        links=tuple(_link(entry, columns) for entry in table.parts("links")),
        where=_where(table, column),
        datasets=tuple(table.take("datasets", list, [])),
        search_by_code=table.take("search_by_code", bool, False),
        search_kind=search_kind,
        identify=table.take("identify", bool, True),
        sensitivity=sensitivity,
        downloadable=table.take("downloadable", bool, True),
        visible_by_default=table.take("visible_by_default", bool, False),
    )


def _title(table: _Table) -> Title:
    title = Title(table.take("zh", str), table.take("en", str))
    table.finish()
    return title


def _theme(table: _Table) -> Theme:
    name = table.take("theme", str)
    found = next((theme for theme in THEMES if theme.id == name), None)
    if found is None:
        raise table.fault("theme", f"must be one of {', '.join(theme.id for theme in THEMES)}")
    return found


def _zooms(table: _Table) -> tuple[int, int, int]:
    low = table.take("min_zoom", int, 0)
    high = table.take("max_zoom", int, WORLD_ZOOM)
    if not 0 <= low <= high <= WORLD_ZOOM:
        raise table.fault("min_zoom", f"and max_zoom must lie in order between 0 and {WORLD_ZOOM}")
    return low, high, table.take("point_min_zoom", int, 0)


def _property(table: _Table, entry: Any, column: Callable[[str, str], str]) -> Property:
    if isinstance(entry, str):
        return Property(entry, column("properties", entry))
    if not isinstance(entry, dict) or set(entry) - {"name", "column", "prefix"} or "column" not in entry:
        raise table.fault("properties", f"holds {entry!r}; write a column, or its name, column and prefix")
    prefix = entry.get("prefix")
    if prefix is not None and not isinstance(prefix, int):
        raise table.fault("properties", f"holds the prefix {prefix!r}; it must be a number of characters")
    name = column("properties", entry["column"])
    return Property(str(entry.get("name", name)), name, prefix)


def _field(table: _Table, entry: Any, source: str) -> ShownField:
    how = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(how, dict) or set(how) - {"name", "digits", "table", "unit"}:
        raise table.fault("fields", f"holds {entry!r}; write a column, or its name, digits, table and unit")
    how = dict(how)
    name = how.pop("name", None)
    if name not in field_names(RECORD_MODELS[source]):
        raise table.fault("fields", f"names the column “{name}”, which the table {source} does not have")
    if "table" in how and how["table"] not in table_names():
        raise table.fault("fields", f"decodes {name} by the code table “{how['table']}”, which is not there")
    return shown_column(source, name, **how)


def _summary(table: _Table, column: Callable[[str, str], str]) -> Summary | None:
    if not table.has("summary"):
        return None
    part = table.part("summary")
    by = part.take("by", str, None)
    prefix = part.take("prefix", int, None)
    code_table = part.take("table", str, None)
    measure = part.take("measure", str, None)
    if measure not in (None, "length", "area"):
        raise part.fault("measure", "must be length or area")
    if code_table is not None and code_table not in table_names():
        raise part.fault("table", f"names the code table “{code_table}”, which is not there")
    part.finish()
    grouped = Property("class", column("summary.by", by), prefix) if by else None
    return Summary(grouped, code_table, measure)


def _link(table: _Table, columns: frozenset[str]) -> Link:
    """The other layer's columns cannot be checked here: its file may not have been read yet."""
    link = Link(
        layer=table.take("layer", str),
        title=_title(table.part("title")) if table.has("title") else None,
        matches=tuple(_match(entry, columns) for entry in table.parts("match")),
        near_m=float(table.take("near_m", int, 0)),
        count_by_area=table.take("count_by_area", bool, False),
        show=tuple(table.take("show", list, [])),
    )
    table.finish()
    return link


def _match(table: _Table, columns: frozenset[str]) -> LinkMatch:
    value = table.take("value", str)
    if value not in columns:
        raise table.fault("value", f"names the column “{value}”, which the layer's table does not have")
    where = table.take("where", dict, {})
    match = LinkMatch(
        table.take("column", str), value, table.take("prefix", int, None), MappingProxyType(where)
    )
    table.finish()
    return match


def _where(table: _Table, column: Callable[[str, str], str]) -> Mapping[str, tuple[str, ...]]:
    conditions = {}
    for name, values in table.take("where", dict, {}).items():
        accepted = values if isinstance(values, list) else [values]
        if not all(isinstance(value, str) for value in accepted):
            raise table.fault(f"where.{name}", "must be a text or a list of texts")
        conditions[column(f"where.{name}", name)] = tuple(accepted)
    return MappingProxyType(conditions)
