"""Base maps of other services, against one run here: its key stays, tiles are kept, faults are said."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from layers.basemap import PACKAGED, BasemapFileError, read_basemaps
from layers.basemap_http import PictureStore, basemap_router
from layers.problem import add_problem_handlers

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(400)
SECRET = "s3cret-key"


class Upstream(ThreadingHTTPServer):
    """A tile service that notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Upstream)
        self.server.asked.append(self.path)
        if "/moved/" in self.path:
            self.send_response(302)
            self.send_header("Location", "/good/1/1/1?tk=x")
            self.end_headers()
            return
        self.send_response(500 if "/broken/" in self.path else 200)
        self.end_headers()
        self.wfile.write(b"<html>no such key</html>" if "/words/" in self.path else PICTURE)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(upstream: Upstream, tmp_path: Path) -> Iterator[TestClient]:
    folder = tmp_path / "basemaps"
    folder.mkdir()
    address = f"http://127.0.0.1:{upstream.server_port}"
    for name in ("good", "broken", "words", "moved"):
        (folder / f"{name}.toml").write_text(
            f'title = {{ zh = "{name}", en = "{name}" }}\nkey = "tianditu"\nmax_zoom = 16\n'
            f'url = "{address}/{name}/{{z}}/{{x}}/{{y}}?tk={{key}}"\n'
        )
    (folder / "wms.toml").write_text(
        f'title = {{ zh = "正射影像", en = "Orthophoto" }}\nurl = "{address}/wms?bbox={{bbox}}&width=256"\n'
    )
    app = FastAPI()
    add_problem_handlers(app)
    app.include_router(basemap_router(read_basemaps([folder], {"tianditu": SECRET}), tmp_path / "cache"))
    with TestClient(app) as opened:
        yield opened


def test_a_tile_is_fetched_once_and_the_key_stays_here(client: TestClient, upstream: Upstream) -> None:
    for _ in range(3):
        answer = client.get("/basemap/good/3/2/1")
        assert answer.content == PICTURE
        assert answer.headers["content-type"] == "image/png"
        assert SECRET not in str(answer.headers)
    assert upstream.asked == [f"/good/3/2/1?tk={SECRET}"]
    listed = client.get("/basemaps")
    assert {one["id"] for one in listed.json()["basemaps"]} == {"good", "broken", "words", "moved", "wms"}
    assert SECRET not in listed.text


def test_a_wms_is_asked_by_box(client: TestClient, upstream: Upstream) -> None:
    assert client.get("/basemap/wms/1/1/0").content == PICTURE
    assert upstream.asked == ["/wms?bbox=0.0,0.0,20037508.342789244,20037508.342789244&width=256"]


@pytest.mark.parametrize("name", ["broken", "words", "moved"])
def test_a_service_without_a_picture_is_said_and_not_kept(
    client: TestClient, upstream: Upstream, name: str
) -> None:
    for _ in range(2):
        answer = client.get(f"/basemap/{name}/1/1/1")
        assert answer.status_code == 502
        assert SECRET not in answer.text
        assert str(upstream.server_port) not in answer.text
    assert [path.partition("?")[0] for path in upstream.asked] == [f"/{name}/1/1/1"] * 2


@pytest.mark.parametrize("path", ["none/1/0/0", "good/17/0/0", "good/1/2/0", "good/1/0/-1", "good/-1/0/0"])
def test_what_is_not_there_is_not_asked_for(client: TestClient, upstream: Upstream, path: str) -> None:
    assert client.get(f"/basemap/{path}").status_code == 404
    assert upstream.asked == []


def test_tianditu_needs_its_key() -> None:
    assert read_basemaps([PACKAGED], {"tianditu": None}) == {}
    offered = read_basemaps([PACKAGED], {"tianditu": "k&e"})
    assert set(offered) == {"tianditu_vector", "tianditu_image"}
    assert (
        offered["tianditu_image"].address(5, 26, 13).endswith("TILEMATRIX=5&TILEROW=13&TILECOL=26&tk=k%26e")
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("title = 1", "title"),
        ("colour = 1", "not known"),
        ('title = { zh = "a", en = "b" }\nurl = "ftp://x/{z}/{x}/{y}"', "http"),
        ('title = { zh = "a", en = "b" }\nurl = "http://x/{z}/{y}"', "must hold"),
        ('title = { zh = "a", en = "b" }\nurl = "http://x/{z.__class__}/{x}/{y}"', "must hold"),
        ('title = { zh = "a", en = "b" }\nurl = "http://x/{z/{x}/{y}"', "braces|must hold"),
        ('title = { zh = "a", en = "b" }\nurl = "http://x/{bbox}"\nmax_zoom = 40', "in order"),
        ('key = "google"', "must be one of"),
        ("[", "no"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(BasemapFileError, match=fault) as refusal:
        read_basemaps([tmp_path], {"tianditu": None})
    assert "wrong.toml" in str(refusal.value)


def test_the_cache_stays_within_its_bound(tmp_path: Path) -> None:
    pictures = PictureStore(tmp_path, limit=5000)
    for number in range(40):
        pictures.put(f"a/1/1/{number}", bytes(400))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 5400
    assert pictures.get("a/1/1/39") == bytes(400)
