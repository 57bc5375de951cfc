"""The inbox: a folder where departments put their files, loaded as soon as they lie there whole."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import structlog
import typer
from psycopg import OperationalError

from etl.job import Job, load_job, packaged_jobs
from etl.references import References
from etl.run import run_job
from etl.source import source_files, source_path
from geodata.errors import UserError
from geodata.store import Store
from ioc.context import open_store

log = structlog.get_logger(__name__)

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change (ns) of every file a job reads."""


class Inbox:
    """What was seen in the folder, look by look.

    Files are loaded when two looks in a row find them the same: one that is still being copied waits.
    A file whose load failed is tried again when it, or anything loaded before it, has changed.

    Args:
        store: where to load into, as the owner.
        folder: the hand-over folder; ``jobs/*.toml`` in it are job files of the district's own.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self._seen: dict[str, Stamp] = {}
        self._done: dict[str, Stamp] = {}

    def look(self) -> list[str]:
        """Load what is new and quiet.

        Returns:
            Codes of the datasets that were published.
        """
        seen = {job.code: self._stamp(job) for job in self._jobs()}
        quiet = {code: stamp for code, stamp in seen.items() if stamp == self._seen.get(code)}
        self._seen = seen
        if all(self._done.get(code) == stamp for code, stamp in quiet.items()):
            return []
        published = []
        references = References()
        for job in self._jobs():
            if job.code in quiet and self._load(job, references):
                published.append(job.code)
        self._done = quiet
        return published

    def _jobs(self) -> Iterator[Job]:
        """Jobs whose file is there, each after those it builds on, the district's own last."""
        jobs = packaged_jobs()
        for file in sorted((self.folder / "jobs").glob("*.toml")):
            try:
                jobs.append(load_job(file))
            except UserError as error:
                log.error("inbox: job file refused", file=str(file), reason=str(error))
        for job in jobs:
            if (self.folder / job.source.path).exists():
                yield job

    def _stamp(self, job: Job) -> Stamp:
        files = source_files(source_path(job, self.folder))
        return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files))

    def _load(self, job: Job, references: References) -> bool:
        try:
            report = run_job(self.store, job, self.folder, references=references)
        except UserError as error:
            log.error("inbox: not loaded", dataset=job.code, reason=str(error))
            return False
        if report.published:
            log.info(
                "inbox: published", dataset=job.code, loaded=report.rows_loaded, refused=report.rows_refused
            )
        return report.published


def worker(
    folder: Annotated[Path, typer.Argument(help="Folder where departments' files arrive.")],
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 15,
) -> None:
    """Watch an inbox and load what arrives, until stopped."""
    if not folder.is_dir():
        raise UserError(f"The inbox {folder} is not a folder: make it, or name another one.")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with open_store() as store:
        inbox = Inbox(store, folder)
        log.info("inbox: watching", folder=str(folder))
        while not stopping.wait(every):
            try:
                inbox.look()
            except (OperationalError, OSError) as error:
                log.error("inbox: looking again later", reason=str(error).strip())
