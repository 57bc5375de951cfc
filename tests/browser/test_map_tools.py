"""The tools on the map in Chromium: drawing, live measure, what was found, files."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pyproj import Geod

from tests.browser.conftest import OpenMap
from tests.browser.map_page import look

ELLIPSOID = Geod(a=6378137.0, rf=298.257222101)
PLACE = (114.3312, 30.5512)
CORNERS = ((560, 300), (820, 290), (850, 520), (600, 560))
RINGS = [
    [[114.3, 30.5], [114.31, 30.5], [114.31, 30.51]],
    [[114.3, 30.5], [114.3001, 30.5], [114.3001, 30.5001], [114.3, 30.50012]],
    [[114.0, 30.0], [115.0, 30.1], [115.2, 31.0], [114.6, 30.6], [114.1, 31.1]],
    [[-70.5, -33.4], [-70.4, -33.4], [-70.45, -33.2]],
    [[0.1, 0.1], [0.1, -0.1], [-0.1, 0.0]],
    [[179.9, 51.0], [-179.9, 51.0], [-179.9, 51.3], [179.9, 51.2]],
]


def positions(page: Page, pixels: tuple[tuple[int, int], ...]) -> list[tuple[float, float]]:
    """Longitudes and latitudes under pixels of the page."""
    return page.evaluate(
        """(pixels) => {
            const frame = ioc.leaflet.getContainer().getBoundingClientRect();
            return pixels.map(([x, y]) => ioc.leaflet.containerPointToLatLng([x - frame.x, y - frame.y]))
                .map(({ lng, lat }) => [lng, lat]);
        }""",
        [list(pixel) for pixel in pixels],
    )


def measured(page: Page) -> tuple[float, float]:
    values = page.locator("#tool-measure").evaluate("(node) => ({ ...node.dataset })")
    return float(values["metres"]), float(values["squareMetres"])


@pytest.fixture
def tools(open_map: OpenMap) -> Page:
    page = open_map()
    look(page, *PLACE, 17)
    return page


def test_lengths_and_areas_are_those_of_the_ellipsoid(tools: Page) -> None:
    found = tools.evaluate(
        "(rings) => rings.map((r) => [ioc.geodesic.length(r), ioc.geodesic.area(r)])", RINGS
    )
    for ring, (length, area) in zip(RINGS, found, strict=True):
        lon, lat = zip(*ring, strict=True)
        assert length == pytest.approx(ELLIPSOID.line_length(lon, lat), rel=1e-6)
        assert area == pytest.approx(abs(ELLIPSOID.polygon_area_perimeter(lon, lat)[0]), rel=1e-6)


def test_a_drawn_area_is_measured_as_it_grows_and_at_its_end(tools: Page) -> None:
    corners = positions(tools, CORNERS)
    tools.click("#tool-surface")
    for pixel in CORNERS[:3]:
        tools.mouse.click(*pixel)
    tools.mouse.move(*CORNERS[3])
    live = measured(tools)
    tools.mouse.dblclick(*CORNERS[3])
    expect(tools.locator("#measure-clear")).to_be_visible()
    lon, lat = zip(*corners, strict=True)
    area, perimeter = ELLIPSOID.polygon_area_perimeter(lon, lat)
    for metres, square_metres in (live, measured(tools)):
        assert metres == pytest.approx(perimeter, rel=1e-6)
        assert square_metres == pytest.approx(abs(area), rel=1e-6)
    tools.click("#measure-clear")
    expect(tools.locator("#tool-hint")).to_be_hidden()


def test_a_line_is_measured_and_its_last_point_taken_back(tools: Page) -> None:
    ends = positions(tools, CORNERS)
    tools.click("#tool-length")
    for pixel in CORNERS[:3]:
        tools.mouse.click(*pixel)
    tools.keyboard.press("Backspace")
    tools.keyboard.press("Enter")
    assert measured(tools)[0] == pytest.approx(ELLIPSOID.inv(*ends[0], *ends[1])[2], rel=1e-6)


def test_escape_leaves_the_drawing_and_nothing_is_asked(tools: Page) -> None:
    tools.click("#tool-polygon")
    tools.mouse.click(*CORNERS[0])
    expect(tools.locator("#tool-hint")).to_be_visible()
    expect(tools.locator("#record-card")).to_be_hidden()
    tools.keyboard.press("Escape")
    expect(tools.locator("#tool-hint")).to_be_hidden()
    expect(tools.locator("#tool-polygon")).to_have_attribute("aria-pressed", "false")
    expect(tools.locator("#query-panel")).to_be_hidden()
    assert tools.locator("#map path.leaflet-interactive").count() == 0


def test_a_radius_finds_what_the_server_counts_and_leads_to_its_records(server: Any, tools: Page) -> None:
    (lon, lat), edge = positions(tools, ((700, 400), (840, 400)))
    tools.click("#tool-radius")
    tools.mouse.click(700, 400)
    tools.mouse.click(840, 400)
    panel = tools.locator("#query-panel[data-state=found]")
    expect(panel).to_be_visible()
    metres = round(ELLIPSOID.inv(lon, lat, *edge)[2])
    expect(tools.locator("#query-metres")).to_have_value(str(metres))
    entry = panel.locator("[data-layer-found=component]")
    point = {"type": "Point", "coordinates": [lon, lat]}
    with server.client("admin") as client:
        for buffer in (metres, 500):
            question = {"geometry": point, "buffer_m": buffer, "layers": ["component"]}
            count = client.post("/query", json=question).json()["layers"][0]["count"]
            assert count > 0
            expect(entry.locator("[data-count]")).to_have_attribute("data-count", str(count))
            tools.locator("#query-metres").fill("500")
            tools.locator("#query-metres").press("Enter")
    entry.locator("summary").click()
    first = entry.locator(".query-features button").first
    title = first.locator("span").first.inner_text()
    first.click()
    expect(tools.locator("#record-card h2")).to_have_text(title)
    with tools.expect_download() as download:
        entry.locator("[data-format=csv]").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == count + 1
    assert "演示数据" in lines[1]


def test_an_area_is_asked_by_a_click(tools: Page) -> None:
    tools.click("#tool-area")
    tools.locator("#area-level").select_option("street")
    tools.mouse.click(700, 400)
    panel = tools.locator("#query-panel[data-state=found]")
    expect(panel.locator("h2")).to_contain_text("街道")
    expect(panel.locator("[data-layer-found=street] [data-count]")).to_have_attribute("data-count", "1")


def test_coordinates_are_shown_in_degrees_minutes_seconds_on_demand(tools: Page) -> None:
    coordinates = tools.locator("#cursor-coordinates")
    expect(coordinates).to_contain_text("°东")
    coordinates.click()
    lon = float(coordinates.get_attribute("data-lon") or "")
    expect(coordinates).to_contain_text("″东")
    shown = tools.evaluate("(lon) => ioc.coordinates.degreesMinutesSeconds(lon)", lon)
    degrees, minutes, seconds = (float(part) for part in shown.strip("″").replace("′", "°").split("°"))
    assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(lon, abs=1.5e-7)
    assert tools.evaluate("ioc.coordinates.degreesMinutesSeconds(29.99999999)") == "30°00′00.000″"


def test_the_nearest_are_listed_by_road_and_lead_to_their_records(tools: Page) -> None:
    tools.click("#tool-nearest")
    tools.mouse.click(700, 400)
    panel = tools.locator("#nearest-panel[data-state=found]")
    rows = panel.locator(".nearest-list button")
    expect(rows).to_have_count(5)
    found = [
        float(text) for text in rows.locator("b").evaluate_all("(all) => all.map((b) => b.dataset.metres)")
    ]
    assert found == sorted(found)
    title = rows.first.locator("span").inner_text()
    rows.first.click()
    expect(tools.locator("#record-card h2")).to_have_text(title)
    # A camera belongs to the areas it stands in.
    expect(tools.locator("#record-card [data-linked=street]")).to_be_visible()
