"""``ioc bench flood``: ten times the devices that the doors are made for, beside the design load.

A PostGIS, a web server, a broker and the doors of its own; devices in another process report through every
door: first the design load, 1,000 devices and 200 vehicles every five seconds, then ten times that, then the
same while streams that never read and a stopped page hang on the web server. At last, beside the design load,
ten times the vehicles hand in without a pause what they kept in an outage: more than any store takes.
What each device had acknowledged is looked for in the store, and who was told of the flood is looked at.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from etl.feeds.door_store import door_status
from geodata.store import Store
from ioc.bench.chromium import launched
from ioc.bench.door_program import door_program, measured_store, percentile, session_token
from ioc.bench.flood_devices import OUTBURST, STEP
from ioc.bench.server_process import START_SECONDS
from ioc.bench.stations import register_stations
from ioc.feed_source import add_source
from ioc.sign_in import COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESIGN = 1000
VEHICLES = 200
TIMES = 10
PART = 300
"""Reports have numbers of their own in each part of the run: more than a device sends in one."""
SETTLING_SECONDS = 6.0
"""Every device has sent again by then, and every door has noted its counts."""
DEAF_STREAMS = 20
SIZE = (1366, 768)
WATCH_BANNER = """() => {
    const banner = document.getElementById("banner");
    window.floodSaid = false;
    new MutationObserver(() => { window.floodSaid ||= banner.innerText.includes(ioc.text("live_flood")); })
        .observe(banner, { childList: true });
}"""
SAID = """
    SELECT i ->> 'state', extract(epoch FROM e.at)::float
    FROM ioc.live_event e, jsonb_array_elements(e.items) i
    WHERE e.topic = 'device' AND i ->> 'state' IN ('shedding', 'normal') ORDER BY e.id
"""
KEPT = """
    SELECT s.device_code, round(o.value * %s)::int
    FROM ioc.observation o JOIN ioc.series s ON s.id = o.series_id
"""
REPORTING = "SELECT count(*) FROM ioc.latest"
STORED = "SELECT (SELECT count(*) FROM ioc.observation), (SELECT count(*) FROM ioc.vehicle_position)"


@dataclass(frozen=True)
class LoadFigures:
    """One load: rates a second, seconds until a reading was acknowledged, megabytes of the doors."""

    name: str
    sent: float
    acknowledged: float
    stored: float
    p50_s: float
    p99_s: float
    positions_sent: float
    positions_stored: float
    doors_mb: float


@dataclass(frozen=True)
class FloodFigures:
    """All loads; then of the whole run, what became of everything, and who was told."""

    loads: list[LoadFigures]
    readings_acknowledged: int
    readings_missing: int
    """Acknowledged, and not in the store."""
    caught_up_s: float
    """From the silence of the last device until the store had everything it is ever going to have."""
    positions_acknowledged: int
    positions_stored: int
    positions_shed: int
    """As ``ioc feeds status`` counts them."""
    shed_during: list[str]
    """Loads in which the flood was said."""
    banner: bool
    """Whether the page said it in the outburst."""
    end_said_s: float | None
    """After the outburst; nothing where it was not said."""


def bench_flood(seconds: float, as_json: bool) -> None:
    """Measure and print.

    Raises:
        UserError: there is no browser, or no broker.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    figures = measure_flood(seconds, lambda words: console.print(words, style="dim"))
    if as_json:
        typer.echo(json.dumps(asdict(figures), indent=2))
        return
    names, *measures = zip(*(asdict(load).items() for load in figures.loads), strict=True)
    table = Table("a second", *(str(name) for _, name in names))
    for measure in measures:
        numbers = (f"{number:,.2f}" if number < 10 else f"{number:,.0f}" for _, number in measure)
        table.add_row(measure[0][0], *numbers)
    console.print(table)
    for name, value in asdict(figures).items():
        if name != "loads":
            console.print(f"{name:22} {value}")
    kept = not figures.readings_missing
    said = figures.positions_shed > 0 and figures.banner and figures.end_said_s is not None
    console.print("[green]reached[/]" if kept and said else "[red]not reached[/]")


