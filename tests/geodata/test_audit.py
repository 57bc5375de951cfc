"""The audit trail is append only for everybody, read by administrators, and misses no change of rights."""

from typing import Any

import psycopg
import pytest

from geodata.audit import AuditEntry, act_as, record
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer

OLD = "INSERT INTO ioc.audit_entry (at, action) VALUES (now() - interval '200 days', 'old') RETURNING id"


def add_viewer(store: Store, name: str, role: str) -> Viewer:
    with store.owner_connection() as connection:
        row = connection.execute(
            """
            INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity)
            VALUES (%s, %s, %s, '{*}', 3) RETURNING id
            """,
            [name, name, [role]],
        ).fetchone()
        assert row is not None
        viewer = resolve_viewer(connection, row[0])
    assert viewer is not None
    return viewer


def trail(store: Store) -> list[tuple[Any, ...]]:
    with store.owner_connection() as connection:
        return connection.execute(
            "SELECT account_name, action, subject, detail FROM ioc.audit_entry ORDER BY id"
        ).fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ioc.audit_entry SET account_name = 'somebody else'",
        "DELETE FROM ioc.audit_entry",
        "TRUNCATE ioc.audit_entry",
    ],
)
def test_not_even_the_owner_changes_what_was_written(store: Store, statement: str) -> None:
    with store.owner_connection() as connection:
        record(connection, AuditEntry("export"))
    for url in (store.owner_url, store.app_url):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
    assert [row[1] for row in trail(store)] == ["export"]


def test_retention_removes_only_what_the_law_no_longer_asks_for(store: Store) -> None:
    with store.owner_connection() as connection:
        connection.execute(OLD)
        record(connection, AuditEntry("new"))
        connection.execute("DELETE FROM ioc.audit_entry WHERE action = 'old'")
    assert [row[1] for row in trail(store)] == ["new"]


def test_the_application_writes_through_the_function_only(store: Store) -> None:
    with psycopg.connect(store.app_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(OLD)
    with store.app_connection() as connection:
        record(connection, AuditEntry("export", 7, "li", "10.0.0.7", "camera", "12", {"rows": 3}))
    assert trail(store) == [("li", "export", "12", {"rows": 3})]


def test_administrators_read_the_trail_and_nobody_else(store: Store) -> None:
    admin, leader = add_viewer(store, "zhang", "admin"), add_viewer(store, "li", "leader")
    count = "SELECT count(*) FROM ioc.audit_entry"
    with store.connect(admin) as connection:
        assert connection.execute(count).fetchone() == (2,)
    with store.connect(leader) as connection:
        assert connection.execute(count).fetchone() == (0,)
    with store.app_connection() as connection:
        assert connection.execute(count).fetchone() == (0,)


def test_a_change_of_rights_is_written_whoever_makes_it_and_however(store: Store) -> None:
    admin = add_viewer(store, "zhang", "admin")
    with store.owner_connection() as connection:
        act_as(connection, "root on the command line")
        connection.execute("UPDATE ioc.account SET sensitivity = 2, password_hash = 'x' WHERE name = 'zhang'")
    with store.connect(admin) as connection:
        connection.execute(
            "INSERT INTO ioc.account_right (account_id, dataset_code, sensitivity) VALUES (%s, 'camera', 3)",
            [admin.account_id],
        )
    by_hand, by_program, by_web = trail(store)
    assert by_hand[:3] == ("ioc_owner (database)", "account_insert", "zhang")
    assert by_program[:3] == ("root on the command line", "account_update", "zhang")
    assert by_program[3] == {"sensitivity": [3, 2], "password_hash": "changed"}
    assert by_web[:3] == ("zhang", "account_right_insert", "zhang")
    assert by_web[3]["dataset_code"] == "camera"


@pytest.mark.parametrize("role", ["screen", "staff", "planner", "leader", "steward", None])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ioc.account SET roles = '{admin}'",
        "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) VALUES ('','','{}','{}',1)",
        "INSERT INTO ioc.account_right (account_id, sensitivity) SELECT id, 3 FROM ioc.account",
        "DELETE FROM ioc.account_right",
        "DELETE FROM ioc.sign_in_attempt",
        "UPDATE ioc.role_right SET sensitivity = 3",
    ],
)
def test_the_store_lets_the_web_administer_for_administrators_only(
    store: Store, role: str | None, statement: str
) -> None:
    viewer = add_viewer(store, "li", role) if role else None
    opened = store.connect(viewer) if viewer else store.app_connection()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), opened as connection:
        connection.execute(statement.encode())
