"""The one map page in Chromium, on the small demo district."""

import re
from typing import Any

import pyproj
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, drawn, look, settle, turn

CLOSE = 18.0


@pytest.fixture
def lonely_component(server: Any) -> tuple[str, float, float]:
    """Code and position of a component that nothing else stands close to."""
    with server.store.owner_connection() as connection:
        row = connection.execute(
            """
            SELECT c.code, ST_X(c.geom), ST_Y(c.geom) FROM ioc.component c
            WHERE GeometryType(c.geom) = 'POINT'
              AND NOT EXISTS (SELECT FROM ioc.component o
                              WHERE o.id <> c.id AND ST_DWithin(o.geom_3857, c.geom_3857, 30))
            ORDER BY c.id LIMIT 1
            """
        ).fetchone()
    assert row is not None
    return row


@pytest.fixture
def sewer(server: Any) -> tuple[int, float, float]:
    """Id and middle of a pipe segment."""
    with server.store.owner_connection() as connection:
        row = connection.execute(
            """
            SELECT id, ST_X(m), ST_Y(m)
            FROM (SELECT id, ST_LineInterpolatePoint(geom, 0.5) AS m FROM ioc.pipe_segment
                  WHERE subclass = 'WS' ORDER BY length_m DESC, id LIMIT 1) AS s
            """
        ).fetchone()
    assert row is not None
    return row


def test_components_pipes_and_grids_are_drawn(open_map: OpenMap, sewer: tuple[int, float, float]) -> None:
    page = open_map()
    look(page, sewer[1], sewer[2], CLOSE)
    turn(page, "unit_grid", True)
    pipes = drawn(page, "pipe_segment")
    assert sewer[0] in {pipe["id"] for pipe in pipes}
    assert {pipe["properties"]["subclass"] for pipe in pipes} <= {"YS", "WS", "HS"}
    assert drawn(page, "unit_grid")
    assert drawn(page, "base")


def test_components_are_counted_far_away_and_single_close_by(
    open_map: OpenMap, lonely_component: tuple[str, float, float]
) -> None:
    page = open_map()
    clusters = drawn(page, "component")
    assert clusters
    assert all(cluster["properties"]["count"] >= 1 for cluster in clusters)
    look(page, lonely_component[1], lonely_component[2], CLOSE)
    single = drawn(page, "component")
    assert single
    assert all(re.fullmatch(r"\d{5}", feature["properties"]["type_code"]) for feature in single)


def test_click_opens_the_record_of_what_was_clicked(
    open_map: OpenMap, lonely_component: tuple[str, float, float]
) -> None:
    code, lon, lat = lonely_component
    page = open_map()
    look(page, lon, lat, 19)
    click_on(page, lon, lat)
    card = page.locator("#record-card")
    expect(card.locator("[data-field=code] dd")).to_have_text(code)
    expect(card.locator("[data-field=code] dt")).not_to_have_text("code")
    expect(card.locator(".record-lineage")).to_have_text(
        re.compile(r"来源：城市部件.*\.gpkg 第 \d+ 行 · 装载于 .+ · 版本 \d+")
    )
    page.wait_for_function("ioc.map.queryRenderedFeatures({ layers: ['highlight-ring'] }).length === 1")
    aim = "getComputedStyle(document.getElementById('map'), '::after').borderStyle"
    assert page.evaluate(aim) == "none", "the mark of where a key asks is for keys"
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_switching_a_layer_off_and_on_fetches_no_other(
    open_map: OpenMap, sewer: tuple[int, float, float]
) -> None:
    page = open_map()
    look(page, sewer[1], sewer[2], CLOSE)
    assert drawn(page, "pipe_segment")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/tiles/" in request.url else None)
    turn(page, "pipe_segment", False)
    assert not drawn(page, "pipe_segment")
    turn(page, "pipe_segment", True)
    assert drawn(page, "pipe_segment")
    assert [url for url in asked if "/tiles/pipe_segment/" not in url] == []


