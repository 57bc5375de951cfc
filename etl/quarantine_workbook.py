"""Quarantined rows as an Excel workbook to correct, and the corrected workbook read again.

The sheet has the file's own columns in its own order, the wrong cells coloured with the reason as a comment.
A hidden last column tells version, row and content of each line, so lines may be sorted and left out. All
cells are texts: nothing a file holds is ever taken for a formula.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter
from psycopg import Connection
from python_calamine import CalamineError, CalamineWorkbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from etl.job import Job
from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer

SHEET, KEY_SHEET = "待更正", "ioc"
GEOMETRY, REASON, ADVICE, KEY = "几何（WKT，CGCS2000）", "问题 Reason", "建议 Suggestion", "ioc_key"
MOST_ROWS, MOST_COMMENTS = 1_000_000, 20_000
COLOURS = {"error": "#F8B4B4", "warning": "#FCE8A8"}
_NOTES = (
    "红色单元格：该行未入库；黄色：已入库但有疑点。原因见批注与“问题”列，改法见“建议”列。",
    "直接改正单元格后保存交回；可以排序、筛选、删去不改的行，请勿改动列名和隐藏的末列。",
    "Red: the row was refused. Yellow: it was loaded and flagged. Correct the cells and hand the file in; "
    "rows may be sorted or left out, but leave the header and the hidden last column as they are.",
)


class WorkbookError(UserError):
    """A workbook that is not one of corrections, or rows that do not fit into one."""


@dataclass(frozen=True)
class QuarantinedLine:
    """A row of a file with everything that was found wrong with it; ``severity`` is the worst."""

    source_row: int
    raw: dict[str, Any]
    wkt: str | None
    severity: str
    reasons: tuple[tuple[str, str | None, str, str, str, str], ...]
    """(severity, field, reason zh, reason en, suggestion zh, suggestion en) of each rule."""


@dataclass(frozen=True)
class CorrectedLine:
    """A line handed in again: which row of which version it was, and its cells now."""

    version_id: int
    source_row: int
    digest: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Corrections:
    """A corrected workbook: its dataset, and its lines in the order of the sheet."""

    dataset: str
    lines: tuple[CorrectedLine, ...]


def read_lines(connection: Connection[Any], version_id: int) -> list[QuarantinedLine]:
    """Quarantined rows of a version, as far as the connection may see them, in the file's order."""
    rows = connection.execute(
        """
        SELECT source_row, raw, ST_AsText(geom), severity, field, reason_zh, reason_en, suggestion_zh,
            suggestion_en
        FROM ioc.quarantine WHERE version_id = %s AND source_row IS NOT NULL ORDER BY source_row, severity, id
        """,
        [version_id],
    ).fetchall()
    lines: dict[int, list[Any]] = {}
    for row in rows:
        lines.setdefault(row[0], []).append(row)
    return [
        QuarantinedLine(number, found[0][1], found[0][2], found[0][3], tuple(one[3:] for one in found))
        for number, found in lines.items()
    ]


def quarantine_workbook(
    store: Store, job: Job, viewer: Viewer | None = None, version: int | None = None
) -> bytes:
    """The rows of a dataset that were refused or flagged, to be corrected.

    Args:
        viewer: under whose rights the rows are read; without one, the owner's.
        version: of this load instead of the published one.

    Raises:
        WorkbookError: there is nothing to correct, or too much for a sheet.
    """
    opened: AbstractContextManager[Connection[Any]] = (
        store.connect(viewer) if viewer else store.owner_connection()
    )
    with opened as connection:
        row = connection.execute(
            """
            SELECT v.id, v.source_columns, v.source_name FROM ioc.dataset d
            JOIN ioc.dataset_version v ON v.dataset_id = d.id
            WHERE d.code = %s AND v.id = coalesce(%s, d.published_version_id)
            """,
            [job.code, version],
        ).fetchone()
        lines = read_lines(connection, row[0]) if row else []
    if row is None or not lines:
        raise WorkbookError(f"Dataset “{job.code}” has no refused or flagged rows to correct.")
    if len(lines) > MOST_ROWS:
        raise WorkbookError(
            f"{len(lines):,} rows do not fit into an Excel sheet: mend the file {row[2]} and load it again."
        )
    names = list(row[1] or lines[0].raw)
    return _written(job, row[0], names, lines)


def has_geometry_column(job: Job) -> bool:
    """Whether places come with the file's geometry, not from its columns, and so need a column here."""
    return job.has_geometry and not (job.source.x or job.source.xy or job.source.wkt)


def _written(job: Job, version_id: int, names: list[str], lines: Sequence[QuarantinedLine]) -> bytes:
    file = io.BytesIO()
    columns = [*names, *([GEOMETRY] if has_geometry_column(job) else []), REASON, ADVICE, KEY]
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet(SHEET)
        head = book.add_format({"bold": True, "bg_color": "#E4E8EE", "border": 1, "num_format": "@"})
        text = book.add_format({"num_format": "@"})
        wrong = {s: book.add_format({"num_format": "@", "bg_color": c}) for s, c in COLOURS.items()}
        for number, name in enumerate(columns):
            sheet.write_string(0, number, name, head)
        marks = _cells_of(job, columns)
        comments = 0
        for number, line in enumerate(lines, start=1):
            comments = _write_line(sheet, number, version_id, line, columns, marks, text, wrong, comments)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(lines), len(columns) - 2)
        sheet.set_column(0, len(columns) - 1, 16, text)
        sheet.set_column(len(columns) - 3, len(columns) - 2, 48, text)
        sheet.set_column(len(columns) - 1, len(columns) - 1, 16, text, {"hidden": True})
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        notes = book.add_worksheet("说明")
        notes.set_column(0, 0, 120)
        for number, words in enumerate(_NOTES):
            notes.write_string(number, 0, words)
        keys = book.add_worksheet(KEY_SHEET)
        keys.write_string(0, 0, job.code)
        keys.very_hidden()
    return file.getvalue()


