"""What is measured of a map in a browser page: opening, moving, redrawing, fetching, and long use.

A page under measurement is told in ``PROBE`` to note its own times; everything is driven by real mouse and
keyboard input, as a person's.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ioc.bench.chromium import drawn_frames

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

PATIENCE_MS = 120_000
PAN_SECONDS = 2.0
PANS = 6
STEP_PIXELS = 3
# Runs before the page's own scripts. `bench.complete` is when the map was first whole; `bench.redraws` how
# long after each pan it was whole again, two frames later than it says so: those wait until it is drawn.
PROBE = """
window.bench = { complete: null, moved: null, redraws: [], places: 0, ticks: 0 };
addEventListener("DOMContentLoaded", () => {
  new MutationObserver(() => {
    if (document.body.dataset.mapState === "complete") bench.complete ??= performance.now();
  }).observe(document.body, { attributes: true, attributeFilter: ["data-map-state"] });
});
bench.drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => {
  if (bench.moved !== null) bench.redraws.push(performance.now() - bench.moved);
  bench.moved = null;
}));
bench.watch = (leaflet, whole) => {
  let last = null;
  leaflet.on("dragend", () => {
    bench.moved = performance.now();
    whole();
  });
  const tick = () => {
    const { x, y } = L.DomUtil.getPosition(leaflet.getPane("mapPane"));
    if (`${x},${y}` !== last) bench.places += 1;
    last = `${x},${y}`;
    bench.ticks += 1;
    requestAnimationFrame(tick);
  };
  tick();
};
"""
WATCH_OWN = """
ioc.map.on("idle", bench.drawn);
bench.watch(ioc.leaflet, () => ioc.map.triggerRepaint());
"""
WATCH_REFERENCE = "bench.watch(bench_leaflet, bench.drawn);"
DRAWN_REFERENCE = "(n) => window.bench_leaflet && Object.keys(bench_leaflet._layers).length >= n"


@dataclass
class Traffic:
    """The requests of a page that came to their end; one given up, because the view had moved on, did not."""

    finished: "list[Request]" = field(default_factory=list)

    def watch(self, page: "Page") -> None:
        """Note every request of the page and its workers from here on."""
        page.on("requestfinished", lambda request: self.finished.append(request))

    def tiles(self) -> list[str]:
        """Addresses of the map tiles that came over the network, as often as they did."""
        return [one.url for one in self.finished if "/tiles/" in one.url and _bytes(one)]

    def fetched_again(self) -> list[str]:
        """Those of ``tiles`` that had come before."""
        times = Counter(self.tiles())
        return [url for url, number in times.items() for _ in range(number - 1)]


def _bytes(request: "Request") -> int:
    """Bytes of an answer over the network; none of what the browser's cache answered."""
    size = request.sizes()
    return size["responseBodySize"] + size["responseHeadersSize"]


@dataclass(frozen=True)
class Opening:
    """How a page came up: milliseconds from the navigation to the first whole map, requests, bytes."""

    complete_ms: float
    requests: int
    bytes: int


@dataclass(frozen=True)
class Panning:
    """Frames per second while dragging, and milliseconds until the map is whole again after it.

    ``drawn`` are frames of the display compositor, ``moved`` those in which the map stood somewhere else,
    ``ticks`` calls of requestAnimationFrame.
    """

    drawn: float
    moved: float
    ticks: float
    redraw_ms: list[float]


def open_page(
    context: "BrowserContext", address: str, wait: Callable[["Page"], Any]
) -> "tuple[Page, Opening]":
    """A page at the address, when ``wait`` has seen its map whole."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(PROBE)
    return page, visit(page, lambda: page.goto(address, wait_until="commit"), wait)


def visit(page: "Page", go: Callable[[], Any], wait: Callable[["Page"], Any]) -> Opening:
    """Go somewhere, and say how long it took until the map was whole and what it cost."""
    traffic = Traffic()
    traffic.watch(page)
    go()
    wait(page)
    complete = page.evaluate("bench.complete ?? performance.now()")
    sizes = [size for size in map(_bytes, list(traffic.finished)) if size]
    return Opening(complete, len(sizes), sum(sizes))


def own_is_whole(page: "Page") -> None:
    """Waits until every tile of the view is there and drawn."""
    page.wait_for_selector("body[data-map-state=complete]")


def pan(browser: "Browser", page: "Page", pans: int = PANS) -> Panning:
    """Drags the map to and fro with the mouse held down, so many times, and lets go each time."""
    size = page.viewport_size or {"width": 0, "height": 0}
    frames, places, ticks, seconds, redraws = 0, 0, 0, 0.0, []
    for number in range(pans):
        x, y = size["width"] * 0.6, size["height"] * 0.55
        direction = -1 if number % 2 else 1
        page.mouse.move(x, y)
        page.mouse.down()
        browser.start_tracing(page=page, categories=["viz"])
        page.evaluate("Object.assign(bench, { places: 0, ticks: 0, redraws: [] })")
        begin = time.monotonic()
        step = 0
        while (elapsed := time.monotonic() - begin) < PAN_SECONDS:
            step += 1
            page.mouse.move(x + direction * step * STEP_PIXELS, y + direction * step)
        noted = page.evaluate("[bench.places, bench.ticks]")
        frames += drawn_frames(browser.stop_tracing())
        places, ticks, seconds = places + noted[0], ticks + noted[1], seconds + elapsed
        # At rest for a moment, so that letting go does not throw the map.
        page.wait_for_timeout(200)
        page.mouse.up()
        page.wait_for_function("bench.redraws.length > 0")
        redraws += page.evaluate("bench.redraws")
    return Panning(frames / seconds, places / seconds, ticks / seconds, redraws)
