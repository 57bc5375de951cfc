"""Degrees, minutes and seconds packed into one number: 1141800.5 (DDDMMSS) and 114.18005 (D.MMSS)."""

import numpy as np

from geodata.coordinates.degrees import Packing
from geodata.coordinates.gcj02 import Floats

_LON_PACKED, _LAT_PACKED = (720_000.0, 1_380_000.0), (8_000.0, 560_000.0)
_ENOUGH = 12
"""Pairs from which on it cannot be chance that no minute or second of plain decimals passes 59."""


def packing_of(lon: Floats, lat: Floats) -> Packing | None:
    """How longitudes and latitudes of China are packed; None for plain degrees and for anything else."""
    both = np.concatenate([lon, lat])
    both = both[np.isfinite(both)]
    if not len(both):
        return None
    if _within(lon, _LON_PACKED) and _within(lat, _LAT_PACKED):
        minutes, seconds = np.floor(both / 100) % 100, both % 100
        return "DDDMMSS" if np.all((minutes < 60) & (seconds < 60)) else None
    if _within(lon, (72.0, 138.0)) and _within(lat, (0.8, 56.0)) and len(both) >= 2 * _ENOUGH:
        parts = np.round((both % 1) * 10_000, 4)
        fine = np.any(np.round(both % 1 * 100, 6) % 1 > 0)
        return "D.MMSS" if fine and np.all((np.floor(parts / 100) < 60) & (parts % 100 < 60)) else None
    return None


def unpack(packed: Floats, packing: Packing) -> Floats:
    """Decimal degrees."""
    whole = packed if packing == "DDDMMSS" else np.round(packed * 10_000, 6)
    degrees, minutes, seconds = np.floor(whole / 10_000), np.floor(whole / 100) % 100, whole % 100
    return degrees + minutes / 60 + seconds / 3600


def _within(values: Floats, limits: tuple[float, float]) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known) and np.all((known >= limits[0]) & (known <= limits[1])))
