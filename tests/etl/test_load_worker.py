"""The queue's runs: done once, tried again when nothing answers, begun again when their worker died."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from etl.delivery import SourceUnansweredError
from etl.job import Job
from etl.job_file import load_job
from etl.load_queue import RUN_CHANNEL, ensure_queue, hand_out, request_load
from etl.load_worker import ATTEMPTS, LoadWorker
from etl.overdue import overdue_datasets, review_overdue
from geodata.store import Store
from tests.etl.old_trees import JOB

PERIODIC_JOB = f"""{JOB}
[catalogue]
update_period = "monthly"
sharing = "unconditional"

[schedule]
cron = "30 3 * * 1"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "old_tree.toml").write_text(PERIODIC_JOB)
    (tmp_path / "古树.csv").write_text("编号,名称,经度,纬度\nG1,银杏,114.31,30.54\n")
    return tmp_path


@pytest.fixture
def worker(store: Store, folder: Path) -> LoadWorker:
    def jobs() -> list[Job]:
        return [load_job(folder / "jobs" / "old_tree.toml")]

    return LoadWorker(store, folder, jobs)


def ask(store: Store, source: str = ".", job: str = "old_tree") -> int:
    with store.owner_connection() as connection:
        return request_load(connection, job, source, "hand", "steward")


def run_of(store: Store, run_id: int) -> dict[str, object]:
    with store.owner_connection() as connection:
        cursor = connection.execute("SELECT * FROM ioc.load_run WHERE id = %s", [run_id])
        assert cursor.description is not None
        row = cursor.fetchone()
        assert row is not None
        return dict(zip([column.name for column in cursor.description], row, strict=True))


def test_a_run_is_done_and_tells_what_came_of_it(store: Store, worker: LoadWorker) -> None:
    first = ask(store)
    assert ask(store) == first
    asyncio.run(worker.work(wait=False))
    done = run_of(store, first)
    assert (done["state"], done["attempts"], done["requested_by"]) == ("published", 1, "steward")
    assert done["version_id"]
    assert done["finished_at"]
    second = ask(store)
    asyncio.run(worker.work(wait=False))
    assert run_of(store, second)["state"] == "unchanged"


@pytest.mark.parametrize(
    ("source", "job", "reason"),
    [
        ("missing.csv", "old_tree", "not there"),
        ("../../etc/passwd", "old_tree", "does not lie in the inbox"),
        (".", "no_such_job", "no job"),
    ],
)
def test_a_run_that_cannot_be_done_says_why(
    store: Store, worker: LoadWorker, source: str, job: str, reason: str
) -> None:
    run_id = ask(store, source, job)
    asyncio.run(worker.work(wait=False))
    failed = run_of(store, run_id)
    assert failed["state"] == "failed"
    assert reason in str(failed["message"])


