"""A backup restores into an empty cluster, and every row is back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from geodata import migrate
from geodata.dataset_version import begin_version, create_tables, index_tables, publish
from geodata.errors import UserError
from geodata.store import Store, sqlalchemy_url
from ioc.database_backup import back_up, count_rows, read_record, restore
from ioc.database_status import database_state
from ioc.embedded_postgis import OWNER_ROLE, EmbeddedPostgis

SETTINGS = {"fsync": "off", "shared_buffers": "32MB", "max_connections": "20"}


def silent(_table: str, _done: int, _tables: int) -> None:
    pass


@pytest.fixture(scope="module")
def filled(postgis: EmbeddedPostgis) -> Iterator[str]:
    """A store with accounts, a published and a superseded version: the owner's connection string."""
    yield from _database(postgis, "backup_source")


def _database(postgis: EmbeddedPostgis, name: str) -> Iterator[str]:
    with psycopg.connect(postgis.conninfo(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgis.conninfo(OWNER_ROLE, name)
    migrate.upgrade(sqlalchemy_url(url).render_as_string(hide_password=False))
    with psycopg.connect(url) as connection:
        _fill(connection)
    yield url
    with psycopg.connect(postgis.conninfo(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _fill(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "INSERT INTO ioc.department (code, name_zh, name_en) VALUES ('water', '区水务局', 'Water')"
    )
    row = connection.execute(
        "INSERT INTO ioc.dataset (code, title_zh, title_en, department_code, target, sensitivity) "
        "VALUES ('facility', '设施', 'Facilities', 'water', 'facility', 1) RETURNING id"
    ).fetchone()
    assert row is not None
    connection.commit()
    for rows in (3, 5):
        version = begin_version(connection, row[0], "facility", "设施.csv", f"hash {rows}")
        create_tables(connection, version)
        connection.execute(
            sql.SQL(
                "INSERT INTO version.{} (dataset_id, id, code, name, sensitivity, geom) "
                "SELECT %s, n, 'F' || n, '设施', 1, ST_SetSRID(ST_MakePoint(114.3, 30.5 + n * 0.001), 4490) "
                "FROM generate_series(1, %s) n"
            ).format(sql.Identifier(f"facility_{version.id}")),
            [row[0], rows],
        )
        index_tables(connection, version)
        publish(connection, version)
        connection.commit()


@pytest.fixture
def backup(filled: str, postgis: EmbeddedPostgis, tmp_path: Path) -> Path:
    file = tmp_path / "区.dump"
    back_up(filled, file, postgis.binaries, silent)
    return file


def test_every_row_comes_back_into_an_empty_cluster(filled: str, backup: Path, open_folder: Path) -> None:
    with psycopg.connect(filled) as connection:
        before = count_rows(connection)
    assert sum(rows for table, rows in before.items() if table.startswith("version.facility")) == 8
    cluster = EmbeddedPostgis(open_folder / "postgis", SETTINGS)
    with cluster.in_use():
        restore(cluster.owner_conninfo, backup, cluster.binaries, silent)
        store = Store(cluster.app_conninfo, cluster.owner_conninfo)
        with store.owner_connection() as connection:
            assert count_rows(connection) == before
            published = connection.execute("SELECT count(*), count(geom_3857) FROM ioc.facility").fetchone()
            assert published == (5, 5)
            trusted = connection.execute(
                "SELECT proleakproof FROM pg_proc "
                "WHERE oid = 'geometry_overlaps(geometry, geometry)'::regprocedure"
            ).fetchone()
            assert trusted == (True,)
            new = connection.execute(
                "INSERT INTO ioc.dataset_version (dataset_id, state, job, source_name, input_hash) "
                "SELECT id, 'failed', '', '', '' FROM ioc.dataset WHERE code = 'facility' RETURNING id"
            ).fetchone()
            assert new == (3,)
        assert database_state(store).rights_bind is True
        with psycopg.connect(cluster.app_conninfo) as connection:
            assert connection.execute("SELECT count(*) FROM ioc.facility").fetchone() == (0,)
            # Retained versions are read under the rights of published rows: without a viewer, none.
            assert connection.execute("SELECT count(*) FROM version.facility_1").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM version.facility_1")


def test_a_store_with_data_is_replaced_only_on_demand(postgis: EmbeddedPostgis, backup: Path) -> None:
    databases = _database(postgis, "backup_target")
    target = next(databases)
    with pytest.raises(UserError, match="holds data: pass --replace"):
        restore(target, backup, postgis.binaries, silent)
    with psycopg.connect(target) as connection:
        connection.execute("DELETE FROM ioc.quarantine; DELETE FROM ioc.role_right")
    with psycopg.connect(target) as other:
        assert other.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(UserError, match="1 connections use the database “backup_target”"):
            restore(target, backup, postgis.binaries, silent, replace=True)
    restore(target, backup, postgis.binaries, silent, replace=True)
    with psycopg.connect(target) as connection:
        assert count_rows(connection) == read_record(backup).rows
    assert next(databases, None) is None


def test_a_damaged_backup_leaves_the_present_store_alone(
    postgis: EmbeddedPostgis, filled: str, backup: Path
) -> None:
    whole = backup.read_bytes()
    middle = len(whole) // 2
    backup.write_bytes(whole[:middle] + bytes(4096) + whole[middle + 4096 :])
    with psycopg.connect(filled) as connection:
        before = count_rows(connection)
    with pytest.raises(UserError, match="pg_restore failed"):
        restore(filled, backup, postgis.binaries, silent, replace=True)
    with psycopg.connect(filled) as connection:
        assert count_rows(connection) == before
        left = connection.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'backup%restor%'"
        ).fetchone()
    assert left == (0,)


def test_missing_rows_are_noticed(postgis: EmbeddedPostgis, filled: str, backup: Path) -> None:
    text = backup.read_bytes()
    backup.write_bytes(text.replace(b'"ioc.department": 2', b'"ioc.department": 3'))
    with pytest.raises(UserError, match=r"Of 3 rows in ioc.department 2 came back"):
        restore(filled, backup, postgis.binaries, silent, replace=True)


@pytest.mark.parametrize("content", [b"", b"PGDMP but cut off", b"PGDMP\nIOC-BACKUP {broken"])
def test_what_is_no_whole_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cut.dump"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"not a whole backup|damaged"):
        read_record(file)


def test_an_existing_file_is_never_overwritten(filled: str, postgis: EmbeddedPostgis, tmp_path: Path) -> None:
    file = tmp_path / "old.dump"
    file.write_text("precious")
    with pytest.raises(UserError, match="exists and is left as it is"):
        back_up(filled, file, postgis.binaries, silent)
    assert file.read_text() == "precious"


def test_a_folder_that_is_not_there_is_named(filled: str, postgis: EmbeddedPostgis, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        back_up(filled, tmp_path / "nowhere" / "x.dump", postgis.binaries, silent)
    assert not (tmp_path / "nowhere").exists()
