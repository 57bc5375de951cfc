"""Gauss–Kruger zones of CGCS2000: 3-degree and 6-degree, with and without the zone number in the easting.

Zone n of 3 degrees has its central meridian at 3n, zone n of 6 degrees at 6n − 3. Scale 1, false northing 0,
false easting 500 000 m, or n·1 000 000 + 500 000 m where the easting carries the zone number
(EPSG 4491–4554).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geodata.errors import UserError

ZoneWidth: TypeAlias = Literal[3, 6]

FALSE_EASTING = 500_000.0
ZONES: dict[ZoneWidth, range] = {3: range(25, 46), 6: range(13, 24)}
_FIRST_NUMBERED: dict[ZoneWidth, int] = {3: 4513, 6: 4491}
_FIRST_PLAIN: dict[ZoneWidth, int] = {3: 4534, 6: 4502}


@dataclass(frozen=True)
class Zone:
    """One Gauss–Kruger zone of CGCS2000; `numbered` when the easting starts with the zone number."""

    width: ZoneWidth
    number: int
    numbered: bool = False

    @property
    def central_meridian(self) -> float:
        """Longitude of the central meridian in degrees."""
        return float(3 * self.number if self.width == 3 else 6 * self.number - 3)

    @property
    def epsg(self) -> int:
        """The EPSG code; raises UserError for a zone outside China, which EPSG does not list."""
        return epsg_of_zone(self.number, self.width, numbered=self.numbered)

    @property
    def false_easting(self) -> float:
        """Easting of the central meridian in metres."""
        return FALSE_EASTING + (self.number * 1_000_000 if self.numbered else 0)


def zone_numbers(lon: ArrayLike, width: ZoneWidth = 3) -> NDArray[np.int64]:
    """Zone number for each longitude in degrees east; a point on an edge belongs to the zone east of it."""
    degrees = np.asarray(lon, dtype=np.float64)
    zones = np.floor(degrees / 3.0 + 0.5) if width == 3 else np.floor(degrees / 6.0) + 1
    return zones.astype(np.int64)


def zone_of(lon: float, width: ZoneWidth = 3, *, numbered: bool = False) -> Zone:
    """The zone a longitude (degrees east) falls in; UserError outside the zones of China."""
    if not np.isfinite(lon):
        raise UserError(f"No Gauss–Kruger zone for longitude {lon}: give degrees east, such as 114.3.")
    number = int(zone_numbers(lon, width))
    if number not in ZONES[width]:
        first, last = (Zone(width, n).central_meridian for n in (ZONES[width][0], ZONES[width][-1]))
        raise UserError(
            f"Longitude {lon:g} lies outside China's {width}-degree zones, whose central meridians run "
            f"from {first:g}° E to {last:g}° E: check that longitude comes first and is in degrees."
        )
    return Zone(width, number, numbered)


def epsg_of_zone(number: int, width: ZoneWidth = 3, *, numbered: bool = False) -> int:
    """EPSG code of a zone, with or without zone number in the easting; UserError for a zone EPSG lacks."""
    if number not in ZONES[width]:
        raise UserError(
            f"There is no {width}-degree CGCS2000 zone {number}: "
            f"give {ZONES[width][0]} to {ZONES[width][-1]}."
        )
    first = (_FIRST_NUMBERED if numbered else _FIRST_PLAIN)[width]
    return first + number - ZONES[width][0]


def zone_of_epsg(code: int) -> Zone | None:
    """The zone an EPSG code of 4491–4554 stands for, None for any other code."""
    for numbered, firsts in ((True, _FIRST_NUMBERED), (False, _FIRST_PLAIN)):
        for width, first in firsts.items():
            if code - first in range(len(ZONES[width])):
                return Zone(width, ZONES[width][0] + code - first, numbered)
    return None


def zone_of_central_meridian(degrees: float, width: ZoneWidth = 3, *, numbered: bool = False) -> Zone:
    """The zone with its central meridian at `degrees` east; UserError where no zone has it there."""
    zone = zone_of(degrees, width, numbered=numbered)
    if zone.central_meridian != degrees:
        raise UserError(
            f"No {width}-degree zone has its central meridian at {degrees:g}° E: the nearest is "
            f"{zone.central_meridian:g}° E; for a meridian of one's own use a local frame file."
        )
    return zone
