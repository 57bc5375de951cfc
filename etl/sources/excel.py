"""Excel sheets as they are kept: titles above the header, the sheet by its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions

_HEADER_SEARCHED = 30


class ExcelSource(Source):
    """A workbook; its sheets are its layers."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path, self.options = path, options
        with _one_sentence(path):
            self.workbook = CalamineWorkbook.from_path(path)

    def layers(self) -> list[SourceLayer]:
        found = []
        for name in self.workbook.sheet_names:
            attributes, rows = self._read(name)
            found.append(SourceLayer(name, len(rows), fields=dict.fromkeys(attributes.columns, "text")))
        return found

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        attributes, numbers = self._read(_choose_sheet(self.path, self.workbook.sheet_names, layer))
        for at in range(0, len(numbers), rows):
            part = attributes.iloc[at : at + rows].reset_index(drop=True)
            yield Delivery(self.path, part, numbers[at : at + rows])

    def _read(self, sheet: str) -> tuple[pd.DataFrame, np.ndarray]:
        with _one_sentence(self.path):
            cells = self.workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        return _body(self.path, sheet, cells, self.options)


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except (CalamineError, OSError) as error:
        raise SourceError(f"{path} cannot be read as a workbook ({error}): save it as .xlsx.") from error


def _body(
    path: Path, sheet: str, cells: list[list[Any]], options: SourceOptions
) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells as they are, and each row's number in the sheet. Wholly empty rows are left out."""
    header_row = options.header_row
    if options.header_contains:
        header_row = _find_header(path, sheet, cells, options.header_contains)
    if len(cells) < header_row:
        raise SourceError(f"Sheet “{sheet}” of {path} is empty: deliver it again.")
    names = [str(cell).strip() for cell in cells[header_row - 1]]
    kept = [column for column, title in enumerate(names) if title]
    body = [
        (number, row)
        for number, row in enumerate(cells, start=1)
        if number > header_row and any(map(_given, row))
    ]
    columns = {names[column]: [_plain(row[column]) for _, row in body] for column in kept}
    return pd.DataFrame(columns), np.array([number for number, _ in body], dtype=np.int64)


def _choose_sheet(path: Path, sheets: list[str], sheet: str | None) -> str:
    if not sheets:
        raise SourceError(f"{path} has no sheet: save it as .xlsx.")
    if sheet is None:
        return sheets[0]
    if sheet not in sheets:
        raise SourceError(f"{path} has no sheet “{sheet}”; it has {', '.join(sheets)}.")
    return sheet


def _find_header(path: Path, sheet: str, cells: list[list[Any]], wanted: tuple[str, ...]) -> int:
    for number, row in enumerate(cells[:_HEADER_SEARCHED], start=1):
        if set(wanted) <= {str(cell).strip() for cell in row}:
            return number
    raise SourceError(
        f"Sheet “{sheet}” of {path} has no header row with {', '.join(wanted)} in its first "
        f"{_HEADER_SEARCHED} rows."
    )


def _given(cell: Any) -> bool:
    return cell is not None and str(cell).strip() != ""


def _plain(cell: Any) -> Any:
    """Excel keeps whole numbers as floats; a code typed as a number must not become ``1.0``."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return None if cell == "" else cell


FORMAT = SourceFormat("excel", (".xlsx", ".xlsm", ".xls", ".ods"), ExcelSource)
