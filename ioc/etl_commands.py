"""``ioc etl``: load departments' files, see what was refused, go back to an earlier version."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from psycopg import OperationalError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from etl.correction import merge_corrections
from etl.dataset_history import QuarantinedRow, dataset_history, quarantined_rows, roll_back
from etl.job import Job
from etl.job_file import find_job, packaged_jobs
from etl.overdue import overdue_datasets
from etl.quarantine_workbook import quarantine_workbook, read_corrections
from etl.run import LoadOptions, LoadReport, run_job
from etl.run import Progress as JobProgress
from geodata.errors import UserError
from ioc.context import open_store
from ioc.inspect_command import inspect_command
from ioc.loading_worker import worker
from ioc.settings import read_settings
from ioc.source_access import source_access
from ioc.version_commands import approve, diff, lineage, print_difference, refuse
from layers.export import harmless

etl_app = typer.Typer(
    help="Load files of departments as new versions of their datasets.", no_args_is_help=True
)

console = Console(highlight=False)
PHASES_ZH = {
    "read": "读取",
    "normalise": "规范",
    "assign": "定位",
    "check": "质检",
    "load": "入库",
    "compare": "比对",
}

JobName = Annotated[
    str, typer.Argument(help="A packaged job (see `ioc etl list`), or the path of a job file (.toml).")
]
DatasetCode = Annotated[str, typer.Argument(help="Code of the dataset.")]
CorrectedJob = Annotated[
    str | None, typer.Option(help="Job file of the dataset, where it is not a packaged one.")
]
Folder = Annotated[Path, typer.Option(help="Hand-over folder in which the job's file lies.")]


@etl_app.command()
def run(
    job: JobName,
    folder: Folder = Path("."),
    source: Annotated[
        Path | None, typer.Option(help="Read this file instead of the one the job names.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Load again although nothing has changed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check only; the store stays as it is.")
    ] = False,
    accept_gate: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Publish what the job's gate refuses; NAME answers for it."),
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Show what changes, and wait for `ioc etl approve`.")
    ] = False,
    account: Annotated[
        str | None, typer.Option("--as", metavar="ACCOUNT", help="The account that loads.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Prepare the rows on this Dask cluster, tcp://HOST:8786."),
    ] = None,
) -> None:
    """Load a file: read, bring to CGCS2000, check every row, publish as a new version."""
    chosen = find_job(job)
    if chosen.publish.approval and account is None and not dry_run:
        raise UserError(
            f"A second person approves every load of “{chosen.code}”: say with --as who loads this one."
        )
    if source is not None and not source.is_file():
        raise UserError(f"The file {source} given with --source is not there.")
    settings = read_settings()
    access = source_access(settings)
    with open_store(settings) as store, job_progress(chosen) as progress:
        try:
            report = run_job(
                store,
                chosen,
                source or folder,
                progress,
                LoadOptions(
                    force=force,
                    dry_run=dry_run,
                    review=review,
                    scheduler=scheduler,
                    loaded_by=account,
                    accept_gate=accept_gate,
                ),
                access=access,
            )
        except OperationalError as error:
            raise UserError(
                f"The database was lost while loading ({str(error).splitlines()[0]}); "
                f"dataset “{chosen.code}” is as it was: run the job again."
            ) from error
    print_report(report, dry_run=dry_run)


@etl_app.command(name="list")
def list_jobs() -> None:
    """The packaged jobs, in the order in which a folder is loaded."""
    table = Table("job", "title", "department", "target", "file")
    for job in packaged_jobs():
        table.add_row(job.code, f"{job.title_zh} {job.title_en}", job.department, job.target, job.source.path)
    console.print(table)


@etl_app.command()
def history(dataset: DatasetCode) -> None:
    """The versions of a dataset, newest first."""
    with open_store() as store:
        versions = dataset_history(store, dataset)
    table = Table("version", "state", "started", "file", "read", "loaded", "refused", "flagged", "failure")
    for one in versions:
        table.add_row(
            str(one.id),
            one.state,
            f"{one.started_at:%Y-%m-%d %H:%M:%S}",
            one.source_name,
            *(str(number) for number in (one.rows_read, one.rows_loaded, one.rows_refused, one.rows_flagged)),
            one.failure or "",
        )
    console.print(table)


@etl_app.command()
def runs(limit: Annotated[int, typer.Option(min=1, help="Runs to print.")] = 20) -> None:
    """Runs that were asked for by page, schedule or arrival, newest first, and how far they are."""
    with open_store() as store, store.owner_connection() as connection:
        rows = connection.execute(
            """
            SELECT id, job, action, trigger, requested_by, state, phase, rows_done, queued_at, message
            FROM ioc.load_run ORDER BY id DESC LIMIT %s
            """,
            [limit],
        ).fetchall()
    table = Table("run", "dataset", "action", "asked by", "state", "rows", "asked at", "message")
    for run_id, job, action, trigger, who, state, phase, done, at, message in rows:
        asked = f"{trigger} {who}" if who else trigger
        now = f"{state} {phase}" if state == "running" and phase else state
        table.add_row(
            str(run_id), job, action, asked, now, str(done), f"{at:%Y-%m-%d %H:%M:%S}", message or ""
        )
    console.print(table)


@etl_app.command()
def overdue() -> None:
    """Datasets that are older than the update period the catalogue states."""
    with open_store() as store, store.owner_connection() as connection:
        found = overdue_datasets(connection, datetime.now(UTC))
    for one in found:
        console.print(
            f"{one.dataset} ({one.title_zh}): {one.update_period}, last loaded {one.last_loaded_at:%Y-%m-%d}"
        )
    if not found:
        console.print("No dataset is overdue.")


@etl_app.command()
def rollback(dataset: DatasetCode) -> None:
    """Publish the version before the present one again."""
    with open_store() as store:
        version = roll_back(store, dataset)
    console.print(f"Dataset {dataset} shows version {version} again.")


@etl_app.command()
def quarantine(
    dataset: DatasetCode,
    version: Annotated[int | None, typer.Option(help="Of this version instead of the newest.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 50,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write all of them to this file, `-` for stdout.")
    ] = None,
    excel: Annotated[
        Path | None, typer.Option(help="Write them as a workbook to correct and hand in again.")
    ] = None,
    job: CorrectedJob = None,
) -> None:
    """Rows that were refused or flagged: where they stand in the file, the rule and the reason."""
    with open_store() as store:
        if excel is not None:
            excel.write_bytes(quarantine_workbook(store, find_job(job or dataset), version=version))
            console.print(f"{excel}: correct the coloured cells, then hand it in with `ioc etl correct`.")
            return
        rows = quarantined_rows(store, dataset, version)
    if csv_file is not None:
        _write_csv(rows, csv_file)
        return
    table = Table("row", "severity", "rule", "field", "原因 reason", "建议 suggestion")
    for row in rows[:limit]:
        table.add_row(
            "" if row.source_row is None else str(row.source_row),
            row.severity,
            row.rule,
            row.field or "",
            f"{row.reason_zh}\n{row.reason_en}",
            f"{row.suggestion_zh}\n{row.suggestion_en}",
        )
    console.print(table)
    if len(rows) > limit:
        console.print(f"{len(rows) - limit} more; --csv FILE writes all of them.")


@etl_app.command()
def correct(
    file: Annotated[Path, typer.Argument(help="The corrected workbook of `ioc etl quarantine --excel`.")],
    job: CorrectedJob = None,
    by: Annotated[str | None, typer.Option(help="Account of whoever corrected it.")] = None,
) -> None:
    """Run the corrected rows of a workbook again and publish them with all others."""
    with open_store() as store:
        report = merge_corrections(store, find_job(job or read_corrections(file).dataset), file, by)
    print_report(report)
    for row, _, reason in report.turned_away:
        console.print(f"  row {row} turned away: {reason}")


etl_app.command()(worker)
etl_app.command(name="inspect")(inspect_command)
for command in (diff, approve, refuse, lineage):
    etl_app.command()(command)


@contextmanager
def job_progress(job: Job) -> Iterator[JobProgress]:
    """A progress bar for one job, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(job.title_zh, total=None)

        def tell(phase: str, done: int, total: int) -> None:
            bars.update(
                task,
                description=f"{job.title_zh} {PHASES_ZH[phase]} {phase}",
                completed=done,
                total=total or None,
            )

        yield tell


