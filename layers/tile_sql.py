"""The SQL of one layer's tile, made of declared names only; everything else is a parameter.

What comes out is generalised by zoom and, where a tile would still be too big, by step: 0 is the detail a
layer is meant to have, each further step shows less.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from psycopg import sql

from geodata.models import RECORD_MODELS
from layers.box import in_box
from layers.layer import Layer, Property

EXTENT = 4096
BUFFER = 64
"""Units around a tile in which lines and outlines are kept, of ``EXTENT`` to a side."""
WORLD_METRES = 40_075_016.685578488
CELLS = (22, 14, 8, 4, 1)
"""Cells along a tile's side, by step: a spot that holds one cluster per class, or one thinned point."""
MOST_FEATURES = (None, 4000, 1000, 250, 60)
"""Lines or areas of a tile, the largest first, by step."""
STEPS = len(CELLS)
MERGE_LINES_BELOW = 14
NARROW_TILES_FROM = 13
"""Wider tiles hold much of a district: where policies leave the index unused, the table is read at once."""
STATEMENTS_KEPT = 5000
"""Enough for every shipped layer, zoom and step; filtered ones come and go."""


@dataclass(frozen=True)
class TileAddress:
    """A tile of the Web Mercator quadtree, y from the north."""

    z: int
    x: int
    y: int

    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres of EPSG:3857; neighbours share their edges to the bit."""
        size = WORLD_METRES / 2**self.z
        half = WORLD_METRES / 2
        return (
            self.x * size - half,
            half - (self.y + 1) * size,
            (self.x + 1) * size - half,
            half - self.y * size,
        )


def tile_parameters(layer: Layer, tile: TileAddress, dataset_ids: list[int]) -> dict[str, Any]:
    """The parameters of ``tile_statement``."""
    west, _, east, north = tile.bounds()
    return {
        **row_parameters(layer, dataset_ids),
        "z": tile.z,
        "x": tile.x,
        "y": tile.y,
        "west": west,
        "north": north,
        "size": east - west,
        "half": WORLD_METRES / 2,
        "unit": (east - west) / EXTENT,
    }


def tile_statement(layer: Layer, zoom: int, step: int) -> bytes:
    """SELECT of one value, the layer's Mapbox vector tile, at a zoom and a step of generalisation."""
    individual_from = {"point": layer.point_min_zoom, "line": MERGE_LINES_BELOW, "polygon": 0}[layer.geometry]
    individual = zoom >= individual_from and (step == 0 or layer.geometry == "polygon")
    return _statement(layer, zoom >= NARROW_TILES_FROM, individual, step)


@lru_cache(STATEMENTS_KEPT)
def _statement(layer: Layer, is_narrow: bool, individual: bool, step: int) -> bytes:
    if not is_narrow:
        layer = replace(layer, found_by="index")
    if layer.geometry == "polygon":
        rows = _areas(layer, step)
    elif individual:
        rows = _features(layer)
    elif layer.geometry == "line":
        rows = _merged_lines(layer, step)
    else:
        rows = _thinned_points(layer, step) if layer.thin_by else _clusters(layer, step)
    with_id = individual or (layer.geometry == "point" and layer.thin_by is not None)
    feature_id = sql.SQL(", 'id'" if with_id else "")
    statement = sql.SQL("SELECT ST_AsMVT(tile, {layer}, {extent}, 'geom'{id}) FROM ({rows}) AS tile").format(
        layer=sql.Literal(layer.id), extent=sql.Literal(EXTENT), id=feature_id, rows=rows
    )
    return statement.as_bytes(None)


def _features(layer: Layer) -> sql.Composed:
    """Every feature as it is, with its id and properties."""
    return sql.SQL("SELECT id, {properties}{geom} AS geom FROM {relation} WHERE {filter}").format(
        properties=_properties(layer.properties),
        geom=_drawn(place(layer)),
        relation=layer.relation,
        filter=_filter(layer, BUFFER),
    )


