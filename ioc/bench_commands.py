"""``ioc bench``: what is asked to be fast, measured beside its reference in the same run."""

from typing import Annotated

import typer

from ioc.bench.flood import bench_flood
from ioc.bench.ingest import bench_ingest
from ioc.bench.inspect import bench_inspect
from ioc.bench.live import bench_live
from ioc.bench.load import FULL_SIZE, bench_load, bench_pipes
from ioc.bench.load_scale import bench_scale
from ioc.bench.map import bench_map
from ioc.bench.tiles import bench_tiles

bench_app = typer.Typer(help="Measure speed beside a reference, in one run.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@bench_app.command()
def tiles(as_json: AsJson = False) -> None:
    """Tiles per second, cold and warm, beside the bare ST_AsMVT query and beside tipg."""
    bench_tiles(as_json=as_json)


@bench_app.command()
def load(
    rows: Annotated[int, typer.Option(min=1000, help="Components to load.")] = 210_000,
    pipes: Annotated[
        bool, typer.Option("--pipes", help="The drains with all rules of pipe surveys instead.")
    ] = False,
    scale: Annotated[
        int | None,
        typer.Option(min=2, help="Memory instead: the components once, and so many times over."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Loading components with every check, beside GeoDataFrame.to_postgis with none."""
    if pipes:
        bench_pipes(scale=rows / FULL_SIZE, as_json=as_json)
        return
    if scale:
        bench_scale(rows=rows, scale=scale, as_json=as_json)
        return
    bench_load(rows=rows, as_json=as_json)


@bench_app.command()
def inspect(
    seed: Annotated[
        int | None, typer.Option(help="Of the files' places and choice of rows; another one each time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Deliberately awkward files: how often encoding, frame, target and fields are understood."""
    bench_inspect(seed=seed, as_json=as_json)


@bench_app.command()
def live(
    devices: Annotated[int, typer.Option(min=1, help="Devices that report every five seconds.")] = 1000,
    streams: Annotated[int, typer.Option(min=1, help="Screens that watch.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60,
    hours: Annotated[
        float, typer.Option(min=0, help="Then so many hours of reports at once, and the page's memory.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """From device to browser: 1,000 devices, 50 streams and a page of the map; beside a bare NOTIFY."""
    bench_live(devices=devices, streams=streams, seconds=seconds, hours=hours, as_json=as_json)


@bench_app.command(name="map")
def map_(
    minutes: Annotated[float, typer.Option(min=0, help="Minutes of scripted use, for memory.")] = 2,
    as_json: AsJson = False,
) -> None:
    """The one map in Chromium: first map, frames while panning, memory; beside a plain dash-leaflet page."""
    bench_map(minutes=minutes, as_json=as_json)


@bench_app.command()
def ingest(
    rows: Annotated[int, typer.Option(min=2000, help="Readings of each turn.")] = 400_000,
    million: Annotated[
        float, typer.Option(min=0, help="Million readings that lie beside those read; 200 need 20 GB.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Readings a second into store, latest and alarms, beside plain COPY; latest of all, a year of one."""
    bench_ingest(rows=rows, million=million, as_json=as_json)


@bench_app.command()
def flood(
    seconds: Annotated[float, typer.Option(min=5, help="How long each load lasts.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Ten times the devices, streams that never read, an outburst of positions; beside the design load."""
    bench_flood(seconds=seconds, as_json=as_json)
