"""Rows fetched from a database or a service, on disk: one JSON object a line after a line with the frame.

The same rows always make the same bytes, so that a load can tell that nothing has changed.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import shapely

ENDING = ".rows.jsonl"


@dataclass(frozen=True)
class FetchedRow:
    """One row: its cells by column, its geometry if it has one."""

    cells: dict[str, Any]
    shape: shapely.Geometry | None = None


def write_rows(path: Path, rows: Iterable[FetchedRow], frame: Callable[[], str | None]) -> int:
    """Write the file whole or not at all; ``frame`` is asked last, for any form that pyproj reads.

    Returns:
        The number of rows.
    """
    half = path.with_name(f".{path.name}")
    try:
        with half.open("w", encoding="utf-8") as file:
            number = _write(file, rows, frame)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    os.replace(half, path)
    return number


def _write(file: TextIO, rows: Iterable[FetchedRow], frame: Callable[[], str | None]) -> int:
    columns: dict[str, None] = {}
    number = 0
    for row in rows:
        columns |= dict.fromkeys(row.cells)
        shape = None if row.shape is None else shapely.to_wkb(row.shape, hex=True, output_dimension=2)
        cells = {name: _plain(cell) for name, cell in row.cells.items()}
        file.write(json.dumps([cells, shape], ensure_ascii=False) + "\n")
        number += 1
    file.write(json.dumps({"crs": frame(), "columns": list(columns), "rows": number}, ensure_ascii=False))
    return number


def _plain(cell: Any) -> Any:
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell).hex()
    if isinstance(cell, Decimal | timedelta):
        return str(cell)
    return json.dumps(cell, ensure_ascii=False, default=str)
