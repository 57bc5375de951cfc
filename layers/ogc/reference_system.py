"""Coordinate reference systems of requests and answers (OGC API – Features, Part 2).

The store holds CGCS2000 degrees, longitude first. Clients name a system by its URI and get the axes in the
order its definition has: latitude first in EPSG:4490 and EPSG:4326, northing first in Gauss–Kruger zones,
longitude first in CRS84.
"""

import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pyproj
import shapely
from psycopg import sql
from pyproj.enums import TransformDirection
from shapely.geometry.base import BaseGeometry

from geodata.errors import UserError
from layers.mercator import HIGHEST_LATITUDE, mercator
from layers.tile_sql import WORLD_METRES

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
STORED = "http://www.opengis.net/def/crs/EPSG/0/4490"
STORED_SRID = 4490
MERCATOR_SRID = 3857
DEGREE_DIGITS = 9
METRE_DIGITS = 4
"""Both are a tenth of a millimetre."""
SEGMENTS = 128
"""Parts of the longest side of an outline that is taken to another system, whose straight lines differ."""
WORLD_EDGE = (180.000001, 90.000001)


@dataclass(frozen=True)
class ReferenceSystem:
    """A system that a client may name by ``uri``. ``srid`` is PostGIS's number of it."""

    uri: str
    srid: int
    geographic: bool
    northing_first: bool

    def geojson(self) -> sql.Composed:
        """SQL expression: the column ``geom`` as GeoJSON in this system, axes in its order."""
        shape = sql.SQL("geom")
        # CGCS2000, WGS 84 and CRS84 degrees are the same numbers: operations between them shift by nothing.
        if not self.geographic:
            shape = sql.SQL("ST_Transform({}, {})").format(shape, sql.Literal(self.srid))
        if self.northing_first:
            shape = sql.SQL("ST_FlipCoordinates({})").format(shape)
        digits = DEGREE_DIGITS if self.geographic else METRE_DIGITS
        return sql.SQL("ST_AsGeoJSON({}, {}, 0)").format(shape, sql.Literal(digits))

    def to_stored(self, shape: BaseGeometry) -> BaseGeometry:
        """A geometry in this system as CGCS2000 degrees, longitude first.

        Raises:
            UserError: a position of it does not exist.
        """
        outside = UserError(
            f"A position lies outside the world: give coordinates in {self.uri}, "
            f"{'latitude or northing' if self.northing_first else 'longitude or easting'} first."
        )
        # Written so that what is not a number is outside, too.
        if not bool((np.abs(shapely.get_coordinates(shape)) <= WORLD_METRES).all()):
            raise outside
        if not self.geographic:
            shape = shapely.segmentize(shape, _longest_side(shape) / SEGMENTS)
        stored = shapely.transform(shape, self._degrees)
        if not bool((np.abs(shapely.get_coordinates(stored)) <= WORLD_EDGE).all()):
            raise outside
        return stored

    def _degrees(self, positions: np.ndarray) -> np.ndarray:
        if self.northing_first:
            positions = positions[:, ::-1]
        if self.geographic:
            return positions
        x, y = self._projection.transform(
            positions[:, 0], positions[:, 1], direction=TransformDirection.INVERSE, errcheck=False
        )
        return np.column_stack([x, y])

    @cached_property
    def _projection(self) -> pyproj.Transformer:
        return pyproj.Transformer.from_crs(STORED_SRID, self.srid, always_xy=True)


class ReferenceSystems:
    """The systems a server offers, by URI; CRS84 comes first and is the one where a client names none.

    Args:
        district_frame: the district's projected frame, such as ``EPSG:4547``.
    """

    def __init__(self, district_frame: str) -> None:
        district = pyproj.CRS(district_frame).to_epsg()
        codes = [4326, STORED_SRID, *([district] if district else []), MERCATOR_SRID]
        self.by_uri = {CRS84: ReferenceSystem(CRS84, 4326, geographic=True, northing_first=False)}
        for code in dict.fromkeys(codes):
            system = _epsg(code)
            self.by_uri[system.uri] = system

    def named(self, uri: str | None, parameter: str) -> ReferenceSystem:
        """The system of a request's parameter.

        Raises:
            UserError: it is not offered.
        """
        if uri is None:
            return self.by_uri[CRS84]
        system = self.by_uri.get(uri.strip("[]"))
        if system is None:
            raise UserError(
                f"The parameter {parameter} names “{uri[:120]}”, which is not offered: "
                f"use one of {', '.join(self.by_uri)}."
            )
        return system


@cache
def _epsg(code: int) -> ReferenceSystem:
    crs = pyproj.CRS(code)
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{code}"
    return ReferenceSystem(uri, code, crs.is_geographic, crs.axis_info[0].direction == "north")


def _longest_side(shape: BaseGeometry) -> float:
    west, south, east, north = shape.bounds
    return max(east - west, north - south, 1.0)


def mercator_bounds(shape: BaseGeometry) -> tuple[float, float, float, float]:
    """The rectangle of EPSG:3857 that a geometry in degrees lies in, a centimetre wider than it must be."""
    west, south, east, north = shape.bounds
    left, bottom = mercator(west, max(south, -HIGHEST_LATITUDE))
    right, top = mercator(east, min(north, HIGHEST_LATITUDE))
    return left - 0.01, bottom - 0.01, right + 0.01, top + 0.01


def bounding_box(text: str, system: ReferenceSystem) -> BaseGeometry:
    """The area of a parameter ``bbox``, four numbers or six with heights, in CGCS2000 degrees.

    West of the 180th meridian to east of it (``170,20,-170,30``) it is two rectangles.

    Raises:
        UserError: they are no such numbers.
    """
    fault = UserError(
        f"The parameter bbox must be four numbers, lower corner and upper corner in {system.uri}, "
        f"such as 114.30,30.52,114.38,30.60 in CRS84; “{text[:80]}” is not."
    )
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise fault from error
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise fault
    half = len(numbers) // 2
    low, high = numbers[:2], numbers[half : half + 2]
    longitude = 1 if system.northing_first else 0
    if low[1 - longitude] > high[1 - longitude] or (
        low[longitude] > high[longitude] and not system.geographic
    ):
        raise fault
    if low[longitude] <= high[longitude]:
        return system.to_stored(shapely.box(low[0], low[1], high[0], high[1]))
    west, south, north, east = low[longitude], low[1 - longitude], high[1 - longitude], high[longitude]
    degrees = ReferenceSystem(CRS84, 4326, geographic=True, northing_first=False)
    return degrees.to_stored(
        shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    )
