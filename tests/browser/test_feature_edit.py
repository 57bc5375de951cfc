"""A hydrant drawn on the map by one account, accepted by another, seen by all, photographed, and undone."""

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, look
from tests.conftest import RunningServer
from tests.etl.test_photo import PNG, SECRET

PLACE = (114.3308, 30.5516)
CODE = "42010601001987654"


def component_at(client: httpx.Client) -> list[dict]:
    answer = client.get(
        "/identify", params={"lon": PLACE[0], "lat": PLACE[1], "zoom": 19, "layers": "component"}
    ).json()
    features = [feature for layer in answer["layers"] for feature in layer["features"]]
    return [f for f in features if any(field["value"] == CODE for field in f["record"])]


def fill_and_send(page: Page) -> None:
    page.locator("#edit-add summary").click()
    page.select_option("#edit-target", label="城市部件")
    page.click("#edit-draw")
    click_on(page, *PLACE)
    expect(page.locator("[data-problem=code]")).to_contain_text("未填写")
    expect(page.locator("#edit-send")).to_be_disabled()
    page.fill("#edit-field-name", "消火栓")
    page.fill("#edit-field-code", "123")
    expect(page.locator("[data-problem=code]")).to_contain_text("123")
    page.fill("#edit-field-code", CODE)
    expect(page.locator("[data-problem=code]")).to_be_empty()
    page.fill("textarea[name=reason]", "现场新装")
    page.click("#edit-send")
    expect(page.locator("#edit-panel")).to_be_hidden()


def open_record(page: Page, client: httpx.Client) -> None:
    (found,) = component_at(client)
    page.evaluate(
        "([id, lon, lat]) => ioc.recordCard.open('component', id, '消火栓', { lon, lat })",
        [found["id"], *PLACE],
    )


def test_a_drawn_hydrant_is_reviewed_seen_photographed_and_undone(
    open_map: OpenMap, server: RunningServer
) -> None:
    urban, steward, planner = (server.client(name) for name in ("urban", "steward", "planner"))
    page = open_map("urban")
    look(page, *PLACE, 20)
    fill_and_send(page)
    assert component_at(planner) == []

    desk = open_map("steward")
    expect(desk.locator("#to-review .review-count")).to_have_text("1")
    desk.click("#to-review")
    expect(desk.locator("#review-detail [data-change=code] .is")).to_have_text(CODE)
    desk.wait_for_selector("#review-map[data-state=complete]")
    desk.click("#review-reject")
    expect(desk.locator("#review-said")).to_contain_text("原因")
    desk.click("#review-accept")
    expect(desk.locator("#review-said")).to_contain_text("已通过 1 项")

    (seen,) = component_at(planner)
    assert planner.get(f"/features/component/items/{seen['id']}").json()["properties"]["name"] == "消火栓"
    assert planner.get(f"/edits/features/component/{seen['id']}").json()["may_propose"] is False

    photo = urban.post(f"/edits/photos/component/{seen['id']}", params={"reason": "竣工"}, content=PNG)
    assert photo.status_code == 201, photo.text
    assert not photo.json()["accepted"]
    rubbish = urban.post(f"/edits/photos/component/{seen['id']}", content=b"<svg onload=alert(1)>")
    assert rubbish.status_code == 400
    decided = steward.post("/edits/decisions", json={"ids": [photo.json()["edit"]], "decision": "accepted"})
    assert decided.json()["results"] == [{"id": photo.json()["edit"], "done": True}]
    sent = planner.get(f"/edits/{photo.json()['edit']}/photo")
    assert sent.headers["content-type"] == "image/png"
    assert SECRET not in sent.content

    desk.goto(f"{server.address}/")
    desk.wait_for_selector("body[data-map-state=complete]")
    open_record(desk, steward)
    picture = desk.locator(".edit-photos img")
    expect(picture).to_be_visible()
    assert picture.evaluate("async (image) => { await image.decode(); return image.naturalHeight; }") == 2
    desk.locator("#edit-history summary").click()
    desk.once("dialog", lambda dialog: dialog.accept("重复登记"))
    desk.locator("#edit-history li", has_text="新增").locator(".edit-undo").click()
    expect(desk.locator("#banner")).to_contain_text("已撤销")
    assert component_at(planner) == []
    history = steward.get("/edits", params={"dataset": "component"}).json()["edits"]
    assert [(one["kind"], one["state"]) for one in history] == [
        ("remove", "accepted"),
        ("photo", "accepted"),
        ("add", "undone"),
    ]
