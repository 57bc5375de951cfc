"""Whatever is killed, and whenever: the published version stays whole and the next run is clean."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from etl.run import run_job
from geodata import migrate
from geodata.dataset_version import LoadingElsewhereError
from geodata.store import Store
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.postgres_folder import processes_in
from tests.etl.deliveries import (
    degrees_job,
    load,
    loaded_codes,
    rows_of,
    version_states,
    version_tables,
    write_list,
)

OLD = ["A1,旧,114.305,30.505"]
MANY = [f"B{number},新,114.305,30.505" for number in range(30_000)]

DYING_LOAD = """
import os, signal, sys
from pathlib import Path
from etl.job import load_job
from etl.run import run_job
from geodata.store import Store

app_url, owner_url, job, folder, phase, rows = sys.argv[1:]

def die(now, done, total):
    if now == phase and done >= int(rows):
        os.kill(os.getpid(), signal.SIGKILL)

run_job(Store(app_url, owner_url), load_job(Path(job)), Path(folder), die)
"""


@pytest.mark.parametrize(
    ("phase", "rows"),
    [("read", 0), ("normalise", 0), ("assign", 0), ("check", 0), ("load", 1), ("load", len(MANY))],
)
def test_a_killed_load_leaves_the_old_version_whole(
    store: Store, tmp_path: Path, phase: str, rows: int
) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, OLD)
    load(store, job, tmp_path)
    tables = version_tables(store)
    write_list(tmp_path, MANY)
    arguments = [
        store.app_url,
        store.owner_url,
        str(tmp_path / "facility_test.toml"),
        str(tmp_path),
        phase,
        str(rows),
    ]
    died = subprocess.run([sys.executable, "-c", DYING_LOAD, *arguments], check=False)
    assert died.returncode == -signal.SIGKILL
    assert loaded_codes(store) == ["A1"]
    assert len(rows_of(store, "SELECT * FROM ioc.search_entry")) == 1
    assert version_states(store, "facility_test") == ["published", "loading"]
    _wait_for_its_server_process(store)
    report = load(store, job, tmp_path)
    assert (report.rows_loaded, len(loaded_codes(store))) == (len(MANY), len(MANY))
    assert version_states(store, "facility_test") == ["superseded", "failed", "published"]
    assert version_tables(store) == tables | {
        f"{name}_{report.version_id}" for name in ("facility", "search_entry")
    }


def _wait_for_its_server_process(store: Store) -> None:
    """PostgreSQL notices a dead client when it next reads from or writes to it; its lock goes then."""
    with store.owner_connection() as connection:
        connection.execute("SELECT pg_advisory_lock(1229931332, id) FROM ioc.dataset")


def test_a_killed_database_leaves_the_old_version_whole(open_folder: Path, tmp_path: Path) -> None:
    with EmbeddedPostgis(open_folder / "postgis", {"shared_buffers": "64MB"}).in_use() as cluster:
        migrate.upgrade(cluster.owner_url)
        store = Store(cluster.app_conninfo, cluster.owner_conninfo)
        job = degrees_job(tmp_path)
        write_list(tmp_path, OLD)
        load(store, job, tmp_path)
        tables = version_tables(store)
        write_list(tmp_path, MANY)

        def kill(phase: str, done: int, _total: int) -> None:
            if phase == "load" and done:
                for process in processes_in(cluster.data):
                    # Its children end by themselves once the first of them is gone.
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)

        with pytest.raises(psycopg.OperationalError):
            run_job(store, job, tmp_path, kill)
        cluster.start()
        assert loaded_codes(store) == ["A1"]
        assert version_states(store, "facility_test") == ["published", "loading"]
        assert load(store, job, tmp_path).rows_loaded == len(MANY)
        assert version_states(store, "facility_test") == ["superseded", "failed", "published"]
        assert len(version_tables(store) - tables) == 2


def test_two_loads_of_a_dataset_do_not_meet(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, OLD)

    def load_again(phase: str, _done: int, _total: int) -> None:
        if phase == "check":
            with pytest.raises(LoadingElsewhereError):
                load(store, job, tmp_path)

    assert run_job(store, job, tmp_path, load_again).published
    assert version_states(store, "facility_test") == ["published"]
