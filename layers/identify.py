"""Everything under a click, by layer."""

import json
from datetime import datetime
from typing import Any

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from geodata.viewer_pool import Statement
from layers.box import in_box
from layers.catalogue import Catalogue
from layers.feature import GEOJSON_DIGITS, visible_layer
from layers.layer import Layer
from layers.lineage_column import lineage_column
from layers.mercator import mercator, metres_per_pixel
from layers.moment import visible_layers_at
from layers.record import record, record_columns
from layers.tile_sql import row_filter, row_parameters

TOLERANCE_PIXELS = 9
"""Half the width of a fingertip on a mouse: how far a click may miss a point or a line."""
MOST_FEATURES = 10
LINE_POINTS = 2000


async def identify(
    store: Store,
    catalogue: Catalogue,
    viewer: Viewer,
    position: tuple[float, float],
    zoom: float,
    layer_ids: list[str] | None = None,
    moment: datetime | None = None,
) -> dict[str, Any]:
    """Features at a position (CGCS2000 degrees), nearest first, layers from the top of the map down.

    Points and lines within some pixels at ``zoom``, areas that contain the position. Layers that are not
    drawn at that zoom are not asked, nor are layers of which the viewer may see nothing. ``moment`` asks for
    what was published then.

    Raises:
        NotFoundError: a layer that was asked for does not exist, as far as this viewer may know, or what it
            held at that moment is not kept.
    """
    if layer_ids is None:
        pairs = [pair for pair in visible_layers_at(catalogue, viewer, moment) if pair[0].identify]
    else:
        names = dict.fromkeys(layer_ids)
        pairs = [visible_layer(catalogue, viewer, layer_id, moment) for layer_id in names]
    asked = [
        (layer, ids) for layer, ids in reversed(pairs) if layer.min_zoom <= zoom + 1 <= layer.max_zoom + 2
    ]
    statements = [_statement(layer, ids, position, zoom) for layer, ids in asked]
    answers = await store.read(viewer, statements) if statements else []
    found = []
    for (layer, _), rows in zip(asked, answers, strict=True):
        if rows:
            found.append(_layer_answer(layer, rows))
    return {"lon": position[0], "lat": position[1], "layers": found}


def _statement(layer: Layer, dataset_ids: list[int], position: tuple[float, float], zoom: float) -> Statement:
    near = in_box(layer, sql.SQL("ST_Expand({}, %(reach)s::float8)").format(_POINT))
    if layer.geometry == "polygon":
        hit = sql.SQL("ST_Intersects(geom_3857, {})").format(_POINT)
        order = sql.SQL("ST_Area(geom_3857)")
    else:
        hit = sql.SQL("ST_Distance(geom_3857, {}) <= %(reach)s::float8").format(_POINT)
        order = sql.SQL("ST_Distance(geom_3857, {})").format(_POINT)
    statement = sql.SQL(
        """
        SELECT id, ST_X(place), ST_Y(place), ST_AsGeoJSON(shown, {digits}, 0), {lineage}, {columns}
        FROM (
            SELECT *, ST_PointOnSurface(geom) AS place,
                CASE WHEN ST_NPoints(geom) <= {most_points} THEN geom END AS shown
            FROM {relation} WHERE {near} AND {filter} AND {hit}
            ORDER BY {order}, id LIMIT {most}
        ) AS found
        """
    ).format(
        digits=sql.Literal(GEOJSON_DIGITS),
        lineage=lineage_column(layer),
        columns=record_columns(layer),
        most_points=sql.Literal(LINE_POINTS),
        relation=layer.relation,
        near=near,
        filter=row_filter(layer),
        hit=hit,
        order=order,
        most=sql.Literal(MOST_FEATURES),
    )
    x, y = mercator(*position)
    reach = 0.0 if layer.geometry == "polygon" else TOLERANCE_PIXELS * metres_per_pixel(zoom)
    return statement, {"px": x, "py": y, "reach": reach, **row_parameters(layer, dataset_ids)}


_POINT = sql.SQL("ST_SetSRID(ST_MakePoint(%(px)s::float8, %(py)s::float8), 3857)")


def _layer_answer(layer: Layer, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    features = []
    for feature_id, lon, lat, shown, lineage, *row in rows:
        title, entries = record(layer, tuple(row))
        features.append(
            {
                "id": feature_id,
                "title": title,
                "lon": lon,
                "lat": lat,
                "geometry": json.loads(shown) if shown else None,
                "record": entries,
                "lineage": lineage,
            }
        )
    return {
        "layer": layer.id,
        "title_zh": layer.title.zh,
        "title_en": layer.title.en,
        "geometry": layer.geometry,
        "features": features,
    }
