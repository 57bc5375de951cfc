"""The program killed in the middle of accepting an edit: nothing of it is seen; it can be accepted again."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from etl.edit import decide
from geodata.store import Store
from geodata.viewer import resolve_viewer
from tests.conftest import RunningServer, running_server

WAITING = """
    SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'ioc.audit_entry'::regclass AND database = (
        SELECT oid FROM pg_database WHERE datname = current_database()
    )
"""
GONE = "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
NAME = "SELECT name FROM ioc.component WHERE id = %s"
STATE = "SELECT state FROM ioc.feature_edit WHERE id = %s"


def until_row(connection: psycopg.Connection[Any], statement: LiteralString, *values: int) -> int:
    """The first row's number, as soon as there is a row; asked a bounded number of times."""
    for _ in range(600):
        row = connection.execute(statement, values).fetchone()
        if row is not None:
            return row[0]
        connection.execute("SELECT pg_sleep(0.05)")
    raise AssertionError(f"nothing came of {statement}")


def propose(server: RunningServer) -> tuple[int, int, str]:
    """A proposal by one account: feature, edit, and the feature's name before it."""
    with server.store.owner_connection() as connection:
        row = connection.execute("SELECT id, name FROM ioc.component ORDER BY code LIMIT 1").fetchone()
    assert row is not None
    feature, name = row
    with server.client("urban") as urban:
        seen = urban.get(f"/edits/features/component/{feature}").json()
        answer = urban.post(
            "/edits",
            json={
                "layer": "component",
                "feature": feature,
                "kind": "change",
                "values": {"name": "改了一半"},
                "reason": "现场核实",
                "revision": seen["revision"],
            },
        )
    assert answer.status_code == 201, answer.text
    return feature, answer.json()["edit"], name


def test_a_kill_in_the_middle_of_an_acceptance_leaves_the_old_state_and_the_edit_open(
    demo_store: Store,
) -> None:
    with running_server(demo_store) as server:
        feature, edit, name = propose(server)
        accept = {"ids": [edit], "decision": "accepted"}
        with (
            server.client("steward") as steward,
            demo_store.owner_connection() as holding,
            psycopg.connect(demo_store.owner_url, autocommit=True) as watching,
            ThreadPoolExecutor(1) as accepting,
        ):
            # The trail is what an acceptance writes last: the feature's new row is in the table by then.
            holding.execute("LOCK TABLE ioc.audit_entry IN SHARE MODE")
            answer = accepting.submit(steward.post, "/edits/decisions", json=accept)
            backend = until_row(watching, WAITING)
            os.killpg(server.process.pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                answer.result(timeout=30)
            holding.commit()
            until_row(watching, GONE, backend)
            assert watching.execute(NAME, [feature]).fetchone() == (name,)
            assert watching.execute(STATE, [edit]).fetchone() == ("proposed",)
    with demo_store.owner_connection() as connection:
        steward_id = connection.execute("SELECT id FROM ioc.account WHERE name = 'steward'").fetchone()
        assert steward_id is not None
        viewer = resolve_viewer(connection, steward_id[0])
    assert viewer is not None
    with demo_store.connect(viewer) as connection:
        decide(connection, edit, "accepted", None)
    with demo_store.owner_connection() as connection:
        assert connection.execute(NAME, [feature]).fetchone() == ("改了一半",)
