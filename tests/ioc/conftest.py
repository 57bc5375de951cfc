"""Signed-in clients of the running program, and the end of what its worker was asked to do."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from etl.load_queue import RUN_CHANNEL

Client = Callable[[str], httpx.Client]


@pytest.fixture
def client(server: Any) -> Iterator[Client]:
    opened: list[httpx.Client] = []

    def signed_in(name: str) -> httpx.Client:
        opened.append(server.client(name))
        return opened[-1]

    yield signed_in
    for one in opened:
        one.close()


@pytest.fixture
def run_ended(server: Any) -> Iterator[Callable[[], tuple[str, str, str | None]]]:
    """Waits until the newest run is at its end: its action, state and message."""
    with psycopg.connect(server.store.owner_url, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE TRIGGER told AFTER UPDATE ON ioc.load_run "
            "FOR EACH STATEMENT EXECUTE FUNCTION ioc.tell_load_run()"
        )
        connection.execute(f"LISTEN {RUN_CHANNEL}")

        def wait() -> tuple[str, str, str | None]:
            while True:
                row = connection.execute(
                    "SELECT action, state, message, finished_at FROM ioc.load_run ORDER BY id DESC LIMIT 1"
                ).fetchone()
                if row and row[3]:
                    return row[:3]
                assert list(connection.notifies(timeout=60, stop_after=1)), "no run changed for a minute"

        yield wait
