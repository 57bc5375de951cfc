"""Features of a collection as GeoJSON: filtered, sorted, in pages by key, written while they are read."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import sql
from psycopg.errors import DataError, InternalError, QueryCanceled

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from geodata.viewer_pool import Rows, Statement
from layers.feature import LARGEST_ID, row_parameters
from layers.layer import Layer
from layers.ogc.cql2 import parse
from layers.ogc.cql2_sql import Conditions
from layers.ogc.queryable import Queryable, time_property
from layers.ogc.reference_system import ReferenceSystem, ReferenceSystems, bounding_box
from layers.ogc.sorting import Key, Order, beyond, key_columns, no_key, ordered_by, read_order
from layers.problem import NotFoundError
from layers.tile_sql import row_filter

MOST_ITEMS = 10_000
DEFAULT_ITEMS = 100
STEP = 5_000
"""Features read from the store at once: an answer of any size takes no more memory than these."""
EndOfPage = Callable[[Key | None, int, int | None], dict[str, Any]]
DISTRICT_TIME = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Collection:
    """A layer that a viewer may read, those of its datasets that are the viewer's, and its properties."""

    layer: Layer
    dataset_ids: tuple[int, ...]
    properties: Mapping[str, Queryable]


@dataclass(frozen=True)
class Query:
    """What a request asks of a collection."""

    system: ReferenceSystem
    limit: int
    order: Order
    after: Key | None
    count: bool
    condition: sql.Composable
    parameters: Mapping[str, Any]


def read_query(collection: Collection, asked: Mapping[str, str], systems: ReferenceSystems) -> Query:
    """The query that a request's parameters state; their names have been checked.

    Raises:
        UserError: one of them is not as it must be.
    """
    conditions = Conditions(collection.properties)
    parts: list[sql.Composable] = []
    if "bbox" in asked:
        frame = systems.named(asked.get("bbox-crs"), "bbox-crs")
        parts.append(conditions.intersects(bounding_box(asked["bbox"], frame), collection.layer))
    if "datetime" in asked:
        parts.append(_during(conditions, time_property(collection.properties), asked["datetime"]))
    if asked.get("filter-lang", "cql2-text") not in FILTER_LANGUAGES:
        raise UserError("The parameter filter-lang must be cql2-text: no other language is understood.")
    if "filter" in asked:
        frame = systems.named(asked.get("filter-crs"), "filter-crs")
        parts.append(conditions.of(parse(asked["filter"]), frame))
    for name, queryable in collection.properties.items():
        if name in asked and name not in RESERVED:
            parts.append(conditions.equal(queryable, asked[name]))
    order = read_order(asked.get("sortby"), collection.properties)
    return Query(
        systems.named(asked.get("crs"), "crs"),
        _limit(asked.get("limit")),
        order,
        Key.read(asked["after"], order) if "after" in asked else None,
        _is_true(asked.get("count", "false")),
        sql.SQL(" AND ").join([sql.SQL("TRUE"), *parts]),
        conditions.parameters,
    )


FILTER_LANGUAGES = ("cql2-text", "cql-text")
"""The standard's name, and that of its draft, by which GDAL decides to send filters at all."""
RESERVED = frozenset(
    {
        "bbox",
        "bbox-crs",
        "datetime",
        "filter",
        "filter-lang",
        "filter-crs",
        "crs",
        "sortby",
        "limit",
        "after",
        "count",
        "f",
    }
)
"""Parameters of a request for items; every other one is a property's name."""


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_ITEMS
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise UserError(f"The parameter limit must be a number from 1 to {MOST_ITEMS}, not “{text[:40]}”.")
    return min(int(text[:9]), MOST_ITEMS)


def _is_true(text: str) -> bool:
    if text not in ("true", "false"):
        raise UserError(f"The parameter count must be true or false, not “{text[:40]}”.")
    return text == "true"


def _during(conditions: Conditions, queryable: Queryable | None, text: str) -> sql.Composable:
    """A feature's date lies in an instant or interval of RFC 3339; of features without dates all do."""
    first, slash, last = text.partition("/")
    low = _day(first, text) if slash else _required(_day(first, text), text)
    high = _day(last, text) if slash else low
    if low and high and low > high:
        raise UserError(f"The parameter datetime ends before it begins: “{text[:60]}”.")
    if queryable is None:
        return sql.SQL("TRUE")
    value, cast = queryable.value(), queryable.cast()
    parts: list[sql.Composable] = [sql.SQL("{} IS NOT NULL").format(value)]
    if low is not None:
        parts.append(sql.SQL("{} >= {}").format(value, conditions.parameter(low, cast)))
    if high is not None:
        parts.append(sql.SQL("{} <= {}").format(value, conditions.parameter(high, cast)))
    return sql.SQL(" AND ").join(parts)


def _required(day: date | None, text: str) -> date:
    if day is None:
        raise _no_time(text)
    return day


def _day(text: str, whole: str) -> date | None:
    """The day of a moment on the district's clocks; None where the interval is open."""
    # GDAL writes a day as 2026-01-31T.
    text = text.removesuffix("T")
    if text in ("", ".."):
        return None
    try:
        return date.fromisoformat(text) if len(text) == 10 else _day_of(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise _no_time(whole) from error


def _day_of(moment: datetime) -> date:
    if moment.tzinfo is None:
        raise ValueError(moment)
    return moment.astimezone(DISTRICT_TIME).date()


def _no_time(text: str) -> UserError:
    return UserError(
        f"The parameter datetime must be a time such as 2026-01-31 or 2026-01-31T08:00:00Z, "
        f"or an interval such as 2026-01-01/2026-01-31 or 2026-01-01/.., not “{text[:60]}”."
    )


def _columns(collection: Collection, system: ReferenceSystem) -> sql.Composed:
    values = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(one.value(), sql.Identifier(name))
        for name, one in collection.properties.items()
    )
    return sql.SQL(
        "id, {geometry}, row_to_json((SELECT listed FROM (SELECT {values}) AS listed))::text"
    ).format(geometry=system.geojson(), values=values)


