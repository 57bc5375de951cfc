"""The one map and its clicks break no rule of the content security policy, nor do the office pages."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PATIENCE

PAGES = ["/", "/sign-in", "/admin", "/admin/audit", "/account"]
SPY = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.broken.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


def opened(server: Any, browser: Browser, path: str) -> Page:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(PATIENCE)
    client = server.client("admin")
    context.add_cookies(
        [{"name": "ioc_session", "value": client.cookies["ioc_session"], "url": server.address}]
    )
    client.close()
    page = context.new_page()
    page.add_init_script(SPY)
    page.goto(server.address + path)
    return page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_breaks_no_rule(server: Any, browser: Browser, path: str) -> None:
    page = opened(server, browser, path)
    if path == "/":
        page.wait_for_selector("body[data-map-state=complete]")
        page.mouse.click(700, 400)
        page.wait_for_selector("#record-card:not([hidden])")
    assert page.evaluate("window.broken") == []
    page.context.close()


def test_a_script_that_is_not_the_pages_own_does_not_run(server: Any, browser: Browser) -> None:
    page = opened(server, browser, "/")
    page.wait_for_selector("body[data-map-state=complete]")
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.taken = true";
            document.body.append(script);
        }"""
    )
    page.wait_for_function("window.broken.length > 0")
    assert page.evaluate("window.taken") is None
    page.context.close()
