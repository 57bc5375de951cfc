"""Degrees to the plane that tiles are cut from. CGCS2000 and WGS84 degrees are the same to a decimetre."""

import math

RADIUS = 6_378_137.0
HIGHEST_LATITUDE = 85.051128779806


def mercator(lon: float, lat: float) -> tuple[float, float]:
    """Metres of EPSG:3857; latitudes beyond the plane's edge are taken to its edge."""
    lat = max(-HIGHEST_LATITUDE, min(HIGHEST_LATITUDE, lat))
    return RADIUS * math.radians(lon), RADIUS * math.asinh(math.tan(math.radians(lat)))


def metres_per_pixel(zoom: float) -> float:
    """Metres of EPSG:3857 that a pixel covers where a tile is 512 pixels wide."""
    return 2 * math.pi * RADIUS / 512 / 2**zoom
