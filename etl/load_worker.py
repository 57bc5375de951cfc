"""Does the runs of the queue, one at a time, and looks after schedules and overdue datasets."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from croniter import croniter
from procrastinate import App, PsycopgConnector, RetryStrategy
from psycopg import OperationalError
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from etl.approval import approve, refuse
from etl.correction import merge_corrections
from etl.dataset_history import roll_back
from etl.delivery import SourceUnansweredError
from etl.fetch import Access
from etl.job import Job
from etl.job_file import load_job
from etl.load_queue import (
    HEARTBEAT_SECONDS,
    LOAD_TASK,
    SEARCH_PATH,
    STALLED_SECONDS,
    hand_out,
    request_load,
)
from etl.overdue import review_overdue
from etl.run import LoadOptions, LoadReport, run_job
from geodata.case_flow import resume_due
from geodata.errors import UserError
from geodata.store import Store

log = structlog.get_logger(__name__)

ATTEMPTS = 6
RETRY = RetryStrategy(
    max_attempts=ATTEMPTS - 1, exponential_wait=4, retry_exceptions=(SourceUnansweredError, OperationalError)
)
"""A source or database that does not answer is asked again after 4, 16, 64, 256 and 1,024 s."""

CLOCK = ZoneInfo("Asia/Shanghai")
PROGRESS_SECONDS = 0.5
PROPOSED = ".proposed"
"""Folder beside handed-in files with the jobs that are to be tried on them."""


@dataclass(frozen=True)
class Run:
    """A run that is begun: what is to be done, to which dataset, with what, for whom."""

    id: int
    action: str
    job: str
    source: str
    attempts: int
    requested_by: str | None


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    state: str
    version_id: int | None = None
    message: str | None = None
    result: dict[str, Any] | None = None
    """What a trial found."""


class LoadWorker:
    """Runs jobs of the queue.

    Args:
        store: where to load into, as the owner.
        inbox: hand-over folder that the runs' sources are relative to.
        jobs: all jobs there are, packaged and of the district's own.
        access: how to reach the databases and services that jobs read from.
    """

    def __init__(
        self, store: Store, inbox: Path, jobs: Callable[[], list[Job]], access: Access | None = None
    ) -> None:
        self.store = store
        self.inbox = inbox.absolute()
        self.jobs = jobs
        self.access = access

    async def work(self, *, wait: bool = True) -> None:
        """Work until the process is told to stop or the task is cancelled.

        Args:
            wait: go on when the queue is empty.
        """
        with self.store.owner_connection() as connection:
            hand_out(connection)
        app = self._app()
        async with app.open_async():
            await app.run_worker_async(
                concurrency=1,
                wait=wait,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                shutdown_graceful_timeout=0,
            )

    def _app(self) -> App:
        connector = PsycopgConnector(
            conninfo=self.store.owner_url,
            kwargs={"options": f"-c search_path={SEARCH_PATH.replace(' ', '')}"},
        )
        app = App(connector=connector)

        @app.task(name=LOAD_TASK, retry=RETRY)
        def load(run_id: int) -> None:
            self.do(run_id)

        @app.periodic(cron="* * * * *")
        @app.task(name="tend")
        def tend(timestamp: int) -> None:
            self.tend(datetime.fromtimestamp(timestamp, UTC))

        return app

    def tend(self, now: datetime) -> None:
        """What is to be done each minute: runs that are due, datasets overdue, suspended cases that go on."""
        local = now.astimezone(CLOCK)
        with self.store.owner_connection() as connection:
            for job in self.jobs():
                if job.schedule and croniter.match(job.schedule.cron, local):
                    request_load(connection, job.code, ".", "schedule")
            hand_out(connection)
            review_overdue(connection, now)
            resume_due(connection, now)

    def do(self, run_id: int) -> None:
        """Do one run and record how it went.

        Raises:
            SourceUnansweredError, OperationalError: to be tried again.
        """
        run = self._begin(run_id)
        if run is None:
            return
        try:
            outcome = self._done(run)
        except (SourceUnansweredError, OperationalError) as error:
            self._unanswered(run, error)
            raise
        except UserError as error:
            outcome = Outcome("failed", message=str(error))
        except Exception:
            log.exception("run failed", run=run_id, dataset=run.job)
            outcome = Outcome("failed", message="The program failed; its log has the detail.")
        self._end(run_id, outcome)

    def _done(self, run: Run) -> Outcome:
        """Do what a run asks for."""
        if run.action == "roll_back":
            return Outcome("done", roll_back(self.store, run.job))
        if run.action in ("approve", "refuse"):
            version, _, reason = run.source.partition(" ")
            if run.action == "approve":
                approve(self.store, run.job, int(version), run.requested_by or "")
            else:
                refuse(self.store, run.job, int(version), run.requested_by or "", reason)
            return Outcome("done", int(version))
        if run.action == "check":
            return self._tried(run)
        job, source = self._job(run.job), self._source(run.source)
        if run.action == "correct":
            report = merge_corrections(self.store, job, source, run.requested_by)
        else:
            options = LoadOptions(loaded_by=run.requested_by)
            report = run_job(self.store, job, source, self._teller(run.id), options, access=self.access)
        return Outcome(_state_of(report), report.version_id)

    def _tried(self, run: Run) -> Outcome:
        """Do all of a load and take it back; the folder that ``source`` names holds the job and its file."""
        folder = self._source(run.source)
        job = load_job(folder / PROPOSED / f"{run.job}.toml")
        options = LoadOptions(dry_run=True, loaded_by=run.requested_by)
        report = run_job(self.store, job, folder, self._teller(run.id), options)
        result = {
            "rows_read": report.rows_read,
            "rows_loaded": report.rows_loaded,
            "rows_refused": report.rows_refused,
            "rows_flagged": report.rows_flagged,
            "refused_by_rule": report.refused_by_rule,
            "flagged_by_rule": report.flagged_by_rule,
            "first_faults": report.first_faults,
            "gate_faults": report.gate_faults,
        }
        return Outcome("done", result=result)

    def _job(self, code: str) -> Job:
        for job in self.jobs():
            if job.code == code:
                return job
        raise UserError(f"There is no job “{code}” any more; put its file into the inbox's folder jobs.")

    def _source(self, source: str) -> Path:
        path = (self.inbox / source).resolve()
        if not path.is_relative_to(self.inbox.resolve()):
            raise UserError(f"The file {source} does not lie in the inbox; hand it in there.")
        return path

    def _begin(self, run_id: int) -> Run | None:
        with (
            self.store.owner_connection() as connection,
            connection.cursor(row_factory=class_row(Run)) as cursor,
        ):
            return cursor.execute(
                """
                UPDATE ioc.load_run SET state = 'running', attempts = attempts + 1, next_attempt_at = NULL,
                    message = NULL, phase = NULL, rows_done = 0, rows_total = 0,
                    started_at = coalesce(started_at, now())
                WHERE id = %s AND state IN ('queued', 'running', 'waiting')
                RETURNING id, action, job, source, attempts, requested_by
                """,
                [run_id],
            ).fetchone()

    def _teller(self, run_id: int) -> Callable[[str, int, int], None]:
        """Writes how far a run is, a few times a second at most."""
        told = {"phase": "", "at": datetime.min.replace(tzinfo=UTC)}
        pause = timedelta(seconds=PROGRESS_SECONDS)

        def tell(phase: str, done: int, total: int) -> None:
            now = datetime.now(UTC)
            if phase == told["phase"] and now - told["at"] < pause:
                return
            told.update(phase=phase, at=now)
            with self.store.owner_connection() as connection:
                connection.execute(
                    "UPDATE ioc.load_run SET phase = %s, rows_done = %s, rows_total = %s WHERE id = %s",
                    [phase, done, total, run_id],
                )

        return tell

    def _unanswered(self, run: Run, error: Exception) -> None:
        words = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        log.warning("run waits: no answer", run=run.id, attempts=run.attempts, reason=words)
        if run.attempts >= ATTEMPTS:
            self._end(run.id, Outcome("failed", message=words))
            return
        wait = timedelta(seconds=RETRY.exponential_wait**run.attempts)
        with self.store.owner_connection() as connection:
            connection.execute(
                """
                UPDATE ioc.load_run SET state = 'waiting', message = %s, next_attempt_at = %s WHERE id = %s
                """,
                [words, datetime.now(UTC) + wait, run.id],
            )

    def _end(self, run_id: int, outcome: Outcome) -> None:
        with self.store.owner_connection() as connection:
            connection.execute(
                """
                UPDATE ioc.load_run
                SET state = %s, version_id = %s, message = %s, result = %s, finished_at = now() WHERE id = %s
                """,
                [outcome.state, outcome.version_id, outcome.message, Jsonb(outcome.result), run_id]
                if outcome.result is not None
                else [outcome.state, outcome.version_id, outcome.message, None, run_id],
            )
        log.info(
            "run ended",
            run=run_id,
            state=outcome.state,
            version_id=outcome.version_id,
            message=outcome.message,
        )


def _state_of(report: LoadReport) -> str:
    if report.unchanged:
        return "unchanged"
    return "published" if report.published else "prepared"
