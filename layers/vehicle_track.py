"""The ways of vehicles, as far as the viewer may see them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from geodata.coordinates.measure import geodesic_length
from geodata.store import Store
from geodata.viewer import Viewer
from layers.problem import NotFoundError

POSITIONS_SPAN = timedelta(days=1)
"""Up to this span positions are read one by one, beyond it what maintenance made of each hour."""
SILENT_SECONDS = 900
"""A vehicle that was silent for so long may have driven anywhere: its way has a gap."""
TOLERANCE = 3e-5
"""Degrees a way may be off: 3 m, as good as positions are."""

VEHICLE = b"""
    SELECT s.id, d.name FROM ioc.series s JOIN ioc.device d ON d.code = s.device_code
    WHERE s.device_code = %(code)s AND s.metric = 'position'
"""
POSITIONS = b"""
    SELECT string_agg(float8send(extract(epoch FROM observed_at)::float8), ''::bytea),
        string_agg(float8send(lon), ''::bytea), string_agg(float8send(lat), ''::bytea)
    FROM (
        SELECT observed_at, lon, lat FROM ioc.vehicle_position
        WHERE series_id = %(series)s AND observed_at >= %(begin)s AND observed_at < %(end)s
        ORDER BY observed_at
    ) AS given
"""
HOURS = b"""
    SELECT ST_AsBinary(geom), length_m FROM ioc.vehicle_track
    WHERE series_id = %(series)s AND hour >= date_trunc('hour', %(begin)s::timestamptz) AND hour < %(end)s
    ORDER BY hour
"""


@dataclass(frozen=True)
class _Way:
    """Lines in degrees of CGCS2000, and their length in metres before they were simplified."""

    source: str
    lines: list[BaseGeometry]
    metres: float


async def vehicle_track(
    store: Store, viewer: Viewer, code: str, begin: datetime, end: datetime
) -> dict[str, Any]:
    """Where a vehicle drove between two moments: lines of [lon, lat] in CGCS2000, and metres along them.

    Raises:
        NotFoundError: no such vehicle has said where it is, as far as the viewer may see.
    """
    rows = (await store.read(viewer, [(VEHICLE, {"code": code})]))[0]
    if not rows:
        raise NotFoundError(f"No vehicle “{code[:64]}” has said where it is.")
    ((series, name),) = rows
    asked = {"series": series, "begin": begin, "end": end}
    way = None
    if end - begin <= POSITIONS_SPAN:
        ((times, lon, lat),) = (await store.read(viewer, [(POSITIONS, asked)]))[0]
        if times:
            way = _driven(*(np.frombuffer(column, ">f8").astype(float) for column in (times, lon, lat)))
    if way is None:
        found = (await store.read(viewer, [(HOURS, asked)]))[0]
        lines = [shapely.from_wkb(bytes(line)) for line, _ in found]
        way = _Way("hours", lines, sum(metres for _, metres in found))
    return {
        "code": code,
        "name": name,
        "from": begin.astimezone(UTC).isoformat(),
        "to": end.astimezone(UTC).isoformat(),
        "source": way.source,
        "length_m": round(way.metres),
        "parts": [shapely.get_coordinates(line).round(6).tolist() for line in way.lines],
    }


def _driven(times: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> _Way:
    """The way through positions in their order; times in seconds."""
    breaks = np.flatnonzero(np.diff(times) > SILENT_SECONDS) + 1
    places = np.split(np.column_stack([lon, lat]), breaks)
    lines = [LineString(part) for part in places if len(part) > 1]
    metres = float(geodesic_length(lines).sum())
    simple: list[BaseGeometry] = [line.simplify(TOLERANCE) for line in lines]
    return _Way("positions", simple, metres)
