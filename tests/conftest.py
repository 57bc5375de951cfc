"""Fixtures shared by all tests: a private PostGIS cluster for the session."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from geodata import migrate
from geodata.store import Store
from ioc.embedded_postgis import APP_ROLE, EXTENSIONS, OWNER_ROLE, EmbeddedPostgis

# No time limit per example: a loaded machine proves nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A cluster that is thrown away needs no crash safety; that makes tests several times faster.
FLEETING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "60",
}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every account may pass: root's server runs as `postgres`, which pytest's own shuts out."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgis() -> Iterator[EmbeddedPostgis]:
    """A private cluster for the whole test session; tests make their own databases in it."""
    folder = Path(tempfile.mkdtemp(prefix="ioc-test-"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgis(folder / "postgis", FLEETING).in_use() as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def database_template(postgis: EmbeddedPostgis) -> str:
    """Name of a migrated, empty database to be cloned."""
    name = "ioc_template"
    _create_database(postgis, name, "template0")
    with psycopg.connect(postgis.conninfo(OWNER_ROLE, name), autocommit=True) as connection:
        for extension in EXTENSIONS:
            connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
    migrate.upgrade(postgis.url(OWNER_ROLE, name))
    return name


@pytest.fixture
def store(postgis: EmbeddedPostgis, database_template: str) -> Iterator[Store]:
    """A migrated, empty store of the test's own."""
    with cloned_store(postgis, database_template) as cloned:
        yield cloned


@contextmanager
def cloned_store(postgis: EmbeddedPostgis, template: str) -> Iterator[Store]:
    """A copy of a database as a store, dropped at the end."""
    name = f"ioc_{secrets.token_hex(4)}"
    _create_database(postgis, name, template)
    cloned = Store(postgis.conninfo(APP_ROLE, name), postgis.conninfo(OWNER_ROLE, name))
    try:
        yield cloned
    finally:
        asyncio.run(cloned.close())
        with psycopg.connect(postgis.conninfo(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _create_database(postgis: EmbeddedPostgis, name: str, template: str) -> None:
    with psycopg.connect(postgis.conninfo(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
