"""What ``ioc bench map`` does in Chromium, once and small."""

from typing import Any

from playwright.sync_api import Browser

from ioc.bench.map import measure_reference
from ioc.bench.map_view import WATCH_OWN, Traffic, open_page, own_is_whole, pan
from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, look, settle, turn

SIZE = (1366, 768)
# A picture that was asked for by now is drawn when this is over.
NEXT_PICTURE = """new Promise((drawn) => setTimeout(() =>
    requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(drawn)))))"""
# A tile's outline is drawn into the stencil by a test that always passes, with a mark of its own.
COUNT_PAINTING = """() => {
    const painter = ioc.map.painter;
    const gl = painter.context.gl;
    window.painted = { pictures: 0, outlines: 0, tiles: 0, skies: 0 };
    const mark = gl.stencilFunc.bind(gl);
    gl.stencilFunc = (test, reference, mask) => {
        if (test === gl.ALWAYS && reference > 0) painted.outlines += 1;
        mark(test, reference, mask);
    };
    const use = painter.useProgram.bind(painter);
    painter.useProgram = (name, ...rest) => {
        if (name === "sky") painted.skies += 1;
        return use(name, ...rest);
    };
    ioc.map.on("render", () => {
        painted.pictures += 1;
        painted.tiles = ioc.map.style.tileManagers.common.getVisibleCoordinates().length;
    });
}"""


def test_opening_panning_and_using_the_map_are_measured(
    server: Any, browser: Browser, open_map: OpenMap
) -> None:
    context = open_map().context
    page, opening = open_page(context, server.address + "/", own_is_whole)
    assert opening.complete_ms > 0
    assert opening.requests > 1
    assert opening.bytes > 0
    page.evaluate(WATCH_OWN)
    panning = pan(browser, page, pans=1)
    assert panning.drawn > 0
    assert panning.moved > 0
    assert len(panning.redraw_ms) >= 1


def test_a_move_is_drawn_once_and_nothing_is_painted_over_the_whole_picture(open_map: OpenMap) -> None:
    page = open_map(width=900, height=640)
    lat, lon, zoom = page.evaluate("[...Object.values(ioc.leaflet.getCenter()), ioc.leaflet.getZoom()]")
    views = [(lon + 0.004, lat, zoom), (lon, lat, zoom + 1)]
    for view in (*views, (lon, lat, zoom)):
        look(page, *view)
    page.evaluate(NEXT_PICTURE)
    page.evaluate(COUNT_PAINTING)
    look(page, *views[1])
    page.evaluate(NEXT_PICTURE)
    assert page.evaluate("painted.pictures") == 1
    look(page, lon, lat, zoom)
    page.evaluate(NEXT_PICTURE)
    page.evaluate("painted = { pictures: 0, outlines: 0, tiles: 0, skies: 0 }")
    look(page, *views[0])
    page.evaluate(NEXT_PICTURE)
    painted = page.evaluate("painted")
    sources = page.evaluate("new Set(Object.values(ioc.map.style._layers).map((layer) => layer.source)).size")
    assert sources > 2
    assert painted == {"pictures": 1, "outlines": painted["tiles"], "tiles": painted["tiles"], "skies": 0}
    assert painted["tiles"] > 0


def test_no_tile_is_fetched_twice(server: Any, open_map: OpenMap) -> None:
    page = open_map(width=900, height=640).context.new_page()
    traffic = Traffic()
    traffic.watch(page)
    page.goto(server.address + "/")
    settle(page)
    lat, lon, zoom = page.evaluate("[...Object.values(ioc.leaflet.getCenter()), ioc.leaflet.getZoom()]")
    for east, closer in ((0.04, 0), (0, 0), (0, 1.5), (0, 0)):
        look(page, lon + east, lat, zoom + closer)
    click_on(page, lon, lat)
    for on in (False, True):
        turn(page, "pipe_segment", on)
    for theme in ("day", "night"):
        page.evaluate(
            "(theme) => { document.body.dataset.mapState = 'switching'; ioc.applyTheme(theme); }", theme
        )
        settle(page)
    for east, closer in ((0.04, 0), (0, 1.5)):
        look(page, lon + east, lat, zoom + closer)
    page.reload()
    settle(page)
    assert len(traffic.tiles()) > 12
    assert traffic.fetched_again() == []


def test_the_reference_draws_every_component(server: Any, browser: Browser) -> None:
    with server.store.owner_connection() as connection:
        row = connection.execute("SELECT count(*) FROM ioc.component").fetchone()
    plain = measure_reference(browser, server.store, SIZE, pans=1)
    assert plain.points == plain.all_points == row[0]
    assert plain.panning.drawn > 0
