"""The synthetic devices of the district as the simulator plays them, and the roads its vehicles drive on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from psycopg.rows import dict_row
from shapely.geometry.base import BaseGeometry

from geodata.coordinates.conversion import convert
from geodata.errors import UserError
from geodata.store import Store
from ioc.demo.landscape import Floats

# Real devices are never spoken for: only those of datasets that are synthetic.
DEVICES = """
    SELECT d.code, d.device_type AS kind, ST_X(p.place) AS lon, ST_Y(p.place) AS lat, m.upper_limit,
        t.guard_level, t.river
    FROM ioc.device d JOIN ioc.dataset s ON s.id = d.dataset_id AND s.synthetic
    LEFT JOIN ioc.station t ON t.code = d.station_code
    LEFT JOIN ioc.metric m ON m.device_code = d.code AND m.metric IN ('LEVEL', 'PPUPZ')
    CROSS JOIN LATERAL (SELECT coalesce(d.geom, t.geom) AS place) p
    WHERE d.state IS DISTINCT FROM '停用'
    ORDER BY d.code
"""
LAST_POSITIONS = """
    SELECT s.device_code, p.lon, p.lat FROM ioc.latest_position p JOIN ioc.series s ON s.id = p.series_id
"""
ROADS = "SELECT ST_AsBinary(geom) FROM ioc.base_feature WHERE kind = 'road' AND ST_Dimension(geom) = 1"


@dataclass(frozen=True)
class Devices:
    """Devices of one kind: ``place`` is n × 2 in metres of the district's zone, NaN for vehicles.

    ``limit`` is the upper limit that their department declared, ``guard`` the station's guard level; NaN
    where there is none.
    """

    codes: Sequence[str]
    place: Floats
    limit: Floats
    guard: Floats
    on_river: np.ndarray


def read_devices(store: Store, frame: str) -> dict[str, Devices]:
    """Devices by their kind (设备类型).

    Raises:
        UserError: the store holds no synthetic devices.
    """
    with store.owner_connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(DEVICES).fetchall()
    if not rows:
        raise UserError(
            "There are no synthetic devices to play: load the demo district first (ioc up --demo)."
        )
    found: dict[str, Devices] = {}
    for kind in sorted({row["kind"] for row in rows}):
        own = [row for row in rows if row["kind"] == kind]
        lon, lat = (np.array([row[name] for row in own], dtype=float) for name in ("lon", "lat"))
        placed = ~np.isnan(lon)
        place = np.full((len(own), 2), np.nan)
        place[placed] = np.column_stack(convert(lon[placed], lat[placed], "CGCS2000", frame))
        limit, guard = (
            np.array([row[name] for row in own], dtype=float) for name in ("upper_limit", "guard_level")
        )
        on_river = np.array([row["river"] == "长江" for row in own])
        found[kind] = Devices([row["code"] for row in own], place, limit, guard, on_river)
    return found


def read_last_positions(store: Store) -> dict[str, tuple[float, float]]:
    """Where each vehicle was last, in degrees, by code."""
    with store.owner_connection() as connection:
        return {code: (lon, lat) for code, lon, lat in connection.execute(LAST_POSITIONS)}


def read_roads(store: Store) -> list[BaseGeometry]:
    """Lines of the roads, in degrees."""
    with store.owner_connection() as connection:
        return [shapely.from_wkb(bytes(row[0])) for row in connection.execute(ROADS)]
