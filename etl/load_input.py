"""What goes into a load, by its hashes: the same input would give the same rows."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from psycopg import Connection

from etl.job import Assignment, Column, Job, Load
from etl.normalise import normalise
from etl.references import References
from etl.source import read_chunks, source_files
from geodata import migrate
from geodata.errors import UserError

PROGRAM_EDITION = "2"
"""Goes into the input's hash: raise it when the same file and job would give other rows."""

CODES_AT_ONCE = 200_000


@dataclass(frozen=True)
class LoadInput:
    """``content_hash`` is of the delivered file alone, ``input_hash`` of everything the rows depend on."""

    content_hash: str
    size: int
    job_hash: str
    program: str
    input_hash: str


def load_input(job: Job, path: Path, folder: Path, references_state: str) -> LoadInput:
    """Of files, job, parameters, program and the versions of what is looked up."""
    files = source_files(path)
    content = _of_files(files)
    beside = [job.folder / job.source.parameters] if job.source.parameters else []
    beside += [_keys_path(job, folder)] if job.load.lists_standing else []
    program = f"{PROGRAM_EDITION}.{migrate.head()}"
    parts = (content, _of_files(beside), job.text, job.load.mode, references_state, program)
    return LoadInput(
        content_hash=content,
        size=sum(file.stat().st_size for file in files),
        job_hash=_job_hash(job),
        program=program,
        input_hash=hashlib.sha256("\0".join(parts).encode()).hexdigest(),
    )


def read_so_far(connection: Connection[Any], dataset_id: int, job: Job) -> str | None:
    """The watermark from which an incremental job reads on: that of the published version.

    None where all is to be read: nothing is published yet, the job was another one, or loads are full.
    """
    if job.load.mode != "incremental":
        return None
    row = connection.execute(
        """
        SELECT v.watermark FROM ioc.dataset d JOIN ioc.dataset_version v ON v.id = d.published_version_id
        WHERE d.id = %s AND v.job_hash = %s
        """,
        [dataset_id, _job_hash(job)],
    ).fetchone()
    return row[0] if row else None


def _job_hash(job: Job) -> str:
    return hashlib.sha256(job.text.encode()).hexdigest()


def _of_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"\0{file.suffix}\0".encode())
        with file.open("rb") as content:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def standing_codes(job: Job, folder: Path, references: References) -> list[str]:
    """The codes of the list of all that still stand, brought to their form in the store.

    Raises:
        UserError: the list is missing, damaged or without its column, or a code in it cannot be read.
    """
    deletions = job.load.deletions
    assert deletions is not None, "asked only of jobs that declare a list"
    path = _keys_path(job, folder)
    plain: dict[str, Any] = {
        "source": job.source.model_copy(
            update={
                "path": str(path),
                "layer": None,
                "sheet": None,
                "format": None,
                "x": None,
                "y": None,
                "where": {},
            }
        ),
        "fields": {"code": Column(source=deletions.column)},
        "codes": {
            name: one.model_copy(update={"type": None, "original": None})
            for name, one in job.codes.items()
            if name == "code"
        },
        "attributes": (),
        "measure": {},
        "checks": (),
        "search": None,
        "load": Load(),
        "assign": Assignment(by="none", tolerance_m=0),
    }
    listing = job.model_copy(update=plain)
    codes: list[str] = []
    for delivery in read_chunks(listing, path, CODES_AT_ONCE):
        rows = normalise(listing, delivery, references)
        wrong = rows.columns["code"].isna().to_numpy()
        if "code" in rows.code_faults:
            wrong = wrong | rows.code_faults["code"].notna().to_numpy()
        if wrong.any():
            row = delivery.source_row[np.flatnonzero(wrong)[0]]
            raise UserError(
                f"{path}, row {row}, “{deletions.column}”: this is no code, and what a list of all that "
                "stand leaves out is removed; nothing was loaded: correct the list."
            )
        codes += rows.columns["code"].tolist()
    return codes


def _keys_path(job: Job, folder: Path) -> Path:
    assert job.load.deletions is not None
    assert job.load.deletions.keys is not None
    path = (folder if folder.is_dir() else folder.parent) / job.load.deletions.keys
    if not path.is_file():
        raise UserError(f"Job “{job.code}” lists all that stand in {path}, which is not there: put it there.")
    return path
