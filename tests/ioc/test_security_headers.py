"""What every answer tells the browser."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ioc.security_headers import SecurityHeadersMiddleware, content_policy, inline_scripts, script_hash
from ioc.settings import Settings


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/page")
    @app.get("/tiles/one")
    def page() -> str:
        return "page"

    app.add_middleware(SecurityHeadersMiddleware, policy=content_policy(["'sha256-abc'"]))
    return app


def test_every_answer_but_tiles_carries_the_headers(app: FastAPI) -> None:
    client = TestClient(app)
    for path in ("/page", "/missing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "content-security-policy" not in client.get("/tiles/one").headers


@pytest.mark.parametrize(
    ("origins", "ancestors", "older"),
    [
        ("", "'self'", "SAMEORIGIN"),
        ("https://portal.example", "'self' https://portal.example", None),
        ("https://a.example, http://b.example:8080", "'self' https://a.example http://b.example:8080", None),
    ],
)
def test_only_the_origins_named_may_frame_the_pages(origins: str, ancestors: str, older: str | None) -> None:
    app = FastAPI()
    settings = Settings.model_validate({"embed_origins": origins})
    app.add_middleware(SecurityHeadersMiddleware, policy=content_policy([], settings.embed_origins))
    headers = TestClient(app).get("/page").headers
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert rules["frame-ancestors"] == ancestors
    assert headers.get("x-frame-options") == older


def test_scripts_of_the_page_are_named_and_no_inline_script_beside_them(app: FastAPI) -> None:
    policy = TestClient(app).get("/page").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'self' 'sha256-abc'"
    assert "unsafe" not in rules["script-src"] + rules["default-src"]


def test_strict_transport_is_asked_for_on_https_only(app: FastAPI) -> None:
    assert "strict-transport-security" not in TestClient(app).get("/page").headers
    secure = TestClient(app, base_url="https://centre.example")
    assert secure.get("/page").headers["strict-transport-security"] == "max-age=31536000"


def test_the_hash_of_a_script_is_that_of_the_specification() -> None:
    # The example of Content Security Policy Level 2, section 7.18.2 (w3.org/TR/CSP2).
    assert script_hash("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    assert inline_scripts('<script>a</script><script src="b"></script>') == ["a"]
