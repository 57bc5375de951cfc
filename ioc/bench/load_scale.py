"""How much memory a load takes as its file grows: the same survey once, and so many times over.

Each load runs in a process of its own, whose peak of resident memory the kernel tells.
"""

import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import geopandas as gpd
import typer

from etl.job_file import find_job
from etl.run import LoadOptions, run_job
from geodata.migrate import upgrade
from geodata.store import Store
from ioc.bench.load import FULL_SIZE, NEEDED
from ioc.demo.build import build_demo
from ioc.embedded_postgis import EmbeddedPostgis

NUMBERS_APART = 90_000
"""Added to the running numbers of the survey's codes for each repetition; none of its classes has as many."""


@dataclass(frozen=True)
class Load:
    """One load: rows of its file, rows loaded, seconds, and the most memory it had in MB."""

    rows: int
    loaded: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class ScaleFigures:
    """``more`` is the survey ``scale`` times over; ``ratio`` the peak of that beside the peak of one."""

    scale: int
    once: Load
    more: Load
    ratio: float


def measure_scale(rows: int, scale: int, say: Callable[[str], None] = lambda _words: None) -> ScaleFigures:
    """Load the demo's components once and ``scale`` times over, in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        say("writing the survey…")
        build_demo(folder / "demo", scale=rows / FULL_SIZE)
        with EmbeddedPostgis(folder / "postgis").in_use() as cluster:
            upgrade(cluster.owner_url)
            store = Store(cluster.app_conninfo, cluster.owner_conninfo)
            for code in NEEDED:
                run_job(store, find_job(code), folder / "demo")
            once = _in_own_process(store, folder / "demo")
            say(f"{once.rows} rows: {once.seconds:.1f} s, {once.peak_mb:.0f} MB")
            _repeat_survey(folder / "demo", scale)
            more = _in_own_process(store, folder / "demo")
            say(f"{more.rows} rows: {more.seconds:.1f} s, {more.peak_mb:.0f} MB")
    return ScaleFigures(scale, once, more, round(more.peak_mb / once.peak_mb, 2))


def _in_own_process(store: Store, folder: Path) -> Load:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_load, store.app_url, store.owner_url, folder).result()


def _load(app_url: str, owner_url: str, folder: Path) -> Load:
    begin = time.perf_counter()
    options = LoadOptions(force=True, accept_gate="bench")
    report = run_job(Store(app_url, owner_url), find_job("component"), folder, options=options)
    took = time.perf_counter() - begin
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Load(report.rows_read, report.rows_loaded, round(took, 2), round(peak_mb, 1))


def _repeat_survey(folder: Path, times: int) -> None:
    """Write the survey so many times over into its file, each time under further codes."""
    source = find_job("component").source
    path = folder / str(source.path)
    frame = gpd.read_file(path, layer=source.layer, use_arrow=True)
    codes = frame["GLBJBSM"].astype("str")
    numbers = codes.str[-6:].where(codes.str.fullmatch(r"\d{16,17}"))
    numbers = numbers.where(numbers.astype("float").lt(NUMBERS_APART)).astype("Int64")
    for time_over in range(1, times):
        further = (numbers + time_over * NUMBERS_APART).astype("str").str.zfill(6)
        frame["GLBJBSM"] = (codes.str[:-6] + further).where(numbers.notna(), codes)
        frame.to_file(path, layer=source.layer, mode="a", use_arrow=True)


def bench_scale(rows: int, scale: int, as_json: bool) -> None:
    """Measure, and print both peaks of memory last."""
    figures = measure_scale(rows, scale, lambda words: None if as_json else typer.echo(words))
    if as_json:
        typer.echo(json.dumps(asdict(figures), ensure_ascii=False))
        return
    once, more = figures.once, figures.more
    each, each_of_more = (one.seconds / one.rows * 1e6 for one in (once, more))
    typer.echo(
        f"peak memory: {once.peak_mb:.0f} MB for {once.rows} rows, {more.peak_mb:.0f} MB for {more.rows} "
        f"rows; ratio {figures.ratio:.2f} for {scale} × the rows"
    )
    typer.echo(f"loaded in {each:.1f} and {each_of_more:.1f} µs a row")
