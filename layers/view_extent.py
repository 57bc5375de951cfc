"""The part of the map in view, as a condition on rows and a limit on numbers."""

from psycopg import sql

from layers.box import in_box
from layers.layer import Layer
from layers.mercator import mercator

Extent = tuple[float, float, float, float]
"""West, south, east, north in degrees of CGCS2000."""


VIEW = sql.SQL("ST_MakeEnvelope(%(vw)s::float8, %(vs)s::float8, %(ve)s::float8, %(vn)s::float8, 3857)")


def in_view(layer: Layer) -> sql.Composed:
    """Rows of the layer that reach into the view; parameters of ``view_parameters``.

    The index knows boxes to a metre only, so what it finds is looked at again.
    """
    return sql.SQL("{} AND {}").format(in_box(layer, VIEW), meets_view())


def meets_view() -> sql.Composed:
    """Rows whose geometry itself meets the view, looked at one by one; parameters of ``view_parameters``."""
    return sql.SQL("ST_Intersects(geom_3857, {})").format(VIEW)


def view_parameters(extent: Extent) -> dict[str, float]:
    """The parameters of ``in_view``; positions beyond the world are taken to its edge."""
    lons = sorted(max(-180.0, min(180.0, lon)) for lon in extent[::2])
    lats = sorted(max(-90.0, min(90.0, lat)) for lat in extent[1::2])
    west, south = mercator(lons[0], lats[0])
    east, north = mercator(lons[1], lats[1])
    return {"vw": west, "vs": south, "ve": east, "vn": north}
