"""How fast components load with every check, beside ``GeoDataFrame.to_postgis`` of the same rows with none.

Both run in turn in a private cluster with the settings of a real one, on the demo district's survey: ours
from the file to the published version, the reference from rows that are in memory already.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import geopandas as gpd
import typer
from sqlalchemy import Engine, create_engine

from etl.job_file import find_job
from etl.references import References
from etl.run import LoadOptions, LoadReport, run_job
from geodata.migrate import upgrade
from geodata.store import Store, sqlalchemy_url
from ioc.bench.dense_pipes import divide_pipes
from ioc.demo.build import build_demo
from ioc.embedded_postgis import EmbeddedPostgis

FULL_SIZE = 210_000
RUNS = 5
PIPE_RUNS = 3
SEGMENTS = 40_000
"""Pipe segments of a district of 690 km, 17 m each."""
PIPE_LIMIT = 20.0
"""Seconds in which 690 km of pipes are to be loaded with all topology rules."""
NEEDED = ("district", "street", "community", "unit_grid")


@dataclass(frozen=True)
class LoadFigures:
    """Medians in seconds; ``phases`` are those of the last load."""

    rows: int
    refused: int
    load_s: float
    to_postgis_s: float
    ratio: float
    rows_per_s: float
    phases: dict[str, float]


def measure_load(rows: int, say: Callable[[str], None] = lambda _words: None) -> LoadFigures:
    """Load the demo's components and the same rows with ``to_postgis``, in turn, and take medians."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        say("writing the survey…")
        build_demo(folder / "demo", scale=rows / FULL_SIZE)
        with EmbeddedPostgis(folder / "postgis").in_use() as cluster:
            upgrade(cluster.owner_url)
            store = Store(cluster.app_conninfo, cluster.owner_conninfo)
            return _measure(store, folder / "demo", say)


def _measure(store: Store, folder: Path, say: Callable[[str], None]) -> LoadFigures:
    references = References()
    for code in NEEDED:
        run_job(store, find_job(code), folder, references=references)
    job = find_job("component")
    frame = gpd.read_file(folder / job.source.path, layer=job.source.layer, use_arrow=True)
    engine = create_engine(sqlalchemy_url(store.owner_url))
    ours, reference = [], []
    report: LoadReport | None = None
    # The first turn warms caches on both sides and does not count.
    for turn in range(RUNS + 1):
        begin = time.perf_counter()
        report = run_job(store, job, folder, options=LoadOptions(force=True))
        took = time.perf_counter() - begin
        took_reference = _to_postgis(frame, engine)
        say(f"load {took:.2f} s, to_postgis {took_reference:.2f} s")
        if turn:
            ours.append(took)
            reference.append(took_reference)
    engine.dispose()
    assert report is not None, "at least one turn"
    load_s, to_postgis_s = statistics.median(ours), statistics.median(reference)
    phases = {phase: round(seconds, 3) for phase, seconds in report.seconds.items()}
    return LoadFigures(
        rows=report.rows_read,
        refused=report.rows_refused,
        load_s=round(load_s, 3),
        to_postgis_s=round(to_postgis_s, 3),
        ratio=round(load_s / to_postgis_s, 3),
        rows_per_s=round(report.rows_read / load_s),
        phases=phases,
    )


@dataclass(frozen=True)
class PipeFigures:
    """Medians in seconds of loading pipes with every rule of pipe surveys."""

    segments: int
    km: float
    flagged: int
    load_s: float
    to_postgis_s: float
    limit_s: float
    phases: dict[str, float]


def measure_pipes(scale: float, say: Callable[[str], None] = lambda _words: None) -> PipeFigures:
    """Load the demo's pipes and the same rows with ``to_postgis``, in turn, and take medians."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        say("writing the survey…")
        build_demo(folder / "demo", scale=scale)
        divide_pipes(folder / "demo", round(SEGMENTS * scale))
        with EmbeddedPostgis(folder / "postgis").in_use() as cluster:
            upgrade(cluster.owner_url)
            store = Store(cluster.app_conninfo, cluster.owner_conninfo)
            return _measure_pipes(store, folder / "demo", say)


def _measure_pipes(store: Store, folder: Path, say: Callable[[str], None]) -> PipeFigures:
    for code in (*NEEDED, "pipe_node"):
        run_job(store, find_job(code), folder)
    job = find_job("pipe_segment")
    frame = gpd.read_file(folder / job.source.path, encoding="GBK")
    engine = create_engine(sqlalchemy_url(store.owner_url))
    ours, reference = [], []
    report: LoadReport | None = None
    for turn in range(PIPE_RUNS + 1):
        begin = time.perf_counter()
        report = run_job(store, job, folder, options=LoadOptions(force=True))
        took = time.perf_counter() - begin
        took_reference = _to_postgis(frame, engine)
        say(f"load {took:.2f} s, to_postgis {took_reference:.2f} s")
        if turn:
            ours.append(took)
            reference.append(took_reference)
    engine.dispose()
    assert report is not None, "at least one turn"
    return PipeFigures(
        segments=report.rows_read,
        km=round(float(frame.length.sum()) / 1000, 1),
        flagged=report.rows_flagged,
        load_s=round(statistics.median(ours), 3),
        to_postgis_s=round(statistics.median(reference), 3),
        limit_s=PIPE_LIMIT,
        phases={phase: round(seconds, 3) for phase, seconds in report.seconds.items()},
    )


def _to_postgis(frame: gpd.GeoDataFrame, engine: Engine) -> float:
    begin = time.perf_counter()
    frame.to_postgis("bench_reference", engine, if_exists="replace", schema="public")
    return time.perf_counter() - begin


def bench_load(rows: int, as_json: bool) -> None:
    """Measure, and print the figure beside its reference last."""
    figures = measure_load(rows, lambda words: None if as_json else typer.echo(words))
    if as_json:
        typer.echo(json.dumps(asdict(figures), ensure_ascii=False))
        return
    typer.echo(f"phases of the last load: {figures.phases}, {figures.refused} rows refused")
    typer.echo(
        f"load {figures.rows} components with all checks {figures.load_s:.2f} s; "
        f"GeoDataFrame.to_postgis with none {figures.to_postgis_s:.2f} s; "
        f"ratio {figures.ratio:.2f} (reach ≤ 1.00)"
    )


def bench_pipes(scale: float, as_json: bool) -> None:
    """Measure pipes, and print the figure beside its reference and its limit last."""
    figures = measure_pipes(scale, lambda words: None if as_json else typer.echo(words))
    if as_json:
        typer.echo(json.dumps(asdict(figures), ensure_ascii=False))
        return
    typer.echo(f"phases of the last load: {figures.phases}, {figures.flagged} rows flagged")
    typer.echo(
        f"load {figures.segments} pipes ({figures.km:g} km) with all topology rules {figures.load_s:.2f} s "
        f"(reach ≤ {figures.limit_s:g} s for 690 km); GeoDataFrame.to_postgis with none "
        f"{figures.to_postgis_s:.2f} s"
    )
