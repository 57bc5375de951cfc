"""``ioc bench live``: how long a reading takes from its device to the screens.

A PostGIS, a web server, the doors and a broker of its own; 1,000 devices in another process report every five
seconds through the doors. Screens are streams of accounts that see the whole district or one street, and one
page of the map in Chromium, near enough that values are written: its script has the reading, then its map has
drawn it, if it is one of those in view. The reference is a bare NOTIFY from one connection to another, in the
same minutes. ``--hours`` lets as many hours of reports come as fast as the page takes them, and looks at its
memory.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import typer
from rich.console import Console

from geodata.errors import UserError
from geodata.store import Store
from ioc.bench.chromium import launched, processor_seconds
from ioc.bench.door_program import door_program, measured_store, percentile, session_token
from ioc.bench.live_day import day_of_reports
from ioc.bench.server_process import START_SECONDS
from ioc.bench.stations import register_stations
from ioc.feed_source import add_source
from ioc.postgres_folder import processes_in
from ioc.sign_in import COOKIE

REACH_SECONDS = 1.0
SIZE = (1366, 768)
VIEW = "#15/30.55/114.345"
"""A quarter, with the values of some hundred stations."""
WATCH_PAGE = """() => {
    window.heard = [];
    window.drawn = [];
    let updated = [];
    ioc.live.on("reading", (items, whole) => {
        if (whole) return;
        const now = Date.now() / 1000;
        for (const { value } of items) { window.heard.push([now, value]); updated.push(value); }
    });
    // Drawn and handed over: the picture after the one that it is drawn in has begun.
    ioc.on("live-drawn", () => {
        const seen = new Set(ioc.liveMap.seen().map(({ properties }) => properties.value));
        const values = updated.filter((value) => seen.has(value));
        updated = [];
        requestAnimationFrame(() => {
            const now = Date.now() / 1000;
            for (const value of values) window.drawn.push([now, value]);
        });
    });
}"""


@dataclass(frozen=True)
class LiveFigures:
    """Seconds from device to browser, milliseconds of processors; the reference is the bare notice."""

    devices: int
    streams: int
    readings: int
    deliveries: int
    p50_s: float
    p99_s: float
    worst_s: float
    page_readings: int
    page_p99_s: float
    drawn_p99_s: float
    reference_p99_s: float
    ms_per_reading: dict[str, float]
    """Of the web server, the doors, the store."""
    browser_share: dict[str, float]
    """Of one processor, while devices report: all processes of Chromium by kind."""
    heap_mb: list[float]
    """Of the page, after a collection, from the first hour to the last."""
    reach_s: float = REACH_SECONDS


def bench_live(devices: int, streams: int, seconds: float, hours: float, as_json: bool) -> None:
    """Measure and print.

    Raises:
        UserError: there is no browser, or no broker.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    figures = measure_live(devices, streams, seconds, hours, lambda words: console.print(words, style="dim"))
    if as_json:
        typer.echo(json.dumps(asdict(figures), indent=2))
        return
    for name, value in asdict(figures).items():
        console.print(f"{name:20} {value:.4f}" if isinstance(value, float) else f"{name:20} {value}")
    reached = max(figures.p99_s, figures.drawn_p99_s) <= REACH_SECONDS
    console.print("[green]reached[/]" if reached else "[red]not reached[/]")


