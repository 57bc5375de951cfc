"""A database that tests of loading may kill, and a district in which features are edited by hand."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from psycopg import sql

from geodata import migrate
from geodata.store import Store
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.postgres_folder import processes_in
from tests.conftest import cloned_store
from tests.etl.hydrants import Hydrants, Office


@pytest.fixture(scope="session")
def mortal_cluster() -> Iterator[EmbeddedPostgis]:
    with TemporaryDirectory(prefix="ioc-test-") as name:
        # The server's own account reads in it when the tests run as root.
        Path(name).chmod(0o755)
        with EmbeddedPostgis(Path(name) / "postgis", {"shared_buffers": "64MB"}).in_use() as cluster:
            migrate.upgrade(cluster.owner_url)
            yield cluster


@pytest.fixture
def mortal(mortal_cluster: EmbeddedPostgis) -> EmbeddedPostgis:
    """A cluster that a test may kill, with no datasets and no accounts in it."""
    store = Store(mortal_cluster.app_conninfo, mortal_cluster.owner_conninfo)
    with store.owner_connection() as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'version'"):
            connection.execute(sql.SQL("DROP TABLE version.{}").format(sql.Identifier(table)))
        # The steps of cases are kept from this too, and there are none.
        connection.execute("ALTER TABLE ioc.case_step DISABLE TRIGGER keep_case_step_whole")
        connection.execute("TRUNCATE ioc.dataset, ioc.account CASCADE")
        connection.execute("ALTER TABLE ioc.case_step ENABLE TRIGGER keep_case_step_whole")
    return mortal_cluster


def kill_database(cluster: EmbeddedPostgis) -> None:
    """SIGKILL to every process of the cluster."""
    for process in processes_in(cluster.data):
        # Its children end by themselves once the first of them is gone.
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="module")
def office(postgis: EmbeddedPostgis, demo_database: str) -> Iterator[Office]:
    with cloned_store(postgis, demo_database) as store:
        yield Office(store, {}, count(1))


@pytest.fixture
def district(office: Office, tmp_path: Path) -> Hydrants:
    made = Hydrants(office, tmp_path)
    made.person("clerk", "staff")
    made.person("chief", "steward")
    return made