@dataclass(frozen=True)
class _Window:
    """What was there in the store, and most memory of the doors, while a load lasted."""

    name: str
    begin: float
    end: float
    readings: int
    positions: int
    doors_mb: float

    def holds(self, moment: float) -> bool:
        return self.begin <= moment < self.end


class _Watch:
    """Looks at the store and at the memory of the doors while a load lasts."""

    def __init__(self, store: Store, doors: int) -> None:
        self._store = store
        self._doors = doors
        self.windows: list[_Window] = []

    def wait_for(self, devices: int) -> None:
        """Until so many devices have reported, or have had time enough for it."""
        deadline = time.monotonic() + START_SECONDS
        with self._store.owner_connection() as connection:
            connection.autocommit = True
            while (row := connection.execute(REPORTING).fetchone()) and row[0] < devices:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.5)

    def during(self, name: str, rest: Callable[[float], object], seconds: float) -> None:
        """Let the load go on for so long; ``rest`` waits so many seconds."""
        begin, before = time.time(), self._stored()
        most = 0.0
        while time.time() < begin + seconds:
            rest(1.0)
            most = max(most, resident_megabytes(self._doors))
        end, after = time.time(), self._stored()
        self.windows.append(
            _Window(name, begin, end, after[0] - before[0], after[1] - before[1], round(most, 1))
        )

    def _stored(self) -> tuple[int, int]:
        with self._store.owner_connection() as connection:
            row = connection.execute(STORED).fetchone()
        assert row is not None, "counts are always one row"
        return row[0], row[1]


def measure_flood(seconds: float, say: Callable[[str], None] = lambda _words: None) -> FloodFigures:
    """Let each load last so many seconds."""
    with ExitStack() as stack:
        browser = stack.enter_context(launched())
        say("a PostGIS with devices…")
        store, _cluster, folder = stack.enter_context(measured_store())
        with store.owner_connection() as connection:
            register_stations(connection, DESIGN * TIMES, VEHICLES * TIMES)
            token = add_source(connection, "bench", ["readings"])
        session = session_token(store, 0)
        address, processes = door_program(stack, store, folder)
        addresses = json.dumps(json.loads((folder / "feeds.json").read_text()) | {"http": address})
        watch = _Watch(store, processes["doors"])
        diaries = [folder / f"{name}.json" for name in ("design", "flood", "outburst")]

        say(f"{DESIGN:,} devices…")
        with _devices((DESIGN, VEHICLES, 1), addresses, token, diaries[0]):
            watch.wait_for(DESIGN)
            watch.during("design load", time.sleep, seconds)
        say(f"{DESIGN * TIMES:,} devices…")
        with _devices((DESIGN * TIMES, VEHICLES * TIMES, PART + 1), addresses, token, diaries[1]):
            watch.wait_for(DESIGN * TIMES)
            watch.during(f"{TIMES} times", time.sleep, seconds)
            page = _page(stack, browser, address, session)
            say(f"beside it {DEAF_STREAMS} streams that never read and a stopped page…")
            with _deaf_streams(address, session), _stopped(browser):
                watch.during("deaf listeners", time.sleep, seconds)
        say(f"{DESIGN:,} devices, and {VEHICLES * TIMES:,} vehicles hand in what they kept…")
        with _devices((DESIGN, VEHICLES * TIMES, 2 * PART + 1), addresses, token, diaries[2]) as tell:
            page.wait_for_timeout(2 * SETTLING_SECONDS * 1000)
            page.evaluate(WATCH_BANNER)
            tell(OUTBURST)
            watch.during("outburst", lambda step: page.wait_for_timeout(step * 1000), seconds)
            tell("calm")
            calm = time.time()
            page.wait_for_timeout(SETTLING_SECONDS * 1000)
            banner = page.evaluate("window.floodSaid")
        silent = time.time()
        diary = [json.loads(file.read_text()) for file in diaries]
        acknowledged = {(device, number) for one in diary for device, number, _sent, _at in one["reports"]}
        missing = _missing(store, acknowledged)
        while missing and time.time() < silent + START_SECONDS:
            time.sleep(0.5)
            missing = _missing(store, acknowledged)
        caught_up = time.time() - silent
        said = _said(store, calm)
        with store.owner_connection() as connection:
            stored = connection.execute(STORED).fetchone()
            shed = sum(door.last_hour.get("shed", 0) for door in door_status(connection))
    assert stored is not None, "counts are always one row"
    return FloodFigures(
        loads=[_figures(window, diary) for window in watch.windows],
        readings_acknowledged=len(acknowledged),
        readings_missing=len(missing),
        caught_up_s=round(caught_up, 1),
        positions_acknowledged=sum(count for one in diary for _at, count in one["positions"]),
        positions_stored=stored[1],
        positions_shed=shed,
        shed_during=[w.name for w in watch.windows if any(s == "shedding" and w.holds(at) for s, at in said)],
        banner=bool(banner),
        end_said_s=next((round(at - calm, 1) for state, at in said if state == "normal" and at > calm), None),
    )


