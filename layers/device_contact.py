"""Devices on the waiting list, and when each known device was last heard of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

CONTACTS = """
    WITH reported AS (
        SELECT device_code, max(received_at) AS received_at, max(observed_at) AS observed_at FROM (
            SELECT s.device_code, l.received_at, l.observed_at
            FROM ioc.latest l JOIN ioc.series s ON s.id = l.series_id
            UNION ALL
            SELECT s.device_code, p.received_at, p.observed_at
            FROM ioc.latest_position p JOIN ioc.series s ON s.id = p.series_id
        ) AS every GROUP BY 1
    )
    SELECT d.code, d.name, d.device_type, d.protocol, d.station_code, t.name AS station,
        greatest(h.received_at, c.last_at) AS heard_at, h.observed_at, k.ahead_s, k.behind_s,
        coalesce(p.online, false) AS online, p.since
    FROM ioc.device d
    LEFT JOIN reported h ON h.device_code = d.code
    LEFT JOIN ioc.device_contact c ON c.device_code = d.code
    LEFT JOIN ioc.device_presence p ON p.device_code = d.code
    LEFT JOIN ioc.device_clocks() k ON k.device_code = d.code
    LEFT JOIN ioc.station t ON t.code = d.station_code
    ORDER BY online, p.since DESC NULLS LAST, d.code
"""
"""Whether a device is online is what was last told of it (``ioc.note_presence``)."""


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
    """A known device; times are None where it has never been heard of.

    ``ahead_s``: its clock is fast; ``behind_s``: all its readings come so late, as with a slow clock.
    """

    code: str
    name: str | None
    device_type: str | None
    protocol: str | None
    station_code: str | None
    station: str | None
    heard_at: datetime | None
    observed_at: datetime | None
    ahead_s: float | None
    behind_s: float | None
    online: bool
    since: datetime | None

    @property
    def state(self) -> str:
        """online, offline, or never: not heard of yet."""
        return "online" if self.online else "offline" if self.since else "never"


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
    """Every device that the viewer sees: those that went offline first, the latest of them before others."""
    with connection.cursor(row_factory=class_row(DeviceContact)) as cursor:
        return cursor.execute(CONTACTS).fetchall()


def doors_noted_at(connection: Connection[Any]) -> datetime | None:
    """When the process of the doors last noted what came in: what is said of devices is of that time."""
    row = connection.execute("SELECT ioc.doors_noted_at()").fetchone()
    return row[0] if row else None