def _areas(layer: Layer, step: int) -> sql.Composed:
    """Areas simplified, without those too small to be seen; from step 1 only the largest."""
    return sql.SQL(
        """
        SELECT id, {properties}{geom} AS geom FROM {relation}
        WHERE {filter} AND ST_Area(geom_3857) >= {smallest} {limit}
        """
    ).format(
        properties=_properties(layer.properties),
        geom=_drawn(_simplified(sql.SQL("geom_3857"), 2 * 4**step)),
        relation=layer.relation,
        filter=_filter(layer, BUFFER),
        smallest=sql.SQL("({} * %(unit)s::float8) ^ 2").format(sql.Literal(6.0 * 4**step)),
        limit=_largest(sql.SQL("ST_Area(geom_3857)"), step),
    )


def _merged_lines(layer: Layer, step: int) -> sql.Composed:
    """Lines of the same properties joined end to end, then simplified; from step 1 only the longest."""
    kept = layer.properties if step == 0 else layer.properties[:1]
    columns = [sql.Identifier(one.name) for one in kept]
    names = sql.SQL("").join(sql.SQL("{}, ").format(column) for column in columns)
    merged = sql.SQL("ST_LineMerge(ST_CollectionExtract(ST_Collect(shape), 2))")
    if step > 0:
        merged = sql.SQL("(ST_Dump({})).geom").format(merged)
    return sql.SQL(
        """
        SELECT {names}{geom} AS geom FROM (
            SELECT {names}{merged} AS line FROM (
                SELECT {properties}geom_3857 AS shape FROM {relation} WHERE {filter}
            ) AS feature {group}
        ) AS merged {limit}
        """
    ).format(
        names=names,
        geom=_drawn(_simplified(sql.SQL("line"), 3 * 4**step)),
        merged=merged,
        properties=_properties(kept),
        relation=layer.relation,
        filter=_filter(layer, BUFFER),
        group=sql.SQL("GROUP BY {}").format(sql.SQL(", ").join(columns)) if columns else sql.SQL(""),
        limit=_largest(sql.SQL("ST_Length(line)"), step),
    )


def _clusters(layer: Layer, step: int) -> sql.Composed:
    """Counts of points by class and spot, each at the middle of its points, which lie in one tile only."""
    kind = property_value(layer.cluster_class) if layer.cluster_class else sql.SQL("NULL::text")
    return sql.SQL(
        """
        SELECT n::integer AS count, class, ST_Point(
            round((mean_x - %(west)s::float8) / %(unit)s::float8),
            round((%(north)s::float8 - mean_y) / %(unit)s::float8)) AS geom
        FROM (
            SELECT class, cx, cy, count(*) AS n, avg(px) AS mean_x, avg(py) AS mean_y
            FROM (SELECT *, {cells} FROM ({points}) AS feature) AS placed
            GROUP BY class, cx, cy OFFSET 0
        ) AS cluster
        WHERE {within}
        """
    ).format(
        cells=_cells(step),
        points=_points(layer, sql.SQL("{} AS class").format(kind)),
        within=_within(step),
    )


def _thinned_points(layer: Layer, step: int) -> sql.Composed:
    """Of each spot the point with the lowest value of ``thin_by``, as itself."""
    assert layer.thin_by is not None, "only layers that say by what"
    return sql.SQL(
        """
        SELECT id, {names}{geom} AS geom
        FROM (
            SELECT DISTINCT ON (cx, cy) *
            FROM (SELECT *, {cells} FROM ({points}) AS feature) AS placed
            ORDER BY cx, cy, thin_rank NULLS LAST, id OFFSET 0
        ) AS first
        WHERE {within}
        """
    ).format(
        names=sql.SQL("").join(sql.SQL("{}, ").format(sql.Identifier(one.name)) for one in layer.properties),
        geom=_drawn(sql.SQL("place")),
        cells=_cells(step),
        points=_points(
            layer,
            sql.SQL("id, {}{} AS thin_rank, {} AS place").format(
                _properties(layer.properties), sql.Identifier(layer.thin_by), place(layer)
            ),
        ),
        within=_within(step),
    )


