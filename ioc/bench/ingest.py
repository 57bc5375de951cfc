"""``ioc bench ingest``: readings into store, latest and alarms, beside plain COPY of the same; and reads.

A PostGIS of its own holds 1,000 devices of two metrics. Readings go through the intake, judge included, as
gateways hand them in; the reference copies the same rows into a table with the same key, and no more.
The latest of all is then read, and a year of one station, with as many million readings beside it as asked
for.
"""

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

from etl.alarms.judge import AlarmJudge
from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from geodata.binary_copy import copy_rows
from geodata.migrate import upgrade
from geodata.store import Store
from ioc.bench.reading_year import YearFigures, measure_year
from ioc.bench.stations import METRICS, device_code, register_stations
from ioc.embedded_postgis import EmbeddedPostgis

DEVICES = 1000
TURNS = 3
REACH_RATE, REACH_LATEST, REACH_YEAR = 20_000, 20.0, 100.0


@dataclass(frozen=True)
class IngestFigures:
    """Rates in readings a second, medians; and of what is stored."""

    readings_per_s: int
    copy_per_s: int
    rows: int
    year: YearFigures


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
                register_stations(connection, DEVICES)
            intake, copied = zip(*(_turn(store, rows, turn, say) for turn in range(TURNS)), strict=True)
            year = measure_year(store, million, say)
            return IngestFigures(
                round(statistics.median(intake)), round(statistics.median(copied)), rows, year
            )


def _turn(store: Store, rows: int, turn: int, say: Callable[[str], None]) -> tuple[float, float]:
    """Rates of the intake and of plain COPY."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2) + timedelta(hours=8 * turn)
    per_step = DEVICES * len(METRICS)
    steps = [
        [
            Reading(
                device_code(1 + n % DEVICES),
                METRICS[n // DEVICES],
                begin + timedelta(seconds=5 * step),
                n % 97 / 7,
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
    year = figures.year
    typer.echo(
        f"with {year.stored_rows:,} readings: latest of {DEVICES:,} stations {year.latest_ms} ms "
        f"(reach ≤ {REACH_LATEST:g}); a day of one {year.day_ms} ms; a year of one in "
        f"{year.year_points} points {year.year_ms} ms (reach ≤ {REACH_YEAR:g}), of one that reports seldom "
        f"{year.sparse_year_ms} ms"
    )
    typer.echo(
        f"maintenance that removes a week {year.maintenance_s} s; "
        f"a reader meanwhile waits {year.waited_ms} ms at most"
    )