def test_a_source_that_does_not_answer_is_tried_again_until_it_is_given_up(
    store: Store, worker: LoadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(*_arguments: object, **_options: object) -> None:
        raise SourceUnansweredError("The service https://example.invalid does not answer.")

    monkeypatch.setattr("etl.load_worker.run_job", unanswered)
    run_id = ask(store)
    for attempt in range(1, ATTEMPTS):
        with pytest.raises(SourceUnansweredError):
            worker.do(run_id)
        waiting = run_of(store, run_id)
        assert (waiting["state"], waiting["attempts"]) == ("waiting", attempt)
        assert waiting["next_attempt_at"] > datetime.now(UTC)  # type: ignore[operator]
    with pytest.raises(SourceUnansweredError):
        worker.do(run_id)
    assert run_of(store, run_id)["state"] == "failed"
    monkeypatch.undo()
    worker.do(run_id)
    assert run_of(store, run_id)["state"] == "failed"


def test_a_scheduled_job_is_asked_for_on_the_clock_of_beijing(store: Store, worker: LoadWorker) -> None:
    monday = datetime(2026, 11, 23, 3, 30, tzinfo=UTC) - timedelta(hours=8)
    for minutes, expected in ((-1, 0), (0, 1), (1, 1), (24 * 60, 1)):
        worker.tend(monday + timedelta(minutes=minutes))
        with store.owner_connection() as connection:
            rows = connection.execute("SELECT trigger FROM ioc.load_run").fetchall()
        assert rows == [("schedule",)] * expected


def test_a_queue_that_was_lost_is_made_anew_with_its_runs(store: Store, worker: LoadWorker) -> None:
    run_id = ask(store)
    with store.owner_connection() as connection:
        assert hand_out(connection) == [run_id]
        assert hand_out(connection) == []
        connection.execute("COMMENT ON SCHEMA queue IS 'procrastinate 1.0'")
        ensure_queue(connection)
        assert hand_out(connection) == [run_id]
    asyncio.run(worker.work(wait=False))
    assert run_of(store, run_id)["state"] == "published"


def test_a_dataset_becomes_overdue_and_is_no_more_when_loaded(store: Store, worker: LoadWorker) -> None:
    ask(store)
    asyncio.run(worker.work(wait=False))
    now = datetime.now(UTC)
    with store.owner_connection() as connection:
        # Monthly: 34 days are allowed.
        assert review_overdue(connection, now + timedelta(days=33)) == []
        [overdue] = review_overdue(connection, now + timedelta(days=35))
        assert (overdue.dataset, overdue.update_period) == ("old_tree", "monthly")
        assert review_overdue(connection, now + timedelta(days=36)) == []
        assert [one.dataset for one in overdue_datasets(connection, now + timedelta(days=36))] == ["old_tree"]
        connection.execute(
            "INSERT INTO ioc.catalogue_entry (dataset_id, update_period, edited_by) "
            "SELECT id, 'yearly', 'steward' FROM ioc.dataset WHERE code = 'old_tree'"
        )
        assert review_overdue(connection, now + timedelta(days=37)) == []
        rows = connection.execute("SELECT cleared_at IS NOT NULL FROM ioc.dataset_alarm").fetchall()
    assert rows == [(True,)]


def test_a_second_person_decides_through_the_queue(store: Store, folder: Path, worker: LoadWorker) -> None:
    (folder / "jobs" / "old_tree.toml").write_text(PERIODIC_JOB + "\n[publish]\napproval = true\n")
    with store.owner_connection() as connection:
        for name in ("steward", "second"):
            connection.execute(
                "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) "
                "VALUES (%s, %s, '{steward}', '{*}', 1)",
                [name, name],
            )
        connection.execute(
            "INSERT INTO ioc.role_right (role, dataset_code, department_scope, sensitivity) "
            "VALUES ('steward', '*', 'all', 3) ON CONFLICT DO NOTHING"
        )
    loaded = ask(store)
    asyncio.run(worker.work(wait=False))
    prepared = run_of(store, loaded)
    assert prepared["state"] == "prepared"
    decisions = {}
    for name in ("steward", "second"):
        with store.owner_connection() as connection:
            row = connection.execute(
                "INSERT INTO ioc.load_run (job, action, source, trigger, requested_by) "
                "VALUES ('old_tree', 'approve', %s, 'upload', %s) RETURNING id",
                [str(prepared["version_id"]), name],
            ).fetchone()
        assert row is not None
        asyncio.run(worker.work(wait=False))
        decisions[name] = run_of(store, row[0])["state"]
    assert decisions == {"steward": "failed", "second": "done"}
    with store.owner_connection() as connection:
        published = connection.execute(
            "SELECT published_version_id FROM ioc.dataset WHERE code = 'old_tree'"
        ).fetchone()
    assert published == (prepared["version_id"],)


def test_the_web_asks_for_a_load_only_for_those_who_may(store: Store) -> None:
    with store.owner_connection() as connection:
        for name, roles in (("may", ["steward"]), ("may_not", ["staff"])):
            connection.execute(
                "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) "
                "VALUES (%s, %s, %s, '{*}', 1)",
                [name, name, roles],
            )
        accounts = dict(connection.execute("SELECT name, id FROM ioc.account").fetchall())
    asked = {}
    for name, account in accounts.items():
        with psycopg.connect(store.app_url) as connection:
            connection.execute("SELECT ioc.open_viewer_session(%s)", [account])
            row = connection.execute("SELECT ioc.request_run('old_tree', 'load', 'a.csv')").fetchone()
            asked[name] = row[0] if row else None
            connection.commit()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    "INSERT INTO ioc.load_run (job, source, trigger) VALUES ('a', 'b', 'hand')"
                )
    assert asked["may_not"] is None
    assert run_of(store, asked["may"])["requested_by"] == "may"


@pytest.fixture
def start_worker(store: Store, folder: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "IOC_DATABASE_URL": store.app_url,
            "IOC_OWNER_DATABASE_URL": store.owner_url,
        }
        command = [sys.executable, "-m", "ioc", "etl", "worker", str(folder), "--every", "1"]
        started.append(subprocess.Popen(command, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_run_whose_worker_is_killed_is_done_by_the_next(
    store: Store, folder: Path, start_worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    rows = "".join(f"G{n},银杏,114.31,30.54\n" for n in range(100_000))
    # Where the worker's own look into the inbox does not find it.
    (folder / "古树.csv").unlink()
    (folder / "handed_in").mkdir()
    (folder / "handed_in" / "古树.csv").write_text("编号,名称,经度,纬度\n" + rows)
    with psycopg.connect(store.owner_url, autocommit=True) as told:
        told.execute(
            "CREATE TRIGGER told AFTER UPDATE ON ioc.load_run "
            "FOR EACH STATEMENT EXECUTE FUNCTION ioc.tell_load_run()"
        )
        told.execute(f"LISTEN {RUN_CHANNEL}")

        def wait_for(column: str, value: str) -> None:
            while run_of(store, run_id)[column] != value:
                assert list(told.notifies(timeout=60, stop_after=1)), f"never {value}"

        run_id = ask(store, "handed_in/古树.csv")
        killed = start_worker()
        wait_for("phase", "normalise")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert run_of(store, run_id)["state"] == "running"
        start_worker()
        wait_for("state", "published")
    assert run_of(store, run_id)["attempts"] == 2
    with store.owner_connection() as connection:
        states = connection.execute(
            "SELECT state, rows_loaded FROM ioc.dataset_version ORDER BY id"
        ).fetchall()
    assert states == [("failed", 0), ("published", 100_000)]
