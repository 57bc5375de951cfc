"""Accounts and cases for tests of the handling of cases."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, sql

from geodata.case_filing import CaseReport, file_case
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer

DISTRICT = "420106"
RUBBISH = "06010"
"""暴露垃圾: four working hours."""


def add_person(
    store: Store, name: str, roles: Sequence[str], department: str = "urban", areas: Sequence[str] = ("*",)
) -> Viewer:
    """An account with these roles, as a viewer."""
    with store.owner_connection() as owner:
        owner.execute(
            "INSERT INTO ioc.department (code, name_zh, name_en) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [department, department, department],
        )
        row = owner.execute(
            "INSERT INTO ioc.account (name, display_name, roles, department_code, areas, sensitivity) "
            "VALUES (%s, %s, %s, %s, %s, 3) RETURNING id",
            [name, name, list(roles), department, list(areas)],
        ).fetchone()
        assert row is not None
        viewer = resolve_viewer(owner, row[0])
    assert viewer is not None
    return viewer


def report(store: Store, number: str = "1", **given: Any) -> int:
    """A case as a source reports it."""
    content = {
        "source": "hotline",
        "source_code": number,
        "channel": "public",
        "matter_class": RUBBISH,
        "lon": 114.3331,
        "lat": 30.5461,
        **given,
    }
    with store.app_connection() as connection:
        return file_case(connection, CaseReport(**content), DISTRICT).id


def put(store: Store, case: int, **values: Any) -> None:
    """Bring a case into a state that steps would bring it to."""
    with store.owner_connection() as owner:
        for column, value in values.items():
            statement = sql.SQL("UPDATE ioc.case_file SET {} = %s WHERE id = %s").format(
                sql.Identifier(column)
            )
            owner.execute(statement, [value, case])


@contextmanager
def tried(store: Store, viewer: Viewer) -> Iterator[Connection[Any]]:
    """The viewer's connection; what is done on it is taken back."""
    with store.connect(viewer) as connection, connection.transaction(force_rollback=True):
        yield connection
