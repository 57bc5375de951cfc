"""A session that has ended leads to the sign-in and back to the same view; a server that is down is said."""

from typing import Any

from tests.browser.conftest import OpenMap
from tests.browser.map_page import look


def test_a_lost_session_comes_back_to_the_view_it_left(server: Any, open_map: OpenMap) -> None:
    page = open_map("leader")
    look(page, 114.31, 30.55, 16)
    left = page.evaluate("location.hash")
    assert len(left) > 1
    page.context.clear_cookies()
    page.mouse.click(700, 400)
    page.wait_for_url("**/sign-in?next=*")
    page.fill("#name", "leader")
    page.fill("#password", server.passwords["leader"])
    page.click("button[type=submit]")
    page.wait_for_selector("body[data-map-state=complete]")
    assert page.evaluate("location.hash") == left


def test_a_server_that_is_down_is_said_in_the_card(open_map: OpenMap) -> None:
    page = open_map("leader")
    page.route("**/identify*", lambda route: route.abort())
    page.mouse.click(700, 400)
    said = page.evaluate("ioc.text('problem_unreachable')")
    page.locator("#record-card, #banner").filter(has_text=said).first.wait_for()
