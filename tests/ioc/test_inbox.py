"""The inbox: what arrives whole is asked for once; the worker publishes it, and leaves out what is bad."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from etl.load_queue import RUN_CHANNEL
from geodata.errors import UserError
from geodata.store import Store
from ioc.inbox import Inbox
from ioc.loading_worker import worker
from tests.etl.old_trees import JOB

ROWS = "编号,名称,经度,纬度\nG1,银杏,114.31,30.54\nG2,樟树,114.32,30.55\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "old_tree.toml").write_text(JOB)
    return tmp_path


def names(store: Store) -> set[str]:
    with store.owner_connection() as connection:
        return {row[0] for row in connection.execute("SELECT name FROM ioc.departmental_feature")}


def wait_for(store: Store, reached: Callable[[psycopg.Connection], bool]) -> None:
    """Until the runs are as wanted; each change of a run is told by the database."""
    with psycopg.connect(store.owner_url, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE TRIGGER told AFTER UPDATE ON ioc.load_run "
            "FOR EACH STATEMENT EXECUTE FUNCTION ioc.tell_load_run()"
        )
        connection.execute(f"LISTEN {RUN_CHANNEL}")
        while not reached(connection):
            assert list(connection.notifies(timeout=60, stop_after=1)), "no run changed for a minute"


def states(connection: psycopg.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT state FROM ioc.load_run ORDER BY id")]


def test_a_file_is_asked_for_once_it_is_quiet_and_not_again(store: Store, folder: Path) -> None:
    inbox = Inbox(store, folder)
    assert inbox.look() == []
    file = folder / "古树.csv"
    file.write_text(ROWS)
    assert inbox.look() == []
    file.write_text(ROWS + "G3,朴树,114.33,30.56\n")
    assert inbox.look() == []
    assert inbox.look() == ["old_tree"]
    assert inbox.look() == []
    other = Inbox(store, folder)
    assert [other.look(), other.look()] == [[], []]


def test_a_file_moved_here_with_an_old_time_is_new(store: Store, folder: Path, tmp_path: Path) -> None:
    inbox = Inbox(store, folder)
    (folder / "古树.csv").write_text(ROWS)
    assert [inbox.look(), inbox.look()] == [[], ["old_tree"]]
    moved = tmp_path / "elsewhere.csv"
    moved.write_text(ROWS.replace("樟树", "香樟"))
    os.utime(moved, (1_000_000_000, 1_000_000_000))
    moved.replace(folder / "古树.csv")
    again = Inbox(store, folder)
    assert [again.look(), again.look()] == [[], ["old_tree"]]


def test_a_bad_job_file_hinders_no_other(store: Store, folder: Path) -> None:
    (folder / "jobs" / "broken.toml").write_text("title_zh = ")
    (folder / "古树.csv").write_text(ROWS)
    inbox = Inbox(store, folder)
    assert [inbox.look(), inbox.look()] == [[], ["old_tree"]]


def test_the_worker_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        worker(tmp_path / "nowhere")


def test_the_worker_loads_refuses_and_stops_when_told(store: Store, folder: Path) -> None:
    file = folder / "古树.csv"
    file.write_text(ROWS)
    environment = os.environ | {"IOC_DATABASE_URL": store.app_url, "IOC_OWNER_DATABASE_URL": store.owner_url}
    command = [sys.executable, "-m", "ioc", "etl", "worker", str(folder), "--every", "0.2"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            wait_for(store, lambda connection: states(connection) == ["published"])
            assert names(store) == {"银杏", "樟树"}
            file.write_text("not,what,was,agreed\n1,2,3,4\n")
            wait_for(store, lambda connection: states(connection) == ["published", "failed"])
            assert names(store) == {"银杏", "樟树"}
            file.write_text(ROWS.replace("樟树", "香樟"))
            wait_for(store, lambda connection: states(connection)[2:] == ["published"])
            assert names(store) == {"银杏", "香樟"}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
