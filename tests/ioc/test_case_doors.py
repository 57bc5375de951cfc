"""The doors by which cases come in: JSON of hotlines, Open311 of citizens' clients."""

import secrets
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from geodata.store import Store
from ioc.feed_source import add_source
from ioc.settings import Settings
from ioc.web import create_app
from tests.geodata.case_accounts import put, report

PLACE = {"lon": 114.3331, "lat": 30.5461}


def source_token(store: Store, name: str = "hotline") -> str:
    with store.owner_connection() as owner:
        return add_source(owner, name, ["cases"])


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    settings = Settings(requests_per_second=0)  # pyright: ignore[reportCallIssue]  # every field has a default
    own = Store(store.app_url, store.owner_url)
    with TestClient(create_app(settings, own), raise_server_exceptions=False) as opened:
        yield opened


def kept(store: Store) -> list[tuple[str, str]]:
    with store.owner_connection() as owner:
        return owner.execute("SELECT source, source_code FROM ioc.case_file ORDER BY id").fetchall()


def test_a_hotline_hands_in_cases_once(store: Store, client: TestClient) -> None:
    headers = {"authorization": f"Bearer {source_token(store)}"}
    rows = [
        {"number": "HX-1", "matter": "06010", **PLACE, "reporter": {"phone": "13800000000"}},
        {
            "number": "HX-2",
            "matter": "道路破损",
            "address": "中南路 1 号",
            "reported_at": "2026-03-04T08:00:00+08:00",
        },
        {"number": "HX-3", "matter": "99999", **PLACE},
        {"number": "HX-4", "matter": "06010", "lon": 1140, "lat": 30},
        {"number": "HX-5", "matter": "06010", **PLACE, "frame": "GCJ-02"},
    ]
    first = client.post("/ingest/cases", json={"cases": rows}, headers=headers).json()
    again = client.post("/ingest/cases", json={"cases": rows}, headers=headers).json()
    assert [one["number"] for one in first["cases"]] == ["HX-1", "HX-2", "HX-5"]
    assert [one["known"] for one in first["cases"]] == [False] * 3
    assert [one["known"] for one in again["cases"]] == [True] * 3
    assert [one["code"] for one in again["cases"]] == [one["code"] for one in first["cases"]]
    assert [one["row"] for one in first["refused"]] == [2, 3]
    assert "no matter “99999”" in first["refused"][0]["reason"]
    assert kept(store) == [("hotline", "HX-1"), ("hotline", "HX-2"), ("hotline", "HX-5")]
    with store.owner_connection() as owner:
        places = owner.execute(
            "SELECT ST_X(c.geom), ST_Y(c.geom), c.title, r.phone FROM ioc.case_file c "
            "LEFT JOIN ioc.case_reporter r ON r.case_id = c.id ORDER BY c.id"
        ).fetchall()
    assert places[0] == (PLACE["lon"], PLACE["lat"], "暴露垃圾", "13800000000")
    assert places[1][:3] == (None, None, "道路破损")
    # GCJ-02 lies about 530 m off in Wuhan.
    assert 0.004 < PLACE["lon"] - places[2][0] < 0.007


def test_without_a_token_nothing_comes_in(store: Store, client: TestClient) -> None:
    for token in ("", "iocs_wrong", "x"):
        answer = client.post(
            "/ingest/cases", json={"cases": []}, headers={"authorization": f"Bearer {token}"} if token else {}
        )
        assert answer.status_code == 401
    refused = client.post(
        "/open311/v2/requests.json", data={"api_key": "x", "service_code": "06010", "lat": 30}
    )
    assert refused.status_code == 403
    assert refused.json()[0]["code"] == "403"
    assert kept(store) == []


def test_open311_says_what_may_be_reported(client: TestClient) -> None:
    endpoint = client.get("/open311/v2/discovery.json").json()["endpoints"][0]
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["url"].endswith("/open311/v2")
    services = client.get("/open311/v2/services.json").json()
    rubbish = next(one for one in services if one["service_code"] == "06010")
    assert rubbish["service_name"] == "暴露垃圾"
    assert {"service_code", "service_name", "description", "metadata", "type", "keywords", "group"} == set(
        rubbish
    )
    answer = client.get("/open311/v2/services.xml")
    assert answer.headers["content-type"].startswith("text/xml")
    tree = ElementTree.fromstring(answer.content)
    assert tree.tag == "services"
    assert len(tree.findall("service")) == len(services)
    definition = client.get("/open311/v2/services/06010.json").json()
    assert definition[0]["service_code"] == "06010"
    missing = client.get("/open311/v2/services/1.xml")
    assert missing.status_code == 404
    assert ElementTree.fromstring(missing.content).findtext("error/code") == "404"


