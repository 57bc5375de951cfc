"""Reads a delivered file as it is: every row with the number the steward sees, nothing converted yet."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import CRS

from etl.delimited_file import read_delimited
from etl.excel_file import read_excel
from etl.job import Job, SourceFile
from etl.vector_file import read_vector, sidecars
from geodata.errors import UserError

FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "excel", ".xls": "excel", ".xlsm": "excel"}


class SourceError(UserError):
    """A file that is missing, damaged, or not as the job describes it."""


@dataclass
class Delivery:
    """What a file holds: text and numbers as read, geometries in the file's own frame, row numbers."""

    path: Path
    attributes: pd.DataFrame
    source_row: np.ndarray
    geometry: np.ndarray | None = None
    crs: CRS | None = None

    def __len__(self) -> int:
        return len(self.source_row)


def source_path(job: Job, folder: Path) -> Path:
    """The file of a job in a hand-over folder, or the file itself when the folder is one.

    Raises:
        SourceError: it is not there.
    """
    path = folder if folder.is_file() else folder / job.source.path
    if not path.is_file():
        raise SourceError(
            f"Job “{job.code}” reads {path}, which is not there: put the file there, "
            "or name another with --source."
        )
    return path


def source_files(path: Path) -> tuple[Path, ...]:
    """The file and those that belong to it, such as a shapefile's .dbf."""
    return (path, *sidecars(path))


def read_source(job: Job, path: Path) -> Delivery:
    """Read a job's file.

    Raises:
        SourceError: missing, damaged, without the layer, sheet or columns the job names, or without rows.
    """
    source = job.source
    kind = source.format or FORMATS.get(path.suffix.lower(), "vector")
    if kind == "vector":
        attributes, geometry, crs = read_vector(path, source.layer, source.encoding)
        rows = np.arange(1, len(attributes) + 1)
    elif kind == "csv":
        attributes, rows = read_delimited(path, source.delimiter, source.encoding, source.header_row)
        geometry = crs = None
    else:
        attributes, rows = read_excel(path, source.sheet, source.header_row, source.header_contains)
        geometry = crs = None
    if not len(attributes):
        raise SourceError(f"{path} has no rows; nothing was loaded.")
    _check_columns(job, source, path, attributes)
    return Delivery(path, attributes, rows, geometry, crs)


def source_columns(job: Job) -> dict[str, str]:
    """Columns of the file the job reads → the key of the job that names them."""
    named: dict[str, str] = {}
    for target, column in job.fields.items():
        if not column.optional:
            for name in (*([column.source] if column.source else []), *column.join):
                named.setdefault(name, f"fields.{target}")
    for attribute in job.attributes:
        if attribute.source.source and not attribute.source.optional:
            named.setdefault(attribute.source.source, f"attributes.{attribute.name}")
    for key in ("x", "y"):
        if name := getattr(job.source, key):
            named.setdefault(name, f"source.{key}")
    return named


def _check_columns(job: Job, source: SourceFile, path: Path, attributes: pd.DataFrame) -> None:
    for name, key in source_columns(job).items():
        if name not in attributes.columns:
            place = f" (sheet “{source.sheet}”)" if source.sheet else ""
            found = ", ".join(map(str, attributes.columns[:30]))
            raise SourceError(
                f"{path}{place} has no column “{name}”, which {key} of job “{job.code}” names; "
                f"it has {found}."
            )
