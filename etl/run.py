"""Runs jobs: read → normalise → assign → check → load, with nothing published unless all of it succeeds."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg import Connection

from etl.case_report import report_cases
from etl.cluster import prepared_on_cluster
from etl.dataset_record import ensure_dataset, record_of
from etl.delivery import Delivery
from etl.fetch import Access, Fetched
from etl.gate import GateError, faults_of, pass_gate
from etl.job import Job
from etl.job_file import packaged_jobs
from etl.load import LoadCounts, VersionWriter
from etl.load_input import LoadInput, load_input, read_so_far, standing_codes
from etl.prepare_ahead import prepared_here
from etl.prepared import Prepared
from etl.quarantine import first_faults
from etl.raw_spool import RawSpool
from etl.references import References
from etl.source import deliver, read_chunks
from geodata.dataset_version import (
    Lineage,
    Version,
    apply_retention,
    begin_version,
    drop_prepared,
    drop_tables,
    fail,
    hold_dataset,
    publish,
    published_version,
    set_aside,
    withdraw,
)
from geodata.errors import UserError
from geodata.store import Store
from geodata.version_difference import Difference, compare, keep
from geodata.version_rows import remember_standing

log = structlog.get_logger(__name__)

CHUNK_ROWS = 50_000
"""Rows in memory at a time, one chunk being prepared while the one before is written."""

FAULTS_SHOWN = 10
PHASES = ("read", "normalise", "assign", "check", "load", "compare")
Progress = Callable[[str, int, int], None]
"""Told (phase, rows done, rows of this load); 0 rows while they are not known."""


@dataclass
class LoadReport:
    """What a run of a job did. ``published`` is False when the input was the published one already.

    ``waiting`` names the version that is whole but waits for somebody's decision. ``rows_loaded`` are those
    of this delivery, ``rows_carried`` those that an incremental load took from the version before. Seconds
    are those spent in each phase; of several chunks, phases run side by side.
    """

    job: str
    source: Path
    published: bool = False
    unchanged: bool = False
    waiting: int | None = None
    version_id: int | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rows_refused: int = 0
    rows_removed: int = 0
    rows_carried: int = 0
    rows_flagged: int = 0
    refused_by_rule: dict[str, int] = field(default_factory=dict)
    flagged_by_rule: dict[str, int] = field(default_factory=dict)
    turned_away: list[tuple[int, str, str]] = field(default_factory=list)
    """Corrected rows that no longer fit: row number, reason in Chinese and in English."""
    difference: Difference | None = None
    first_faults: list[dict[str, Any]] = field(default_factory=list)
    """Of a dry run: the first refused rows, or flagged ones where none is refused."""
    gate_faults: list[str] = field(default_factory=list)
    """Of a dry run: what the gate would say against it."""
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))


@dataclass(frozen=True)
class LoadOptions:
    """How a job is to be run this time.

    ``force`` loads again although nothing has changed. ``dry_run`` does all of it and takes it back.
    ``review`` lets the version wait for a decision, as a job with ``[publish] approval = true`` always does.
    ``scheduler`` is the address of a Dask cluster to prepare the rows on. ``loaded_by`` names the account of
    whoever loads, who may not be the one who approves; ``accept_gate`` whoever answers for publishing what
    the job's gate speaks against.
    """

    force: bool = False
    dry_run: bool = False
    review: bool = False
    scheduler: str | None = None
    loaded_by: str | None = None
    accept_gate: str | None = None


def run_job(
    store: Store,
    job: Job,
    folder: Path,
    progress: Progress | None = None,
    options: LoadOptions = LoadOptions(),
    references: References | None = None,
    access: Access | None = None,
) -> LoadReport:
    """Load a job's file from a hand-over folder (or from the file itself).

    Args:
        references: share what other jobs of the same run have read.
        access: how to reach databases and services, for jobs that read from one.

    Raises:
        UserError: the file, the job or another load of the same dataset stands in the way; the published
            version stays as it was.
    """
    file = None if job.source.is_remote else deliver(job, folder, access)
    with store.owner_connection() as connection:
        dataset = ensure_dataset(connection, job)
        if not options.dry_run:
            connection.commit()
            hold_dataset(connection, dataset, job.code)
        so_far = None if options.force else read_so_far(connection, dataset, job)
        fetched = file or _fetch(connection, job, folder, access, so_far, options)
        run = _Run(job, fetched.path, folder, progress or _silent, options, references or References())
        if so_far is not None and fetched.rows == 0:
            run.report.unchanged = True
            return run.report
        given = load_input(job, fetched.path, folder, run.references.use(connection, job.reads_tables))
        again = options.force or options.dry_run
        if not again and _stands_already(connection, dataset, given, run.report):
            return run.report
        lineage = _lineage(job, given, fetched.watermark, options)
        version = begin_version(connection, dataset, job.code, fetched.path.name, given.input_hash, lineage)
        if options.dry_run:
            run.load(connection, version)
            run.report.first_faults = first_faults(connection, version.id, FAULTS_SHOWN)
            connection.rollback()
            return run.report
        connection.commit()
        with recorded_failure(connection, version):
            run.load(connection, version)
            if so_far is not None and fetched.watermark == so_far and _nothing_new(run.report):
                withdraw(connection, version)
                run.report.unchanged, run.report.version_id = True, None
            else:
                conclude(connection, job, version, options, run.report)
            connection.commit()
    return run.report


def _fetch(
    connection: Connection[Any],
    job: Job,
    folder: Path,
    access: Access | None,
    so_far: str | None,
    options: LoadOptions,
) -> Fetched:
    """What is new at a source; all of it where nothing is, but a list of what stands is to be heeded."""
    if not options.dry_run:
        connection.commit()
    fetched = deliver(job, folder, access, so_far)
    if fetched.rows == 0 and so_far is not None and job.load.lists_standing:
        return deliver(job, folder, access)
    return fetched


def _nothing_new(report: LoadReport) -> bool:
    """Whether rows that were read once more, since the last ones always are, say what is known already."""
    return report.difference is not None and report.difference.is_empty and not report.rows_refused


def run_folder(
    store: Store,
    folder: Path,
    progress: Callable[[Job], Progress | None] | None = None,
    options: LoadOptions = LoadOptions(),
) -> Iterator[LoadReport]:
    """Run every packaged job whose file is in the folder, each after those it builds on."""
    references = References()
    for job in packaged_jobs():
        if job.source.path and (folder / job.source.path).exists():
            yield run_job(store, job, folder, progress(job) if progress else None, options, references)


def _silent(_phase: str, _done: int, _total: int) -> None:
    return


class _Run:
    """One run of a job: its parts, and the report they fill."""

    def __init__(
        self,
        job: Job,
        path: Path,
        folder: Path,
        progress: Progress,
        options: LoadOptions,
        references: References,
    ) -> None:
        self.job, self.path, self.folder, self.progress = job, path, folder, progress
        self.options, self.references = options, references
        self.report = LoadReport(job.code, path)

    def load(self, connection: Connection[Any], version: Version) -> None:
        """Fill the version's tables and say what it changes; nobody sees it yet."""
        published = published_version(connection, version.dataset_id)
        base = published if self.job.load.mode == "incremental" else None
        self.references.read(connection, self.job.reads_tables)
        with RawSpool() as spool:
            writer = VersionWriter(connection, self.job, version, base, self.references, spool)
            if base is not None and self.job.load.lists_standing:
                remember_standing(connection, standing_codes(self.job, self.folder, self.references))
            with closing(self._chunks()) as chunks:
                for delivery, chunk in chunks:
                    with self._timed("load"):
                        writer.write(delivery, chunk, lambda sent: self.progress("load", sent, 0))
                    for phase, seconds in chunk.seconds.items():
                        self.report.seconds[phase] += seconds
            with self._timed("load"):
                writer.check_whole()
            if self.options.dry_run:
                self.report.gate_faults = faults_of(connection, self.job, version, delivered(writer.counts))
            else:
                self._pass_gate(connection, version, writer.counts)
            with self._timed("load"):
                writer.index()
        self.progress("compare", 0, 0)
        with self._timed("compare"):
            self.report.difference = compare(connection, version, published)
            keep(connection, version, self.report.difference)
        self._report(version, writer.counts)

    def _pass_gate(self, connection: Connection[Any], version: Version, counts: LoadCounts) -> None:
        """Stop a load that its gate refuses; what was wrong with its rows stays to be read."""
        try:
            pass_gate(connection, self.job, version, delivered(counts), self.options.accept_gate)
        except GateError:
            drop_tables(connection, version)
            connection.commit()
            raise

    def _chunks(self) -> Generator[tuple[Delivery, Prepared]]:
        deliveries = read_chunks(self.job, self.path, CHUNK_ROWS)

        def begin(phase: str, read: int) -> None:
            self.progress(phase, read, 0)

        if self.options.scheduler is None:
            return prepared_here(self.job, deliveries, self.references, begin)
        return prepared_on_cluster(self.options.scheduler, self.job, deliveries, self.references, begin)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.report.seconds[phase] += time.perf_counter() - begin

    def _report(self, version: Version, counts: LoadCounts) -> None:
        report = self.report
        report.version_id = None if self.options.dry_run else version.id
        report.rows_read, report.rows_loaded = counts.read, counts.accepted
        report.rows_refused, report.rows_removed = counts.refused, counts.removed
        report.rows_carried, report.rows_flagged = counts.carried, counts.flagged
        report.refused_by_rule = dict(counts.refused_by_rule)
        report.flagged_by_rule = dict(counts.flagged_by_rule)


