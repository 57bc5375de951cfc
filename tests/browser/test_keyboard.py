"""The one map without a mouse: every control is reached, seen to be reached, and what opens closes again."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenMap
from tests.browser.map_page import settle

REACHED = """() => {
    const node = document.activeElement;
    if (node === document.body || "tabStop" in node.dataset) return false;
    node.dataset.tabStop = String(document.querySelectorAll("[data-tab-stop]").length);
    const seen = [node, node.closest(".field")].filter(Boolean).some((one) => {
        const style = getComputedStyle(one);
        return style.outlineStyle !== "none" || style.boxShadow !== "none";
    });
    if (!seen) node.dataset.unseen = "";
    return true;
}"""
NAMED = """(nodes) => nodes.map(
    (node) => node.id || node.getAttribute("aria-label") || node.textContent.trim())"""
CONTROLS = "button, a[href], input, select, summary, [tabindex='0']"


def walk(page: Page) -> None:
    """Presses Tab until a control is reached for the second time, or the page is left."""
    page.locator("body").evaluate("(body) => { body.tabIndex = -1; body.focus(); }")
    page.keyboard.press("Tab")
    while page.evaluate(REACHED):
        page.keyboard.press("Tab")


def test_tab_reaches_every_control_in_the_order_of_the_page(open_map: OpenMap) -> None:
    page = open_map()
    walk(page)
    missed = page.locator(
        f":is({CONTROLS}):visible:not([data-tab-stop]):not([disabled]):not([tabindex='-1'])"
    )
    assert missed.evaluate_all(NAMED) == []
    assert page.locator("[data-unseen]").evaluate_all(NAMED) == []
    parts = page.evaluate(
        """() => [...document.querySelectorAll("[data-tab-stop]")]
            .sort((a, b) => a.dataset.tabStop - b.dataset.tabStop)
            .map((node) => node.closest("#one-map > [id]").id)
            .filter((part, index, all) => part !== all[index - 1])"""
    )
    assert len(parts) == len(set(parts)), "no part is left and entered again"
    assert parts.index("header") < parts.index("layer-panel") < parts.index("map-tools")


def test_what_a_key_opens_escape_closes_and_the_focus_returns(open_map: OpenMap) -> None:
    page = open_map()
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#close-record")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#record-card")).to_be_hidden()
    expect(page.locator("#map")).to_be_focused()

    page.locator("[data-layer=component] .layer-name").focus()
    page.keyboard.press("Enter")
    for act, panel in (("table", "#feature-table"), ("statistics", "#layer-statistics")):
        opener = page.locator(f"[data-layer=component] [data-act={act}]")
        opener.focus()
        page.keyboard.press("Enter")
        expect(page.locator(panel)).to_be_visible()
        page.locator(f"{panel} .panel-head button").last.focus()
        page.keyboard.press("Escape")
        expect(page.locator(panel)).to_be_hidden()
        expect(opener).to_be_focused()

    page.locator("#show-views").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#view-panel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#view-panel")).to_be_hidden()
    expect(page.locator("#show-views")).to_be_focused()


def test_layers_are_switched_and_records_found_by_keys_alone(open_map: OpenMap) -> None:
    page = open_map()
    switch = page.locator("[data-layer=camera] input[role=switch]")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_be_checked()
    settle(page)
    page.keyboard.press("Space")
    expect(switch).not_to_be_checked()

    page.locator("#search-input").focus()
    page.keyboard.type("xujiapeng")
    expect(page.locator("#search-results [role=option]").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#record-card")).to_have_attribute("data-state", "found")
    page.keyboard.press("Escape")
    expect(page.locator("#record-card")).to_be_hidden()
