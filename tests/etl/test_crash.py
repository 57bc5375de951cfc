"""Whatever is killed, and whenever: the published version stays whole and the next run is clean."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from etl import run
from etl.job import Job
from etl.run import LoadOptions, run_job
from geodata.dataset_version import LoadingElsewhereError
from geodata.store import Store
from ioc.embedded_postgis import EmbeddedPostgis
from tests.etl.conftest import kill_database
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

CHUNKED = 3
"""Rows of a chunk, so that a load of a few rows goes through several."""


@dataclass(frozen=True)
class Kind:
    """A way to load: lines of its job, whether it waits for a decision, rows of a chunk, what it delivers."""

    lines: str = ""
    review: bool = False
    chunk: int = run.CHUNK_ROWS
    delivered: tuple[str, ...] = tuple(MANY)
    kept: tuple[str, ...] = ()

    @property
    def after(self) -> list[str]:
        """Codes published once the load has been run again."""
        return ["A1"] if self.review else sorted([*self.kept, *(row.split(",")[0] for row in self.delivered)])


FULL = Kind()
CHUNKS = Kind(chunk=CHUNKED, delivered=tuple(MANY[:10]))
INCREMENTAL = Kind('[load]\nmode = "incremental"\n', delivered=tuple(MANY[:10]), kept=("A1",))
REVIEWED = Kind(review=True, delivered=tuple(MANY[:10]))

MOMENTS = [
    pytest.param(FULL, "read", 0, id="full-read"),
    pytest.param(FULL, "normalise", 0, id="full-normalise"),
    pytest.param(FULL, "assign", 0, id="full-assign"),
    pytest.param(FULL, "check", 0, id="full-check"),
    pytest.param(FULL, "load", 1, id="full-load-begun"),
    pytest.param(FULL, "load", len(MANY), id="full-load-done"),
    pytest.param(FULL, "compare", 0, id="full-compare"),
    pytest.param(CHUNKS, "read", CHUNKED, id="chunks-read-second"),
    pytest.param(CHUNKS, "check", 2 * CHUNKED, id="chunks-check-third"),
    pytest.param(CHUNKS, "load", 2 * CHUNKED, id="chunks-load-second"),
    pytest.param(CHUNKS, "compare", 0, id="chunks-compare"),
    pytest.param(INCREMENTAL, "check", 0, id="incremental-check"),
    pytest.param(INCREMENTAL, "load", 1, id="incremental-load"),
    pytest.param(INCREMENTAL, "compare", 0, id="incremental-compare"),
    pytest.param(REVIEWED, "load", 1, id="reviewed-load"),
    pytest.param(REVIEWED, "compare", 0, id="reviewed-compare"),
]


def _old_version(store: Store, folder: Path, kind: Kind) -> tuple[Job, set[str]]:
    """Publish the old rows and put the new delivery in their place; the job, and the tables there are."""
    job = degrees_job(folder, checks=kind.lines)
    write_list(folder, OLD)
    load(store, job, folder)
    tables = version_tables(store)
    write_list(folder, list(kind.delivered))
    return job, tables


def _check_the_old_stands(store: Store, tables: set[str]) -> None:
    assert loaded_codes(store) == ["A1"]
    assert len(rows_of(store, "SELECT * FROM ioc.search_entry")) == 1
    assert version_states(store, "facility_test") == ["published", "loading"]
    assert version_tables(store) == tables


def _check_the_next_run(store: Store, job: Job, folder: Path, kind: Kind, tables: set[str]) -> None:
    report = run_job(store, job, folder, options=LoadOptions(review=kind.review))
    assert report.rows_loaded == len(kind.delivered)
    assert loaded_codes(store) == kind.after
    first, last = ("published", "prepared") if kind.review else ("superseded", "published")
    assert version_states(store, "facility_test") == [first, "failed", last]
    added = {f"{name}_{report.version_id}" for name in ("facility", "search_entry")}
    assert version_tables(store) == tables | added


@pytest.mark.parametrize(("kind", "phase", "rows"), MOMENTS)
def test_a_killed_load_leaves_the_old_version_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, phase: str, rows: int
) -> None:
    monkeypatch.setattr(run, "CHUNK_ROWS", kind.chunk)
    job, tables = _old_version(store, tmp_path, kind)

    def die(now: str, done: int, _total: int) -> None:
        if now == phase and done >= rows:
            os.kill(os.getpid(), signal.SIGKILL)

    # A forked process has everything imported already.
    child = os.fork()
    if not child:
        try:
            run_job(
                Store(store.app_url, store.owner_url), job, tmp_path, die, LoadOptions(review=kind.review)
            )
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    _wait_for_its_server_process(store)
    _check_the_old_stands(store, tables)
    _check_the_next_run(store, job, tmp_path, kind, tables)


def _wait_for_its_server_process(store: Store) -> None:
    """PostgreSQL notices a dead client when it next reads from or writes to it; its lock goes then."""
    with store.owner_connection() as connection:
        connection.execute("SELECT pg_advisory_lock(1229931332, id) FROM ioc.dataset")


@pytest.mark.parametrize(
    ("kind", "phase", "rows"),
    [
        pytest.param(FULL, "check", 0, id="full-check"),
        pytest.param(FULL, "load", 1, id="full-load"),
        pytest.param(FULL, "compare", 0, id="full-compare"),
        pytest.param(CHUNKS, "load", 2 * CHUNKED, id="chunks-load-second"),
        pytest.param(INCREMENTAL, "compare", 0, id="incremental-compare"),
        pytest.param(REVIEWED, "compare", 0, id="reviewed-compare"),
    ],
)
def test_a_killed_database_leaves_the_old_version_whole(
    mortal: EmbeddedPostgis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind,
    phase: str,
    rows: int,
) -> None:
    monkeypatch.setattr(run, "CHUNK_ROWS", kind.chunk)
    store = Store(mortal.app_conninfo, mortal.owner_conninfo)
    job, tables = _old_version(store, tmp_path, kind)

    def kill(now: str, done: int, _total: int) -> None:
        if now == phase and done >= rows:
            kill_database(mortal)

    with pytest.raises(psycopg.OperationalError):
        run_job(store, job, tmp_path, kill, LoadOptions(review=kind.review))
    mortal.start()
    _check_the_old_stands(store, tables)
    _check_the_next_run(store, job, tmp_path, kind, tables)


def test_two_loads_of_a_dataset_do_not_meet(store: Store, tmp_path: Path) -> None:
    job = degrees_job(tmp_path)
    write_list(tmp_path, OLD)

    def load_again(phase: str, _done: int, _total: int) -> None:
        if phase == "check":
            with pytest.raises(LoadingElsewhereError):
                load(store, job, tmp_path)

    assert run_job(store, job, tmp_path, load_again).published
    assert version_states(store, "facility_test") == ["published"]
