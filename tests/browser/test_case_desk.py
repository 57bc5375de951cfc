"""A case from the form on the map to its end: dispatcher and department at their pages, told as it moves."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import PATIENCE, OpenMap
from tests.browser.map_page import click_on, look
from tests.conftest import RunningServer

MATTER = "06010"
"""暴露垃圾: four working hours."""
STREET = "420106012"
"""Where the demo's collector works."""


@pytest.fixture
def desks(server: RunningServer, browser: Browser) -> Iterator["Desks"]:
    opened = Desks(server, browser)
    yield opened
    for context in opened.contexts:
        context.close()
    assert not opened.faults


class Desks:
    """Pages of cases, a browser of its own for each account."""

    def __init__(self, server: RunningServer, browser: Browser) -> None:
        self._server, self._browser = server, browser
        self.contexts: list[BrowserContext] = []
        self.faults: list[str] = []

    def open(self, account: str, path: str) -> Page:
        """The page as the account sees it once it is live."""
        context = self._browser.new_context(viewport={"width": 1366, "height": 768}, bypass_csp=True)
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE)
        with self._server.client(account) as client:
            secret = client.cookies["ioc_session"]
        context.add_cookies([{"name": "ioc_session", "value": secret, "url": self._server.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(self._server.address + path)
        page.wait_for_selector("#live-sign[data-state=live]")
        return page


def place_in_street(server: RunningServer) -> tuple[float, float]:
    with server.store.owner_connection() as owner:
        row = owner.execute(
            "SELECT ST_X(p), ST_Y(p) FROM ioc.component, LATERAL ST_PointOnSurface(geom) AS p "
            "WHERE area_code ^@ %s ORDER BY code LIMIT 1",
            [STREET],
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def act(page: Page, action: str, opinion: str = "", **fields: str) -> None:
    """Takes a step of the chosen case through its form."""
    page.click(f"[data-action={action}]")
    for field, value in fields.items():
        node = page.locator(f"#case-{field}")
        if node.evaluate("node => node.tagName") == "SELECT":
            node.select_option(value)
        else:
            node.fill(value)
    page.fill("#case-opinion", opinion)
    page.click("#case-submit")
    page.wait_for_selector(".case-form", state="detached")
    page.wait_for_selector(f"#case-steps li:first-child[data-action={action}]")


def step_as(server: RunningServer, account: str, case: int, action: str, **content: Any) -> None:
    """A colleague elsewhere takes a step."""
    with server.client(account) as client:
        version = client.get(f"/cases/{case}").json()["case"]["version"]
        sent = {"action": action, "version": version, "opinion": "已看", **content}
        answer = client.post(f"/cases/{case}/steps", json=sent)
        assert answer.status_code == 200, answer.text


def case_code(server: RunningServer, case: int) -> str:
    with server.store.owner_connection() as owner:
        row = owner.execute("SELECT code FROM ioc.case_file WHERE id = %s", [case]).fetchone()
    assert row is not None
    return row[0]


def state_in_row(page: Page, case: int, state: str) -> None:
    page.wait_for_function(
        "([id, state]) => document.querySelector(`[data-case='${id}'] .tag`)?.textContent === state",
        arg=[case, state],
    )


def test_a_case_from_the_map_to_its_end(server: RunningServer, open_map: OpenMap, desks: Desks) -> None:
    lon, lat = place_in_street(server)
    with server.client("dispatch") as client:
        known = client.post("/cases", json={"matter": MATTER, "lon": lon, "lat": lat}).json()

    dispatcher = desks.open("dispatch", "/cases?sort=newest")
    dispatcher.fill("#case-words", "垃圾")
    urban = desks.open("urban", "/cases?mine=true")

    # On the map a colleague is told of the report before, and reports all the same.
    page = open_map("street")
    look(page, lon, lat, 18)
    click_on(page, lon, lat)
    page.click("#report-case")
    page.select_option("#report-major", MATTER[:2])
    page.select_option("#report-matter", MATTER)
    assert known["code"] in page.locator("#report-duplicates li").inner_text()
    page.fill("#report-description", "垃圾外溢到路面")
    page.click("#report-send")
    done = page.wait_for_selector("#report-done")
    assert done is not None
    case = int((done.get_attribute("href") or "").rpartition("#")[2])

    # Found by its number it is shown with what is near it.
    page.click("#report-dialog button.text-button")
    page.fill("#search-input", case_code(server, case))
    page.wait_for_selector("#search-results [aria-selected=true] >> text=待受理")
    page.keyboard.press("Enter")
    assert page.locator("#case-head .case-link").get_attribute("href") == f"/cases?state=all#{case}"
    page.wait_for_selector("[data-around=cameras]:not([hidden])")

    # It is in the dispatcher's list at once; what was being typed is there still.
    row = f"[data-case='{case}']"
    dispatcher.wait_for_selector(row)
    assert "垃圾" in dispatcher.input_value("#case-words")
    assert dispatcher.evaluate("document.activeElement.id") == "case-words"
    dispatcher.click(f"{row} button")
    dispatcher.wait_for_selector("#case-stage-left")
    assert known["code"] in dispatcher.locator("#case-duplicates li").first.inner_text()
    act(dispatcher, "send_verify")
    page.wait_for_selector("#record-card [data-field=state] >> text=核实中")
    page.context.close()
    step_as(server, "street", case, "confirm")
    dispatcher.wait_for_selector("[data-action=register]")
    act(dispatcher, "register", condition=f"event.{first_condition(server)}")
    act(dispatcher, "dispatch", department="urban")

    # The department hears of it without touching the page, sends it back, and gets it again.
    urban.wait_for_selector(row)
    urban.click(f"{row} button")
    urban.wait_for_selector("#case-left")
    act(urban, "return", "不属本单位职责")
    urban.wait_for_selector(row, state="detached")
    state_in_row(dispatcher, case, "已回退")
    act(dispatcher, "reconsider")
    act(dispatcher, "register", condition=f"event.{first_condition(server)}")
    act(dispatcher, "dispatch", department="urban")
    urban.wait_for_selector(row)
    urban.click(f"{row} button")
    act(urban, "start")
    assert urban.locator("[data-action=urge]").count() == 0

    # While the department writes, the chief urges: that is said, and what is written stays.
    urban.click("[data-action=feed_back]")
    urban.fill("#case-opinion", "已清运")
    step_as(server, "duty", case, "urge")
    urban.wait_for_selector("#case-said")
    assert urban.input_value("#case-opinion") == "已清运"
    urban.keyboard.press("Escape")
    urban.click(f"{row} button")
    urban.wait_for_selector("#case-card .tag.bad")
    dispatcher.wait_for_selector("[data-action=suspend]")
    act(
        dispatcher,
        "suspend",
        "道路施工，完工后处置",
        until=dispatcher.evaluate("new Date(Date.now() + 864e6).toISOString().slice(0, 10)"),
    )
    state_in_row(dispatcher, case, "挂账")
    urban.wait_for_selector(".case-actions", state="detached")
    act(dispatcher, "resume")
    urban.wait_for_selector("[data-action=feed_back]")
    urban.click("[data-action=feed_back]")
    urban.set_input_files(
        "#case-photo",
        {"name": "后.png", "mimeType": "image/png", "buffer": urban.locator("#case-card").screenshot()},
    )
    urban.fill("#case-opinion", "已清运")
    urban.click("#case-submit")
    urban.wait_for_function("document.querySelector('#case-steps img')?.naturalWidth > 0")
    # What is no task of the viewer's any more has no buttons.
    assert urban.locator(".case-actions").count() == 0

    dispatcher.wait_for_selector("[data-action=send_check]")
    act(dispatcher, "send_check")
    step_as(server, "street", case, "pass")
    step_as(server, "duty", case, "close")
    dispatcher.wait_for_selector("#case-steps li:first-child[data-action=close]")
    dispatcher.wait_for_selector(row, state="detached")
    assert dispatcher.locator(".case-actions").count() == 0

    dispatcher.click("#case-to-statistics")
    dispatcher.select_option("#statistics-by", "street")
    dispatcher.wait_for_selector(".statistics-table tbody >> text=水果湖街道")
    with dispatcher.expect_download() as taken:
        dispatcher.click("#statistics-csv")
    assert "按期结案率" in taken.value.path().read_text("utf-8-sig")


def first_condition(server: RunningServer) -> str:
    with server.client("dispatch") as client:
        key: str = client.get(f"/cases/conditions/{MATTER}").json()["conditions"][0]["key"]
    return key.removeprefix("event.")
