"""Working with layers in a real browser: filter, table, numbers, order, saved views, links, pictures."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, drawn, look, settle, turn

CLOSE = 17.0


@pytest.fixture
def sewer(server: Any) -> tuple[int, float, float]:
    """Id and middle of the longest sewer."""
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


def act(page: Page, layer: str, name: str) -> None:
    row = page.locator(f"[data-layer={layer}]")
    if not row.locator(".details").count():
        row.locator(".layer-name").click()
    row.locator(f"[data-act={name}]").click()


def filter_pipes(page: Page) -> None:
    """管线小类 是 污水, written in the builder."""
    act(page, "pipe_segment", "filter")
    line = page.locator("[data-filter=pipe_segment] .condition")
    line.locator("select").nth(0).select_option("subclass")
    value = line.locator(".filter-value")
    value.focus()
    line.locator("datalist option[value=污水]").wait_for(state="attached")
    value.fill("污水")
    page.evaluate("document.body.dataset.mapState = 'filtering'")
    page.locator("[data-filter=pipe_segment] [data-act=apply-filter]").click()
    settle(page)


def test_a_filter_written_as_a_sentence_reaches_tiles_legend_and_link(
    open_map: OpenMap, sewer: tuple[int, float, float]
) -> None:
    page = open_map()
    look(page, sewer[1], sewer[2], CLOSE)
    assert {pipe["properties"]["subclass"] for pipe in drawn(page, "pipe_segment")} > {"WS"}
    filter_pipes(page)
    assert {pipe["properties"]["subclass"] for pipe in drawn(page, "pipe_segment")} == {"WS"}
    expect(page.locator("[data-filtered=pipe_segment] span")).to_have_text("管线小类 是 污水")
    expect(page.locator("[data-layer=pipe_segment] .legend-count").first).to_have_text("0")
    page.locator("[data-filter=pipe_segment] [data-act=add-group]").click()
    group = page.locator("[data-filter=pipe_segment] .condition-group")
    for line, (field, operator, value) in enumerate((("diameter", "less", "500"), ("diameter", "is", "900"))):
        condition = group.locator(".condition").nth(line)
        condition.locator("select").nth(0).select_option(field)
        condition.locator("select").nth(1).select_option(operator)
        condition.locator(".filter-value").fill(value)
    page.evaluate("document.body.dataset.mapState = 'filtering'")
    page.locator("[data-filter=pipe_segment] [data-act=apply-filter]").click()
    settle(page)
    expect(page.locator("[data-filtered=pipe_segment] span")).to_have_text(
        "管线小类 是 污水 且（管径 小于 500 mm 或 管径 是 900 mm）"
    )
    assert page.evaluate("ioc.viewState.read(ioc.viewState.current()).filters.pipe_segment") == [
        ["subclass", "is", "WS"],
        ["or", ["diameter", "less", 500], ["diameter", "is", 900]],
    ]
    page.locator("[data-filtered=pipe_segment] button").click()
    page.wait_for_function(
        """ioc.map.isStyleLoaded() && new Set(ioc.map.queryRenderedFeatures()
            .filter((a) => a.sourceLayer === 'pipe_segment').map((a) => a.properties.subclass)).size > 1"""
    )


def test_legend_counts_what_is_in_view(
    server: Any, open_map: OpenMap, sewer: tuple[int, float, float]
) -> None:
    page = open_map()
    page.locator("[data-layer=pipe_segment] .layer-name").click()
    page.evaluate("document.body.dataset.counts = ''")
    look(page, sewer[1], sewer[2], 15)
    page.wait_for_selector("body[data-counts=shown]")
    box = page.evaluate("ioc.legendCounts.bounds()")
    with server.store.owner_connection() as connection:
        row = connection.execute(
            """
            SELECT count(*) FROM ioc.pipe_segment
            WHERE subclass = 'YS' AND ST_Intersects(geom_3857,
                ST_Transform(ST_SetSRID(ST_MakeEnvelope(%s, %s, %s, %s), 4326), 3857))
            """,
            box,
        ).fetchone()
    assert row[0] > 0
    expect(page.locator("[data-layer=pipe_segment] .legend-count").first).to_have_text(f"{row[0]:,}")


def test_table_and_map_lead_to_each_other(open_map: OpenMap, sewer: tuple[int, float, float]) -> None:
    page = open_map()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    assert not page.evaluate("Boolean(window.dash_ag_grid)")
    look(page, sewer[1], sewer[2], 18)
    act(page, "pipe_segment", "table")
    table = page.locator("#feature-table")
    expect(table).to_have_attribute("data-state", "filled")
    assert any("async-community" in url for url in fetched)
    click_on(page, sewer[1], sewer[2])
    expect(table.locator(f".ag-row[row-id='{sewer[0]}']")).to_have_class(re.compile("ag-row-selected"))
    other = table.locator(f".ag-row:not([row-id='{sewer[0]}'])").first
    code = other.locator("[col-id=code]").inner_text()
    other.locator("[col-id=code]").click()
    expect(page.locator("#record-card [data-field=code] dd")).to_have_text(code)
    page.wait_for_function("ioc.map.queryRenderedFeatures({ layers: ['highlight-line'] }).length > 0")
    table.locator(".ag-header-cell[col-id=diameter] .ag-header-cell-text").click()
    expect(table.locator(".ag-header-cell[col-id=diameter]")).to_have_attribute("aria-sort", "ascending")
    table.locator(".ag-header-cell[col-id=code] .ag-header-cell-text").click(modifiers=["Control"])
    expect(page.locator("#table-csv")).to_have_attribute("href", re.compile("sort=diameter%2Ccode"))
    table.locator(".ag-header-cell[col-id=subclass] .ag-header-cell-filter-button").click()
    page.locator(".ag-filter input").first.fill("污")
    expect(table.locator("#table-filter")).to_have_text("管线小类 包含 污")
    expect(table.locator(".ag-row").first.locator("[col-id=subclass]")).to_have_text("污水（WS）")
    page.keyboard.press("Escape")
    page.locator("#filter-by-table").click()
    expect(page.locator("[data-filtered=pipe_segment] span")).to_have_text("管线小类 包含 污")
    page.locator("#choose-columns").click()
    page.locator("#table-columns").get_by_label("管径").uncheck()
    expect(table.locator(".ag-header-cell[col-id=diameter]")).to_have_count(0)
    page.locator("#close-table").click()
    expect(table).to_be_hidden()


def test_tens_of_thousands_of_rows_keep_the_document_small(open_map: OpenMap) -> None:
    page = open_map()
    act(page, "component", "table")
    table = page.locator("#feature-table")
    expect(table).to_have_attribute("data-state", "filled")
    total = page.evaluate("ioc.legendCounts.total('component')")
    page.evaluate("document.querySelector('#feature-table .ag-body-viewport').scrollTop = 1e9")
    expect(table.locator(f".ag-row[row-index='{total - 1}'] [col-id=code]")).to_have_text(
        re.compile("[0-9]{17}")
    )
    assert table.locator(".ag-row").count() < 80


def test_a_bar_of_the_statistics_leads_to_its_street(open_map: OpenMap) -> None:
    page = open_map()
    act(page, "component", "statistics")
    bars = page.locator("#layer-statistics .bar")
    bars.first.wait_for()
    before = page.evaluate("ioc.leaflet.getZoom()")
    bars.first.click()
    page.wait_for_function("(before) => ioc.leaflet.getZoom() > before", arg=before)
    page.locator("#layer-statistics [data-by=class]").click()
    page.locator("#layer-statistics [data-bar='01']").click()
    expect(page.locator("[data-filtered=component]")).to_be_visible()


def test_layers_change_places_and_ways_to_be_drawn(open_map: OpenMap) -> None:
    page = open_map()
    turn(page, "unit_grid", True)
    order = "ioc.map.getStyle().layers.map((layer) => layer.id)"
    names = page.evaluate(order)
    assert names.index("unit_grid/line") < names.index("pipe_segment/line")
    act(page, "unit_grid", "up")
    page.wait_for_function(f"{order}.indexOf('unit_grid/line') > {order}.indexOf('pipe_segment/line')")
    page.locator("[data-layer=component] .layer-name").click()
    page.locator("[data-variant=component]").select_option("heat")
    page.wait_for_function(f"{order}.includes('component/heat') && !{order}.includes('component/cluster')")


def test_a_link_restores_view_layers_filter_and_selection(
    open_map: OpenMap, sewer: tuple[int, float, float]
) -> None:
    page = open_map()
    look(page, sewer[1], sewer[2], 18)
    filter_pipes(page)
    turn(page, "facility", False)
    page.locator("[data-live-layer=live_vehicle] input[role=switch]").set_checked(False)
    click_on(page, sewer[1], sewer[2])
    page.wait_for_function("ioc.recordCard.chosen()?.record")
    title = page.locator("#record-card h2").inner_text()
    link, centre = page.evaluate("[ioc.viewState.link(), ioc.leaflet.getCenter()]")
    other = open_map()
    other.goto(link)
    settle(other)
    expect(other.locator("#record-card h2")).to_have_text(title)
    expect(other.locator("[data-filtered=pipe_segment]")).to_have_count(1)
    expect(other.locator("[data-layer=facility] input[role=switch]")).not_to_be_checked()
    expect(other.locator("[data-live-layer=live_vehicle] input[role=switch]")).not_to_be_checked()
    expect(other.locator("[data-live-layer=live_alarm] input[role=switch]")).to_be_checked()
    found = other.evaluate("[ioc.leaflet.getCenter().lng, ioc.leaflet.getCenter().lat]")
    assert found == pytest.approx([centre["lng"], centre["lat"]], abs=1e-5)
    assert {pipe["properties"]["subclass"] for pipe in drawn(other, "pipe_segment")} == {"WS"}
    assert "view=" not in other.url


def test_a_link_that_is_rubbish_opens_the_usual_map(server: Any, open_map: OpenMap) -> None:
    page = open_map()
    for text in ("", "1.", "9.eyJsIjpbXX0", "1.eyJsIjoxfQ", "1.////", "1." + "A" * 20_000, "1.e30", "null"):
        assert page.evaluate("(text) => ioc.viewState.read(text)", text) is None, text
    page.goto(f"{server.address}/?view=1.rubbish")
    settle(page)
    expect(page.locator("#banner")).to_contain_text("无法识别")
    assert drawn(page, "component")


def test_a_link_with_unsound_parts_keeps_the_sound_ones(server: Any, open_map: OpenMap) -> None:
    page = open_map()
    state = {
        "l": ["component", "no_such_layer", 5],
        "f": {"component": [["geom", "is", "x"]], "street": "x", "__proto__": [1]},
        "o": {"component": "half"},
        "c": [1e9, None, "x"],
        "s": ["no_such_layer", 1],
    }
    packed = page.evaluate("(text) => btoa(text).replace(/=+$/, '')", json.dumps(state))
    page.goto(f"{server.address}/?view=1.{packed}")
    settle(page)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("[data-layer=component] input[role=switch]")).to_be_checked()
    expect(page.locator("[data-layer=street] input[role=switch]")).not_to_be_checked()
    assert page.evaluate("Object.keys(ioc.memory.filters)") == []


def test_a_view_is_kept_and_shown_again(open_map: OpenMap, sewer: tuple[int, float, float]) -> None:
    page = open_map("water")
    look(page, sewer[1], sewer[2], 16)
    page.locator("#show-views").click()
    page.fill("#view-name", "夜查")
    page.check("#view-shared")
    page.locator("#keep-view").click()
    expect(page.locator("[data-view=夜查]")).to_have_count(1)
    look(page, sewer[1] + 0.02, sewer[2], 14)
    page.locator("[data-view=夜查] .view-name").click()
    page.wait_for_function("ioc.leaflet.getZoom() === 16")
    page.locator("[data-view=夜查] .icon-button").click()
    expect(page.locator("[data-view=夜查]")).to_have_count(0)


def test_a_picture_shows_the_map_and_what_must_stand_on_it(open_map: OpenMap) -> None:
    page = open_map()
    page.locator("#show-views").click()
    with page.expect_download() as download:
        page.locator("#save-picture").click()
    assert download.value.suggested_filename.endswith(".png")
    size, colours = page.evaluate(
        """async () => {
            const canvas = await ioc.mapPicture.canvas();
            const data = canvas.getContext("2d").getImageData(0, 60, canvas.width, 600).data;
            const seen = new Set();
            for (let at = 0; at < data.length; at += 4) {
                seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
            }
            return [[canvas.width, canvas.height], seen.size];
        }"""
    )
    assert size[1] > 768 - 60
    assert colours > 50


def test_an_embedded_map_is_the_map_alone(server: Any, open_map: OpenMap) -> None:
    page = open_map()
    page.goto(f"{server.address}/?embed=1")
    settle(page)
    for hidden in ("#header", "#layer-panel", "#view-tools"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#review-number")).to_be_visible()
    assert drawn(page, "component")


def test_two_themes_lie_side_by_side(open_map: OpenMap) -> None:
    page = open_map()
    page.locator("#show-views").click()
    page.locator("#swipe-choice").select_option("theme:day")
    page.locator("#swipe-bar").wait_for()
    page.wait_for_function(
        """[...document.querySelectorAll(".leaflet-swipe-pane canvas")].length === 1
            && ioc.map.getPaintProperty("land", "background-color") === ioc.page.themes.night.land"""
    )
    assert page.evaluate("ioc.memory.theme") == "night"
    before = page.locator("#swipe-bar").get_attribute("aria-valuenow")
    page.locator("#swipe-bar").press("ArrowLeft")
    expect(page.locator("#swipe-bar")).not_to_have_attribute("aria-valuenow", before or "")
    page.locator("#swipe-choice").select_option("")
    expect(page.locator("#swipe-bar")).to_have_count(0)


def test_two_dates_lie_side_by_side_and_in_the_link(open_map: OpenMap) -> None:
    page = open_map()
    then = {"loaded_at": "2026-01-02T03:04:05Z", "published_at": "2026-01-02T03:04:06Z"}
    version = {"version": 1, "dataset": "component", **then, "until": "2026-02-01T00:00:00Z", "rows": 1234}
    kept = {"layers": [{"layer": "component", "versions": [version]}]}
    page.route("**/layers/versions", lambda route: route.fulfill(json=kept))
    page.route(re.compile("/tiles/component/.*&at="), lambda route: route.fulfill(status=204))
    page.locator("#show-views").click()
    page.locator("#swipe-right-at option").nth(1).wait_for(state="attached")
    expect(page.locator("#swipe-right-at option").nth(1)).to_have_text(re.compile("2026/01/02 11:04 .*1,234"))
    with page.expect_request(re.compile("/tiles/component/.*&at=2026-01-31T23%3A59%3A59.999Z")):
        page.locator("#swipe-right-at").select_option(index=1)
    expect(page.locator("#swipe-right")).to_contain_text("2026/02/01 07:59")
    expect(page.locator("#swipe-left")).to_have_text("现在的数据")
    page.locator("#swipe-layers").select_option("now")
    expect(page.locator("#swipe-right")).to_contain_text("个图层")
    state = page.evaluate("ioc.viewState.read(ioc.viewState.current()).swipe")
    assert state["right"] == "2026-01-31T23:59:59.999Z"
    assert "component" in state["layers"]
    assert page.evaluate("ioc.mapSwipe.sideOf(9999)")["at"] == state["right"]
    assert page.evaluate("ioc.mapSwipe.sideOf(1)")["at"] == ""
    # What happens now lies on the side of now alone.
    page.wait_for_function("ioc.leaflet.getPane('live')?.style.clip.startsWith('rect')")
    page.locator("#swipe-right-at").select_option("")
    page.wait_for_function("!ioc.leaflet.getPane('live').style.clip")
