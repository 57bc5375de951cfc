"""A hydrant drawn on the map by one account, accepted by another, seen by all, photographed, and undone."""

import re

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, look
from tests.browser.test_accessibility import serious
from tests.conftest import RunningServer
from tests.etl.test_photo import PNG, SECRET

PLACE = (114.3308, 30.5516)
CODE = "42010601001987654"
CLASS = "供水井盖 01001"


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
    page.select_option("#edit-class", label=CLASS)
    expect(page.locator("#edit-field-name")).to_have_value(CLASS.split()[0])
    suggested = page.locator("#edit-field-code")
    expect(suggested).to_have_value(re.compile(r"42010601001\d{6}"))
    expect(page.locator("[data-problem=code]")).to_be_empty()
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
    desk.fill("#review-note", "现场核实过")
    desk.reload()
    expect(desk.locator("#review-note")).to_have_value("现场核实过")
    desk.wait_for_selector("#review-map[data-state=complete]")
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
    desk.locator("#edit-history li", has_text="新增").locator(".edit-undo").click()
    desk.keyboard.press("Escape")
    expect(desk.locator("#reason-dialog")).to_have_count(0)
    expect(desk.locator("#record-card")).to_be_visible()
    desk.locator("#edit-history li", has_text="新增").locator(".edit-undo").click()
    desk.click("#reason-send")
    expect(desk.locator("#reason-dialog")).to_be_visible()
    desk.keyboard.type("重复登记")
    desk.keyboard.press("Tab")
    desk.keyboard.press("Enter")
    expect(desk.locator("#banner")).to_contain_text("已撤销")
    assert component_at(planner) == []
    history = steward.get("/edits", params={"dataset": "component"}).json()["edits"]
    of_hydrant = [(one["kind"], one["state"]) for one in history if one["feature_id"] == seen["id"]]
    assert of_hydrant == [("remove", "accepted"), ("photo", "accepted"), ("add", "undone")]


def test_a_pipe_gets_and_loses_vertices_and_a_change_made_meanwhile_is_shown(
    open_map: OpenMap, server: RunningServer
) -> None:
    with server.store.owner_connection() as connection:
        row = connection.execute(
            "SELECT id, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)) FROM ioc.pipe_segment "
            "WHERE ST_NPoints(geom) = 2 ORDER BY abs(ST_Length(geom::geography) - 20) LIMIT 1"
        ).fetchone()
    assert row is not None
    pipe, *place = row
    water, steward = server.client("water"), server.client("steward")
    page = open_map("water")
    look(page, place[0], place[1], 20)
    page.evaluate(
        "([id, lon, lat]) => ioc.recordCard.open('pipe_segment', id, '管线', { lon, lat })", [pipe, *place]
    )
    page.click("#edit-move")
    vertices, middles = page.locator(".edit-handle:not(.edit-between)"), page.locator(".edit-between")
    expect(vertices).to_have_count(2)
    middles.click()
    expect(vertices).to_have_count(3)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+z")
    expect(vertices).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(vertices).to_have_count(2)
    middles.click()
    page.keyboard.press("Delete")
    expect(vertices).to_have_count(2)
    page.keyboard.press("Delete")
    expect(vertices).to_have_count(2)

    form = water.get(f"/edits/features/pipe_segment/{pipe}").json()
    change = {"layer": "pipe_segment", "feature": pipe, "kind": "change", "reason": "核实"}
    sent = water.post(
        "/edits", json={**change, "values": {"owner": "区水务局"}, "revision": form["revision"]}
    ).json()
    decided = steward.post("/edits/decisions", json={"ids": [sent["edit"]], "decision": "accepted"}).json()
    assert decided["results"] == [{"id": sent["edit"], "done": True}]
    page.fill("#edit-field-note", "我的备注")
    expect(page.locator("#edit-conflict [data-change=owner] .is")).to_have_text("区水务局")
    expect(page.locator("#edit-send")).to_be_disabled()
    assert serious(page) == []
    page.click("#edit-go-on")
    expect(page.locator("#edit-field-note")).to_have_value("我的备注")
    expect(page.locator("#edit-field-owner")).to_have_value("区水务局")
    page.fill("textarea[name=reason]", "补录")
    page.context.clear_cookies(name="ioc_session")
    page.fill("#edit-field-note", "写到一半会话结束")
    page.wait_for_url("**/sign-in?next=*")
    page.fill("#name", "water")
    page.fill("#password", server.passwords["water"])
    page.click("button[type=submit]")
    page.click("#edit-kept-go-on")
    expect(page.locator("#edit-field-note")).to_have_value("写到一半会话结束")
    expect(page.locator("textarea[name=reason]")).to_have_value("补录")
    page.click("#edit-send")
    expect(page.locator("#edit-panel")).to_be_hidden()
    assert page.evaluate("Object.keys(sessionStorage)") == []
    history = water.get(f"/edits/features/pipe_segment/{pipe}").json()["history"]
    assert [c["name"] for c in history[0]["changes"]] == ["note"]
