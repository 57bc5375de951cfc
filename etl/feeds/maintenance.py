"""What keeps the store of readings in shape: days made ahead, days past their time removed, tracks."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg import Connection, sql
from psycopg.errors import LockNotAvailable

DAYS_AHEAD = 3
LOCK_TIMEOUT = "100ms"
"""Whoever waits to remove a day makes every reader and writer wait behind it."""
TRACK_DAYS = 2
"""Positions that come later than this no longer change a track."""
TRACK_TOLERANCE = 3e-5
"""Degrees a simplified track may be off: 3 m, as good as positions are."""

TRACKS = """
    INSERT INTO ioc.vehicle_track AS known (series_id, hour, n, length_m, geom)
    SELECT way.series_id, way.hour, way.n, ST_Length(way.line::geography),
        ST_Simplify(way.line, %(tolerance)s, true)
    FROM (
        SELECT series_id, date_trunc('hour', observed_at) AS hour, count(*)::integer AS n,
            ST_SetSRID(ST_MakeLine(ST_MakePoint(lon, lat) ORDER BY observed_at), 4490) AS line
        FROM ioc.vehicle_position WHERE observed_at >= %(begin)s AND observed_at < %(end)s
        GROUP BY 1, 2 HAVING count(*) > 1
    ) AS way
    LEFT JOIN ioc.vehicle_track made USING (series_id, hour)
    WHERE made.n IS DISTINCT FROM way.n
    ON CONFLICT (series_id, hour) DO UPDATE
        SET n = excluded.n, length_m = excluded.length_m, geom = excluded.geom
"""

PARTITIONS = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = %s::regclass ORDER BY c.relname
"""


@dataclass(frozen=True)
class KeptDays:
    """How long raw readings, hourly aggregates, raw positions and pictures are kept."""

    readings: int
    hours: int
    positions: int
    pictures: int


@dataclass(frozen=True)
class Maintained:
    """What was done."""

    removed: list[str]
    tracks: int
    forgotten: int


def maintain(connection: Connection[Any], kept: KeptDays, now: datetime) -> Maintained:
    """Make, remove and derive what is due; commits step by step.

    Args:
        connection: the owner's, with autocommit.
        now: has a zone.
    """
    today = now.date()
    connection.execute(
        "SELECT ioc.make_reading_partitions(%s, %s)", [today, today + timedelta(days=DAYS_AHEAD)]
    )
    begin = datetime(today.year, today.month, today.day, tzinfo=now.tzinfo) - timedelta(days=TRACK_DAYS)
    end = now.replace(minute=0, second=0, microsecond=0)
    tracks = connection.execute(TRACKS, {"begin": begin, "end": end, "tolerance": TRACK_TOLERANCE}).rowcount
    forgotten = connection.execute(
        "DELETE FROM ioc.ingest_request WHERE received_at < now() - interval '24 hours'"
    ).rowcount
    connection.execute("SELECT ioc.forget_live_events()")
    connection.execute("SELECT ioc.forget_pictures(%s)", [now - timedelta(days=kept.pictures)])
    removed = [
        name
        for parent, days in (
            ("observation", kept.readings),
            ("vehicle_position", kept.positions),
            ("observation_hour", kept.hours),
        )
        # A day more, so that no reading is refused for the lack of its partition while it is still taken.
        for name in _past(connection, parent, today - timedelta(days=days + 1))
        if _remove(connection, name)
    ]
    return Maintained(removed, tracks, forgotten)


def _past(connection: Connection[Any], parent: str, oldest: date) -> list[str]:
    """Partitions all of whose rows are older than a day."""
    names = [name for (name,) in connection.execute(PARTITIONS, [f"ioc.{parent}"])]
    return [name for name in names if name < f"{parent}_{oldest:%Y%m%d}"[: len(name)]]


def _remove(connection: Connection[Any], name: str) -> bool:
    """Remove a partition, unless somebody reads for long: then the next maintenance does."""
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
            connection.execute(sql.SQL("DROP TABLE reading.{}").format(sql.Identifier(name)))
    except LockNotAvailable:
        return False
    return True