def delivered(counts: LoadCounts) -> tuple[int, int, int]:
    """Rows read, accepted and carried over, as the gate counts them."""
    return counts.read - counts.removed, counts.accepted, counts.carried


def conclude(
    connection: Connection[Any], job: Job, version: Version, options: LoadOptions, report: LoadReport
) -> None:
    """Publish, or let the version wait; one that waited for a decision until now is overtaken."""
    drop_prepared(connection, version.dataset_id, "dropped", f"Overtaken by version {version.id}.")
    if options.review or job.publish.approval:
        set_aside(connection, version)
        report.waiting = version.id
        return
    begin = time.perf_counter()
    publish(connection, version)
    report_cases(connection, job, version)
    apply_retention(connection, version.dataset_id)
    report.seconds["load"] += time.perf_counter() - begin
    report.published = True


def _lineage(job: Job, given: LoadInput, watermark: str | None, options: LoadOptions) -> Lineage:
    return Lineage(
        content_hash=given.content_hash,
        source_size=given.size,
        job_hash=given.job_hash,
        program=given.program,
        mode=job.load.mode,
        loaded_by=options.loaded_by,
        watermark=watermark,
        dataset_record=record_of(job),
    )


@contextmanager
def recorded_failure(connection: Connection[Any], version: Version) -> Iterator[None]:
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


def _stands_already(connection: Connection[Any], dataset: int, given: LoadInput, report: LoadReport) -> bool:
    """Whether this input is the published version, or one made upon it that waits for a decision."""
    row = connection.execute(
        """
        SELECT v.id, v.state FROM ioc.dataset d JOIN ioc.dataset_version v ON v.dataset_id = d.id
        WHERE d.id = %s AND v.input_hash = %s AND (
            v.id = d.published_version_id
            OR v.state = 'prepared' AND v.base_version_id IS NOT DISTINCT FROM d.published_version_id
        )
        ORDER BY v.id DESC LIMIT 1
        """,
        [dataset, given.input_hash],
    ).fetchone()
    if row is None:
        return False
    report.unchanged = True
    report.waiting = row[0] if row[1] == "prepared" else None
    return True
