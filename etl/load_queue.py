"""The queue of jobs to run, in the same PostgreSQL: asked for here, done by ``etl.load_worker``.

``ioc.load_run`` is the truth about every run; procrastinate's tables in schema ``queue`` only say who is to
do it when. They hold nothing that cannot be made again, so they are, when the library's edition changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any, Literal

import structlog
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.schema import SchemaManager
from psycopg import Connection, sql

SEARCH_PATH = "queue, public"
LOAD_TASK = "load"
RUN_CHANNEL = "ioc_load_run"
"""Told when a run is asked for."""

HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 12.0
"""A worker that is silent for so long is dead; its run is begun again."""

log = structlog.get_logger(__name__)

Trigger = Literal["hand", "upload", "inbox", "schedule"]


def request_load(
    connection: Connection[Any], job: str, source: str, trigger: Trigger, requested_by: str | None = None
) -> int:
    """Ask for a run within the connection's transaction.

    Args:
        job: code of a packaged job or of one in the inbox.
        source: file or folder the job reads, relative to the inbox.

    Returns:
        The run's id; that of the same job on the same source when it is waiting for its turn already.
    """
    waiting = connection.execute(
        "SELECT id FROM ioc.load_run WHERE job = %s AND source = %s AND state = 'queued' ORDER BY id LIMIT 1",
        [job, source],
    ).fetchone()
    row = (
        waiting
        or connection.execute(
            """
        INSERT INTO ioc.load_run (job, source, trigger, requested_by) VALUES (%s, %s, %s, %s) RETURNING id
        """,
            [job, source, trigger, requested_by],
        ).fetchone()
    )
    assert row is not None, "an insert returns its row"
    return row[0]


def hand_out(connection: Connection[Any]) -> list[int]:
    """Put every open run that no job of the queue stands for into the queue, the oldest first.

    Those are runs just asked for, and those whose worker died or whose queue was made anew.

    Returns:
        Their ids.
    """
    ensure_queue(connection)
    with _queue_first(connection):
        dead = connection.execute(
            """
            DELETE FROM queue.procrastinate_jobs j
            WHERE j.status = 'doing' AND NOT EXISTS (
                SELECT FROM queue.procrastinate_workers w
                WHERE w.id = j.worker_id AND w.last_heartbeat > now() - make_interval(secs => %s)
            )
            """,
            [STALLED_SECONDS],
        )
    if dead.rowcount:
        log.warning("loads are begun again: their worker died", runs=dead.rowcount)
    rows = connection.execute(
        """
        SELECT r.id, r.job FROM ioc.load_run r
        WHERE r.state IN ('queued', 'running', 'waiting') AND NOT EXISTS (
            SELECT FROM queue.procrastinate_jobs j
            WHERE j.task_name = %s AND (j.args ->> 'run_id')::bigint = r.id AND j.status IN ('todo', 'doing')
        )
        ORDER BY r.id
        """,
        [LOAD_TASK],
    ).fetchall()
    with _queue_first(connection):
        for run_id, job in rows:
            _defer(connection, run_id, job)
    return [run_id for run_id, _job in rows]


def _defer(connection: Connection[Any], run_id: int, job: str) -> None:
    deferrer = App(connector=SyncPsycopgConnector()).configure_task(
        LOAD_TASK,
        lock=f"load {job}",
        queueing_lock=f"run {run_id}",
        task_kwargs={"run_id": run_id},
        connection=connection,
    )
    with suppress(AlreadyEnqueued), connection.transaction():
        deferrer.defer()


def ensure_queue(connection: Connection[Any]) -> None:
    """Make the queue's tables where they are missing or of another edition of the library."""
    edition = f"procrastinate {version('procrastinate')}"
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('ioc.queue'))")
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'queue'"
    ).fetchone()
    if row and row[0] == edition:
        return
    connection.execute("DROP SCHEMA IF EXISTS queue CASCADE")
    connection.execute("CREATE SCHEMA queue")
    with _queue_first(connection):
        connection.execute(SchemaManager.get_schema())
    connection.execute(sql.SQL("COMMENT ON SCHEMA queue IS {}").format(sql.Literal(edition)))


@contextmanager
def _queue_first(connection: Connection[Any]) -> Iterator[None]:
    """The library names its tables without their schema."""
    row = connection.execute("SHOW search_path").fetchone()
    assert row is not None, "every session has a search path"
    connection.execute("SELECT set_config('search_path', %s, true)", [SEARCH_PATH])
    yield
    connection.execute("SELECT set_config('search_path', %s, true)", [row[0]])
