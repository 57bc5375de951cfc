"""What lies in a shape, by layer: counts, sums by class, and the features page by page."""

import json
from typing import Any

import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from geodata.code_table import CodeTable
from geodata.coordinates.measure import geodesic_area, geodesic_length
from geodata.store import Store
from geodata.value_word import in_language
from geodata.viewer import Viewer
from geodata.viewer_pool import Statement
from layers.box import in_box
from layers.catalogue import Catalogue
from layers.feature import row_parameters, visible_layer
from layers.layer import Layer, Summary, listed_rows
from layers.mercator import mercator
from layers.query_shape import SpatialQuestion, shape_of
from layers.tile_sql import row_filter

UNITS = {"length": "m", "area": "m²"}
PLAIN = Summary()


async def spatial_query(
    store: Store, catalogue: Catalogue, viewer: Viewer, question: SpatialQuestion
) -> dict[str, Any]:
    """Per layer, of what the viewer may see: how many, how much by class, and a page of them.

    A feature counts when any of it is in the shape; of an area, when its inside is. Lengths and areas are
    of the part in the shape, in metres and square metres on the ellipsoid.

    Raises:
        UserError, NotFoundError: as ``shape_of``; or a layer does not exist, as far as this viewer may know.
    """
    asked = [visible_layer(catalogue, viewer, name) for name in dict.fromkeys(question.layers)]
    shape = await shape_of(store, catalogue, viewer, question)
    statements: list[Statement] = []
    for layer, dataset_ids in asked:
        parameters = shape_parameters(layer, dataset_ids, shape)
        limit = listed_rows(layer, question.offset, question.limit)
        page = parameters | {"offset": question.offset, "limit": limit}
        statements += [(_sums(layer), parameters), (_rows(layer), page)]
    answers = await store.read(viewer, statements)
    return {
        "shape": json.loads(shapely.to_geojson(shape)),
        "area_m2": float(geodesic_area(shape)[0]),
        "perimeter_m": float(geodesic_length(shape)[0]),
        "layers": [
            _layer_answer(layer, answers[2 * number], answers[2 * number + 1])
            for number, (layer, _) in enumerate(asked)
        ],
    }


def shape_parameters(layer: Layer, dataset_ids: list[int], shape: BaseGeometry) -> dict[str, Any]:
    """The parameters of ``inside``."""
    west, south, east, north = shapely.bounds(shape)
    (left, low), (right, high) = mercator(west, south), mercator(east, north)
    box = {"left": left, "low": low, "right": right, "high": high}
    wkb = shapely.to_wkb(shapely.set_srid(shape, 4490), hex=True, include_srid=True)
    return {"shape": wkb, **box, **row_parameters(layer, dataset_ids)}


def inside(layer: Layer) -> sql.Composed:
    """The condition that a row of the layer is in the shape; its box first, which alone uses the index."""
    hit = "ST_Intersects(geom, %(shape)s::geometry)"
    if layer.geometry == "polygon":
        # Neighbours share an outline: what only touches the shape is not in it.
        hit += (
            " AND (ST_CoveredBy(geom, %(shape)s::geometry)"
            " OR ST_Relate(geom, %(shape)s::geometry, 'T********'))"
        )
    box = "ST_MakeEnvelope(%(left)s::float8, %(low)s::float8, %(right)s::float8, %(high)s::float8, 3857)"
    return sql.SQL("{} AND {} AND {}").format(in_box(layer, sql.SQL(box)), row_filter(layer), sql.SQL(hit))


def class_column(summary: Summary) -> sql.Composable:
    """The class a layer's features are counted by; NULL where it declares none."""
    if summary.by is None:
        return sql.SQL("NULL::text")
    name = sql.Identifier(summary.by.column)
    if summary.by.prefix is None:
        return sql.SQL("{}::text").format(name)
    return sql.SQL("left({}, {})").format(name, sql.Literal(summary.by.prefix))


def _sums(layer: Layer) -> sql.Composed:
    summary = layer.summary or PLAIN
    amount: sql.Composable = sql.SQL("NULL::float8")
    if summary.measure is not None:
        amount = sql.SQL(
            "sum({}((CASE WHEN ST_CoveredBy(geom, %(shape)s::geometry) THEN geom"
            " ELSE ST_Intersection(geom, %(shape)s::geometry) END)::geography))"
        ).format(sql.SQL("ST_Length" if summary.measure == "length" else "ST_Area"))
    return sql.SQL(
        "SELECT {by} AS class, count(*), {amount} FROM ioc.{table} WHERE {inside}"
        " GROUP BY 1 ORDER BY 2 DESC, 1"
    ).format(by=class_column(summary), amount=amount, table=sql.Identifier(layer.table), inside=inside(layer))


def _rows(layer: Layer) -> sql.Composed:
    return sql.SQL(
        """
        SELECT id, {title}::text, code, {by}, ST_X(ST_PointOnSurface(geom)), ST_Y(ST_PointOnSurface(geom))
        FROM (
            SELECT * FROM ioc.{table} WHERE {inside} ORDER BY code, id LIMIT %(limit)s OFFSET %(offset)s
        ) AS page
        """
    ).format(
        title=sql.Identifier(layer.title_field),
        by=class_column(layer.summary or PLAIN),
        table=sql.Identifier(layer.table),
        inside=inside(layer),
    )


def _layer_answer(layer: Layer, sums: list[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    summary = layer.summary or PLAIN
    amounts = [amount for _, _, amount in sums if amount is not None]
    return {
        "layer": layer.id,
        "title_zh": layer.title.zh,
        "title_en": layer.title.en,
        "count": sum(count for _, count, _ in sums),
        "measure": summary.measure,
        "unit": UNITS.get(summary.measure or ""),
        "amount": sum(amounts) if summary.measure else None,
        "classes": [
            {
                "value": value,
                "text_zh": class_name(summary, value, "zh"),
                "text_en": class_name(summary, value, "en"),
                "count": count,
                "amount": amount,
            }
            for value, count, amount in sums
        ]
        if summary.by
        else [],
        "features": [
            {
                "id": feature_id,
                "title": title or code or layer.title.zh,
                "code": code,
                "class_zh": class_name(summary, value, "zh") if value else None,
                "class_en": class_name(summary, value, "en") if value else None,
                "lon": lon,
                "lat": lat,
            }
            for feature_id, title, code, value, lon, lat in rows
        ],
    }


def class_name(summary: Summary, value: str | None, language: str) -> str:
    """A class as people read it."""
    if value is None:
        return "未注明" if language == "zh" else "not stated"
    if summary.table is not None:
        entry = CodeTable.load(summary.table).get(value)
        return entry.title(language) if entry else value
    return in_language(value, language)
