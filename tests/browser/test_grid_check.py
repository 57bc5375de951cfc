"""The check of unit grids on the one map: who has it, what it lists, what it draws."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenMap


@pytest.fixture
def renamed_grid(server: Any) -> Iterator[str]:
    """The code of a grid that begins with another community while the test runs."""
    with server.store.owner_connection() as connection:
        row = connection.execute(
            "SELECT dataset_id, id, code FROM ioc.unit_grid WHERE area_m2 < 30000 ORDER BY code LIMIT 1"
        ).fetchone()
        assert row is not None
        dataset_id, feature_id, code = row
        other = connection.execute(
            "SELECT code || '999' FROM ioc.community WHERE code <> left(%s, 12) ORDER BY code LIMIT 1", [code]
        ).fetchone()
        assert other is not None
        change = "UPDATE ioc.unit_grid SET code = %s WHERE (dataset_id, id) = (%s, %s)"
        connection.execute(change, [other[0], dataset_id, feature_id])
        connection.commit()
        yield other[0]
        connection.execute(change, [code, dataset_id, feature_id])


def test_violations_are_listed_drawn_and_shown_closely(open_map: OpenMap, renamed_grid: str) -> None:
    page = open_map("steward")
    page.click("#check-grids")
    page.wait_for_selector(".grid-violations button")
    panel = page.locator("#grid-check")
    fault = panel.locator(".grid-violations button", has_text=renamed_grid)
    expect(fault).to_contain_text("编码前缀与所在社区不符")
    expect(fault).to_contain_text("却是 " + renamed_grid[:12])
    panel.locator("[data-rule=prefix]").click()
    expect(panel.locator(".grid-violations button")).to_have_count(1)
    before = page.evaluate("ioc.leaflet.getZoom()")
    fault.click()
    expect(fault).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("(zoom) => ioc.leaflet.getZoom() > zoom + 2", arg=before)
    expect(page.locator("#map .leaflet-overlay-pane path.leaflet-interactive")).to_have_count(1)
    page.click("#language-switch")
    expect(fault).to_contain_text("Code does not begin with its community")
    page.click("#close-grid-check")
    expect(panel).to_be_hidden()
    expect(page.locator("#map .leaflet-overlay-pane path.leaflet-interactive")).to_have_count(0)


def test_who_may_not_check_has_no_button(open_map: OpenMap) -> None:
    page = open_map("leader")
    page.wait_for_function("document.querySelector('#user-menu .menu b')?.textContent")
    expect(page.locator("[data-layer=unit_grid]")).to_be_visible()
    expect(page.locator("#check-grids")).to_have_count(0)
