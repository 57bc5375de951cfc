"""``ioc bench ingest``: readings into store, latest and alarms, beside plain COPY of the same; and reads.

A PostGIS of its own holds 1,000 devices of two metrics. Readings go through the intake, judge included, as
gateways hand them in; the reference copies the same rows into a table with the same key, and no more.
A year of one station is then read, and the latest of all, with as many readings beside it as asked for.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import typer
from psycopg import Connection

from etl.alarms.judge import AlarmJudge
from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from geodata.binary_copy import copy_rows
from geodata.migrate import upgrade
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from ioc.accounts import NewAccount, add_account, new_password
from ioc.bench.live import register_devices
from ioc.embedded_postgis import EmbeddedPostgis
from layers.observation import CourseQuestion, course, latest_of_stations

DEVICES = 1000
METRICS = ("Z", "VT")
TURNS = 3
READS = 15
REACH_RATE, REACH_LATEST, REACH_YEAR = 20_000, 20.0, 100.0

FILL = """
    INSERT INTO ioc.observation (series_id, observed_at, value)
    SELECT s.id, at, 20 + 5 * sin(extract(epoch FROM at) / 40000) + random()
    FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz, interval '1 minute') AS at
    CROSS JOIN ioc.series s WHERE %(device)s = '' OR (s.device_code = %(device)s AND s.metric = 'Z')
    ON CONFLICT DO NOTHING
"""
AGGREGATE = """
    INSERT INTO ioc.{table} SELECT series_id, {unit}, count(*), min(value), max(value),
        (array_agg(observed_at ORDER BY value))[1], (array_agg(observed_at ORDER BY value DESC))[1],
        sum(value), (array_agg(value ORDER BY observed_at DESC))[1], max(observed_at)
    FROM ioc.observation
    WHERE series_id = (SELECT id FROM ioc.series WHERE device_code = 'D1' AND metric = 'Z')
    GROUP BY 1, 2 ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class IngestFigures:
    """Rates in readings a second, reads in milliseconds; medians."""

    readings_per_s: int
    copy_per_s: int
    rows: int
    stored_rows: int
    latest_ms: float
    day_ms: float
    year_ms: float
    year_points: int


