"""Reads what a job's source delivers: every row with the number the steward sees, nothing converted yet."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import structlog

from etl.coordinate_columns import read_geometries
from etl.delivery import Delivery, SourceError, joined
from etl.fetch import Access, Fetched
from etl.header_row import fold
from etl.job import Job
from etl.source_format import formats, open_source, sidecars

log = structlog.get_logger(__name__)


def source_path(job: Job, folder: Path) -> Path:
    """The file of a job in a hand-over folder, or the file itself when the folder is one.

    Raises:
        SourceError: it is not there.
    """
    whole = folder.is_file() or folder.suffix.lower() == ".gdb"
    path = folder if whole else folder / job.source.path
    if not path.exists():
        raise SourceError(
            f"Job “{job.code}” reads {path}, which is not there: put the file there, "
            "or name another with --source."
        )
    return path


def deliver(job: Job, folder: Path, access: Access | None, watermark: str | None = None) -> Fetched:
    """The file of a job: fetched first where the source is a database or a service.

    Args:
        watermark: how far an incremental source was read before; None reads all of it.

    Raises:
        UserError: the file is not there, or the database or service cannot be read.
    """
    one = formats().get(job.source.format or "")
    if one is None or one.fetch is None:
        return Fetched(source_path(job, folder), None)
    if access is None:
        raise SourceError(f"Job “{job.code}” asks a service; run it with ioc etl run.")
    spool = access.spool / job.code
    spool.mkdir(parents=True, exist_ok=True)
    return one.fetch(job.source, access, spool, watermark)


def source_files(path: Path) -> tuple[Path, ...]:
    """The file and those that belong to it, such as a shapefile's .dbf or all of a folder."""
    if path.is_dir():
        return tuple(sorted(file for file in path.rglob("*") if file.is_file()))
    return (path, *sidecars(path))


def read_chunks(job: Job, path: Path, rows: int) -> Iterator[Delivery]:
    """Read a job's file, at most ``rows`` rows at a time, in the file's order.

    Columns whose names differ from the job's in spaces, width or case, or that a shapefile cut to ten bytes,
    get the job's names; geometries written as text are read. Rows that ``source.where`` does not ask for are
    left out and their number logged.

    Raises:
        SourceError: missing, damaged, without the layer, sheet or columns the job names, or without rows.
    """
    empty, left_out, asked_for = True, 0, 0
    with open_source(path, job.source) as source:
        for part in source.chunks(job.source.layer_name, rows):
            part.attributes = part.attributes.rename(columns=_job_names(job, list(part.attributes.columns)))
            if empty:
                _check_columns(job, path, part.attributes)
            empty = False
            if job.source.where:
                delivered = len(part)
                part = _asked_for(job, part)
                left_out += delivered - len(part)
                if not len(part):
                    continue
            asked_for += len(part)
            if job.source.wkt:
                part.geometry, part.crs = read_geometries(pd.Series(part.attributes[job.source.wkt]))
            yield part
    if empty:
        raise SourceError(f"{path} has no rows; nothing was loaded.")
    if not asked_for:
        raise SourceError(
            f"None of the {left_out} rows of {path} is one that source.where of job “{job.code}” asks for; "
            "nothing was loaded: correct the condition or deliver the right file."
        )
    if left_out:
        log.info("rows not asked for", job=job.code, file=path.name, left_out=left_out, read=asked_for)


def read_source(job: Job, path: Path) -> Delivery:
    """Read all of a job's file at once; raises as ``read_chunks``."""
    return joined(list(read_chunks(job, path, sys.maxsize)))


def _asked_for(job: Job, part: Delivery) -> Delivery:
    """The rows that fulfil every condition of ``source.where``, with the numbers they have in the file."""
    kept = np.ones(len(part), dtype=bool)
    for name, wanted in job.source.where.items():
        cells = part.attributes[name]
        text = cells.astype("str").str.strip()
        known = cells.notna() & (text != "")
        kept &= (known if wanted is True else known & text.isin(wanted)).to_numpy(dtype=bool)
    shapes = part.geometry[kept] if part.geometry is not None else None
    attributes = part.attributes[kept].reset_index(drop=True)
    return replace(part, attributes=attributes, source_row=part.source_row[kept], geometry=shapes)


def source_columns(job: Job, *, optional: bool = False) -> dict[str, str]:
    """Columns of the file the job reads → the key of the job that names them; optional ones too if asked."""
    named: dict[str, str] = {}
    for target, column in job.fields.items():
        if optional or not column.optional:
            for name in (*([column.source] if column.source else []), *column.join):
                named.setdefault(name, f"fields.{target}")
    for attribute in job.attributes:
        if attribute.source.source and (optional or not attribute.source.optional):
            named.setdefault(attribute.source.source, f"attributes.{attribute.name}")
    if job.load.deletions and not job.load.deletions.keys:
        named.setdefault(job.load.deletions.column, "load.deletions.column")
    for name in job.source.where:
        named.setdefault(name, "source.where")
    for key in ("x", "y", "xy", "wkt"):
        if name := getattr(job.source, key):
            named.setdefault(name, f"source.{key}")
    return named


def _job_names(job: Job, columns: list[str]) -> dict[str, str]:
    """Columns of the file → the names the job has for them, where they differ and only one fits."""
    renamed: dict[str, str] = {}
    for name in source_columns(job, optional=True):
        if name in columns:
            continue
        same = [column for column in columns if fold(column) == fold(name)]
        cut = [column for column in columns if column in _cut_names(name)]
        fitting = same or cut
        if len(fitting) == 1 and fitting[0] not in renamed:
            renamed[fitting[0]] = name
    return renamed


def _cut_names(name: str) -> set[str]:
    """What a shapefile leaves of a long name: ten bytes, without the half of a character at the end."""
    cut = {name.encode(encoding)[:10].decode(encoding, errors="ignore") for encoding in ("gb18030", "utf-8")}
    return cut - {name}


def _check_columns(job: Job, path: Path, attributes: pd.DataFrame) -> None:
    sheet = job.source.sheet
    for name, key in source_columns(job).items():
        if name not in attributes.columns:
            place = f" (sheet “{sheet}”)" if sheet else ""
            found = ", ".join(map(str, attributes.columns[:30]))
            raise SourceError(
                f"{path}{place} has no column “{name}”, which {key} of job “{job.code}” names; "
                f"it has {found}."
            )
