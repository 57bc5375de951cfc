"""Runs jobs: read → normalise → assign → check → load, with nothing published unless all of it succeeds."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg import Connection

from etl.assign import assign_areas
from etl.check import Breach, check
from etl.dataset_record import ensure_dataset
from etl.gate import GateError, pass_gate
from etl.job import Job, packaged_jobs
from etl.load import flagged_count, write_version
from etl.normalise import normalise
from etl.quarantine import write_quarantine
from etl.references import References
from etl.rows import Rows
from etl.source import read_source, source_files, source_path
from geodata import migrate
from geodata.dataset_version import Version, begin_version, fail, hold_dataset
from geodata.errors import UserError
from geodata.store import Store

log = structlog.get_logger(__name__)

PROGRAM_EDITION = "1"
"""Goes into the input's hash: raise it when the same file and job would give other rows."""

PHASES = ("read", "normalise", "assign", "check", "load")
Progress = Callable[[str, int, int], None]
"""Told (phase, rows done, rows of this load); 0 rows while they are not known."""


@dataclass
class LoadReport:
    """What a run of a job did. ``published`` is False when the input was the published one already."""

    job: str
    source: Path
    published: bool = False
    unchanged: bool = False
    version_id: int | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rows_flagged: int = 0
    refused_by_rule: dict[str, int] = field(default_factory=dict)
    flagged_by_rule: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def rows_refused(self) -> int:
        return self.rows_read - self.rows_loaded


def run_job(
    store: Store,
    job: Job,
    folder: Path,
    progress: Progress | None = None,
    *,
    force: bool = False,
    dry_run: bool = False,
    accept_gate: str | None = None,
    references: References | None = None,
) -> LoadReport:
    """Load a job's file from a hand-over folder (or from the file itself).

    Args:
        force: load again although nothing has changed.
        dry_run: read and check only; the store stays as it is.
        accept_gate: who answers for publishing what the job's gate speaks against.
        references: share what other jobs of the same run have read.

    Raises:
        UserError: the file, the job or another load of the same dataset stands in the way; the published
            version stays as it was.
    """
    path = source_path(job, folder)
    report = LoadReport(job.code, path)
    references = references or References()
    with store.owner_connection() as connection:
        state = references.use(connection, job.reads_tables)
        if dry_run:
            rows, breaches = _prepare(job, path, references, report, progress)
            _count(report, rows, breaches)
            return report
        dataset = ensure_dataset(connection, job)
        hold_dataset(connection, dataset, job.code)
        input_hash = _input_hash(job, path, state)
        if not force and _published_hash(connection, dataset) == input_hash:
            report.unchanged = True
            return report
        version = begin_version(connection, dataset, job.code, path.name, input_hash)
        with _recorded_failure(connection, version):
            rows, breaches = _prepare(job, path, references, report, progress)
            judge(connection, job, version, rows, breaches, accept_gate)
            with _timed(report, "load"):
                write_version(
                    connection,
                    job,
                    version,
                    rows,
                    breaches,
                    lambda sent: _tell(progress, "load", sent, len(rows)),
                )
                connection.commit()
        _count(report, rows, breaches)
        report.published, report.version_id = True, version.id
    return report


def run_folder(
    store: Store,
    folder: Path,
    progress: Callable[[Job], Progress | None] | None = None,
    *,
    force: bool = False,
) -> Iterator[LoadReport]:
    """Run every packaged job whose file is in the folder, each after those it builds on."""
    references = References()
    for job in packaged_jobs():
        if (folder / job.source.path).is_file():
            yield run_job(
                store, job, folder, progress(job) if progress else None, force=force, references=references
            )


def _prepare(
    job: Job, path: Path, references: References, report: LoadReport, progress: Progress | None
) -> tuple[Rows, list[Breach]]:
    _tell(progress, "read", 0, 0)
    with _timed(report, "read"):
        delivery = read_source(job, path)
    total = len(delivery)
    _tell(progress, "normalise", 0, total)
    with _timed(report, "normalise"):
        rows = normalise(job, delivery, references)
    _tell(progress, "assign", 0, total)
    with _timed(report, "assign"):
        assign_areas(job, rows)
    _tell(progress, "check", 0, total)
    with _timed(report, "check"):
        breaches = check(job, rows)
    return rows, breaches


def judge(
    connection: Connection[Any],
    job: Job,
    version: Version,
    rows: Rows,
    breaches: list[Breach],
    accept_gate: str | None,
) -> None:
    """Stop a load that its gate refuses; what was wrong with its rows stays to be read.

    Raises:
        GateError: the gate speaks against the load and nobody answers for it.
    """
    try:
        pass_gate(connection, job, version, len(rows), int((~rows.refused).sum()), accept_gate)
    except GateError:
        write_quarantine(connection, version.id, rows, breaches)
        connection.commit()
        raise


def _tell(progress: Progress | None, phase: str, done: int, total: int) -> None:
    if progress:
        progress(phase, done, total)


@contextmanager
def _timed(report: LoadReport, phase: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    report.seconds[phase] = time.perf_counter() - begin


@contextmanager
def _recorded_failure(connection: Connection[Any], version: Version) -> Iterator[None]:
    """Undo what was written and record why; a lost server is recorded by the next run."""
    try:
        yield
    except BaseException as error:
        words = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        try:
            connection.rollback()
            fail(connection, version, words)
            connection.commit()
        except psycopg.Error as lost:
            log.warning("etl: failure not recorded", version=version.id, reason=str(lost))
        raise


def _published_hash(connection: Connection[Any], dataset: int) -> str | None:
    row = connection.execute(
        """
        SELECT v.input_hash FROM ioc.dataset d JOIN ioc.dataset_version v ON v.id = d.published_version_id
        WHERE d.id = %s
        """,
        [dataset],
    ).fetchone()
    return row[0] if row else None


def _input_hash(job: Job, path: Path, references_state: str) -> str:
    """Of everything the result depends on: files, job, parameters, program, versions of what is looked up."""
    digest = hashlib.sha256()
    files = list(source_files(path))
    if job.source.parameters:
        files.append(job.folder / job.source.parameters)
    for file in files:
        digest.update(f"\0{file.suffix}\0".encode())
        with file.open("rb") as content:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
    for text in (job.text, references_state, migrate.head(), PROGRAM_EDITION):
        digest.update(f"\0{text}".encode())
    return digest.hexdigest()


def _count(report: LoadReport, rows: Rows, breaches: list[Breach]) -> None:
    report.rows_read = len(rows)
    report.rows_loaded = int((~rows.refused).sum())
    report.rows_flagged = flagged_count(rows, breaches)
    refused: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    for breach in breaches:
        (refused if breach.severity == "error" else flagged)[breach.name] += breach.count
    report.refused_by_rule, report.flagged_by_rule = dict(refused), dict(flagged)