def measure_ingest(
    rows: int, million: float, say: Callable[[str], None] = lambda _words: None
) -> IngestFigures:
    """Take readings in and copy the same rows, in turn; then read."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgis(folder / "postgis").in_use() as cluster:
            upgrade(cluster.owner_url)
            store = Store(cluster.app_conninfo, cluster.owner_conninfo)
            with store.owner_connection() as connection:
                register_devices(connection, DEVICES)
            rates = [_turn(store, rows, turn, say) for turn in range(TURNS)]
            with store.owner_connection() as connection:
                stored = _fill(connection, million, say)
            return asyncio.run(_read(store, rows, stored, rates))


def _turn(store: Store, rows: int, turn: int, say: Callable[[str], None]) -> tuple[float, float]:
    """Rates of the intake and of plain COPY."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2) + timedelta(hours=8 * turn)
    per_step = DEVICES * len(METRICS)
    steps = [
        [
            Reading(
                f"D{1 + n % DEVICES}", METRICS[n // DEVICES], begin + timedelta(seconds=5 * step), n % 97 / 7
            )
            for n in range(per_step)
        ]
        for step in range(max(1, rows // per_step))
    ]
    count = per_step * len(steps)
    intake = Intake(store.app_url, AlarmJudge())
    began = time.perf_counter()
    receipts = [intake.submit(step, (), "bench") for step in steps]
    assert sum(receipt.result().stored for receipt in receipts) == count, "every reading is new"
    took = time.perf_counter() - began
    intake.close()
    reference = _copy(store, begin, per_step, len(steps))
    say(f"turn {turn + 1}: intake {count / took:,.0f}/s, COPY {count / reference:,.0f}/s")
    return count / took, count / reference


def _copy(store: Store, begin: datetime, per_step: int, steps: int) -> float:
    """Seconds to COPY the same rows into a table with the same key and nothing else."""
    first = np.datetime64(begin.replace(tzinfo=None), "us")
    times = first + np.repeat(np.arange(steps), per_step) * np.timedelta64(5, "s")
    with store.owner_connection() as connection:
        connection.execute("DROP TABLE IF EXISTS public.bench_reference")
        connection.execute(
            "CREATE TABLE public.bench_reference (series_id integer, observed_at timestamptz, "
            "value double precision, PRIMARY KEY (series_id, observed_at))"
        )
        connection.commit()
        began = time.perf_counter()
        numbers = np.tile(np.arange(per_step), steps)
        columns = {
            "series_id": ("int4", pa.array(numbers, pa.int32())),
            "observed_at": ("timestamptz", pa.array(times, pa.timestamp("us", "UTC"))),
            "value": ("float8", pa.array(numbers % 97 / 7)),
        }
        copy_rows(connection, "public", "bench_reference", columns)
        connection.commit()
        return time.perf_counter() - began


def _fill(connection: Connection, million: float, say: Callable[[str], None]) -> int:
    """A year of minutes of one station, and minutes of all up to so many rows; gives the rows there are."""
    now = datetime.now(UTC)
    say("filling…")
    connection.execute(
        "SELECT ioc.make_reading_partitions(%s, %s)", [(now - timedelta(days=366)).date(), now.date()]
    )
    year = {"begin": now - timedelta(days=365), "end": now, "device": "D1"}
    connection.execute(FILL, year)
    connection.commit()
    days_needed = million * 1e6 / (DEVICES * len(METRICS) * 1440)
    for day in range(int(np.ceil(days_needed))):
        end = now - timedelta(days=day + 3)
        share = min(1.0, days_needed - day)
        connection.execute(FILL, {"begin": end - timedelta(days=share), "end": end, "device": ""})
        connection.commit()
    connection.execute("DELETE FROM ioc.observation_hour")
    connection.execute("DELETE FROM ioc.observation_day")
    for table, unit in (
        ("observation_hour", "date_trunc('hour', observed_at)"),
        ("observation_day", "(observed_at AT TIME ZONE 'Asia/Shanghai')::date"),
    ):
        connection.execute(AGGREGATE.format(table=table, unit=unit).encode())
    connection.commit()
    connection.execute("ANALYZE")
    row = connection.execute("SELECT count(*) FROM ioc.observation").fetchone()
    return row[0] if row else 0


async def _read(store: Store, rows: int, stored: int, rates: list[tuple[float, float]]) -> IngestFigures:
    viewer = _viewer(store)
    now = datetime.now(UTC)
    year = CourseQuestion("D1", "Z", now - timedelta(days=365), now)
    day = CourseQuestion("D1", "Z", now - timedelta(days=5), now - timedelta(days=4))
    latest, days, years = [], [], []
    points = 0
    for _ in range(READS):
        began = time.perf_counter()
        await latest_of_stations(store, viewer, "")
        latest.append(time.perf_counter() - began)
        began = time.perf_counter()
        await course(store, viewer, day)
        days.append(time.perf_counter() - began)
        began = time.perf_counter()
        points = len((await course(store, viewer, year))["points"])
        years.append(time.perf_counter() - began)
    await store.close()
    intake, copied = zip(*rates, strict=True)
    return IngestFigures(
        readings_per_s=round(statistics.median(intake)),
        copy_per_s=round(statistics.median(copied)),
        rows=rows,
        stored_rows=stored,
        latest_ms=round(statistics.median(latest) * 1000, 1),
        day_ms=round(statistics.median(days) * 1000, 1),
        year_ms=round(statistics.median(years) * 1000, 1),
        year_points=points,
    )


def _viewer(store: Store) -> Viewer:
    with store.owner_session() as session:
        number = add_account(session, NewAccount("bench", "bench", ("staff",)), new_password()).id
    with store.owner_connection() as connection:
        viewer = resolve_viewer(connection, number)
    assert viewer is not None, "the account was just made"
    return viewer


def bench_ingest(rows: int, million: float, as_json: bool) -> None:
    """Measure, and print each figure beside its reference or what is to be reached."""
    figures = measure_ingest(rows, million, lambda words: None if as_json else typer.echo(words))
    if as_json:
        typer.echo(json.dumps(asdict(figures)))
        return
    typer.echo(
        f"{figures.readings_per_s:,} readings/s into store, latest, aggregates and alarms "
        f"(reach ≥ {REACH_RATE:,}); plain COPY of the same rows {figures.copy_per_s:,}/s"
    )
    typer.echo(
        f"with {figures.stored_rows:,} readings: latest of {DEVICES:,} stations {figures.latest_ms} ms "
        f"(reach ≤ {REACH_LATEST:g}); a day of one {figures.day_ms} ms; a year of one in "
        f"{figures.year_points} points {figures.year_ms} ms (reach ≤ {REACH_YEAR:g})"
    )
