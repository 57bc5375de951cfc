"""How scripts and style sheets reach the browser."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from dashboards import MapSettings, create_dash
from dashboards.page_frame import ASSETS, asset_url
from dashboards.static_files import StaticFilesMiddleware

SCRIPT = "/assets/map.js"
KEPT = "public, max-age=31536000, immutable"


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.mount("/assets", StaticFiles(directory=ASSETS))
    app.router.routes.append(Route("/page", lambda _request: PlainTextResponse("page " * 500)))
    app.add_middleware(StaticFilesMiddleware)
    with TestClient(app) as client:
        yield client


def test_a_script_comes_compressed_and_whole(client: TestClient) -> None:
    source = (Path(ASSETS) / "map.js").read_bytes()
    for _ in range(2):
        with client.stream("GET", SCRIPT, headers={"accept-encoding": "gzip"}) as answer:
            packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) == len(packed) < len(source) / 2
        assert gzip.decompress(packed) == source
    plain = client.get(SCRIPT, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == source
    assert "Accept-Encoding" in plain.headers["vary"]


def test_only_the_address_with_the_content_s_mark_is_kept_for_good(client: TestClient) -> None:
    assert client.get(asset_url("map.js")).headers["cache-control"] == KEPT
    for other in (SCRIPT, f"{SCRIPT}?v=0123456789", asset_url("layers.js").replace("layers.js", "map.js")):
        assert "cache-control" not in client.get(other).headers


def test_unchanged_parts_missing_files_and_pages_are_left_as_they_are(client: TestClient) -> None:
    tag = client.get(SCRIPT).headers["etag"]
    assert client.get(SCRIPT, headers={"if-none-match": tag}).status_code == 304
    part = client.get(SCRIPT, headers={"range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert client.get("/assets/missing.js").status_code == 404
    assert "content-encoding" not in client.get("/page").headers


def test_the_page_asks_for_no_component_that_it_does_not_have() -> None:
    server = FastAPI()
    create_dash(server, MapSettings())
    with TestClient(server) as client:
        page = client.get("/").text
    assert "/dash_leaflet/" in page
    assert "/dash-renderer/" in page
    assert "/dash/dcc/" not in page
    assert "/dash/dash_table/" not in page
