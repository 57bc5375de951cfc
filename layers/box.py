"""Rows in a box: by the spatial index, or by a function where row-level security leaves that unused."""

from psycopg import sql

from layers.layer import Layer


def in_box(layer: Layer, box: sql.Composable) -> sql.Composed:
    """Condition that a row's box meets that of ``box``, a geometry in EPSG:3857 that names no column."""
    meets = sql.SQL("geom_3857 && {}").format(box)
    if layer.found_by == "index" or layer.versions:
        return meets
    places = sql.SQL("ctid = ANY (ioc.places_in_box({}, {}))").format(sql.Literal(layer.table), box)
    return sql.SQL("{} AND {}").format(places, meets)
