"""A Chromium that draws WebGL in software, and pages of the map opened as one of the demo accounts."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
"""The system's; where it has none, the one that set-up let Playwright fetch."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--no-first-run",
]
PATIENCE = 60_000  # milliseconds; a bound for a loaded machine, not a measure

OpenMap = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for a module; gone after it, for Playwright keeps an event loop in the tests' thread."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_map(server: Any, browser: Browser) -> Iterator[OpenMap]:
    """Opens the one map as an account; fails the test at its end if the page had an error in a script."""
    contexts, faults = [], []

    def opened(account: str = "admin", width: int = 1366, height: int = 768, **options: Any) -> Page:
        # Waiting for an expression evaluates text, which the content policy forbids; its own test proves it.
        options = {"bypass_csp": True, **options}
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        client = server.client(account)
        secret = client.cookies["ioc_session"]
        client.close()
        context.add_cookies([{"name": "ioc_session", "value": secret, "url": server.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.address + "/")
        page.wait_for_selector("body[data-map-state=complete]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults
