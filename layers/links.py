"""What belongs to a feature in other layers: grids and areas, pipes that meet in it, what is found there."""

import math
from typing import Any

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from geodata.viewer_pool import Statement
from layers.box import in_box
from layers.catalogue import Catalogue
from layers.feature import LARGEST_ID, visible_layer
from layers.layer import Layer, Link
from layers.problem import NotFoundError
from layers.record import record, record_columns
from layers.tile_sql import row_filter, row_parameters

MOST_LINKED = 20
TOUCHING_METRES = 1.0

OWN = """
    SELECT code, geom::text, ST_PointOnSurface(geom)::text, ST_Y(ST_PointOnSurface(geom)), {values}
    FROM ioc.{table} WHERE id = %(id)s AND {filter}
"""


async def links(
    store: Store, catalogue: Catalogue, viewer: Viewer, layer_id: str, feature_id: int
) -> list[dict[str, Any]]:
    """The links its layer declares, of what the viewer may see; links that lead nowhere are left out.

    Raises:
        NotFoundError: there is no such feature, as far as this viewer may know.
    """
    layer, dataset_ids = visible_layer(catalogue, viewer, layer_id)
    absent = NotFoundError(f"The layer “{layer_id}” has no feature {feature_id}.")
    if not -LARGEST_ID <= feature_id <= LARGEST_ID:
        raise absent
    names = sorted({match.value for link in layer.links for match in link.matches} | {"code"})
    statement = sql.SQL(OWN).format(
        values=sql.SQL(", ").join(map(sql.Identifier, names)),
        table=sql.Identifier(layer.table),
        filter=row_filter(layer),
    )
    parameters = {"id": feature_id, **row_parameters(layer, dataset_ids)}
    (rows,) = await store.read(viewer, [(statement, parameters)])
    if not rows:
        raise absent
    code, geometry, place, lat, *values = rows[0]
    if geometry is None:
        return []
    own = {"own_code": code, "own_geom": geometry, "own_place": place, "own_lat": lat}
    asked = [
        (link, target, [d.id for d in datasets])
        for link in layer.links
        if (target := catalogue.by_id.get(link.layer)) is not None
        and (datasets := catalogue.visible_datasets(target, viewer))
    ]
    statements = [
        _statement(link, target, ids, own, dict(zip(names, values, strict=True)))
        for link, target, ids in asked
    ]
    answers = await store.read(viewer, statements) if statements else []
    found = zip(asked, answers, strict=True)
    return [_answer(link, target, rows) for (link, target, _), rows in found if rows and rows[0][0]]


def _statement(
    link: Link, target: Layer, dataset_ids: list[int], own: dict[str, Any], values: dict[str, Any]
) -> Statement:
    parameters = {**own, **row_parameters(target, dataset_ids), "near": link.near_m, "most": MOST_LINKED}
    # Metres of Web Mercator are longer than those of the ground, by the latitude.
    parameters["reach"] = max(link.near_m, TOUCHING_METRES) / math.cos(math.radians(own["own_lat"])) * 1.01
    conditions: list[sql.Composable] = [row_filter(target)]
    around = in_box(target, _BOX)
    if link.count_by_area:
        conditions += [around, sql.SQL("area_code ^@ %(own_code)s::text")]
    elif link.matches:
        conditions += [around] if link.near_m else []
        conditions.append(_matches(link, values, parameters))
    elif target.geometry == "polygon":
        conditions += [
            in_box(target, sql.SQL("ST_Transform(%(own_place)s::geometry, 3857)")),
            sql.SQL("ST_Intersects(geom, %(own_place)s::geometry)"),
        ]
    else:
        within = "ST_DWithin(geom::geography, %(own_geom)s::geometry::geography, %(near)s::float8)"
        conditions += [around, sql.SQL(within)]
    where = sql.SQL(" AND ").join(conditions)
    table = sql.Identifier(target.table)
    if link.count_by_area:
        return sql.SQL("SELECT count(*) FROM ioc.{} WHERE {}").format(table, where), parameters
    statement = sql.SQL(
        """
        SELECT count(*) OVER (), id, ST_X(ST_PointOnSurface(geom)), ST_Y(ST_PointOnSurface(geom)), {columns}
        FROM ioc.{table} WHERE {where} ORDER BY code, id LIMIT %(most)s
        """
    ).format(columns=record_columns(target), table=table, where=where)
    return statement, parameters


_BOX = sql.SQL("ST_Expand(ST_Transform(%(own_geom)s::geometry, 3857), %(reach)s::float8)")


def _matches(link: Link, values: dict[str, Any], parameters: dict[str, Any]) -> sql.Composed:
    """Any of the link's matches; the values compared become parameters."""
    ways: list[sql.Composable] = []
    for number, match in enumerate(link.matches):
        value = values[match.value]
        parameters[f"match{number}"] = value[: match.prefix] if isinstance(value, str) else value
        parts = [(match.column, f"match{number}")]
        for column, wanted in match.where.items():
            parameters[f"match{number}_{column}"] = wanted
            parts.append((column, f"match{number}_{column}"))
        ways.append(
            sql.SQL(" AND ").join(
                sql.SQL("{} = {}::text").format(sql.Identifier(column), sql.Placeholder(name))
                for column, name in parts
            )
        )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(ways))


def _answer(link: Link, target: Layer, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    title = link.title or target.title
    return {
        "layer": target.id,
        "title_zh": title.zh,
        "title_en": title.en,
        "count": rows[0][0],
        "features": [] if link.count_by_area else [_feature(link, target, row) for row in rows],
    }


def _feature(link: Link, target: Layer, row: tuple[Any, ...]) -> dict[str, Any]:
    _, feature_id, lon, lat, *values = row
    title, entries = record(target, tuple(values))
    shown = {entry["name"]: entry for entry in entries}
    told = [shown[name] for name in link.show if name in shown]
    return {
        "id": feature_id,
        "title": title,
        "lon": lon,
        "lat": lat,
        "shown": [{key: entry[key] for key in SHOWN_KEYS} for entry in told],
    }


SHOWN_KEYS = ("name", "label_zh", "label_en", "text", "text_en", "unit")
