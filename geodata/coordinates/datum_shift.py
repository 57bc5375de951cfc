"""Stated parameters from an old Chinese datum (Beijing 1954, Xian 1980) or a city's plane to CGCS2000.

Such parameters hold for one region only and are controlled; the program ships none and guesses none.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from pyproj import Transformer

from geodata.coordinates.frame import MODERN_DATUMS, Frame
from geodata.coordinates.local_frame import (
    CGCS2000_INVERSE_FLATTENING,
    CGCS2000_SEMI_MAJOR_AXIS,
    PlaneSimilarity,
)
from geodata.errors import UserError

RotationConvention: TypeAlias = Literal["position_vector", "coordinate_frame"]


@dataclass(frozen=True)
class HelmertShift:
    """Seven parameters from `source`'s datum to CGCS2000, ellipsoidal heights taken as 0 on both sides.

    Translations in metres, rotations in arc seconds, scale in parts per million. The two conventions
    differ in the sign of the rotations, so which one holds must be stated.
    """

    source: Frame
    convention: RotationConvention
    tx: float
    ty: float
    tz: float
    rx: float = 0.0
    ry: float = 0.0
    rz: float = 0.0
    scale_ppm: float = 0.0
    reference: str = ""

    def __post_init__(self) -> None:
        if self.convention not in ("position_vector", "coordinate_frame"):
            raise UserError(
                f"The seven parameters state convention '{self.convention}': "
                "write position_vector or coordinate_frame, as their source says."
            )
        numbers = (self.tx, self.ty, self.tz, self.rx, self.ry, self.rz, self.scale_ppm)
        if not all(map(math.isfinite, numbers)):
            raise UserError("The seven parameters hold a value that is no finite number: check the file.")
        if self.source.datum in MODERN_DATUMS:
            raise UserError(
                f"The seven parameters start from {self.source}, which is {self.source.datum} already: "
                "name the old frame, such as EPSG:4214 or EPSG:4610, as source."
            )

    @property
    def transformer(self) -> Transformer:
        """Degrees in the old datum to degrees in CGCS2000, longitude first."""
        return _helmert(self)


@dataclass(frozen=True)
class PlaneShift:
    """Four parameters from one plane (old datum) to another (CGCS2000), both stated; good for one city."""

    source: Frame
    target: Frame
    similarity: PlaneSimilarity
    reference: str = ""

    def __post_init__(self) -> None:
        for frame in (self.source, self.target):
            if frame.is_degrees:
                raise UserError(
                    f"The four parameters work between planes in metres, but {frame} is in degrees: "
                    "name the projected frames, such as EPSG:2435 and EPSG:4547."
                )
        if self.target.datum not in MODERN_DATUMS or self.source.datum in MODERN_DATUMS:
            raise UserError(
                f"The four parameters must lead from an old datum to CGCS2000, not from {self.source.datum} "
                f"to {self.target.datum}: swap or correct source and target."
            )


DatumParameters: TypeAlias = HelmertShift | PlaneShift


@lru_cache(maxsize=32)
def _helmert(shift: HelmertShift) -> Transformer:
    ellipsoid = shift.source.crs.ellipsoid
    assert ellipsoid is not None  # a frame with a datum has one
    turns = f"+rx={shift.rx!r} +ry={shift.ry!r} +rz={shift.rz!r} +convention={shift.convention}"
    return Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=push +v_3 "
        f"+step +proj=cart +a={ellipsoid.semi_major_metre!r} +rf={ellipsoid.inverse_flattening!r} "
        f"+step +proj=helmert +x={shift.tx!r} +y={shift.ty!r} +z={shift.tz!r} +s={shift.scale_ppm!r} {turns} "
        f"+step +inv +proj=cart +a={CGCS2000_SEMI_MAJOR_AXIS!r} +rf={CGCS2000_INVERSE_FLATTENING!r} "
        "+step +proj=pop +v_3 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