def _figures(window: _Window, diaries: list[dict[str, Any]]) -> LoadFigures:
    lasted = window.end - window.begin
    reports = [report for diary in diaries for report in diary["reports"] if window.holds(report[3])]
    took = [at - sent for _device, _number, sent, at in reports]
    sent = {
        kind: sum(
            count
            for diary in diaries
            for at, what, count in diary["sent"]
            if window.holds(at) and (what == "jt808") == (kind == "positions")
        )
        for kind in ("readings", "positions")
    }
    return LoadFigures(
        name=window.name,
        sent=sent["readings"] / lasted,
        acknowledged=len(reports) / lasted,
        stored=window.readings / lasted,
        p50_s=percentile(took, 50),
        p99_s=percentile(took, 99),
        positions_sent=sent["positions"] / lasted,
        positions_stored=window.positions / lasted,
        doors_mb=window.doors_mb,
    )


def _missing(store: Store, acknowledged: set[tuple[str, int]]) -> set[tuple[str, int]]:
    with store.owner_connection() as connection:
        return acknowledged - set(connection.execute(KEPT, [STEP]).fetchall())


def _said(store: Store, calm: float) -> list[tuple[str, float]]:
    """When it was said that positions are shed, or stored again; waits until the last word is good."""
    deadline = calm + START_SECONDS
    while True:
        with store.owner_connection() as connection:
            said = connection.execute(SAID).fetchall()
        if not said or said[-1][0] == "normal" or time.time() > deadline:
            return said
        time.sleep(0.5)


@contextmanager
def _devices(
    field: tuple[int, int, int], addresses: str, token: str, diary: Path
) -> Iterator[Callable[[str], None]]:
    """Devices report as long as the block lasts, then write their diary; gives what tells them a word.

    Args:
        field: how many devices, how many vehicles, the number of their first reports.
    """
    words = [*map(str, field), addresses, token, str(diary)]
    command = [sys.executable, "-m", "ioc.bench.flood_devices", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None

        def tell(word: str) -> None:
            print(word, file=process.stdin, flush=True)

        try:
            yield tell
        finally:
            process.stdin.close()


def _page(stack: ExitStack, browser: "Browser", address: str, session: str) -> "Page":
    """The one map in Chromium, live."""
    context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, bypass_csp=True)
    stack.callback(context.close)
    context.add_cookies([{"name": COOKIE, "value": session, "url": address}])
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("body[data-live=live]", timeout=START_SECONDS * 1000)
    return page


@contextmanager
def _stopped(browser: "Browser") -> Iterator[None]:
    """The pages' processes do nothing while the block lasts, as on a machine that sleeps."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    pages = [process["id"] for process in found if process["type"] == "renderer"]
    for page in pages:
        os.kill(page, signal.SIGSTOP)
    try:
        yield
    finally:
        for page in pages:
            os.kill(page, signal.SIGCONT)


@contextmanager
def _deaf_streams(address: str, session: str) -> Iterator[None]:
    """Streams that are asked for, and of which nothing is ever read."""
    host, _, port = address.removeprefix("http://").partition(":")
    asked = (
        f"GET /live?topics=reading,position HTTP/1.1\r\nHost: {host}\r\nCookie: {COOKIE}={session}\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(DEAF_STREAMS):
            stream = stack.enter_context(socket.create_connection((host, int(port))))
            stream.sendall(asked.encode())
        yield


def resident_megabytes(process: int) -> float:
    """Memory of a process that is in use; 0 where /proc does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
