"""A headless Chromium that draws WebGL in software, as an office PC without a graphics card does."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from geodata.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--no-first-run",
]
INSTALL = (
    "Measuring the map needs a browser: run `make test` once, or install playwright (pip) and chromium (apt)."
)
MEGABYTE = 2**20


@contextmanager
def launched() -> Iterator["Browser"]:
    """The system's Chromium, or where it has none the one that Playwright fetched.

    Raises:
        UserError: Playwright or its browser is not on this machine.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UserError(INSTALL) from None
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        except Error:
            raise UserError(INSTALL) from None
        try:
            yield browser
        finally:
            browser.close()


def drawn_frames(trace: bytes) -> int:
    """Frames that the display compositor put out, from a trace of the category ``viz``.

    A page's requestAnimationFrame may run sixty times a second while the screen stands still; what the
    compositor draws and swaps is what people see.
    """
    events = json.loads(trace)["traceEvents"]
    return sum(event["name"] == "DirectRenderer::DrawFrame" and event["ph"] == "X" for event in events)


def heap_megabytes(page: "Page") -> float:
    """JavaScript heap of the page in use after a full collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"] / MEGABYTE


def process_megabytes(browser: "Browser") -> float | None:
    """Memory of all the browser's processes, shared pages counted once (PSS); None where /proc has none."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    total = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process['id']}/smaps_rollup").read_text("ascii").splitlines()
        except OSError:
            return None
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total / MEGABYTE


def processor_seconds(browser: "Browser") -> Counter[str]:
    """Processor time of the browser's processes since they began, by kind: ``renderer`` is pages, ``GPU``
    what puts their pictures on the screen and draws WebGL."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    spent = Counter[str]()
    for process in processes:
        spent[process["type"]] += process["cpuTime"]
    return spent
