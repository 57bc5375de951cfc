"""A year of readings in the store, filled day by day, and how long it takes to read of it and to keep it up.

Days are tables and aggregates the intake's own, made as it makes them; only the way of the rows is shorter:
COPY into the day they belong to.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import Connection

from etl.feeds.maintenance import KeptDays, maintain
from etl.feeds.reading_aggregate import hour_aggregates
from geodata.binary_array import understand_arrays
from geodata.binary_copy import copy_rows
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.accounts import NewAccount, add_account, new_password
from ioc.bench.stations import device_code
from layers.latest_reading import LatestReadings
from layers.observation import CourseQuestion, course

DAYS = 365
READS = 15
MINUTES = 1440
"""A year of the first station's level by the minute is 525,600 readings."""
ADD = "SELECT ioc.add_readings(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True)
class YearFigures:
    """Medians in milliseconds; ``waited_ms`` is the longest that a reader took while a day was removed."""

    stored_rows: int
    latest_ms: float
    day_ms: float
    year_ms: float
    year_points: int
    sparse_year_ms: float
    maintenance_s: float
    waited_ms: float


def measure_year(store: Store, million: float, say: Callable[[str], None]) -> YearFigures:
    """Fill the store with so many million readings beside the first station's year, and read."""
    with store.owner_connection() as connection:
        stored = fill_year(connection, million, say)
    latest, day, year, sparse, points = asyncio.run(_read(store))
    took, waited = _maintain(store)
    return YearFigures(stored, latest, day, year, points, sparse, took, waited)


def fill_year(connection: Connection[Any], million: float, say: Callable[[str], None]) -> int:
    """Readings of every series, at the same pace over a year that ends now; gives the rows there are."""
    now = datetime.now(UTC)
    connection.execute(
        "SELECT ioc.make_reading_partitions(%s, %s)", [(now - timedelta(days=DAYS)).date(), now.date()]
    )
    connection.execute("SET synchronous_commit = off")
    understand_arrays(connection)
    connection.commit()
    series = connection.execute(
        "SELECT id, (device_code, metric) = (%s, 'Z') FROM ioc.series ORDER BY id", [device_code(1)]
    ).fetchall()
    per_day = round(million * 1e6 / DAYS / len(series))
    began = time.monotonic()
    for number in range(DAYS + 1):
        day = (now - timedelta(days=DAYS - number)).date()
        _fill_day(connection, day, series, per_day, now)
        connection.commit()
        if number % 50 == 49:
            say(f"{number + 1} of {DAYS} days filled, {time.monotonic() - began:.0f} s")
    connection.autocommit = True
    connection.execute("VACUUM (ANALYZE)")
    row = connection.execute("SELECT count(*) FROM ioc.observation").fetchone()
    return row[0] if row else 0


def _fill_day(
    connection: Connection[Any], day: date, series: list[tuple[int, bool]], per_day: int, now: datetime
) -> None:
    begin = np.datetime64(day, "us") + np.timedelta64(500, "ms")
    # Half seconds, where no other reading of the benchmark is.
    ends = np.datetime64(now.replace(tzinfo=None), "us")
    numbers, times = [], []
    for number, by_minute in series:
        count = MINUTES if by_minute else per_day
        at = begin + np.arange(count) * np.timedelta64(86_400_000_000 // max(count, 1), "us")
        at = at[at < ends]
        numbers.append(np.full(len(at), number, np.int32))
        times.append(at)
    number, at = np.concatenate(numbers), np.concatenate(times)
    if not len(number):
        return
    hours = (at - np.datetime64(0, "us")) / np.timedelta64(3600, "s")
    value = 20 + 5 * np.sin(hours / 11) + np.random.default_rng(day.toordinal()).random(len(at))
    columns = {
        "observed_at": ("timestamptz", pa.array(at, pa.timestamp("us", "UTC"))),
        "value": ("float8", pa.array(value)),
        "series_id": ("int4", pa.array(number)),
    }
    copy_rows(connection, "reading", f"observation_{day:%Y%m%d}", columns)
    connection.execute(ADD, hour_aggregates(number, at, value).arrays())


async def _read(store: Store) -> tuple[float, float, float, float, int]:
    """Milliseconds: latest of all, a day of one, its year, the year of one that reports seldom; points."""
    viewer = _viewer(store)
    latest = LatestReadings(store)
    now = datetime.now(UTC)
    year = CourseQuestion(device_code(1), "Z", now - timedelta(days=365), now)
    sparse = CourseQuestion(device_code(2), "Z", now - timedelta(days=365), now)
    day = CourseQuestion(device_code(1), "Z", now - timedelta(days=5), now - timedelta(days=4))
    took = (
        await _median(lambda: latest.of_stations(viewer, "")),
        await _median(lambda: course(store, viewer, day)),
        await _median(lambda: course(store, viewer, year)),
        await _median(lambda: course(store, viewer, sparse)),
        len((await course(store, viewer, year))["points"]),
    )
    await store.close()
    return took


async def _median(read: Callable[[], Awaitable[Any]]) -> float:
    took = []
    for _ in range(READS):
        began = time.perf_counter()
        await read()
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 1)


def _maintain(store: Store) -> tuple[float, float]:
    """Seconds that maintenance takes which removes a week, and the longest that a reader waited meanwhile.

    Somebody reads for long meanwhile, as a backup does.
    """
    waited: list[float] = []
    ended = threading.Event()

    def read() -> None:
        now = datetime.now(UTC)
        with psycopg.connect(store.owner_url, autocommit=True) as connection:
            while not ended.is_set():
                began = time.perf_counter()
                connection.execute(
                    "SELECT count(*) FROM ioc.observation WHERE series_id = 1 AND observed_at > %s",
                    [now - timedelta(days=1)],
                )
                waited.append(time.perf_counter() - began)

    with psycopg.connect(store.owner_url) as long, psycopg.connect(store.owner_url) as connection:
        long.execute("SELECT FROM ioc.observation LIMIT 1")
        reader = threading.Thread(target=read, name="reader")
        reader.start()
        connection.autocommit = True
        began = time.perf_counter()
        maintain(connection, KeptDays(DAYS - 8, DAYS + 40, DAYS, DAYS), datetime.now(UTC))
        long.rollback()
        maintain(connection, KeptDays(DAYS - 8, DAYS + 40, DAYS, DAYS), datetime.now(UTC))
        took = time.perf_counter() - began
        ended.set()
        reader.join()
    return round(took, 2), round(max(waited) * 1000, 1)


def _viewer(store: Store) -> Viewer:
    with store.owner_session() as session:
        number = add_account(session, NewAccount("bench", "bench", ("staff",)), new_password()).id
    with store.owner_connection() as connection:
        viewer = resolve_viewer(connection, number)
    assert viewer is not None, "the account was just made"
    return viewer