def _page(collection: Collection, query: Query, after: Key | None, most: int) -> Statement:
    """Rows of id, geometry, properties, dataset id and the texts of the sort values."""
    further: sql.Composable = sql.SQL("TRUE")
    parameters = row_parameters(collection.layer, list(collection.dataset_ids)) | dict(query.parameters)
    if after is not None:
        further, placed = beyond(query.order, after)
        parameters |= placed
        if not query.order:
            parameters["datasets"] = [d for d in collection.dataset_ids if d >= after.dataset_id]
    statement = sql.SQL(
        "SELECT {columns}, dataset_id, {keys} FROM ioc.{table} WHERE {rows} AND {further} AND {condition} "
        "ORDER BY {order} LIMIT %(most)s::int"
    ).format(
        columns=_columns(collection, query.system),
        keys=key_columns(query.order),
        table=sql.Identifier(collection.layer.table),
        rows=row_filter(collection.layer),
        further=further,
        condition=query.condition,
        order=ordered_by(query.order),
    )
    return statement, {**parameters, "most": most}


async def _rows(store: Store, viewer: Viewer, statement: Statement) -> Rows:
    try:
        (rows,) = await store.read(viewer, [statement])
    except QueryCanceled as error:
        raise UserError("The question takes too long: narrow it by bbox or by another filter.") from error
    except InternalError as error:
        raise UserError("The geometries of the filter cannot be computed with: simplify them.") from error
    return rows


class Page:
    """Features of one answer. ``begin`` asks the store first, so that a refusal comes before any feature."""

    def __init__(self, store: Store, viewer: Viewer, collection: Collection, query: Query) -> None:
        self._store = store
        self._viewer = viewer
        self._collection = collection
        self._query = query
        self._first: Rows = []
        self.matched: int | None = None

    async def begin(self) -> None:
        """Read the first features, and their number in all where it is asked for.

        Raises:
            UserError: the store cannot answer that question.
        """
        self._first = await self._read(self._query.after, min(STEP, self._query.limit) + 1)
        if self._query.count:
            ((self.matched,),) = await _rows(self._store, self._viewer, self._count())
        elif self._query.after is None and len(self._first) <= min(STEP, self._query.limit):
            self.matched = len(self._first)

    async def _read(self, after: Key | None, most: int) -> Rows:
        statement = _page(self._collection, self._query, after, most)
        try:
            return await _rows(self._store, self._viewer, statement)
        except DataError as error:
            raise no_key(str(after)) from error

    def _count(self) -> Statement:
        collection = self._collection
        statement = sql.SQL("SELECT count(*) FROM ioc.{table} WHERE {rows} AND {condition}").format(
            table=sql.Identifier(collection.layer.table),
            rows=row_filter(collection.layer),
            condition=self._query.condition,
        )
        rows = row_parameters(collection.layer, list(collection.dataset_ids))
        return statement, {**rows, **self._query.parameters}

    async def written(self, end: EndOfPage) -> AsyncIterator[bytes]:
        """The feature collection in pieces; ``end`` writes what follows the features.

        One feature more than is sent is read, to know whether there is another page.
        """
        yield b'{"type":"FeatureCollection","features":['
        sent, rows, last = 0, self._first, None
        while rows:
            step = min(STEP, self._query.limit - sent)
            more = len(rows) > step
            rows = rows[:step]
            yield (b"," if sent else b"") + ",".join(map(_feature, rows)).encode()
            sent += len(rows)
            last = _key(rows[-1]) if more else None
            if not more or sent >= self._query.limit:
                break
            rows = await self._read(last, min(STEP, self._query.limit - sent) + 1)
        yield b"]," + json.dumps(end(last, sent, self.matched), ensure_ascii=False).encode()[1:]


def _key(row: tuple[Any, ...]) -> Key:
    feature_id, _, _, dataset_id, values = row
    return Key(dataset_id, feature_id, tuple(values))


def _feature(row: tuple[Any, ...]) -> str:
    feature_id, geometry, properties, *_ = row
    return (
        f'{{"type":"Feature","id":{feature_id},"geometry":{geometry or "null"},'
        f'"properties":{properties or "{}"}}}'
    )


async def one_item(
    store: Store, viewer: Viewer, collection: Collection, system: ReferenceSystem, feature_id: int
) -> dict[str, Any]:
    """A feature by its id.

    Raises:
        NotFoundError: there is none, as far as this viewer may know.
    """
    absent = NotFoundError(f"The collection “{collection.layer.id}” has no feature {feature_id}.")
    if abs(feature_id) > LARGEST_ID:
        raise absent
    statement = sql.SQL("SELECT {columns} FROM ioc.{table} WHERE id = %(id)s::bigint AND {rows}").format(
        columns=_columns(collection, system),
        table=sql.Identifier(collection.layer.table),
        rows=row_filter(collection.layer),
    )
    parameters = row_parameters(collection.layer, list(collection.dataset_ids))
    rows = await _rows(store, viewer, (statement, {**parameters, "id": feature_id}))
    if not rows:
        raise absent
    return json.loads(_feature(rows[0]))
