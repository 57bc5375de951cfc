"""Fixtures shared by all tests: a private PostGIS cluster for the session."""

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from etl.run import run_folder
from geodata import migrate
from geodata.store import Store
from ioc.demo.build import build_demo
from ioc.embedded_postgis import APP_ROLE, EXTENSIONS, OWNER_ROLE, EmbeddedPostgis

# No time limit per example: a loaded machine proves nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DEMO_SCALE = 0.05

# A cluster that is thrown away needs no crash safety; that makes tests several times faster.
FLEETING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "60",
}


FREE_PORTS = dict.fromkeys(("IOC_PORT", "IOC_HJ212_PORT", "IOC_SL651_PORT", "IOC_JT808_PORT"), "0")
"""Settings by which programs under test do not stand in each other's way."""


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


@dataclass(frozen=True)
class RunningServer:
    """The program as people use it, on the demo district at a twentieth of its size."""

    address: str
    passwords: dict[str, str]
    store: Store
    process: subprocess.Popen[str]

    def client(self, name: str) -> httpx.Client:
        """A signed-in HTTP client of one of the demo accounts."""
        attempt = {"name": name, "password": self.passwords[name]}
        answer = httpx.post(f"{self.address}/sign-in", json=attempt)
        assert answer.status_code == 200, answer.text
        return httpx.Client(base_url=self.address, cookies=answer.cookies, timeout=30)


@pytest.fixture(scope="session")
def demo_folder() -> Iterator[Path]:
    """The departments' files of the demo district, small."""
    with tempfile.TemporaryDirectory(prefix="ioc-demo-") as folder:
        build_demo(Path(folder), scale=DEMO_SCALE)
        yield Path(folder)


@pytest.fixture(scope="session")
def demo_database(postgis: EmbeddedPostgis, database_template: str, demo_folder: Path) -> str:
    """Name of a database with the small demo district in it, to be cloned."""
    name = "ioc_demo_template"
    _create_database(postgis, name, database_template)
    loaded = Store(postgis.conninfo(APP_ROLE, name), postgis.conninfo(OWNER_ROLE, name))
    for _report in run_folder(loaded, demo_folder):
        pass
    return name


@pytest.fixture
def demo_store(postgis: EmbeddedPostgis, demo_database: str) -> Iterator[Store]:
    """A store of the test's own with the small demo district in it."""
    with cloned_store(postgis, demo_database) as cloned:
        yield cloned


@pytest.fixture(scope="session")
def server(postgis: EmbeddedPostgis, demo_database: str) -> Iterator[RunningServer]:
    """`ioc up --demo` as a process of its own on a free port."""
    with cloned_store(postgis, demo_database) as cloned, running_server(cloned) as running:
        yield running


@contextmanager
def running_server(store: Store) -> Iterator[RunningServer]:
    """The program on a store that holds the demo district; ended, if it has not ended, at the end."""
    with tempfile.TemporaryDirectory(prefix="ioc-server-") as folder:
        # Root's broker runs as an account of its own, which must be able to enter.
        Path(folder).chmod(0o755)
        environment = os.environ | {
            "IOC_DATABASE_URL": store.app_url,
            "IOC_OWNER_DATABASE_URL": store.owner_url,
            "IOC_DATA_DIR": folder,
            "PYTHONUNBUFFERED": "1",
            **FREE_PORTS,
        }
        demo = ["--demo", "--scale", str(DEMO_SCALE), "--scenario", "none"]
        command = [sys.executable, "-m", "ioc", "up", *demo]
        # A group of its own: a test that kills the program kills all of its processes.
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                address = announced_address(process)
                accounts = json.loads((Path(folder) / "demo_accounts.json").read_text(encoding="utf-8"))
                passwords = {a["name"]: a["password"] for a in accounts}
                yield RunningServer(address, passwords, store, process)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=30)


def announced_address(process: subprocess.Popen[str]) -> str:
    """Where `ioc up` says it serves, as soon as it does."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://\S+:\d+", line):
            return found.group()
    raise AssertionError(f"the server did not start: {''.join(said)}")
