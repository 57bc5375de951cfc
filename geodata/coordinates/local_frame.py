"""A city's own plane frame, by its parameters: a Gauss–Kruger plane on its own meridian, shifted and turned.

Such frames (for instance 武汉市2000独立坐标系) have no EPSG code and their parameters are controlled, so they
come from a file the user holds. See `parameter_file` for its form.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from pyproj import Transformer

from geodata.coordinates.gcj02 import Floats
from geodata.errors import UserError

CGCS2000_SEMI_MAJOR_AXIS = 6378137.0
CGCS2000_INVERSE_FLATTENING = 298.257222101
FARTHEST = 1_000_000.0
"""Metres east or west of a transverse Mercator's central meridian beyond which coordinates are taken as
foreign: zones overlap by far less, and a missing or surplus zone number is off by far more."""


@dataclass(frozen=True)
class PlaneSimilarity:
    """Four-parameter plane transformation: shift, rotation and scale of east and north coordinates.

    east'  = east_shift  + s (east cos r − north sin r)
    north' = north_shift + s (east sin r + north cos r),  s = 1 + scale_ppm · 1e-6

    Shifts in metres, `rotation` in arc seconds, positive counter-clockwise.
    """

    east_shift: float = 0.0
    north_shift: float = 0.0
    rotation: float = 0.0
    scale_ppm: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.east_shift, self.north_shift, self.rotation, self.scale_ppm))):
            raise UserError(
                "The plane transformation has a parameter that is no finite number: check the file."
            )
        if not abs(self.scale_ppm) < 100_000:
            raise UserError(
                f"The plane transformation's scale_ppm = {self.scale_ppm:g} cannot be meant: "
                "give parts per million, such as -3.2, not the scale itself."
            )

    def apply(self, east: ArrayLike, north: ArrayLike) -> tuple[Floats, Floats]:
        """From the frame the parameters start in to the frame they end in, metres."""
        a, b = self._cosine_and_sine()
        east, north = np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)
        return self.east_shift + a * east - b * north, self.north_shift + b * east + a * north

    def invert(self, east: ArrayLike, north: ArrayLike) -> tuple[Floats, Floats]:
        """The exact opposite of `apply`, metres."""
        a, b = self._cosine_and_sine()
        east = np.asarray(east, dtype=np.float64) - self.east_shift
        north = np.asarray(north, dtype=np.float64) - self.north_shift
        square = a * a + b * b
        return (a * east + b * north) / square, (a * north - b * east) / square

    def _cosine_and_sine(self) -> tuple[float, float]:
        scale, turn = 1.0 + self.scale_ppm * 1e-6, math.radians(self.rotation / 3600.0)
        return scale * math.cos(turn), scale * math.sin(turn)


@dataclass(frozen=True)
class LocalFrame:
    """A plane frame on the CGCS2000 ellipsoid: transverse Mercator, then an optional plane similarity.

    Degrees for `central_meridian` and `latitude_of_origin`, metres for the false coordinates.
    """

    name: str
    central_meridian: float
    false_easting: float = 500_000.0
    false_northing: float = 0.0
    scale: float = 1.0
    latitude_of_origin: float = 0.0
    similarity: PlaneSimilarity = PlaneSimilarity()

    def __post_init__(self) -> None:
        numbers = (self.false_easting, self.false_northing, self.scale)
        if not (-180 <= self.central_meridian <= 180 and -90 <= self.latitude_of_origin <= 90):
            raise UserError(
                f"Local frame {self.name} needs central_meridian and latitude_of_origin in degrees, "
                f"not {self.central_meridian:g} and {self.latitude_of_origin:g}."
            )
        if not (all(map(math.isfinite, numbers)) and 0.9 < self.scale < 1.1):
            raise UserError(
                f"Local frame {self.name} needs finite false coordinates and a scale near 1, not {numbers}."
            )

    def from_degrees(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """CGCS2000 degrees to easting and northing of this frame in metres."""
        return self.similarity.apply(*_projection(self).transform(lon, lat))

    def to_degrees(self, east: ArrayLike, north: ArrayLike) -> tuple[Floats, Floats]:
        """Easting and northing of this frame in metres to CGCS2000 degrees.

        NaN further than `FARTHEST` from the central meridian, where the numbers cannot be of this frame.
        """
        east, north = self.similarity.invert(east, north)
        east = np.where(np.abs(east - self.false_easting) <= FARTHEST, east, np.nan)
        return _projection(self).transform(east, north, direction="INVERSE")


@lru_cache(maxsize=32)
def _projection(frame: LocalFrame) -> Transformer:
    return Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step +proj=tmerc +lon_0={frame.central_meridian!r} +lat_0={frame.latitude_of_origin!r} "
        f"+k_0={frame.scale!r} +x_0={frame.false_easting!r} +y_0={frame.false_northing!r} "
        f"+a={CGCS2000_SEMI_MAJOR_AXIS!r} +rf={CGCS2000_INVERSE_FLATTENING!r}"
    )
