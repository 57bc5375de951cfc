"""A round of what people do with the one map, by mouse and keyboard, for measuring long use."""

from typing import TYPE_CHECKING

from ioc.bench.map_view import own_is_whole

if TYPE_CHECKING:
    from playwright.sync_api import Page

SEARCHED = "水果湖"


def use_once(page: "Page") -> None:
    """One round of all of it."""
    look_around(page)
    search_and_switch(page)


def look_around(page: "Page") -> None:
    """Pan, zoom in, click a thing, close its record, pan back and zoom out."""
    size = page.viewport_size or {"width": 0, "height": 0}
    x, y = size["width"] * 0.6, size["height"] * 0.55
    _drag(page, x, y, -180, 60)
    _wheel(page, x, y, -1, 5)
    page.mouse.click(x, y)
    page.wait_for_timeout(500)
    page.keyboard.press("Escape")
    _drag(page, x, y, 200, -80)
    _wheel(page, x, y, 1, 5)


def search_and_switch(page: "Page") -> None:
    """Search a place, come home, switch a layer off and on, change the theme and change it back."""
    _search(page)
    page.locator("#map-buttons button").last.click()
    own_is_whole(page)
    for _ in range(2):
        page.locator("[data-layer=pipe_segment] input[role=switch]").click()
        own_is_whole(page)
    for theme in ("day", "night"):
        page.evaluate("(theme) => ioc.applyTheme(theme)", theme)
        page.wait_for_timeout(500)
        own_is_whole(page)


def _drag(page: "Page", x: float, y: float, dx: float, dy: float) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=12)
    page.mouse.up()
    page.wait_for_timeout(300)
    own_is_whole(page)


def _wheel(page: "Page", x: float, y: float, direction: int, times: int) -> None:
    page.mouse.move(x, y)
    for _ in range(times):
        page.mouse.wheel(0, direction * 200)
        page.wait_for_timeout(300)
    own_is_whole(page)


def _search(page: "Page") -> None:
    box = page.locator("#search-box input")
    box.fill(SEARCHED)
    page.wait_for_timeout(600)
    box.press("Enter")
    page.wait_for_timeout(600)
    own_is_whole(page)
    box.fill("")
    page.keyboard.press("Escape")
