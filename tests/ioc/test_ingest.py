"""What sources hand in over HTTP: let in by token, bounded, answered row by row, and once."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from geodata.errors import UserError
from ioc.feed_source import add_source, revoke_source
from ioc.ingest_body import unpacked_body
from tests.conftest import RunningServer
from tests.etl.test_photo import JPEG, SECRET

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def door(server: RunningServer) -> Iterator[httpx.Client]:
    with server.store.owner_connection() as connection:
        token = add_source(connection, "water company", ["readings", "positions", "pictures"])
    with httpx.Client(
        base_url=server.address, headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as client:
        yield client
    with server.store.owner_connection() as connection:
        revoke_source(connection, "water company")
    assert client.is_closed
    assert httpx.post(f"{server.address}/ingest/readings", headers=client.headers).status_code == 401


def reading(device: str, minutes: float, value: Any = 1.5, **more: Any) -> dict[str, Any]:
    return {
        "device": device,
        "metric": "Z",
        "at": (NOW - timedelta(minutes=minutes)).isoformat(),
        "value": value,
        **more,
    }


def test_who_hangs_up_before_the_end_is_no_fault_of_the_server() -> None:
    async def hung_up() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "headers": []}, hung_up)
    with pytest.raises(UserError, match="send it again"):
        asyncio.run(unpacked_body(request))


def test_readings_are_answered_by_row_and_a_key_gets_its_answer_again(
    door: httpx.Client, server: RunningServer
) -> None:
    rows = [
        reading("door-1", 1),
        reading("door-1", 2, "wet"),
        reading("door-1", 3, at="2026-07-01 08:00"),
        reading("door-1", 4, None),
        {"device": "door-1"},
        reading("door-1", 1),
        7,
        reading("door-1", 9_999_999),
    ]
    sent = json.dumps({"readings": rows})
    first = door.post("/ingest/readings", content=sent, headers={"Idempotency-Key": "a"})
    assert first.status_code == 200, first.text
    answer = first.json()
    assert (answer["stored"], answer["duplicates"], answer["waiting"]) == (2, 1, 2)
    assert [one["row"] for one in answer["refused"]] == [1, 2, 4, 6, 7]
    assert "zone" in answer["refused"][1]["reason"]
    assert "时区" in answer["refused"][1]["reason_zh"]
    again = door.post("/ingest/readings", content=sent, headers={"Idempotency-Key": "a"})
    assert again.json() == answer
    other = door.post("/ingest/readings", json={"readings": []}, headers={"Idempotency-Key": "a"})
    assert other.status_code == 422
    packed = gzip.compress(json.dumps({"readings": rows[:1]}).encode())
    unpacked = door.post("/ingest/readings", content=packed, headers={"Content-Encoding": "gzip"}).json()
    assert (unpacked["stored"], unpacked["duplicates"]) == (0, 1)
    with server.store.owner_connection() as connection:
        stored = connection.execute(
            "SELECT o.value FROM ioc.observation o JOIN ioc.series s ON s.id = o.series_id "
            "WHERE s.device_code = 'door-1' ORDER BY o.observed_at"
        ).fetchall()
    assert stored == [(None,), (1.5,)]
    with server.client("admin") as admin:
        assert 'ioc_readings_total{outcome="stored"}' in admin.get("/metrics").text


def test_positions_come_in_and_every_row_refused_is_a_problem(
    door: httpx.Client, server: RunningServer
) -> None:
    at = NOW.isoformat()
    given = {"positions": [{"device": "door-2", "at": at, "lon": 114.3, "lat": 30.5, "speed": 36}]}
    assert door.post("/ingest/positions", json=given).json()["stored"] == 1
    wrong = {
        "positions": [{"device": "door-2", "at": at, "lon": 0, "lat": 0}, {"device": "door-2", "at": at}]
    }
    answer = door.post("/ingest/positions", json=wrong)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["row"] for one in answer.json()["refused"]] == [0, 1]
    with server.store.owner_connection() as connection:
        assert connection.execute("SELECT speed FROM ioc.latest_position").fetchone() == (36.0,)


def test_a_picture_is_seen_by_who_may_see_its_device(door: httpx.Client, server: RunningServer) -> None:
    with server.store.owner_connection() as connection:
        found = connection.execute(
            "SELECT code, station_code FROM ioc.device "
            "WHERE device_type = '水位计' AND NOT area_code ^@ '420106012' ORDER BY code LIMIT 1"
        ).fetchone()
    assert found is not None
    device, station = found
    sent = {"device": device, "at": NOW.isoformat()}
    assert door.post("/ingest/pictures", params=sent, content=JPEG).json()["stored"] == 1
    assert door.post("/ingest/pictures", params=sent, content=JPEG).json()["duplicates"] == 1
    for wrong, content in (
        (sent, b"<svg onload=alert(1)>"),
        ({"device": device, "at": "now"}, JPEG),
        ({}, JPEG),
    ):
        answer = door.post("/ingest/pictures", params=wrong, content=content)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")

    with server.client("duty") as duty, httpx.Client(base_url=server.address) as nobody:
        (picture,) = duty.get(f"/stations/{station}/pictures").json()["pictures"]
        assert (picture["device"], picture["width"], picture["height"]) == (device, 640, 480)
        before = (NOW - timedelta(minutes=1)).isoformat()
        assert duty.get(f"/stations/{station}/pictures", params={"at": before}).json() == {"pictures": []}
        address = f"/stations/{station}/pictures/{picture['id']}"
        file = duty.get(address)
        assert (file.headers["content-type"], file.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
        assert SECRET not in file.content
        assert duty.get(f"/stations/elsewhere/pictures/{picture['id']}").status_code == 404
        assert nobody.get(address).status_code == 401
    with server.client("street") as street:
        assert street.get(f"/stations/{station}/pictures").json() == {"pictures": []}
        assert street.get(address).status_code == 404


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"[", {}, 400),
        (b"[]", {}, 400),
        (b'{"readings": 3}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"nonsense", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b'{"readings": []}', mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * (17 << 20), mtime=0), {"Content-Encoding": "gzip"}, 413),
        (json.dumps({"readings": [0] * 10_001}).encode(), {}, 413),
        (b"{}", {"Content-Encoding": "br"}, 400),
        (b"{}", {"Idempotency-Key": "k" * 200}, 400),
        (b"{}", {"Authorization": "Bearer nobody"}, 401),
        (b"{}", {"Authorization": ""}, 401),
    ],
)
def test_what_is_no_request_is_refused_with_one_sentence(
    door: httpx.Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = door.post("/ingest/readings", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text


def test_a_source_sends_only_what_it_may(server: RunningServer) -> None:
    with server.store.owner_connection() as connection:
        token = add_source(connection, "buses", ["positions"])
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{server.address}/ingest/readings", json={"readings": []}, headers=headers)
    assert answer.status_code == 403
    assert "positions" in answer.json()["detail"]


def test_what_came_in_is_read_as_far_as_its_device_is_seen(door: httpx.Client, server: RunningServer) -> None:
    with server.store.owner_connection() as connection:
        row = connection.execute(
            "SELECT d.code, d.station_code, m.metric FROM ioc.device d "
            "JOIN ioc.metric m ON m.device_code = d.code ORDER BY m.metric = 'Z' DESC, d.code LIMIT 1"
        ).fetchone()
    assert row is not None
    device, station, metric = row
    given = [reading(device, 60 * 24 * 3 - n, n % 60, metric=metric) for n in range(3000)]
    given[1000]["value"] = 1e6
    assert door.post("/ingest/readings", json={"readings": given}).json()["stored"] == 3000
    since = (NOW - timedelta(days=4)).isoformat()
    about = {"metric": metric, "from": since}
    with server.client("water") as water:
        latest = water.get(f"/stations/{station}/latest").json()
        found = next(one for one in latest["readings"] if one["device"] == device)
        assert (found["metric"], found["value"]) == (metric, 2999 % 60)
        assert any(one["code"] == station for one in water.get("/stations/latest").json())
        assert water.get("/stations/latest", params={"area": "999999"}).json() == []
        course = water.get(f"/stations/{station}/series", params={**about, "points": 100}).json()
        assert (course["readings"], course["source"]) == (3000, "raw")
        assert len(course["points"]) <= 100
        assert max(value for _at, value in course["points"]) == 1e6
        months = {"metric": metric, "from": (NOW - timedelta(days=60)).isoformat()}
        course = water.get(f"/stations/{station}/series", params=months).json()
        assert (course["readings"], course["source"]) == (3000, "hour")
        assert max(value for _at, value in course["points"]) == 1e6
        sums = water.get(f"/stations/{station}/series", params={**about, "per": "day"}).json()["points"]
        assert sum(value for _at, value in sums) == sum(one["value"] for one in given)
        lines = water.get(f"/stations/{station}/export", params=about).text.splitlines()
        assert lines[0] == "\ufeff时间,数值,单位,质量"
        assert len(lines) == 3001
        # Readings go before hours do: the course of a time whose readings are gone is read from its hours.
        with server.store.owner_connection() as owner:
            first = owner.execute("SELECT min(observed_at::date) FROM ioc.observation").fetchone()
            assert first is not None
            owner.execute(
                "DELETE FROM ioc.observation WHERE observed_at < %s", [first[0] + timedelta(days=1)]
            )
        course = water.get(f"/stations/{station}/series", params=about).json()
        assert (course["readings"], course["source"]) == (3000, "hour")
        assert max(value for _at, value in course["points"]) == 1e6
        assert water.get(f"/stations/{station}/series", params={"metric": "none"}).status_code == 404
        assert water.get(f"/stations/{station}/series", params={**about, "to": since}).status_code == 400
        assert water.get("/stations/door-1/latest").status_code == 404
    with server.store.owner_connection() as connection:
        audited = connection.execute(
            "SELECT account_name FROM ioc.audit_entry WHERE action = 'export' AND subject LIKE %s",
            [f"{station}%"],
        ).fetchone()
        assert audited == ("water",)
        connection.execute("UPDATE ioc.device SET sensitivity = 3 WHERE code = %s", [device])
    with server.client("duty") as duty:
        assert duty.get(f"/stations/{station}/series", params=about).status_code == 404
    with server.store.owner_connection() as connection:
        connection.execute("UPDATE ioc.device SET sensitivity = 1 WHERE code = %s", [device])


def test_a_steward_accepts_a_waiting_device_and_its_readings_show(
    door: httpx.Client, server: RunningServer
) -> None:
    with server.store.owner_connection() as connection:
        row = connection.execute("SELECT min(code) FROM ioc.station").fetchone()
    assert row is not None
    station = row[0]
    given = [reading("wait-1", 2, 4.25), reading("wait-2", 2, 1), reading(f"{station}77", 2, 1)]
    assert door.post("/ingest/readings", json={"readings": given}).json()["waiting"] == 3
    with server.client("steward") as steward:
        page = steward.get("/devices").text
        assert "待接入设备" in page
        assert "wait-1" in page
        assert "4.25" in page
        assert f'name="station:{station}77" value="{station}"' in page
        assert "Devices that wait" in steward.get("/devices?lang=en").text
        nowhere = steward.post("/devices/accept", data={"one": "wait-1", "station:wait-1": "nowhere"})
        assert nowhere.status_code == 409
        assert steward.post("/devices/accept", data={}).status_code == 400
        accepted = {"one": "wait-1", "name:wait-1": "新水位计", "station:wait-1": station}
        assert steward.post("/devices/accept", data=accepted).status_code == 303
        assert steward.post("/devices/accept", data=accepted).status_code == 409
        assert steward.post("/devices/refuse", data={"one": "wait-2"}).status_code == 303
        assert steward.get("/stations/wait-1/latest").json()["readings"][0]["value"] == 4.25
        assert "新水位计" in steward.get("/devices?q=wait-1&state=online").text
    again = [reading("wait-1", 1, 4.5), reading("wait-2", 1, 1)]
    answer = door.post("/ingest/readings", json={"readings": again}).json()
    assert (answer["stored"], answer["waiting"], [one["row"] for one in answer["refused"]]) == (1, 0, [1])
    with server.client("duty") as duty:
        assert duty.get("/devices").status_code == 403
        assert duty.post("/devices/refuse", data={"one": "wait-2"}).status_code == 403
        found = duty.get(f"/stations/{station}/latest").json()["readings"]
        assert next(one["value"] for one in found if one["device"] == "wait-1") == 4.5
    with server.store.owner_connection() as connection:
        actions = connection.execute(
            "SELECT action, account_name, subject FROM ioc.audit_entry WHERE subject LIKE 'wait-%'"
        ).fetchall()
    assert ("device_accept", "steward", "wait-1") in actions
    assert ("device_refuse", "steward", "wait-2") in actions