def test_moving_away_and_back_fetches_nothing_twice(open_map: OpenMap) -> None:
    page = open_map()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/tiles/" in request.url else None)
    lon, lat, zoom = page.evaluate(
        "[ioc.leaflet.getCenter().lng, ioc.leaflet.getCenter().lat, ioc.leaflet.getZoom()]"
    )
    look(page, lon + 0.03, lat, zoom)
    look(page, lon, lat, zoom)
    look(page, lon + 0.03, lat, zoom)
    assert len(asked) == len(set(asked))


def test_opacity_reaches_the_map(open_map: OpenMap) -> None:
    page = open_map()
    page.locator("[data-layer=district] .layer-name").click()
    page.locator("[data-layer=district] input[type=range]").fill("40")
    opacity = page.evaluate("ioc.map.getPaintProperty('district/line', 'line-opacity')")
    assert opacity == pytest.approx(0.4)


def test_legend_shows_the_colours_of_the_map(open_map: OpenMap) -> None:
    page = open_map()
    row = page.locator("[data-layer=pipe_segment]")
    row.locator(".layer-name").click()
    expect(row.locator(".legend li").first).to_contain_text("雨水")
    swatch = row.locator(".legend li i").first.evaluate("node => getComputedStyle(node).borderTopColor")
    rain = page.evaluate("ioc.token('pipe-rain')")
    assert swatch == f"rgb({int(rain[1:3], 16)}, {int(rain[3:5], 16)}, {int(rain[5:7], 16)})"
    expect(row.locator(".demo-note")).to_contain_text("演示数据")


def test_viewer_without_camera_rights_gets_none(server: Any, open_map: OpenMap) -> None:
    with server.store.owner_connection() as connection:
        row = connection.execute("SELECT code, ST_X(geom), ST_Y(geom) FROM ioc.camera LIMIT 1").fetchone()
    code, lon, lat = row
    page = open_map("planner")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("[data-layer=component]")).to_have_count(1)
    expect(page.locator("[data-layer=camera]")).to_have_count(0)
    look(page, lon, lat, CLOSE)
    assert page.evaluate("ioc.map.getSource('camera')") is None
    assert not [url for url in asked if "camera" in url]
    page.locator("#search-input").fill(code)
    expect(page.locator("#search-results")).to_be_visible()
    expect(page.locator("#search-results [role=option]")).to_have_count(0)
    address = f"/identify?lon={lon}&lat={lat}&zoom=17"
    found = page.evaluate("async (address) => (await fetch(address)).json()", address)
    assert "camera" not in {layer["layer"] for layer in found["layers"]}
    assert page.evaluate("async () => (await fetch('/tiles/camera/14/0/0.mvt')).status") == 404


def test_viewer_with_camera_rights_sees_them(server: Any, open_map: OpenMap) -> None:
    with server.store.owner_connection() as connection:
        row = connection.execute("SELECT id, ST_X(geom), ST_Y(geom) FROM ioc.camera LIMIT 1").fetchone()
    page = open_map("duty")
    look(page, row[1], row[2], CLOSE)
    turn(page, "camera", True)
    assert row[0] in {camera["id"] for camera in drawn(page, "camera")}


def test_theme_changes_page_and_map_and_is_remembered(open_map: OpenMap) -> None:
    page = open_map()
    for theme in ("day", "print", "night"):
        page.locator(f"[data-theme-name={theme}]").click()
        page.wait_for_function(
            "(theme) => ioc.map.getPaintProperty('land', 'background-color') === ioc.page.themes[theme].land",
            arg=theme,
        )
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
    page.locator("[data-theme-name=day]").click()
    page.reload()
    settle(page)
    expect(page.locator("html")).to_have_attribute("data-theme", "day")


