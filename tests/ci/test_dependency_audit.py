"""The audit of dependencies: a known vulnerability fails it, an excused one and a lost connection do not."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"
PYTHON_FAULT = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-1"],
    "summary": "reads too far",
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.7"}]}],
        }
    ],
}
BROWSER_FAULT = {
    "id": 1,
    "url": "https://github.com/advisories/GHSA-dddd-eeee-ffff",
    "title": "draws too far",
    "severity": "high",
    "vulnerable_versions": ">=0",
}


class Advisories(BaseHTTPRequestHandler):
    """OSV.dev and npm's registry in one: each knows of one vulnerability."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        asked = self.rfile.read(length)
        if self.path == "/v1/query":
            name = json.loads(asked)["package"]["name"]
            answer = {"vulns": [PYTHON_FAULT] if name == "idna" else []}
        else:
            answer = {"maplibre-gl": [BROWSER_FAULT]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def advisories() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(address: str, folder: Path, ignored: str = "") -> tuple[int, str]:
    """Runs the audit against the advisories at an address."""
    (folder / "lock.txt").write_text("idna==3.6\ncertifi==2026.10.18\n")
    (folder / "ignored.toml").write_text(ignored)
    environment = os.environ | {
        "AUDIT_LOCK": str(folder / "lock.txt"),
        "AUDIT_IGNORED": str(folder / "ignored.toml"),
        "AUDIT_OSV_URL": f"{address}/v1/query",
        "npm_config_registry": f"{address}/",
        "npm_config_fetch_retries": "0",
        "npm_config_cache": str(folder / "npm"),
    }
    done = subprocess.run(
        [sys.executable, AUDIT], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def excuse(name: str, until: str) -> str:
    return f'[[ignored]]\nid = "{name}"\nuntil = {until}\nreason = "never called"\n'


def test_a_known_vulnerability_fails_until_it_is_excused(advisories: str, tmp_path: Path) -> None:
    status, said = audit(advisories, tmp_path, excuse("CVE-2026-1", "2020-01-01"))
    assert status == 1
    assert "idna 3.6: CVE-2026-1 GHSA-aaaa-bbbb-cccc: fixed in 3.7" in said
    assert "maplibre-gl: GHSA-dddd-eeee-ffff: draws too far (high)" in said
    both = excuse("CVE-2026-1", "2999-01-01") + excuse("GHSA-dddd-eeee-ffff", "2999-01-01")
    assert audit(advisories, tmp_path, both)[0] == 0


def test_an_excuse_without_a_reason_is_none(advisories: str, tmp_path: Path) -> None:
    status, said = audit(advisories, tmp_path, '[[ignored]]\nid = "CVE-2026-1"\nuntil = 2999-01-01\n')
    assert status == 1
    assert "needs a reason" in said


def test_without_a_connection_it_says_that_nothing_was_audited(tmp_path: Path) -> None:
    status, said = audit("http://127.0.0.1:9", tmp_path)
    assert status == 0
    assert said.count("not audited: advisory source unreachable") == 2
    assert "no known vulnerability" not in said
