"""Live streams over HTTP: two web processes agree; a kill, or a database that is gone, loses nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from geodata.store import Store
from ioc.accounts import NewAccount, add_account, issue_credential

SERVE = """
import sys, uvicorn
from geodata.store import Store
from ioc.settings import read_settings
from ioc.web import create_app

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("ready", flush=True)

app = create_app(read_settings(), Store(sys.argv[1], sys.argv[2]))
Server(uvicorn.Config(app, port=int(sys.argv[3]), log_level="error")).run()
"""
STREET, OTHER_STREET = "420106001", "420106002"
PATIENCE = 60
PASSWORD = "only-for-this-test"


@dataclass
class Event:
    """An event as a browser gets it."""

    kind: str
    data: Any
    id: int | None


@dataclass
class Web:
    """A web process that can be killed and begun again at the same address."""

    store: Store
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    def begin(self) -> None:
        command = [sys.executable, "-c", SERVE, self.store.app_url, self.store.owner_url, str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @contextmanager
    def stream(self, token: str, after: int | None = None) -> Iterator[Iterator[Event]]:
        headers = {"authorization": f"Bearer {token}", **({"last-event-id": str(after)} if after else {})}
        with httpx.stream(
            "GET", f"{self.address}/live?topics=reading", headers=headers, timeout=PATIENCE
        ) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = read(answer.iter_lines())
            if after is None:
                assert next(events).kind == "beat"
            yield events


def read(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "event" in fields:
            event_id = int(fields["id"]) if "id" in fields else None
            yield Event(fields["event"], json.loads(fields["data"]), event_id)
            fields = {}
        else:
            fields = {}


def readings(events: Iterator[Event], last: Any) -> list[tuple[int | None, Any]]:
    """Ids and values of readings up to the value ``last``."""
    found: list[tuple[int | None, Any]] = []
    while not found or found[-1][1] != last:
        event = next(events)
        assert event.kind in ("beat", "reading"), event
        if event.kind == "reading":
            found += [(event.id, item["value"]) for item in event.data]
    return found


@dataclass
class Town:
    """A dataset that items can be under, and accounts: one sees all of it, one a street."""

    store: Store
    dataset: int
    tokens: dict[str, str]

    def tell(self, *values: Any, street: str = STREET) -> None:
        items = [{"r": [self.dataset, 1, street], "value": value} for value in values]
        with psycopg.connect(self.store.owner_url) as connection:
            connection.execute("SELECT ioc.tell('reading', %s)", [json.dumps(items)])


@pytest.fixture
def town(store: Store) -> Town:
    with store.owner_connection() as connection:
        connection.execute("INSERT INTO ioc.department VALUES ('water', '水务局', 'Water')")
        row = connection.execute(
            "INSERT INTO ioc.dataset (code, title_zh, title_en, department_code, target, sensitivity, "
            "fields, area_bound, synthetic) "
            "VALUES ('device', '设备', 'Devices', 'water', 'device', 1, '[]', true, true) RETURNING id"
        ).fetchone()
        assert row is not None
    tokens = {}
    for name, areas in {"leader": ("*",), "street": (STREET,)}.items():
        with store.owner_session() as session:
            account = add_account(session, NewAccount(name, name, ("leader",), areas=areas), PASSWORD).id
        with store.owner_connection() as connection:
            tokens[name] = issue_credential(connection, account, "token", timedelta(days=1))
    return Town(store, row[0], tokens)


@pytest.fixture
def web(store: Store) -> Iterator[Callable[[], Web]]:
    begun: list[Web] = []

    def begin() -> Web:
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            port = listener.getsockname()[1]
        begun.append(Web(store, port))
        begun[-1].begin()
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.kill()


def test_streams_of_two_processes_agree_and_outlive_a_kill_and_the_database(
    town: Town, web: Callable[[], Web]
) -> None:
    first, second = web(), web()
    leader, street = town.tokens["leader"], town.tokens["street"]
    assert httpx.get(f"{first.address}/live?topics=reading").status_code == 401
    assert httpx.get(f"{first.address}/live/snapshot?topics=reading").status_code == 401
    with second.stream(leader) as on_second, second.stream(street) as own:
        with first.stream(leader) as on_first:
            for value in range(10):
                town.tell(value, street=STREET if value % 2 else OTHER_STREET)
            seen = readings(on_first, 9)
            assert seen == readings(on_second, 9)
            assert [value for _, value in seen] == list(range(10))
            assert [value for _, value in readings(own, 9)] == [1, 3, 5, 7, 9]
        first.kill()
        town.tell("while it was dead")
        first.begin()
        with first.stream(leader, after=seen[-1][0]) as again:
            town.tell("alive")
            assert [value for _, value in readings(again, "alive")] == ["while it was dead", "alive"]

            with database_gone(town.store):
                assert silent_since(again)
                assert silent_since(on_second)
            town.tell("back")
            assert [value for _, value in readings(again, "back")] == ["back"]
            assert [value for _, value in readings(on_second, "back")][-1] == "back"

        check_a_stuck_browser(town, first)
        with town.store.owner_connection() as connection:
            connection.execute("UPDATE ioc.account SET active = false WHERE name = 'street'")
        assert [event.kind for event in own if event.kind not in ("beat", "reading")] == ["end"]


@contextmanager
def database_gone(store: Store) -> Iterator[None]:
    """Nobody is let into the database, and who is in it is thrown out."""
    with psycopg.connect(store.owner_url) as connection:
        name = connection.info.dbname
    admitted = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(store.owner_url, dbname="postgres", autocommit=True) as connection:
        connection.execute(admitted.format(sql.Identifier(name), sql.SQL("false")))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        connection.execute(admitted.format(sql.Identifier(name), sql.SQL("true")))


def silent_since(events: Iterator[Event]) -> str:
    return next(since for event in events if event.kind == "beat" and (since := event.data["silent_since"]))


def check_a_stuck_browser(town: Town, server: Web) -> None:
    """It takes nothing and holds up nobody; when it does, it is told that it has missed something."""
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", server.port))
        stuck.settimeout(PATIENCE)
        stuck.sendall(
            b"GET /live?topics=reading HTTP/1.0\r\nHost: x\r\n"
            b"Authorization: Bearer " + town.tokens["leader"].encode() + b"\r\n\r\n"
        )
        # Until its stream has begun it misses nothing.
        head = b""
        while b"beat" not in head:
            head += stuck.recv(4096)
        with server.stream(town.tokens["street"]) as quick:
            for number in range(24):
                town.tell(f"{number} " + os.urandom(250_000).hex())
                got = next(event for event in quick if event.kind == "reading")
                assert got.data[0]["value"].startswith(f"{number} ")
        tail = b""
        while b"event: gap" not in tail:
            part = stuck.recv(1 << 20)
            assert part, "the stream ended"
            tail = tail[-20:] + part