def test_language_switch(open_map: OpenMap) -> None:
    page = open_map()
    expect(page.locator("#layer-panel h2")).to_have_text("图层")
    page.locator("#language-switch").click()
    expect(page.locator("#layer-panel h2")).to_have_text("Layers")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert not re.search(r"[\u4e00-\u9fff]", page.locator("#layer-tree").inner_text())
    page.locator("#language-switch").click()
    expect(page.locator("[data-layer=component] .layer-name")).to_contain_text("城市部件")


def test_search_flies_to_what_was_found(server: Any, open_map: OpenMap) -> None:
    with server.store.owner_connection() as connection:
        name = connection.execute("SELECT name FROM ioc.street ORDER BY code LIMIT 1").fetchone()[0]
    page = open_map()
    page.keyboard.press("/")
    page.keyboard.type(name)
    expect(page.locator("#search-results [role=option]").first).to_contain_text(name)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    before = page.evaluate("ioc.leaflet.getZoom()")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results")).to_be_hidden()
    expect(page.locator("#record-card h2")).to_contain_text(name)
    page.wait_for_function("(before) => ioc.leaflet.getZoom() > before", arg=before)


def test_search_reads_coordinates_and_says_when_nothing_is_found(open_map: OpenMap) -> None:
    page = open_map()
    box = page.locator("#search-input")
    box.fill("114.32, 30.55")
    page.locator("#search-results [role=option]").first.wait_for()
    box.press("Enter")
    page.wait_for_function("Math.abs(ioc.leaflet.getCenter().lng - 114.32) < 1e-4")
    box.fill("没有这样的地方吧")
    expect(page.locator("#search-results .empty")).to_contain_text("没有找到")
    box.press("Escape")
    expect(page.locator("#search-results")).to_be_hidden()


def test_coordinates_under_the_cursor_agree_with_proj(open_map: OpenMap) -> None:
    page = open_map()
    zone = pyproj.Transformer.from_crs(4490, 4547, always_xy=True)
    web = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
    for x, y in ((500, 300), (700, 500), (900, 620)):
        page.mouse.move(x, y)
        shown = page.locator("#cursor-coordinates").evaluate("node => ({ ...node.dataset })")
        lon, lat = float(shown["lon"]), float(shown["lat"])
        east, north = zone.transform(lon, lat)
        assert float(shown["east"]) == pytest.approx(east, abs=1e-3)
        assert float(shown["north"]) == pytest.approx(north, abs=1e-3)
        assert f"{north:.2f}" in page.locator("#cursor-coordinates").inner_text()
        assert _pixel_of(page, lon, lat) == pytest.approx((x, y), abs=1)
    corner = page.evaluate("[ioc.leaflet.getBounds().getWest(), ioc.leaflet.getBounds().getEast()]")
    assert web.transform(corner[1], 30.5)[0] > web.transform(corner[0], 30.5)[0]


def test_gauss_kruger_agrees_with_proj_over_the_whole_zone(open_map: OpenMap) -> None:
    page = open_map()
    zone = pyproj.Transformer.from_crs(4490, 4547, always_xy=True)
    points = [(112.5 + 0.3 * i, 4.0 + 4.9 * i) for i in range(11)]
    for lon, lat in points:
        ours = page.evaluate("([lon, lat]) => ioc.coordinates.gaussKruger(lon, lat, 114)", [lon, lat])
        east, north = zone.transform(lon, lat)
        assert ours["east"] == pytest.approx(east, abs=1e-3)
        assert ours["north"] == pytest.approx(north, abs=1e-3)


