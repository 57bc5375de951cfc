"""``ioc bench map``: the one map in Chromium without a graphics card, beside a plain dash-leaflet page.

The clock of a first map runs from the navigation of a signed-in browser to ``/`` until every tile in view is
there and drawn: cold with a new profile, warm when the page is loaded again. Frames while panning are those
the display compositor put out in which the map had moved on; the time after a pan runs from letting the mouse
go until the map is whole again and on the screen. Memory is taken after a full collection, before and after
rounds of what people do. The reference draws the same components as GeoJSON circles on a canvas; where it
cannot within ``REFERENCE_SECONDS``, it draws a tenth of them, and its row says so.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from geodata.errors import UserError
from geodata.store import Store
from ioc.bench.chromium import heap_megabytes, launched, process_megabytes
from ioc.bench.map_use import use_once
from ioc.bench.map_view import (
    DRAWN_REFERENCE,
    PANS,
    WATCH_OWN,
    WATCH_REFERENCE,
    Opening,
    Panning,
    Traffic,
    open_page,
    own_is_whole,
    pan,
    visit,
)
from ioc.bench.server_process import credential, serving
from ioc.context import open_store
from ioc.sign_in import COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

SIZES = ((1366, 768), (1920, 1080))
OPENINGS = 3
REFERENCE_SECONDS = 60
POINTS = """
    SELECT json_build_object('type', 'FeatureCollection', 'features', json_agg(json_build_object(
        'type', 'Feature', 'properties', json_build_object('type_code', type_code),
        'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(x, y)))))::text,
        count(*), min(x), min(y), max(x), max(y)
    FROM (SELECT c.type_code, round(ST_X(p)::numeric, 6)::float8 AS x, round(ST_Y(p)::numeric, 6)::float8 AS y
          FROM ioc.component AS c, ST_PointOnSurface(c.geom) AS p
          ORDER BY c.id LIMIT %(most)s) AS point
"""


@dataclass(frozen=True)
class Row:
    """A figure with its reference; ``reach`` names what is to be reached, ``reached`` whether it is."""

    figure: str
    measured: str
    reference: str = ""
    reach: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Seen:
    """What one map, at one window size, was measured to do."""

    cold: list[Opening]
    warm: list[Opening]
    panning: Panning


@dataclass(frozen=True)
class Use:
    """Long use: rounds done in so many minutes, megabytes before and after, tiles asked for twice.

    ``tiles`` came over the network, ``fetched_again`` of them though they had come before.
    """

    minutes: float
    rounds: int
    heap: tuple[float, float]
    processes: tuple[float | None, float | None]
    tiles: int
    fetched_again: int


@dataclass(frozen=True)
class Reference:
    """The plain page: how many points it drew, and how."""

    points: int
    all_points: int
    opening: Opening
    panning: Panning
    heap: float


def bench_map(minutes: float, as_json: bool, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """Measure and print.

    Raises:
        UserError: there is no browser, there are no components, or nobody who may see them.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    with ExitStack() as stack:
        browser = stack.enter_context(launched())
        store = stack.enter_context(open_store())
        secret = stack.enter_context(credential(store, "session"))
        port = stack.enter_context(serving([sys.executable, "-m", "ioc.bench.tile_server"], {}, "/health"))
        address = f"http://127.0.0.1:{port}/"
        rows = []
        for size in sizes:
            console.print(f"the one map at {size[0]}×{size[1]}…", style="dim")
            seen = measure_own(browser, address, secret, size)
            console.print(f"dash-leaflet at {size[0]}×{size[1]}…", style="dim")
            rows += size_rows(size, seen, measure_reference(browser, store, size))
        console.print(f"{minutes:g} minutes of use…", style="dim")
        rows += use_rows(measure_use(browser, address, secret, minutes, sizes[0]))
    if as_json:
        typer.echo(json.dumps([vars(row) for row in rows], ensure_ascii=False, indent=2))
    else:
        print_rows(console, rows)


@contextmanager
def _profile(
    browser: "Browser", size: tuple[int, int], address: str = "", secret: str = ""
) -> "Iterator[BrowserContext]":
    """A new browser profile, signed in where a secret is given."""
    # What measures waits for expressions, which the pages' content policy forbids as text.
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, bypass_csp=True)
    if secret:
        context.add_cookies([{"name": COOKIE, "value": secret, "url": address}])
    yield context
    context.close()


def measure_own(browser: "Browser", address: str, secret: str, size: tuple[int, int]) -> Seen:
    """Open the one map anew and again, ``OPENINGS`` times, and pan the last one."""
    cold, warm = [], []
    panning: Panning | None = None
    for number in range(OPENINGS):
        with _profile(browser, size, address, secret) as context:
            page, opening = open_page(context, address, own_is_whole)
            cold.append(opening)
            warm.append(visit(page, lambda page=page: page.reload(wait_until="commit"), own_is_whole))
            if number == OPENINGS - 1:
                page.wait_for_timeout(1000)
                own_is_whole(page)
                page.evaluate(WATCH_OWN)
                panning = pan(browser, page)
    assert panning is not None, "at least one opening"
    return Seen(cold, warm, panning)


def measure_use(browser: "Browser", address: str, secret: str, minutes: float, size: tuple[int, int]) -> Use:
    """Rounds of use until the minutes are over, at least two; the first one fills what is kept on purpose."""
    with _profile(browser, size, address, secret) as context:
        page, _ = open_page(context, address, own_is_whole)
        traffic = Traffic()
        traffic.watch(page)
        begin = time.monotonic()
        use_once(page)
        heap, processes, rounds = heap_megabytes(page), process_megabytes(browser), 1
        while rounds < 2 or time.monotonic() - begin < minutes * 60:
            use_once(page)
            rounds += 1
        return Use(
            minutes=(time.monotonic() - begin) / 60,
            rounds=rounds,
            heap=(heap, heap_megabytes(page)),
            processes=(processes, process_megabytes(browser)),
            tiles=len(traffic.tiles()),
            fetched_again=len(traffic.fetched_again()),
        )


def measure_reference(browser: "Browser", store: Store, size: tuple[int, int], pans: int = PANS) -> Reference:
    """The plain page with all components or, where that takes too long, with a tenth of them."""
    every = _count(store)
    for points in (every, every // 10):
        found = _try_reference(browser, store, size, points, every, pans)
        if found is not None:
            return found
    raise UserError(f"dash-leaflet did not draw a tenth of the components in {REFERENCE_SECONDS} s either.")


def _count(store: Store) -> int:
    with store.owner_connection() as connection:
        row = connection.execute("SELECT count(*) FROM ioc.component").fetchone()
    if row is None or not row[0]:
        raise UserError("There are no components to draw: load the demo district (make run).")
    return row[0]


def _try_reference(
    browser: "Browser", store: Store, size: tuple[int, int], points: int, every: int, pans: int
) -> Reference | None:
    from playwright.sync_api import TimeoutError as TooLong

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-bench-")))
        with store.owner_connection() as connection:
            row = connection.execute(POINTS, {"most": points}).fetchone()
        assert row is not None, "an aggregate has a row"
        (folder / "points.geojson").write_text(row[0], "utf-8")
        extent = ",".join(map(str, row[2:]))
        command = [sys.executable, "-m", "ioc.bench.map_reference", str(folder / "points.geojson"), extent]
        port = stack.enter_context(serving(command, {}, "/"))
        context = stack.enter_context(_profile(browser, size))

        def all_drawn(page: "Page") -> None:
            page.wait_for_function(DRAWN_REFERENCE, arg=points, timeout=REFERENCE_SECONDS * 1000)
            page.evaluate("new Promise((ready) => requestAnimationFrame(() => requestAnimationFrame(ready)))")

        try:
            page, opening = open_page(context, f"http://127.0.0.1:{port}/", all_drawn)
        except TooLong:
            return None
        page.evaluate(WATCH_REFERENCE)
        panning = pan(browser, page, pans)
        return Reference(points, every, opening, panning, heap_megabytes(page))


def size_rows(size: tuple[int, int], seen: Seen, reference: Reference) -> list[Row]:
    """The rows of one window size; where there were several runs, their medians."""
    at = f"{size[0]}×{size[1]}"
    plain = reference.opening
    of = (
        "" if reference.points == reference.all_points else f" ({reference.points} of {reference.all_points})"
    )

    def median(openings: list[Opening], figure: Callable[[Opening], float]) -> float:
        return statistics.median(map(figure, openings))

    def seconds(one: Opening) -> float:
        return one.complete_ms / 1000

    cold = median(seen.cold, seconds)
    redraw = max(seen.panning.redraw_ms)
    drawn = min(seen.panning.drawn, seen.panning.moved)
    return [
        Row(
            f"first whole map, cold, {at}", f"{cold:.2f} s", f"{seconds(plain):.2f} s{of}", "≤ 3 s", cold <= 3
        ),
        Row(f"first whole map, warm, {at}", f"{median(seen.warm, seconds):.2f} s"),
        Row(
            f"requests and kilobytes, cold, {at}",
            f"{median(seen.cold, lambda one: one.requests):.0f}, "
            f"{median(seen.cold, lambda one: one.bytes / 1000):.0f} kB",
            f"{plain.requests}, {plain.bytes / 1000:.0f} kB{of}",
        ),
        Row(
            f"requests and kilobytes, warm, {at}",
            f"{median(seen.warm, lambda one: one.requests):.0f}, "
            f"{median(seen.warm, lambda one: one.bytes / 1000):.0f} kB",
        ),
        Row(
            f"frames per second while panning, {at}",
            f"{drawn:.1f} (requestAnimationFrame {seen.panning.ticks:.1f})",
            f"{min(reference.panning.drawn, reference.panning.moved):.1f}{of}",
            "> 30",
            drawn > 30,
        ),
        Row(
            f"whole again after a pan, slowest of {len(seen.panning.redraw_ms)}, {at}",
            f"{redraw:.0f} ms",
            f"{max(reference.panning.redraw_ms):.0f} ms{of}",
            "< 500 ms",
            redraw < 500,
        ),
        Row(f"JavaScript heap of the reference, {at}", "", f"{reference.heap:.0f} MB{of}"),
    ]


def use_rows(use: Use) -> list[Row]:
    """The rows of long use; the minutes are those that it really took."""
    over = f"{use.minutes:.1f} min, {use.rounds} rounds"
    before, after = use.processes
    memory = "not known here" if before is None or after is None else f"{before:.0f} → {after:.0f} MB"
    return [
        Row(f"JavaScript heap over {over}", f"{use.heap[0]:.1f} → {use.heap[1]:.1f} MB"),
        Row(f"browser processes over {over}", memory),
        Row(
            f"tiles fetched though they had come before, of {use.tiles}",
            str(use.fetched_again),
            reach="0",
            reached=use.fetched_again == 0,
        ),
    ]


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """The table: figure, measured, reference, reach."""
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "measured", "dash-leaflet, GeoJSON", "reach", ""):
        table.add_column(heading)
    for row in rows:
        verdict = {None: "", True: "[green]reached[/]", False: "[red]not reached[/]"}[row.reached]
        table.add_row(row.figure, row.measured, row.reference, row.reach, verdict)
    console.print(table)
