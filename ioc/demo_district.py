"""The demo district: its files written, then loaded by the jobs that load any department's file."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from etl.job import Job
from etl.job_file import packaged_jobs
from etl.run import PHASES, run_folder
from geodata.store import Store
from ioc.demo.build import STEPS, build_demo
from ioc.demo.cases import ensure_demo_cases


def ensure_demo_district(store: Store, folder: Path, scale: float, console: Console) -> None:
    """Load what the store lacks of the demo district; a store that has it all is left alone.

    Raises:
        UserError: a file cannot be written, or a job cannot be run.
    """
    if _missing(store):
        with _progress(console) as progress:
            _build(folder, scale, progress)
            _load(store, folder, progress)
    with console.status("演示案件 three years of cases"):
        ensure_demo_cases(store, scale)


def _missing(store: Store) -> set[str]:
    """Packaged datasets of which no version is published: a load that was cut short leaves some."""
    with store.owner_connection() as connection:
        rows = connection.execute(
            "SELECT code FROM ioc.dataset WHERE published_version_id IS NOT NULL"
        ).fetchall()
    return {job.code for job in packaged_jobs()} - {code for (code,) in rows}


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
    )


def _build(folder: Path, scale: float, progress: Progress) -> None:
    task = progress.add_task("演示数据 writing the departments' files", total=STEPS, note="")
    build_demo(folder, scale=scale, progress=lambda step: progress.update(task, advance=1, note=step))
    progress.update(task, completed=STEPS, note="")


def _load(store: Store, folder: Path, progress: Progress) -> None:
    jobs = packaged_jobs()
    overall = progress.add_task("装载 loading", total=len(jobs), note="")
    current = progress.add_task("", total=len(PHASES), note="", visible=False)
    for report in run_folder(store, folder, lambda job: _job_progress(job, progress, current)):
        note = f"{report.job}: {report.rows_loaded:,}"
        if report.rows_refused:
            note += f", 隔离 refused {report.rows_refused:,}"
        progress.update(overall, advance=1, note=note)
    progress.update(current, visible=False)


def _job_progress(job: Job, progress: Progress, task: TaskID) -> Callable[[str, int, int], None]:
    progress.reset(task, description=f"  {job.title_zh}", visible=True, note="")

    def tell(phase: str, done: int, total: int) -> None:
        share = done / total if phase == "load" and total else 0
        progress.update(task, completed=PHASES.index(phase) + share, note=phase)

    return tell