def _pixel_of(page: Page, lon: float, lat: float) -> tuple[float, float]:
    x, y = page.evaluate(
        """([lon, lat]) => {
            const point = ioc.leaflet.latLngToContainerPoint([lat, lon]);
            const frame = ioc.leaflet.getContainer().getBoundingClientRect();
            return [frame.x + point.x, frame.y + point.y];
        }""",
        [lon, lat],
    )
    return x, y


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)], ids=["1366x768", "1920x1080"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_overflows_or_overlaps(
    open_map: OpenMap, lonely_component: tuple[str, float, float], size: tuple[int, int], language: str
) -> None:
    page = open_map(width=size[0], height=size[1])
    if language == "en":
        page.locator("#language-switch").click()
    look(page, lonely_component[1], lonely_component[2], 19)
    click_on(page, lonely_component[1], lonely_component[2])
    page.locator("#record-card dl.record").wait_for()
    scroll = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert scroll[0] <= size[0]
    assert scroll[1] <= size[1]
    overflowing = page.evaluate(
        """() => ["header", "header-title", "header-tools", "status-bar", "layer-panel", "record-card"]
            .filter((id) => {
                const node = document.getElementById(id);
                return node.scrollWidth > node.clientWidth + 1;
            })"""
    )
    assert overflowing == []
    for one, other in [
        ("layer-panel", "record-card"),
        ("layer-panel", "status-bar"),
        ("record-card", "status-bar"),
        ("record-card", "map-buttons"),
        ("header", "layer-panel"),
        ("header-title", "search-box"),
        ("search-box", "header-tools"),
    ]:
        assert not _overlap(page, one, other), (one, other)


def _overlap(page: Page, one: str, other: str) -> bool:
    return page.evaluate(
        """([one, other]) => {
            const [a, b] = [one, other].map((id) => document.getElementById(id).getBoundingClientRect());
            return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        }""",
        [one, other],
    )


def test_layer_tree_by_department_and_its_search(open_map: OpenMap) -> None:
    page = open_map()
    page.get_by_role("button", name="按部门").click()
    expect(page.locator(".group-name", has_text="水务局")).to_have_count(1)
    page.locator("#layer-filter").fill("管线")
    expect(page.locator("[data-layer=pipe_segment]")).to_be_visible()
    expect(page.locator("[data-layer=component]")).to_have_count(0)
    page.locator("#layer-filter").fill("没有的图层")
    expect(page.locator("#layer-tree .empty")).to_contain_text("没有名称含")


def test_failing_tiles_are_said_and_fetched_again(open_map: OpenMap) -> None:
    page = open_map()
    page.route("**/tiles/**", lambda route: route.fulfill(status=503, body="{}"))
    lon, lat = page.evaluate("[ioc.leaflet.getCenter().lng, ioc.leaflet.getCenter().lat]")
    page.evaluate("([lon, lat]) => ioc.leaflet.setView([lat, lon], 17, { animate: false })", [lon, lat])
    expect(page.locator("#banner")).to_contain_text("正在自动重试")
    page.unroute("**/tiles/**")
    expect(page.locator("#banner")).to_be_hidden(timeout=30_000)
    settle(page)
    assert drawn(page, "base")


def test_a_lost_session_leads_to_sign_in(open_map: OpenMap) -> None:
    page = open_map()
    page.context.clear_cookies()
    page.mouse.click(700, 400)
    page.wait_for_url("**/sign-in?next=*")
    expect(page.locator("form button")).to_be_visible()


def test_signing_in_and_out(server: Any, open_map: OpenMap) -> None:
    page = open_map("leader")
    page.locator("#user-menu summary").click()
    expect(page.locator(".menu b")).to_have_text("分管领导")
    page.locator("#sign-out").click()
    page.wait_for_url("**/sign-in")
    page.fill("#name", "leader")
    page.fill("#password", "certainly wrong")
    page.press("#password", "Enter")
    expect(page.locator("[role=alert]")).to_contain_text("账号或密码不对")
    page.fill("#name", "leader")
    page.fill("#password", server.passwords["leader"])
    page.press("#password", "Enter")
    page.wait_for_url(re.compile(re.escape(server.address) + r"/(#.*)?$"))
    settle(page)


def test_sign_in_works_without_scripts(server: Any, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.address + "/")
    page.fill("#name", "planner")
    page.fill("#password", server.passwords["planner"])
    page.press("#password", "Enter")
    page.wait_for_url(server.address + "/")
    context.close()
