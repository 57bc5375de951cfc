"""The inbox: a folder where departments put their files, to be loaded as soon as they lie there whole."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
from psycopg import Connection

from etl.job import Job
from etl.job_file import load_job, packaged_jobs
from etl.load_queue import request_load
from etl.source import source_files, source_path
from geodata.errors import UserError
from geodata.store import Store

log = structlog.get_logger(__name__)

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change (ns) of every file a job reads."""


def known_jobs(folder: Path) -> list[Job]:
    """The packaged jobs, each after those it builds on, then those of ``jobs/*.toml`` in the inbox."""
    jobs = packaged_jobs()
    for file in sorted((folder / "jobs").glob("*.toml")):
        try:
            jobs.append(load_job(file))
        except UserError as error:
            log.error("inbox: job file refused", file=str(file), reason=str(error))
    return jobs


class Inbox:
    """What was seen in the folder, look by look.

    A load is asked for when two looks in a row find its files the same: one that is still being copied waits.

    Args:
        store: where the runs are asked for, as the owner.
        folder: the hand-over folder; ``jobs/*.toml`` in it are job files of the district's own.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self._seen: dict[str, Stamp] = {}
        self._asked: dict[str, Stamp] = {}

    def look(self) -> list[str]:
        """Ask for loads of what is new and quiet.

        Returns:
            Codes of the datasets to be loaded.
        """
        seen = {job.code: self._stamp(job) for job in self._jobs()}
        quiet = {code: stamp for code, stamp in seen.items() if stamp == self._seen.get(code)}
        self._seen = seen
        new = [code for code, stamp in quiet.items() if self._asked.get(code) != stamp]
        if not new:
            return []
        with self.store.owner_connection() as connection:
            asked = [code for code in new if _arrived_since(connection, code, quiet[code])]
            for code in asked:
                request_load(connection, code, ".", "inbox")
        self._asked |= {code: quiet[code] for code in new}
        return asked

    def _jobs(self) -> Iterator[Job]:
        """Jobs whose file is there."""
        for job in known_jobs(self.folder):
            if job.source.path and (self.folder / job.source.path).exists():
                yield job

    def _stamp(self, job: Job) -> Stamp:
        files = source_files(source_path(job, self.folder))
        # The time of the inode's change: a file moved here keeps the times of its content.
        return tuple((file.name, file.stat().st_size, file.stat().st_ctime_ns) for file in sorted(files))


def _arrived_since(connection: Connection, code: str, stamp: Stamp) -> bool:
    """Whether files are newer than the last run that was asked for: another worker may have seen them."""
    row = connection.execute(
        "SELECT max(queued_at) FROM ioc.load_run WHERE job = %s AND trigger = 'inbox'", [code]
    ).fetchone()
    last = row[0] if row else None
    newest = datetime.fromtimestamp(max(changed for _name, _size, changed in stamp) / 1e9, UTC)
    return last is None or newest > last
