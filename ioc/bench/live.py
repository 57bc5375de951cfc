"""``ioc bench live``: how long a reading takes from its device to the screens.

A PostGIS of its own holds the devices. Each reports every five seconds, one reading at a time as
gateways hand them in; the clock of a reading runs from then until a screen has it. Screens are streams
of accounts that see the whole district or one street, and one page of the map in Chromium, where the
clock stops when its script has the reading. The reference is a bare NOTIFY from one connection to
another, in the same minutes.
"""

import asyncio
import json
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import typer
from rich.console import Console

from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from geodata.migrate import upgrade
from geodata.store import Store
from ioc.accounts import NewAccount, add_account, issue_credential, new_password
from ioc.bench.chromium import launched
from ioc.bench.server_process import serving
from ioc.bench.stations import register_stations
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.sign_in import COOKIE

REACH_SECONDS = 1.0
SIZE = (1366, 768)
WATCH_PAGE = """() => {
    window.delays = [];
    ioc.live.on("reading", (items, whole) => {
        if (!whole) window.delays.push(...items.map((item) => (Date.now() - Date.parse(item.at)) / 1000));
    });
}"""


@dataclass(frozen=True)
class LiveFigures:
    """Seconds from device to browser; ``reference_p99_s`` is of the bare notice."""

    devices: int
    streams: int
    readings: int
    deliveries: int
    p50_s: float
    p99_s: float
    worst_s: float
    page_readings: int
    page_p99_s: float
    reference_p99_s: float
    reach_s: float = REACH_SECONDS


def bench_live(devices: int, streams: int, seconds: float, as_json: bool) -> None:
    """Measure and print.

    Raises:
        UserError: there is no browser.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    figures = measure_live(devices, streams, seconds, lambda words: console.print(words, style="dim"))
    if as_json:
        typer.echo(json.dumps(asdict(figures), indent=2))
        return
    for name, value in asdict(figures).items():
        console.print(f"{name:20} {value:.4f}" if isinstance(value, float) else f"{name:20} {value:,}")
    reached = max(figures.p99_s, figures.page_p99_s) <= REACH_SECONDS
    console.print("[green]reached[/]" if reached else "[red]not reached[/]")


def measure_live(
    devices: int, streams: int, seconds: float, say: Callable[[str], None] = lambda _words: None
) -> LiveFigures:
    """Let devices report for so many seconds, and gather when every screen had each reading."""
    with ExitStack() as stack:
        browser = stack.enter_context(launched())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-bench-")))
        folder.chmod(0o755)
        say("a PostGIS with devices…")
        cluster = stack.enter_context(EmbeddedPostgis(folder / "postgis").in_use())
        upgrade(cluster.owner_url)
        store = Store(cluster.app_conninfo, cluster.owner_conninfo)
        with store.owner_connection() as connection:
            register_stations(connection, devices)
        tokens = [_token(store, number) for number in range(3)]
        urls = {"IOC_DATABASE_URL": store.app_url, "IOC_OWNER_DATABASE_URL": store.owner_url}
        environment = {**urls, "IOC_DATA_DIR": str(folder)}
        command = [sys.executable, "-m", "ioc.bench.tile_server"]
        address = f"http://127.0.0.1:{stack.enter_context(serving(command, environment, '/health'))}"

        say("screens…")
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, bypass_csp=True)
        stack.callback(context.close)
        context.add_cookies([{"name": COOKIE, "value": tokens[0], "url": address}])
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("body[data-live=live]", timeout=60_000)
        page.evaluate(WATCH_PAGE)
        delays = stack.enter_context(_screens(address, tokens, streams))

        say(f"{devices} devices report for {seconds:g} s…")
        with _notices(store.app_url) as notices:
            sent = _report(store, devices, seconds, page.wait_for_timeout)
        page.wait_for_timeout(2000)
        seen_by_page = page.evaluate("window.delays")
    return _figures(devices, streams, sent, delays, seen_by_page, notices)


def _figures(
    devices: int,
    streams: int,
    sent: int,
    delays: Sequence[float],
    page: Sequence[float],
    notices: Sequence[float],
) -> LiveFigures:
    return LiveFigures(
        devices=devices,
        streams=streams,
        readings=sent,
        deliveries=len(delays),
        p50_s=statistics.median(delays),
        p99_s=percentile(delays, 99),
        worst_s=max(delays),
        page_readings=len(page),
        page_p99_s=percentile(page, 99),
        reference_p99_s=percentile(notices, 99),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this many per cent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _token(store: Store, number: int) -> str:
    """A session of somebody who sees the whole district (the first), or one street."""
    areas = (f"420106{number:03}",) if number else ("*",)
    with store.owner_session() as session:
        account = add_account(
            session, NewAccount(f"screen-{number}", "屏", ("leader",), areas=areas), new_password()
        )
        account_id = account.id
    with store.owner_connection() as connection:
        return issue_credential(connection, account_id, "session", timedelta(hours=1))


@contextmanager
def _screens(address: str, tokens: Sequence[str], count: int) -> Iterator[list[float]]:
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
                    now = datetime.now(UTC)
                    times = (datetime.fromisoformat(item["at"]) for item in json.loads(line[6:]))
                    delays.extend((now - time).total_seconds() for time in times)
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


def _report(store: Store, devices: int, seconds: float, wait: Callable[[float], None]) -> int:
    """Every device reports every five seconds, each by itself; gives the number of readings."""
    intake = Intake(store.app_url)
    sent = 0
    begin = time.monotonic()
    while (now := time.monotonic() - begin) < seconds:
        due = int(now * devices / 5)
        for number in range(sent, due):
            reading = Reading(f"D{1 + number % devices}", "Z", datetime.now(UTC), 20 + number % 100 / 100)
            intake.submit([reading], source="bench")
        sent = due
        # The page's events are heard of only while its driver waits.
        wait(20)
    intake.close()
    return sent
