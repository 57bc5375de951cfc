"""Alarms over HTTP: listed within rights, acted on once, silenced, their rules changed in order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from etl.alarms.judge import AlarmJudge
from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from ioc.accounts import issue_kiosk_link

Client = Callable[[str], httpx.Client]


def test_an_alarm_from_reading_to_clearing(server: Any, client: Client) -> None:
    with server.store.owner_connection() as connection:
        code = connection.execute(
            "SELECT d.code FROM ioc.device d JOIN ioc.metric m ON m.device_code = d.code "
            "WHERE m.metric = 'DEPTH' AND d.area_code NOT LIKE '420106012%' ORDER BY 1 LIMIT 1"
        ).fetchone()[0]
    intake = Intake(server.store.app_url, AlarmJudge())
    now = datetime.now(UTC)
    intake.take([Reading(code, "DEPTH", now - timedelta(seconds=s), 61.0) for s in (90, 0)])
    duty, street, leader = client("duty"), client("street"), client("leader")
    (found,) = duty.get("/alarms/list", params={"device": code, "severity": 1}).json()["alarms"]
    assert (found["severity"], found["state"], found["value"], found["may_act"]) == (1, "raised", 61.0, True)
    assert "r" not in found
    assert street.get("/alarms/list", params={"device": code}).json()["alarms"] == []
    assert street.get(f"/alarms/{found['id']}").status_code == 404
    steps = f"/alarms/{found['id']}/steps"
    assert street.post(steps, json={"action": "acknowledged"}).status_code == 404
    assert leader.post(steps, json={"action": "acknowledged"}).status_code == 403
    assert duty.post(steps, json={"action": "acknowledged"}).json()["state"] == "acknowledged"
    assert duty.post(steps, json={"action": "acknowledged"}).status_code == 409
    assert duty.post(steps, json={"action": "cleared"}).status_code == 400
    intake.take([Reading(code, "DEPTH", now + timedelta(seconds=s), 0.0) for s in (1, 62)])
    intake.close()
    assert [step["action"] for step in duty.get(f"/alarms/{found['id']}").json()["steps"]] == [
        "raised", "acknowledged", "cleared",
    ]  # fmt: skip
    assert duty.get("/alarms").status_code == 200


def test_nobody_acts_through_a_wall_screen(server: Any) -> None:
    with server.store.owner_connection() as connection:
        duty = connection.execute("SELECT id FROM ioc.account WHERE name = 'duty'").fetchone()[0]
        link = issue_kiosk_link(connection, duty)
    with httpx.Client(base_url=server.address, follow_redirects=True) as screen:
        assert screen.get("/kiosk", params={"token": link}).status_code == 200
        listed = screen.get("/alarms/list", params={"state": "all"})
        assert listed.status_code == 200
        assert not any(one["may_act"] for one in listed.json()["alarms"])
        assert screen.post("/alarms/1/steps", json={"action": "acknowledged"}).status_code == 403
        assert screen.post("/alarms/silences/1/lift").status_code == 403
        case = screen.get("/cases/list", params={"state": "all"}).json()["cases"][0]["id"]
        assert screen.get(f"/cases/{case}").json()["actions"] == []
        urge = {"action": "urge", "version": 1, "opinion": "催办"}
        assert screen.post(f"/cases/{case}/steps", json=urge).status_code == 403
        assert screen.post("/cases", json={"matter": "06010", "lon": 114.3, "lat": 30.5}).status_code == 403


def test_silences_and_rules_are_held_to_sense(client: Client) -> None:
    duty, steward = client("duty"), client("steward")
    begins = datetime.now(UTC)
    times = {"begins_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=1)).isoformat()}
    assert duty.post("/alarms/silences", json={**times, "reason": "检修"}).status_code == 422
    backwards = {"begins_at": times["ends_at"], "ends_at": times["begins_at"]}
    silence = {"rule": "gas", "reason": "检修"}
    assert duty.post("/alarms/silences", json={**backwards, **silence}).status_code == 422
    for named in ("device", "station", "area", "rule"):
        refused = duty.post("/alarms/silences", json={**times, "reason": "检修", named: "999x"})
        assert refused.status_code == 400
        assert "999x" in refused.json()["detail_zh"]
    made = duty.post("/alarms/silences", json={**times, **silence}).json()["id"]
    (listed,) = [s for s in steward.get("/alarms/silences/list").json()["silences"] if s["id"] == made]
    assert listed["rule"] == "gas"
    assert steward.post(f"/alarms/silences/{made}/lift").status_code == 404
    assert duty.post(f"/alarms/silences/{made}/lift").status_code == 200
    path = "/alarms/rules/waterlogging"
    wrong = {"change": {"limits": {"4": 30}}, "reason": "试"}
    assert steward.post(path, json=wrong).json()["detail"] == "A worse severity needs a limit farther out."
    assert (
        steward.post("/alarms/rules/gas", json={"change": {"limits": {"4": 1}}, "reason": "试"}).status_code
        == 400
    )
    assert steward.post("/alarms/rules/nonsense", json={"change": {}, "reason": "试"}).status_code == 404
    assert duty.post(path, json={"change": {}, "reason": "试"}).status_code == 403
    assert steward.post(path, json={"change": {"hold_s": 30}, "reason": "试"}).status_code == 200
    rules = steward.get("/alarms/rules/list").json()
    assert rules["may_change"]
    assert [(c["rule"], c["change"]) for c in rules["changes"]] == [("waterlogging", {"hold_s": 30.0})]
    assert steward.post(path, json={"change": {}, "reason": "复原"}).status_code == 200
