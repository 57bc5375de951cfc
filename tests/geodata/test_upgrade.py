"""A store of an earlier edition with two versions of a dataset, brought to the current one."""

from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import Connection, sql

from geodata import dataset_version, migrate
from geodata.dataset_version import (
    Version,
    begin_version,
    create_tables,
    index_tables,
    publish,
    rollback,
)
from geodata.store import Store, sqlalchemy_url
from geodata.viewer import resolve_viewer
from ioc.embedded_postgis import EXTENSIONS, EmbeddedPostgis
from tests.conftest import cloned_store

BEFORE_EDITS = "0009"


def published_then(connection: Connection[Any], dataset: int, code: str) -> Version:
    """A version of one row, published as that edition of the program did."""
    version = begin_version(connection, dataset, "school", "学校.csv", code)
    create_tables(connection, version)
    for _, table in version.tables():
        names = {"dataset_id": dataset, "id": 1, "code": code, "sensitivity": 1, "area_code": "420106003"}
        names["name" if table.startswith("facility") else "title"] = f"学校{code}"
        connection.execute(
            sql.SQL("INSERT INTO version.{} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            ),
            list(names.values()),
        )
    index_tables(connection, version)
    publish(connection, version)
    connection.commit()
    return version


def seen(store: Store, retained: Version) -> dict[str, Any]:
    """What a steward of the whole district sees now, and in a version that is published no more."""
    with store.owner_connection() as connection:
        row = connection.execute(
            """
            INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity)
            VALUES (gen_random_uuid()::text, '数据管理员', '{steward}', '{*}', 3) RETURNING id
            """
        ).fetchone()
        assert row is not None
        viewer = resolve_viewer(connection, row[0])
    assert viewer is not None
    with store.connect(viewer) as connection:
        then = sql.SQL("SELECT code FROM version.{}").format(sql.Identifier(f"facility_{retained.id}"))
        history = connection.execute("SELECT version_id FROM ioc.dataset_history() WHERE kept")
        return {
            "now": [code for (code,) in connection.execute("SELECT code FROM ioc.facility")],
            "searched": [code for (code,) in connection.execute("SELECT code FROM ioc.search_entry")],
            "then": [code for (code,) in connection.execute(then)],
            "kept": [version for (version,) in history],
        }


def test_versions_of_an_earlier_edition_are_kept_read_and_gone_back_to(
    postgis: EmbeddedPostgis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cloned_store(postgis, "template0") as store:
        with psycopg.connect(store.owner_url, autocommit=True) as connection:
            for extension in EXTENSIONS:
                connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
        url = sqlalchemy_url(store.owner_url).render_as_string(hide_password=False)
        command.upgrade(migrate._config(url), BEFORE_EDITS)
        with store.owner_connection() as connection, monkeypatch.context() as earlier:
            # That edition knew no edits that a new version would have to bring along.
            earlier.setattr(dataset_version, "bring_edits", lambda *_: None)
            connection.execute(
                "INSERT INTO ioc.department (code, name_zh, name_en) VALUES ('edu', '教育局', 'e')"
            )
            row = connection.execute(
                "INSERT INTO ioc.dataset (code, title_zh, title_en, department_code, target, sensitivity) "
                "VALUES ('school', '学校', 'Schools', 'edu', 'facility', 1) RETURNING id"
            ).fetchone()
            assert row is not None
            first, second = (published_then(connection, row[0], code) for code in ("A1", "B1"))
        migrate.upgrade(url)
        assert migrate.current(url) == migrate.head()
        versions = [first.id, second.id]
        assert seen(store, first) == {"now": ["B1"], "searched": ["B1"], "then": ["A1"], "kept": versions}
        with store.owner_connection() as connection:
            assert rollback(connection, first.dataset_id, "school") == first
        versions.append(first.id)
        assert seen(store, second) == {"now": ["A1"], "searched": ["A1"], "then": ["B1"], "kept": versions}
