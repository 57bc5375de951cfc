"""Excel and OpenDocument sheets as people keep them: titles above headers of two rows, merged cells.

Hidden sheets are passed over unless the job names them; rows hidden by a filter are rows like others. Of
formulas the value counts that was saved with them.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.header_row import SEARCHED, find_header, given, unique_names
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions

MOST_CELLS = 60_000_000
"""A sheet is held whole, empty cells included."""
MOST_BYTES = 4 << 30
_ROW = re.compile(rb'<row[^>]{0,200}?\sr="(\d{1,7})"')
_COLUMN = re.compile(rb'<c[^>]{0,200}?\sr="([A-Z]{1,3})\d')

Cells = list[list[Any]]


class ExcelSource(Source):
    """A workbook; its sheets are its layers."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path, self.options = path, options
        _check(path)
        with _one_sentence(path):
            self.workbook = CalamineWorkbook.from_path(path)

    def layers(self) -> list[SourceLayer]:
        found = []
        for name in self._visible():
            attributes, rows = self._read(name)
            found.append(SourceLayer(name, len(rows), fields=dict.fromkeys(attributes.columns, "text")))
        return found

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        attributes, numbers = self._read(self._choose(layer))
        for at in range(0, len(numbers), rows):
            part = attributes.iloc[at : at + rows].reset_index(drop=True)
            yield Delivery(self.path, part, numbers[at : at + rows])

    def close(self) -> None:
        self.workbook.close()

    def _visible(self) -> list[str]:
        shown = [
            sheet.name for sheet in self.workbook.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible
        ]
        return shown or self.workbook.sheet_names

    def _choose(self, sheet: str | None) -> str:
        names = self.workbook.sheet_names
        if not names:
            raise SourceError(f"{self.path} has no sheet: save it as .xlsx.")
        if sheet is None:
            return self._visible()[0]
        if sheet not in names:
            raise SourceError(f"{self.path} has no sheet “{sheet}”; it has {', '.join(names)}.")
        return sheet

    def _read(self, name: str) -> tuple[pd.DataFrame, np.ndarray]:
        with _one_sentence(self.path):
            sheet = self.workbook.get_sheet_by_name(name)
            cells = sheet.to_python(skip_empty_area=False)
            merged = sheet.merged_cell_ranges or []
        header = self._header(name, cells)
        height = _header_height(cells, header, merged)
        _fill_merged(cells, merged, header)
        return _body(cells, header, height)

    def _header(self, sheet: str, cells: Cells) -> int:
        """Index of the header's first row."""
        header: int | None = None
        if self.options.header_row is None:
            header = find_header(cells, self.options.header_contains)
        elif self.options.header_row <= len(cells):
            header = self.options.header_row - 1
        if header is None and self.options.header_contains:
            raise SourceError(
                f"Sheet “{sheet}” of {self.path} has no header row with "
                f"{', '.join(self.options.header_contains)} in its first {SEARCHED} rows."
            )
        if header is None or not cells:
            raise SourceError(f"Sheet “{sheet}” of {self.path} is empty: deliver it again.")
        return header


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except (CalamineError, OSError) as error:
        words = " ".join(str(error).split())[:200]
        raise SourceError(f"{path} cannot be read as a workbook ({words}): save it as .xlsx.") from error


def _header_height(cells: Cells, header: int, merged: list[Any]) -> int:
    """Rows of the header: as many as its cells are merged downwards, two where some are merged sideways."""
    spans = [(top, left, bottom, right) for (top, left), (bottom, right) in merged if top == header]
    deepest = max((bottom - top + 1 for top, _, bottom, _ in spans), default=1)
    grouped = any(right > left and top == bottom for top, left, bottom, right in spans)
    return min(max(deepest, 2 if grouped else 1), len(cells) - header)


def _fill_merged(cells: Cells, merged: list[Any], header: int) -> None:
    """A merged cell's value in all the cells it covers, from the header on."""
    for (top, left), (bottom, right) in merged:
        if top < header or top >= len(cells) or left >= len(cells[top]):
            continue
        for row in range(top, min(bottom + 1, len(cells))):
            for column in range(left, min(right + 1, len(cells[row]))):
                cells[row][column] = cells[top][left]


def _body(cells: Cells, header: int, height: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells as they are, and each row's number in the sheet. Wholly empty rows are left out."""
    first = header + height
    body = [
        (number, row) for number, row in enumerate(cells[first:], start=first + 1) if any(map(given, row))
    ]
    titles = [_title([cells[row][column] for row in range(header, first)]) for column in range(len(cells[0]))]
    kept = [
        column for column, title in enumerate(titles) if title or any(given(row[column]) for _, row in body)
    ]
    names = unique_names([titles[column] or f"Column {_letters(column)}" for column in kept])
    columns = {
        name: pd.Series([_plain(row[column]) for _, row in body], dtype="object")
        for name, column in zip(names, kept, strict=True)
    }
    return pd.DataFrame(columns), np.array([number for number, _ in body], dtype=np.int64)


def _title(parts: list[Any]) -> str:
    """Header cells one above the other as one name; a cell merged over them counts once."""
    words = [" ".join(str(part).split()) for part in parts if given(part)]
    return " ".join(dict.fromkeys(words))


def _letters(column: int) -> str:
    """A column's letters as the sheet shows them."""
    letters = ""
    while column >= 0:
        letters = chr(65 + column % 26) + letters
        column = column // 26 - 1
    return letters


def _plain(cell: Any) -> Any:
    """Excel keeps whole numbers as floats; a code typed as a number must not become ``1.0``."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return None if cell == "" else cell


def _check(path: Path) -> None:
    """Refuse what would not fit into memory before opening it, and pages that only call themselves Excel."""
    with path.open("rb") as file:
        head = file.read(512).lstrip()
    if not head:
        raise SourceError(f"{path} is empty: deliver it again.")
    if head.startswith(b"<"):
        raise SourceError(f"{path} is a web page and no workbook: open it in Excel and save it as .xlsx.")
    if not head.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise SourceError(f"{path} unpacks into more than is safe: deliver it as CSV.")
            for member in members:
                if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
                    _check_extent(path, archive, member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise SourceError(f"{path} cannot be read as a workbook ({error}): save it as .xlsx.") from error


def _check_extent(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """One stray cell in the last corner of a sheet would take the memory of all cells before it."""
    rows, columns = 0, 0
    kept = b""
    with archive.open(member) as sheet:
        while block := sheet.read(1 << 20):
            text = kept + block
            rows = max([rows, *map(int, set(_ROW.findall(text)))])
            columns = max([columns, *map(_column_number, set(_COLUMN.findall(text)))])
            kept = text[-300:]
    if rows * columns > MOST_CELLS:
        raise SourceError(
            f"{path} has a sheet of {rows:,} rows by {columns:,} columns, most of them empty: delete the "
            "empty ones below and beside the table."
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


FORMAT = SourceFormat("excel", (".xlsx", ".xlsm", ".xls", ".ods"), ExcelSource)