def _points(layer: Layer, values: sql.Composed) -> sql.Composed:
    """Points of the tile with their metres ``px``, ``py``.

    OFFSET 0 keeps the planner from computing these anew for every use, and from guessing that the cells
    hold few rows and sorting them all: 165 instead of 470 ms for 210,000 components in one tile.
    """
    return sql.SQL(
        "SELECT {values}, ST_X({place}) AS px, ST_Y({place}) AS py FROM {relation} WHERE {filter} OFFSET 0"
    ).format(
        values=values,
        place=place(layer),
        relation=layer.relation,
        filter=_filter(layer, 0),
    )


def _cells(step: int) -> sql.Composed:
    """A point's cell, counted over the whole world, so that a point on a tile's edge is in one tile only."""
    return sql.SQL(
        """
        floor((px + %(half)s::float8) / (%(size)s::float8 / {n}))::integer AS cx,
        floor((%(half)s::float8 - py) / (%(size)s::float8 / {n}))::integer AS cy
        """
    ).format(n=sql.Literal(CELLS[step]))


def _within(step: int) -> sql.Composed:
    return sql.SQL("cx / {n} = %(x)s::int AND cy / {n} = %(y)s::int AND cx >= 0 AND cy >= 0").format(
        n=sql.Literal(CELLS[step])
    )


def _filter(layer: Layer, buffer: int) -> sql.Composed:
    around = sql.SQL("ST_TileEnvelope(%(z)s::int, %(x)s::int, %(y)s::int, margin => {})").format(
        sql.Literal(buffer / EXTENT)
    )
    return sql.SQL("{} AND {}").format(in_box(layer, around), row_filter(layer))


def row_filter(layer: Layer) -> sql.Composed:
    """The rows of the layer's table that are the layer's and pass its filter; see ``row_parameters``."""
    conditions: list[sql.Composable] = [sql.SQL("dataset_id = ANY (%(datasets)s::int[])")]
    conditions += [
        sql.SQL("{} = ANY ({}::text[])").format(sql.Identifier(column), sql.Placeholder(f"where_{column}"))
        for column in layer.where
    ]
    if layer.filter is not None:
        conditions.append(layer.filter.sql())
    return sql.SQL(" AND ").join(conditions)


def row_parameters(layer: Layer, dataset_ids: list[int]) -> dict[str, Any]:
    """The parameters of ``row_filter``."""
    conditions = {f"where_{column}": list(values) for column, values in layer.where.items()}
    values = layer.filter.parameters() if layer.filter is not None else {}
    return {"datasets": dataset_ids, **conditions, **values}


def place(layer: Layer) -> sql.SQL:
    """Where a feature of a point layer is shown: some components are surveyed as lines or areas."""
    model: Any = RECORD_MODELS[layer.table]
    if layer.geometry != "point" or model.geometry_type == "POINT":
        return sql.SQL("geom_3857")
    return sql.SQL("CASE ST_Dimension(geom_3857) WHEN 0 THEN geom_3857 ELSE ST_PointOnSurface(geom_3857) END")


def _drawn(shape: sql.Composable) -> sql.Composed:
    return sql.SQL("ST_AsMVTGeom({}, ST_TileEnvelope(%(z)s::int, %(x)s::int, %(y)s::int), {}, {})").format(
        shape, sql.Literal(EXTENT), sql.Literal(BUFFER)
    )


def _simplified(shape: sql.Composable, units: float) -> sql.Composed:
    return sql.SQL("ST_Simplify({}, {} * %(unit)s::float8, true)").format(shape, sql.Literal(float(units)))


def _largest(size: sql.SQL, step: int) -> sql.Composable:
    most = MOST_FEATURES[step]
    if most is None:
        return sql.SQL("")
    return sql.SQL("ORDER BY {} DESC LIMIT {}").format(size, sql.Literal(most))


def _properties(properties: tuple[Property, ...]) -> sql.Composed:
    return sql.SQL("").join(
        sql.SQL("{} AS {}, ").format(property_value(one), sql.Identifier(one.name)) for one in properties
    )


def property_value(value: Property) -> sql.Composable:
    """SQL of a value that tiles carry."""
    if value.prefix is None:
        return sql.Identifier(value.column)
    return sql.SQL("left({}, {})").format(sql.Identifier(value.column), sql.Literal(value.prefix))
