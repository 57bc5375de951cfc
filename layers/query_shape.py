"""The shape a spatial question is about: drawn, buffered in metres of the ground, or an area by its code."""

import json
import math
from typing import Any

import numpy as np
import shapely
from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from geodata.coordinates.measure import geodesic_area
from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.feature import row_parameters
from layers.problem import NotFoundError
from layers.tile_sql import row_filter

MOST_VERTICES = 2_000
MOST_SQUARE_METRES = 2e9
"""Thirty districts of the size this is made for: beyond that a drawn shape is a slip of the hand."""
MOST_BUFFER_METRES = 50_000
QUADRANT_SEGMENTS = 64
"""Of a buffer's quarter circle: its outline lies at most 8 parts in 100,000 of the radius inside."""
KINDS = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
AREA_LAYERS = {6: "district", 9: "street", 12: "community", 15: "unit_grid"}
"""Layers of areas by the length of their code."""


class SpatialQuestion(BaseModel):
    """A GeoJSON geometry in CGCS2000 degrees with ``buffer_m`` metres around it, or an area; and layers."""

    model_config = ConfigDict(extra="forbid")

    geometry: dict[str, Any] | None = None
    area: str | None = Field(default=None, pattern=r"^[0-9]{6,15}$")
    buffer_m: float = Field(default=0, ge=0, le=MOST_BUFFER_METRES, allow_inf_nan=False)
    layers: list[str] = Field(min_length=1, max_length=60)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    limit: int = Field(default=50, ge=0, le=200)


async def shape_of(
    store: Store, catalogue: Catalogue, viewer: Viewer, question: SpatialQuestion
) -> BaseGeometry:
    """The polygon that is asked about, in degrees.

    Raises:
        UserError: it is no geometry, crosses itself, or is larger or more detailed than is answered.
        NotFoundError: there is no such area, as far as this viewer may know.
    """
    if (question.geometry is None) == (question.area is None):
        raise UserError("Ask with either a “geometry” or the code of an “area”.")
    if question.area is not None:
        return await _area(store, catalogue, viewer, question.area)
    shape = _drawn(question.geometry or {})
    if question.buffer_m > 0:
        shape = buffered(shape, question.buffer_m)
    elif shapely.get_dimensions(shape) < 2:
        raise UserError("A point or a line encloses nothing: give “buffer_m”, the metres around it.")
    if geodesic_area(shape)[0] > MOST_SQUARE_METRES:
        raise UserError(
            f"The shape covers more than {MOST_SQUARE_METRES / 1e6:,.0f} km²: draw a smaller one.",
            zh=f"范围超过 {MOST_SQUARE_METRES / 1e6:,.0f} 平方公里，请画小一些。",
        )
    return shape


def buffered(shape: BaseGeometry, metres: float) -> BaseGeometry:
    """Everything within some metres of a shape, in a plane that touches the ellipsoid at its middle.

    Distances from the middle are exact; 20 km from it others are off by less than 2 parts in a million.
    """
    centre = shapely.centroid(shapely.envelope(shape))
    plane = CRS.from_proj4(f"+proj=aeqd +lat_0={centre.y!r} +lon_0={centre.x!r} +ellps=GRS80 +units=m")
    degrees = CRS.from_epsg(4490)
    there = Transformer.from_crs(degrees, plane, always_xy=True)
    back = Transformer.from_crs(plane, degrees, always_xy=True)
    flat = _moved(shape, there).buffer(metres, quad_segs=QUADRANT_SEGMENTS)
    return _moved(flat, back)


def _moved(shape: BaseGeometry, how: Transformer) -> BaseGeometry:
    return shapely.transform(shape, lambda points: np.column_stack(how.transform(points[:, 0], points[:, 1])))


def _drawn(geometry: dict[str, Any]) -> BaseGeometry:
    if geometry.get("type") not in KINDS:
        raise UserError(f"The geometry's type must be one of {', '.join(KINDS)}.")
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise UserError(
            "The geometry is no GeoJSON: see RFC 7946 for how its coordinates are written."
        ) from error
    if shape is None or shapely.is_empty(shape):
        raise UserError("The geometry is empty: draw it first.")
    shape = shapely.force_2d(shape)
    if shapely.get_num_coordinates(shape) > MOST_VERTICES:
        raise UserError(
            f"The geometry has more than {MOST_VERTICES:,} vertices: draw a simpler one.",
            zh=f"图形超过 {MOST_VERTICES:,} 个节点，请画得简单一些。",
        )
    west, south, east, north = shapely.bounds(shape)
    if not all(map(math.isfinite, (west, south, east, north))) or not (
        -180 <= west <= east <= 180 and -85 <= south <= north <= 85
    ):
        raise UserError("The geometry must be in degrees: longitudes up to ±180, latitudes up to ±85.")
    if not shapely.is_valid(shape):
        raise UserError(
            f"The geometry cannot be used: {shapely.is_valid_reason(shape)}. Draw it without crossings.",
            zh="图形的边互相交叉，请重新绘制。",
        )
    return shape


async def _area(store: Store, catalogue: Catalogue, viewer: Viewer, code: str) -> BaseGeometry:
    absent = NotFoundError(f"There is no area with the code {code}.")
    layer = catalogue.by_id.get(AREA_LAYERS.get(len(code), ""))
    dataset_ids = [d.id for d in catalogue.visible_datasets(layer, viewer)] if layer else []
    if layer is None or not dataset_ids:
        raise absent
    statement = sql.SQL("SELECT ST_AsBinary(geom) FROM ioc.{} WHERE {} AND code = %(code)s LIMIT 1").format(
        sql.Identifier(layer.table), row_filter(layer)
    )
    (rows,) = await store.read(viewer, [(statement, {"code": code, **row_parameters(layer, dataset_ids)})])
    if not rows or rows[0][0] is None:
        raise absent
    return shapely.make_valid(shapely.from_wkb(bytes(rows[0][0])))