def test_open311_takes_a_report_and_tells_what_becomes_of_it(store: Store, client: TestClient) -> None:
    key, other = source_token(store, "app"), source_token(store, "other")
    sent = {
        "api_key": key,
        "service_code": "06010",
        "lat": "30.5461",
        "long": "114.3331",
        "description": "垃圾没人收",
        "email": "a@example.cn",
        "first_name": "李",
        "media_url": "https://example.cn/1.jpg",
    }
    answer = client.post("/open311/v2/requests.json", data=sent, headers={"idempotency-key": "k1"})
    assert answer.status_code == 201
    number = answer.json()[0]["service_request_id"]
    again = client.post("/open311/v2/requests.xml", data=sent, headers={"idempotency-key": "k1"})
    assert ElementTree.fromstring(again.content).findtext("request/service_request_id") == number
    second = client.post("/open311/v2/requests.json", data={**sent, "service_code": "06012"}).json()
    found = client.get(f"/open311/v2/requests/{number}.json", params={"api_key": key}).json()
    assert len(found) == 1
    request = found[0]
    assert request["status"] == "open"
    assert request["service_code"] == "06010"
    assert (request["lat"], request["long"]) == (30.5461, 114.3331)
    assert "a@example.cn" not in str(found)
    token = client.get(f"/open311/v2/tokens/{number}.json", params={"api_key": key}).json()
    assert token == [{"service_request_id": number, "token": number}]
    with store.owner_connection() as owner:
        row = owner.execute("SELECT id FROM ioc.case_file WHERE code = %s", [number]).fetchone()
    assert row is not None
    put(store, row[0], state="closed")

    def listed(**wanted: str) -> list[str]:
        found = client.get("/open311/v2/requests.json", params={"api_key": key, **wanted}).json()
        return [one["service_request_id"] for one in found]

    assert listed(status="closed") == [number]
    assert listed(status="open") == [second[0]["service_request_id"]]
    assert listed(service_code="06010") == [number]
    assert set(listed()) == {number, second[0]["service_request_id"]}
    assert listed(start_date="2020-01-01T00:00:00Z", end_date="2020-02-01T00:00:00Z") == []
    assert listed(service_request_id=f"{number},x") == [number]
    # Another source is told nothing of it.
    assert client.get("/open311/v2/requests.json", params={"api_key": other}).json() == []
    assert client.get(f"/open311/v2/requests/{number}.json", params={"api_key": other}).status_code == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"service_code": ""}, "service_code"),
        ({"service_code": "99999"}, "99999"),
        ({"lat": "", "long": ""}, "where"),
        ({"lat": "north"}, "north"),
        ({"lat": "300"}, "300"),
    ],
)
def test_open311_says_what_is_wrong(
    store: Store, client: TestClient, change: dict[str, str], said: str
) -> None:
    sent = {"api_key": source_token(store), "service_code": "06010", "lat": "30", "long": "114", **change}
    answer = client.post("/open311/v2/requests.json", data=sent)
    assert answer.status_code == 400
    assert said in answer.json()[0]["description"]


def test_who_reported_is_shown_to_those_who_call_back_and_that_is_kept(server: Any) -> None:
    number = secrets.token_hex(4)
    case = report(server.store, number, reporter={"name": "李小明", "phone": "13812345678"})
    with server.client("dispatch") as receiver, server.client("urban") as other:
        for client in (receiver, other):
            assert "13812345678" not in client.get(f"/cases/{case}").text
            assert "138****5678" in client.get(f"/cases/{case}").text
        assert receiver.get(f"/cases/{case}/reporter").json()["reporter"]["phone"] == "13812345678"
        assert other.get(f"/cases/{case}/reporter").status_code == 404
        assert "13812345678" not in receiver.get("/cases/list", params={"words": number}).text
    with server.store.owner_connection() as owner:
        looks = owner.execute(
            "SELECT count(*) FROM ioc.audit_entry e JOIN ioc.case_file c ON c.code = e.subject "
            "WHERE e.action = 'view' AND e.layer = 'case_reporter' AND c.id = %s",
            [case],
        ).fetchone()
    assert looks == (1,)