def measure_live(
    devices: int,
    streams: int,
    seconds: float,
    hours: float = 0,
    say: Callable[[str], None] = lambda _words: None,
) -> LiveFigures:
    """Let devices report for so many seconds, and gather when every screen had each reading."""
    with ExitStack() as stack:
        browser = stack.enter_context(launched())
        say("a PostGIS with devices…")
        store, cluster, folder = stack.enter_context(measured_store())
        with store.owner_connection() as connection:
            register_stations(connection, devices)
            token = add_source(connection, "bench", ["readings"])
        tokens = [session_token(store, number) for number in range(3)]
        address, processes = door_program(stack, store, folder)
        addresses = json.loads((folder / "feeds.json").read_text()) | {"http": address}
        since = time.time()
        stack.enter_context(_field(devices, since, addresses, token))
        say("every device reports once…")
        _wait_for_latest(store, devices)

        say("screens…")
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, bypass_csp=True)
        stack.callback(context.close)
        context.add_cookies([{"name": COOKIE, "value": tokens[0], "url": address}])
        page = context.new_page()
        page.goto(f"{address}/{VIEW}")
        page.wait_for_selector("body[data-live=live]", timeout=60_000)
        page.wait_for_function("ioc.liveMap.canvas()", timeout=60_000)
        delays = stack.enter_context(_screens(address, tokens, streams, since))
        page.evaluate(WATCH_PAGE)

        say(f"{devices} devices report for {seconds:g} s…")
        before, first = _processor_seconds(processes, cluster.data), _stored(store)
        browser_before = processor_seconds(browser)
        with _notices(store.app_url) as notices:
            # The page's events are heard of only while its driver waits.
            page.wait_for_timeout(seconds * 1000)
        spent = _processor_seconds(processes, cluster.data)
        browser_spent = processor_seconds(browser) - browser_before
        heard, drawn = page.evaluate("window.heard"), page.evaluate("window.drawn")
        readings = _stored(store) - first
        measured = list(delays)
        page.evaluate("window.heard = window.drawn = { push() {} }")
        heap = []
        if hours:
            say(f"{hours:g} hours of reports…")
            heap = day_of_reports(store, page, devices, hours)
    if not drawn:
        raise UserError("No reading in view came while it was measured: let more devices report, or longer.")
    return LiveFigures(
        devices=devices,
        streams=streams,
        readings=readings,
        deliveries=len(measured),
        p50_s=statistics.median(measured),
        p99_s=percentile(measured, 99),
        worst_s=max(measured),
        page_readings=len(heard),
        page_p99_s=percentile([at - since - value for at, value in heard], 99),
        drawn_p99_s=percentile([at - since - value for at, value in drawn], 99),
        reference_p99_s=percentile(notices, 99),
        ms_per_reading={name: round((spent[name] - before[name]) * 1000 / readings, 3) for name in before},
        browser_share={kind: round(took / seconds, 3) for kind, took in browser_spent.items()},
        heap_mb=heap,
    )


@contextmanager
def _field(devices: int, since: float, addresses: dict[str, Any], token: str) -> Iterator[None]:
    """Devices report as long as the block lasts."""
    command = [sys.executable, "-m", "ioc.bench.field_devices", str(devices), str(since)]
    with subprocess.Popen([*command, json.dumps(addresses), token], stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _wait_for_latest(store: Store, devices: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    with store.owner_connection() as connection:
        connection.autocommit = True
        while (row := connection.execute("SELECT count(*) FROM ioc.latest").fetchone()) and row[0] < devices:
            if time.monotonic() > deadline:
                raise UserError(f"Only {row[0]} of {devices} devices reported.")
            time.sleep(0.2)


def _stored(store: Store) -> int:
    with store.owner_connection() as connection:
        row = connection.execute("SELECT count(*) FROM ioc.observation").fetchone()
    return row[0] if row else 0


def _processor_seconds(processes: dict[str, int], cluster: Path) -> dict[str, float]:
    groups = {name: [number] for name, number in processes.items()} | {"store": sorted(processes_in(cluster))}
    return {name: sum(_spent(number) for number in numbers) for name, numbers in groups.items()}


def _spent(number: int) -> float:
    try:
        parts = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _screens(address: str, tokens: Sequence[str], count: int, since: float) -> Iterator[list[float]]:
    """Streams held open in a thread; gives the delays of what they are sent, as it comes."""
    delays: list[float] = []
    open_streams = threading.Semaphore(0)
    loop = asyncio.new_event_loop()
    host, _, port = address.removeprefix("http://").partition(":")

    async def watch(token: str) -> None:
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)
        writer.write(
            f"GET /live?topics=reading HTTP/1.1\r\nHost: {host}\r\nCookie: {COOKIE}={token}\r\n\r\n".encode()
        )
        try:
            await reader.readuntil(b"event: beat")
            open_streams.release()
            while line := await reader.readline():
                if line.startswith(b"data: ["):
                    now = time.time() - since
                    delays.extend(now - item["value"] for item in json.loads(line[6:]))
        finally:
            # The server to be measured waits for open streams when it ends.
            writer.close()

    async def watch_all() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(watch(tokens[number % len(tokens)]))

    screens = loop.create_task(watch_all())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(screens)

    thread = threading.Thread(target=run, name="screens", daemon=True)
    thread.start()
    for _ in range(count):
        open_streams.acquire()
    try:
        yield delays
    finally:
        loop.call_soon_threadsafe(screens.cancel)
        thread.join()
        loop.close()


@contextmanager
def _notices(url: str) -> Iterator[list[float]]:
    """Times that a bare notice takes between two connections, ten a second, while the block lasts."""
    took: list[float] = []
    ended = threading.Event()

    def run() -> None:
        with psycopg.connect(url, autocommit=True) as hears, psycopg.connect(url, autocommit=True) as tells:
            hears.execute("LISTEN bench")
            while not ended.wait(0.1):
                begin = time.perf_counter()
                tells.execute("NOTIFY bench")
                next(hears.notifies(stop_after=1))
                took.append(time.perf_counter() - begin)

    thread = threading.Thread(target=run, name="notices", daemon=True)
    thread.start()
    yield took
    ended.set()
    thread.join()
