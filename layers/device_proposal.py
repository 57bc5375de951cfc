"""What a device that waits is, as far as what was heard of it tells: its name, type, station and place."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from layers.device_contact import WaitingDevice

NEAR_M = 100
"""A station so near to where a device says it is, is taken for its own."""
SURE_SHARE = 0.8
"""A type is proposed where so many of the devices that report the same metrics are of it."""

PROPOSALS = """
    WITH waiting AS (
        SELECT * FROM jsonb_to_recordset(%(waiting)s::jsonb)
            AS w (code text, metrics text[], lon float8, lat float8, plate text)
    ), shares AS (
        SELECT m.metric, d.device_type, count(*)::float8 / sum(count(*)) OVER (PARTITION BY m.metric) AS share
        FROM ioc.metric m JOIN ioc.device d ON d.code = m.device_code
        WHERE d.device_type IS NOT NULL GROUP BY m.metric, d.device_type
    ), known AS (SELECT DISTINCT metric FROM shares), kind AS (
        SELECT DISTINCT ON (w.code) w.code, s.device_type
        FROM waiting w JOIN shares s ON s.metric = ANY (w.metrics)
        GROUP BY w.code, s.device_type
        HAVING sum(s.share) >= %(sure)s * (SELECT count(*) FROM known k WHERE k.metric = ANY (max(w.metrics)))
        ORDER BY w.code, sum(s.share) DESC
    )
    SELECT w.code, coalesce(nullif(w.plate, ''), t.name || coalesce(k.device_type, ''), '') AS name,
        coalesce(k.device_type, '') AS device_type, coalesce(t.code, '') AS station, t.name AS station_name,
        t.distance_m, coalesce(ST_X(t.geom), w.lon) AS lon, coalesce(ST_Y(t.geom), w.lat) AS lat,
        coalesce(w.plate, '') <> '' AS by_plate
    FROM waiting w
    LEFT JOIN kind k ON k.code = w.code
    LEFT JOIN LATERAL (
        SELECT * FROM (
            -- A department numbers the devices of a station behind the code of the station.
            SELECT s.code, s.name, s.geom, NULL::float8 AS distance_m,
                length(w.code) - length(s.code) AS place
            FROM ioc.station s
            WHERE length(s.code) >= 6 AND w.code ^@ s.code AND length(w.code) - length(s.code) <= 2
            UNION ALL
            (SELECT s.code, s.name, s.geom, ST_Distance(s.geom::geography, here::geography), 9
            FROM ioc.station s, ST_SetSRID(ST_MakePoint(w.lon, w.lat), 4490) AS here
            WHERE s.geom_3857 && ST_Expand(ST_Transform(here, 3857), 2 * %(near)s)
                AND ST_DWithin(s.geom::geography, here::geography, %(near)s)
            ORDER BY 4 LIMIT 1)
        ) AS candidate ORDER BY place, distance_m LIMIT 1
    ) t ON true
"""


@dataclass(frozen=True)
class DeviceProposal:
    """Texts are '' where nothing is known. ``distance_m``: the station is proposed for being so near.

    The place, in degrees of CGCS2000, is the station's, or else where the device says it is.
    """

    code: str
    name: str
    device_type: str
    station: str
    station_name: str | None
    distance_m: float | None
    lon: float | None
    lat: float | None
    by_plate: bool


def device_proposals(
    connection: Connection[Any], waiting: Iterable[WaitingDevice]
) -> dict[str, DeviceProposal]:
    """A proposal for each device, by its code, from what the viewer may see."""
    heard = [
        {
            "code": one.code,
            "metrics": sorted(one.last_payload),
            **{key: one.last_payload.get("position", {}).get(key) for key in ("lon", "lat")},
            "plate": one.last_payload.get("plate", {}).get("value"),
        }
        for one in waiting
    ]
    with connection.cursor(row_factory=class_row(DeviceProposal)) as cursor:
        parameters = {"waiting": json.dumps(heard), "near": NEAR_M, "sure": SURE_SHARE}
        return {one.code: one for one in cursor.execute(PROPOSALS, parameters)}
