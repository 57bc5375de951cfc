"""The process or the database killed while a version takes another's place: it did not, and can again."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection

from etl.approval import approve
from etl.correction import merge_corrections
from etl.dataset_history import roll_back
from etl.job import Job
from etl.quarantine_workbook import quarantine_workbook
from etl.run import LoadOptions, run_job
from geodata import dataset_version
from geodata.dataset_version import Version
from geodata.store import Store
from ioc.embedded_postgis import EmbeddedPostgis
from tests.etl.conftest import kill_database
from tests.etl.deliveries import (
    account,
    degrees_job,
    load,
    loaded_codes,
    rows_of,
    version_states,
    version_tables,
    write_list,
)
from tests.etl.test_correction import corrected, set_cells

OLD, NEW = ["A1,旧,114.305,30.505", "A2,,114.315,30.505"], ["B1,新,114.305,30.505"]
NAMED = '[[checks]]\nrule = "given"\ncolumn = "name"'
Act = Callable[[Store], object]


@dataclass(frozen=True)
class Change:
    """A change of the published version: what is published before and after, versions' states after a kill
    and after it was done again."""

    act: Act
    before: list[str]
    after: list[str]
    killed: list[str]
    again: list[str]


def publishing(_store: Store, job: Job, folder: Path) -> Change:
    write_list(folder, NEW)
    states = ["superseded", "failed", "published"]
    return Change(lambda s: run_job(s, job, folder), ["A1"], ["B1"], ["published", "loading"], states)


def approving(store: Store, job: Job, folder: Path) -> Change:
    account(store, "approver", "steward")
    write_list(folder, NEW)
    waiting = run_job(store, job, folder, options=LoadOptions(review=True, loaded_by="loader")).waiting
    assert waiting is not None
    states = ["published", "prepared"], ["superseded", "published"]
    return Change(lambda s: approve(s, job.code, waiting, "approver"), ["A1"], ["B1"], *states)


def rolling_back(store: Store, job: Job, folder: Path) -> Change:
    write_list(folder, NEW)
    load(store, job, folder)
    states = ["superseded", "published"], ["published", "superseded"]
    return Change(lambda s: roll_back(s, job.code), ["B1"], ["A1"], *states)


def correcting(store: Store, job: Job, _folder: Path) -> Change:
    workbook = corrected(quarantine_workbook(store, job), set_cells({"A2": {"名称": "二号"}}))
    states = ["published", "loading"], ["superseded", "failed", "published"]
    return Change(lambda s: merge_corrections(s, job, workbook), ["A1"], ["A1", "A2"], *states)


CHANGES = [publishing, approving, rolling_back, correcting]
Prepare = Callable[[Store, Job, Path], Change]


def _kill_once_attached(monkeypatch: pytest.MonkeyPatch, kill: Callable[[], None]) -> None:
    """Kill when the new version's tables are in place and nothing is committed."""
    attach = dataset_version._attach

    def attach_and_die(connection: Connection, version: Version) -> None:
        attach(connection, version)
        kill()

    monkeypatch.setattr(dataset_version, "_attach", attach_and_die)


def _begin(store: Store, folder: Path, prepare: Prepare) -> tuple[Job, Change, set[str]]:
    job = degrees_job(folder, checks=NAMED)
    write_list(folder, OLD)
    load(store, job, folder)
    change = prepare(store, job, folder)
    return job, change, version_tables(store)


def _check(store: Store, job: Job, change: Change, tables: set[str]) -> None:
    assert loaded_codes(store) == change.before
    assert [
        code for (code,) in rows_of(store, "SELECT code FROM ioc.search_entry ORDER BY code")
    ] == change.before
    assert version_states(store, job.code) == change.killed
    assert version_tables(store) == tables
    change.act(store)
    assert loaded_codes(store) == change.after
    assert version_states(store, job.code) == change.again


@pytest.mark.parametrize("prepare", CHANGES)
def test_a_killed_process_has_changed_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare
) -> None:
    job, change, tables = _begin(store, tmp_path, prepare)
    child = os.fork()
    if not child:
        try:
            _kill_once_attached(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGKILL))
            change.act(Store(store.app_url, store.owner_url))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    with store.owner_connection() as connection:
        # PostgreSQL lets go of a dead client's lock when it notices.
        connection.execute("SELECT pg_advisory_lock(1229931332, id) FROM ioc.dataset")
    _check(store, job, change, tables)


@pytest.mark.parametrize("prepare", CHANGES)
def test_a_killed_database_has_changed_nothing(
    mortal: EmbeddedPostgis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare
) -> None:
    store = Store(mortal.app_conninfo, mortal.owner_conninfo)
    job, change, tables = _begin(store, tmp_path, prepare)
    with monkeypatch.context() as killing:
        _kill_once_attached(killing, lambda: kill_database(mortal))
        with pytest.raises(psycopg.OperationalError):
            change.act(store)
    mortal.start()
    _check(store, job, change, tables)
