"""What is counted at the doors, noted in the store and read from it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from etl.feeds.door_tally import DoorTally


@dataclass(frozen=True)
class WrongClock:
    """A device whose clock is ahead, or behind by as much as its readings always come late."""

    device: str
    ahead_s: float | None
    behind_s: float | None


@dataclass(frozen=True)
class DoorStatus:
    """A door: where it listens (empty: shut), what came in within the last hour, its latest refusals."""

    door: str
    address: str
    connections: int
    seen_at: datetime
    silent_s: float
    last_hour: dict[str, int]
    refusals: list[dict[str, Any]]
    devices: int
    online: int


def note_door(connection: Connection[Any], tally: DoorTally, address: str) -> None:
    """Add what was counted since the last time to the store."""
    counts, contacts = tally.take()
    heard = [
        {
            "device": device,
            "at": contact.at.isoformat(),
            "messages": contact.messages,
            "refused": contact.refused,
        }
        for device, contact in contacts.items()
        if "\0" not in device
    ]
    refusals = [
        {
            "at": refusal.at.isoformat(),
            "device": refusal.device,
            "peer": refusal.peer,
            "zh": refusal.reason_zh,
            "en": refusal.reason_en,
            "content": refusal.content.hex(),
        }
        for refusal in tuple(tally.refusals)
    ]
    connection.execute(
        "SELECT ioc.note_door(%s, %s, %s, %s, %s, %s)",
        [tally.door, address, tally.connections, *(_jsonb(part) for part in (counts, heard, refusals))],
    )


def _jsonb(content: object) -> str:
    # PostgreSQL takes no NUL in text; what a device sent may hold one.
    return json.dumps(content, ensure_ascii=False).replace("\\u0000", "")


def door_status(connection: Connection[Any]) -> list[DoorStatus]:
    """Every door that was ever noted; the connection is the owner's."""
    with connection.cursor(row_factory=class_row(DoorStatus)) as cursor:
        return cursor.execute(
            """
            SELECT d.door, d.address, d.connections, d.seen_at,
                extract(epoch FROM clock_timestamp() - d.seen_at)::float AS silent_s, d.refusals,
                coalesce((
                    SELECT jsonb_object_agg(what, number) FROM (
                        SELECT what, sum(number) AS number FROM ioc.feed_count c
                        WHERE c.door = d.door AND c.minute > now() - interval '1 hour' GROUP BY what
                    ) hour
                ), '{}') AS last_hour,
                (SELECT count(*) FROM ioc.device_contact c WHERE c.door = d.door) AS devices,
                (SELECT count(*) FROM ioc.device_contact c WHERE c.door = d.door
                    AND EXISTS (SELECT FROM ioc.device_presence p WHERE p.device_code = c.device_code
                        AND p.online)) AS online
            FROM ioc.feed_door d ORDER BY d.door
            """
        ).fetchall()


def wrong_clocks(connection: Connection[Any]) -> list[WrongClock]:
    """Devices whose clock is wrong, the worst first; the connection is the owner's."""
    with connection.cursor(row_factory=class_row(WrongClock)) as cursor:
        return cursor.execute(
            "SELECT device_code AS device, ahead_s, behind_s FROM ioc.device_clocks() "
            "ORDER BY greatest(ahead_s, behind_s) DESC, 1"
        ).fetchall()


def note_devices(connection: Connection[Any], listening_since: datetime) -> None:
    """Note and tell which devices went offline or came back, and how late their readings come."""
    connection.execute("SELECT ioc.note_lags()")
    connection.execute("SELECT ioc.note_presence(%s)", [listening_since])