def _write_line(
    sheet: Worksheet,
    number: int,
    version_id: int,
    line: QuarantinedLine,
    columns: list[str],
    marks: Mapping[str, list[int]],
    text: Format,
    wrong: Mapping[str, Format],
    comments: int,
) -> int:
    """Write a row with its colours and comments; returns how many comments the sheet has now."""
    cells = original_cells(line)
    said: dict[int, list[tuple[str, str]]] = {}
    reason_at = columns.index(REASON)
    for severity, field, zh, en, do_zh, do_en in line.reasons:
        words = "\n".join(
            filter(None, (f"{zh}。{do_zh}" if do_zh else zh, f"{en}. {do_en}" if do_en else en))
        )
        for place in [at for name in (field or "").split(",") for at in marks.get(name, [])] or [reason_at]:
            said.setdefault(place, []).append((severity, words))
    cells[REASON] = "\n".join(f"{one[2]} / {one[3]}" for one in line.reasons)
    cells[ADVICE] = "\n".join(f"{one[4]} / {one[5]}" for one in line.reasons if one[4])
    cells[KEY] = f"{version_id}:{line.source_row}:{digest_of(line)}"
    for at, name in enumerate(columns):
        found = said.get(at, [])
        severity = min((one for one, _ in found), default=None)
        sheet.write_string(number, at, cells.get(name, ""), wrong[severity] if severity else text)
        if found and comments < MOST_COMMENTS:
            sheet.write_comment(
                number, at, "\n".join(words for _, words in found), {"x_scale": 2.5, "y_scale": 1.6}
            )
            comments += 1
    return comments


def _cells_of(job: Job, columns: list[str]) -> dict[str, list[int]]:
    """Which columns of the sheet a target column's finding marks."""
    sources: dict[str, list[str]] = {
        "geom": [name for name in (job.source.x, job.source.y, job.source.xy, job.source.wkt) if name]
        or [GEOMETRY]
    }
    for target, column in job.fields.items():
        sources[target] = [*([column.source] if column.source else []), *column.join]
    for attribute in job.attributes:
        sources[attribute.name] = [attribute.source.source] if attribute.source.source else []
    return {
        target: [columns.index(name) for name in names if name in columns]
        for target, names in sources.items()
    }


def original_cells(line: QuarantinedLine) -> dict[str, str]:
    """A quarantined row's cells as the sheet shows them."""
    cells = {name: cell_text(value) for name, value in line.raw.items()}
    return cells | {GEOMETRY: line.wkt or ""}


def cell_text(value: Any) -> str:
    """A value of a file as the sheet shows it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def digest_of(line: QuarantinedLine) -> str:
    """Tells whether a row of a later load still says the same."""
    content = json.dumps([line.raw, line.wkt], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def read_corrections(workbook: Path | bytes) -> Corrections:
    """Read a corrected workbook.

    Raises:
        WorkbookError: it is damaged, or no workbook of quarantined rows.
    """
    name = workbook if isinstance(workbook, Path) else "The workbook"
    try:
        content = workbook.read_bytes() if isinstance(workbook, Path) else workbook
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        (dataset, *_), *_ = book.get_sheet_by_name(KEY_SHEET).to_python()
        header, *rows = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    except OSError as error:
        raise WorkbookError(f"{name} cannot be read ({error.strerror or error}).") from error
    except (CalamineError, ValueError) as error:
        raise WorkbookError(
            f"{name} is no workbook of quarantined rows: download it with "
            "`ioc etl quarantine DATASET --excel FILE`, correct that and hand it in."
        ) from error
    columns = [str(one).strip() for one in header]
    if KEY not in columns:
        raise WorkbookError(f"{name} has lost its hidden last column “{KEY}”: correct a fresh download.")
    lines = []
    for number, row in enumerate(rows, start=2):
        cells = {
            column: cell_text(value).strip() for column, value in zip(columns, row, strict=True) if column
        }
        if not any(cells.values()):
            continue
        lines.append(_corrected(name, number, cells))
    return Corrections(str(dataset), tuple(lines))


def _corrected(name: object, number: int, cells: dict[str, str]) -> CorrectedLine:
    version, row, digest = [*cells.pop(KEY).split(":"), "", ""][:3]
    if not (version.isdecimal() and row.isdecimal() and digest):
        raise WorkbookError(
            f"{name}, sheet row {number}: the hidden key is missing or changed; rows that are new belong "
            "into the file itself, so take this row out."
        )
    for own in (REASON, ADVICE):
        cells.pop(own, None)
    return CorrectedLine(int(version), int(row), digest, cells)
