"""axe-core finds nothing serious on any page, in either theme (WCAG 2 A and AA and best practice)."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PATIENCE

AXE = Path(__file__).parents[2] / "build" / "browser" / "axe.min.js"
PAGES = (
    "/sign-in",
    "/admin",
    "/admin/rights",
    "/admin/sessions",
    "/admin/audit",
    "/account",
    "/catalogue",
    "/catalogue/component",
    "/nowhere",
)


def serious(page: Page) -> list[str]:
    """What axe-core calls serious or critical: rule, element and reason."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {node['html'][:120]}: {node['failureSummary'][:300]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.fixture
def page(server: Any, browser: Browser) -> Any:
    # axe-core is evaluated as text, which the content policy forbids; its own test proves that.
    context = browser.new_context(viewport={"width": 1366, "height": 768}, bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    client = server.client("admin")
    context.add_cookies(
        [{"name": "ioc_session", "value": client.cookies["ioc_session"], "url": server.address}]
    )
    client.close()
    yield context.new_page()
    context.close()


def show(page: Page, theme: str) -> None:
    """Changes the theme at once: a colour half-way between two is nobody's to read."""
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)


def last_component(server: Any) -> int:
    with server.store.owner_connection() as connection:
        return connection.execute("SELECT id FROM ioc.component ORDER BY code DESC LIMIT 1").fetchone()[0]


def judge(page: Page, what: str) -> None:
    """Nothing serious by night or by day."""
    for theme in ("night", "day"):
        show(page, theme)
        assert serious(page) == [], f"{what} by {theme}"


def test_the_map_and_its_panels(server: Any, page: Page) -> None:
    page.goto(server.address + "/")
    page.wait_for_selector("body[data-map-state=complete]")
    page.evaluate("(id) => ioc.recordCard.open('component', id, '', null)", last_component(server))
    page.wait_for_selector("#record-card .linked h3")
    judge(page, "record")
    page.locator("[data-layer=component] .layer-name").click()
    page.locator("[data-layer=component] [data-act=filter]").click()
    page.locator("[data-layer=component] [data-act=table]").click()
    page.wait_for_selector("#feature-table[data-state=filled]")
    page.click("#choose-columns")
    judge(page, "filter and table")
    page.click("#close-table")
    page.locator("[data-layer=component] [data-act=statistics]").click()
    page.wait_for_selector("#layer-statistics .bar")
    page.click("#show-views")
    page.select_option("#swipe-choice", "theme:print")
    page.wait_for_selector("#swipe-bar")
    judge(page, "statistics, views and swipe")
    page.select_option("#swipe-choice", "")
    page.evaluate(
        """() => ioc.queryPanel.ask("", {
            geometry: { type: "Point", coordinates: [114.3308, 30.5516] }, buffer_m: 300 }, "query_radius")"""
    )
    page.wait_for_selector("#query-panel[data-state=found]")
    judge(page, "query")
    page.evaluate("ioc.nearest.ask([114.3308, 30.5516])")
    page.wait_for_selector("#nearest-panel[data-state=found]")
    page.fill("#search-input", "xjp")
    page.wait_for_selector("#search-results [role=option]")
    judge(page, "nearest and search")
    page.evaluate("ioc.replayPanel.open()")
    page.wait_for_selector("#replay-panel[data-busy=false] #replay-drawing rect")
    judge(page, "replay")


def test_the_other_pages(server: Any, page: Page) -> None:
    for path in PAGES:
        page.goto(server.address + path)
        judge(page, path)


def test_the_review_queue(server: Any, page: Page) -> None:
    component = last_component(server)
    with server.client("urban") as urban:
        form = urban.get(f"/edits/features/component/{component}").json()
        change = {"layer": "component", "feature": component, "kind": "change", "values": {"note": "无障碍"}}
        sent = urban.post("/edits", json={**change, "reason": "核实", "revision": form["revision"]}).json()
    page.goto(server.address + "/review")
    page.wait_for_selector("#review-map[data-state=complete]")
    judge(page, "review")
    with server.client("urban") as urban:
        urban.post("/edits/decisions", json={"ids": [sent["edit"]], "decision": "withdrawn"})
