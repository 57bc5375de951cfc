"""Every route and websocket of the program, asked as every role and as nobody, against a declared table.

``route_rights.csv`` says who may: ``anybody``, ``signed-in``, roles, or ``source``: a token, no account.
A route without a line fails, and so does a line without a route.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from geodata.store import Store
from geodata.viewer import ROLES
from ioc.accounts import NewAccount, add_account, issue_credential
from ioc.settings import Settings
from ioc.web import create_app

TABLE = Path(__file__).with_name("route_rights.csv")
PASSWORD = "only-for-this-walk"
SOCKET = "WEBSOCKET"
NOBODY = "nobody"
# A file that is there, and numbers where only numbers are routed; else nothing real, so that what is
# allowed does no harm.
EXAMPLES = {"/assets": "/assets/emblem.svg"}


@dataclass(frozen=True, order=True)
class Door:
    """A way in: the method, or WEBSOCKET, and the path as it is declared."""

    method: str
    path: str

    @property
    def example(self) -> str:
        """An address that the route answers."""
        if self.path in EXAMPLES:
            return EXAMPLES[self.path]
        path = re.sub(r"\{\w*(_id|z|x|y)(:\w+)?\}", "0", self.path.replace("{form}", "json"))
        return "/" + re.sub(r"\{[^}]*\}", "nowhere", path).lstrip("/")


Walk = tuple[FastAPI, TestClient, dict[str, dict[str, str]]]


def declared() -> dict[Door, set[str]]:
    """The table: who may pass each door."""
    with TABLE.open(encoding="utf-8") as stream:
        return {Door(row["method"], row["path"]): set(row["who"].split()) for row in csv.DictReader(stream)}


def doors(routes: Any) -> Iterator[Door]:
    """Every door of the application, those of included routers as well."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from doors(route.original_router.routes)
        elif isinstance(route, WebSocketRoute) or "WebSocket" in type(route).__name__:
            yield Door(SOCKET, route.path)
        elif isinstance(route, Mount):
            yield Door("GET", route.path)
        else:
            yield from (Door(method, route.path) for method in route.methods - {"HEAD", "OPTIONS"})


@pytest.fixture
def walk(demo_store: Store) -> Iterator[Walk]:
    """The application, and the headers of an account of each role and of nobody."""
    headers: dict[str, dict[str, str]] = {NOBODY: {}}
    for role in ROLES:
        with demo_store.owner_session() as session:
            account = add_account(session, NewAccount(f"walk-{role}", role, (role,)), PASSWORD).id
        with demo_store.owner_connection() as connection:
            token = issue_credential(connection, account, "token", timedelta(days=1))
        headers[role] = {"authorization": f"Bearer {token}"}
    settings = Settings(requests_per_second=0)  # pyright: ignore[reportCallIssue]  # every field has a default
    own = Store(demo_store.app_url, demo_store.owner_url)
    app = create_app(settings, own)
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as client:
        yield app, client, headers


def passes(client: TestClient, door: Door, headers: dict[str, str]) -> bool:
    """Whether the door opens; what is behind it may still be missing or badly asked for."""
    if door.method == SOCKET:
        try:
            with client.websocket_connect(door.example, headers=headers):
                return True
        except WebSocketDisconnect as closed:
            return closed.code not in (4401, 4403)
    answer = client.request(door.method, door.example, headers=headers)
    # What Dash says to an unknown package or an empty callback is its own affair.
    assert answer.status_code < 500 or door.path.startswith("/_dash"), f"{door}: {answer.text[:300]}"
    # The sign-in's own 401, which speaks of a password or a link, is an answer from behind the door.
    refused = answer.status_code == 401 and "www-authenticate" in answer.headers
    return not refused and answer.status_code != 403


def test_every_door_opens_to_those_the_table_names_and_to_nobody_else(
    walk: Walk,
) -> None:
    app, client, headers = walk
    client.get("/", headers=headers["staff"])
    table = declared()
    assert set(doors(app.routes)) == set(table)
    wrong = []
    for door, who in sorted(table.items()):
        for name, sent in headers.items():
            expected = "anybody" in who or (name != NOBODY and "signed-in" in who) or name in who
            if passes(client, door, sent) != expected:
                wrong.append(f"{door.method} {door.path} as {name}: expected {expected}")
    assert not wrong, "\n".join(wrong)


def test_administration_is_for_administrators_alone() -> None:
    assert all(who == {"admin"} for door, who in declared().items() if door.path.startswith("/admin"))
