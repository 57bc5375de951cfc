"""Devices on the waiting list, and when each known device was last heard of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

SILENT_INTERVALS = 3
"""A device is offline after so many of its longest intervals, and after ten minutes at least."""

CONTACTS = """
    WITH heard AS (
        SELECT device_code, max(received_at) AS received_at, max(observed_at) AS observed_at FROM (
            SELECT s.device_code, l.received_at, l.observed_at
            FROM ioc.latest l JOIN ioc.series s ON s.id = l.series_id
            UNION ALL
            SELECT s.device_code, p.received_at, p.observed_at
            FROM ioc.latest_position p JOIN ioc.series s ON s.id = p.series_id
        ) AS every GROUP BY 1
    ), paced AS (SELECT device_code, max(interval_s) AS interval_s FROM ioc.metric GROUP BY 1)
    SELECT d.code, d.name, d.device_type, d.protocol, d.station_code, t.name AS station, h.received_at,
        h.observed_at, CASE WHEN c.noted_at > now() - interval '1 day' THEN c.ahead_s END AS ahead_s,
        h.received_at IS NOT NULL AND h.received_at > now()
            - greatest(
                interval '10 minutes', make_interval(secs => %(intervals)s * coalesce(p.interval_s, 300))
            ) AS online
    FROM ioc.device d
    LEFT JOIN heard h ON h.device_code = d.code
    LEFT JOIN paced p ON p.device_code = d.code
    LEFT JOIN ioc.device_clock c ON c.device_code = d.code
    LEFT JOIN ioc.station t ON t.code = d.station_code
    ORDER BY online, h.received_at NULLS LAST, d.code
"""


@dataclass(frozen=True)
class WaitingDevice:
    """A device that reports and is in no dataset."""

    code: str
    state: str
    protocol: str
    source: str
    first_seen: datetime
    last_seen: datetime
    readings: int
    positions: int
    last_payload: dict[str, dict[str, Any]]
    decided_by: str | None
    decided_at: datetime | None

    @property
    def values(self) -> list[tuple[str, str]]:
        """Its last values by metric, a few of them."""
        return [
            (metric, f"{one['lon']:.5f}, {one['lat']:.5f}" if "lon" in one else f"{one['value']}")
            for metric, one in sorted(self.last_payload.items())
        ][:6]


@dataclass(frozen=True)
class DeviceContact:
    """A known device; times are None where it has never been heard of. ``ahead_s``: its clock is fast."""

    code: str
    name: str | None
    device_type: str | None
    protocol: str | None
    station_code: str | None
    station: str | None
    received_at: datetime | None
    observed_at: datetime | None
    ahead_s: float | None
    online: bool


def waiting_devices(connection: Connection[Any]) -> list[WaitingDevice]:
    """Devices that wait, the last heard of first, then those refused; for stewards."""
    with connection.cursor(row_factory=class_row(WaitingDevice)) as cursor:
        return cursor.execute(
            """
            SELECT code, state, protocol, source, first_seen, last_seen, readings, positions, last_payload,
                decided_by, decided_at
            FROM ioc.waiting_device WHERE state <> 'accepted'
            ORDER BY state DESC, last_seen DESC LIMIT 500
            """
        ).fetchall()


def device_contacts(connection: Connection[Any]) -> list[DeviceContact]:
    """Every device that the viewer sees: those that are silent first."""
    with connection.cursor(row_factory=class_row(DeviceContact)) as cursor:
        return cursor.execute(CONTACTS, {"intervals": SILENT_INTERVALS}).fetchall()
