"""The running program over HTTP: what is open, what is refused, what a viewer gets."""

import httpx
import pytest

from tests.conftest import RunningServer


def test_health_is_open_and_metrics_are_not(server: RunningServer) -> None:
    assert httpx.get(f"{server.address}/health").json()["status"] == "ok"
    assert httpx.get(f"{server.address}/metrics").status_code == 401
    with server.client("admin") as client:
        assert "ioc_tile" in client.get("/metrics").text


@pytest.mark.parametrize(
    "path", ["/", "/layers", "/tiles/road/14/13392/6731.mvt", "/search?q=a", "/openapi.json"]
)
def test_nothing_is_served_to_nobody(server: RunningServer, path: str) -> None:
    assert httpx.get(server.address + path).status_code == 401


def test_an_unknown_address_is_not_the_map(server: RunningServer) -> None:
    with server.client("admin") as client:
        assert client.get("/").headers["content-type"].startswith("text/html")
        answer = client.get("/nonsense/here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_follows_a_link_to_nowhere_reads_a_sentence_in_their_language(server: RunningServer) -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    with server.client("water") as client:
        lost = client.get("/nonsense", headers=browser)
        assert lost.status_code == 404
        assert lost.headers["content-type"].startswith("text/html")
        assert "没有“/nonsense”这个页面。" in lost.text
        assert "content-security-policy" in lost.headers
        refused = client.get("/admin?lang=en", headers=browser)
        assert refused.status_code == 403
        assert "Your account has no right to this." in refused.text
        assert 'href="/"' in refused.text
        assert client.get("/catalogue", headers=browser).status_code == 200


def test_the_pages_frame_names_the_district_and_says_it_is_a_demo(server: RunningServer) -> None:
    with server.client("leader") as client:
        page = client.get("/").text
    assert "武昌区" in page
    assert '"synthetic":true' in page


def test_a_viewer_without_the_right_to_cameras_gets_none_by_any_door(server: RunningServer) -> None:
    with server.client("duty") as duty, server.client("water") as water:
        listed = {one["id"] for group in duty.get("/layers").json()["groups"] for one in group["layers"]}
        assert "camera" in listed
        listed = {one["id"] for group in water.get("/layers").json()["groups"] for one in group["layers"]}
        assert "camera" not in listed
        tile = "/tiles/camera/12/3348/1682.mvt"
        assert duty.get(tile).status_code == 200
        assert water.get(tile).status_code == 404
        found = [
            hit for hit in duty.get("/search?q=杆001&limit=50").json()["results"] if hit["layer"] == "camera"
        ]
        assert found
        hidden = [
            hit for hit in water.get("/search?q=杆001&limit=50").json()["results"] if hit["layer"] == "camera"
        ]
        assert hidden == []
        place = f"/identify?lon={found[0]['lon']}&lat={found[0]['lat']}&zoom=18"
        assert "camera" in {one["layer"] for one in duty.get(place).json()["layers"]}
        assert "camera" not in {one["layer"] for one in water.get(place).json()["layers"]}
        record = f"/features/camera/items/{found[0]['id']}"
        assert duty.get(record).status_code == 200
        assert water.get(record).status_code == 404