def print_report(report: LoadReport, *, dry_run: bool = False) -> None:
    """What a run did, in a few lines."""
    if report.unchanged and report.waiting:
        console.print(
            f"{report.job}: {report.source.name} is loaded already and waits: "
            f"`ioc etl approve {report.job} {report.waiting}` publishes it."
        )
        return
    if report.unchanged:
        console.print(f"{report.job}: {report.source.name} is what is published already; nothing to do.")
        return
    done = "checked" if dry_run else f"published as version {report.version_id}"
    if report.waiting:
        done = f"waits as version {report.waiting} for `ioc etl approve {report.job} {report.waiting}`"
    seconds = " ".join(f"{phase} {took:.2f}s" for phase, took in report.seconds.items())
    console.print(
        f"{report.job}: {done}: {report.rows_read} rows read, {report.rows_loaded} accepted, "
        f"{report.rows_refused} refused, {report.rows_flagged} flagged ({seconds})"
    )
    for words, counts in (("refused", report.refused_by_rule), ("flagged", report.flagged_by_rule)):
        for rule, count in sorted(counts.items(), key=lambda item: -item[1]):
            console.print(f"  {words} by {rule}: {count}")
    if report.rows_carried or report.rows_removed:
        console.print(f"  {report.rows_carried:,} rows kept, {report.rows_removed:,} reported as no more")
    if report.difference is not None:
        print_difference(report.difference)


def _write_csv(rows: list[QuarantinedRow], file: Path) -> None:
    """Quarantined rows with the columns of the file they came from, for the steward to mend."""
    names = list(dict.fromkeys(name for row in rows for name in row.raw))
    out = sys.stdout if str(file) == "-" else file.open("w", encoding="utf-8-sig", newline="")
    with out if out is not sys.stdout else _left_open():
        writer = csv.writer(out)
        writer.writerow(
            [
                "source_row",
                "severity",
                "rule",
                "field",
                "reason_zh",
                "reason_en",
                "suggestion_zh",
                "suggestion_en",
                *map(harmless, names),
            ]
        )
        for row in rows:
            cells = [row.raw.get(name) for name in names]
            said = [row.reason_zh, row.reason_en, row.suggestion_zh, row.suggestion_en]
            told = map(harmless, [*said, *cells])
            writer.writerow([row.source_row, row.severity, row.rule, row.field, *told])


@contextmanager
def _left_open() -> Iterator[None]:
    yield
