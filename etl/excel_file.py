"""Reads Excel sheets as they are kept: titles above the header, the sheet by its name."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from geodata.errors import UserError

_HEADER_SEARCHED = 30


class ExcelFileError(UserError):
    """A workbook that cannot be read."""


def read_excel(
    path: Path, sheet: str | None, header_row: int, header_contains: tuple[str, ...]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells as they are, and each row's number in the sheet. Wholly empty rows are left out.

    Raises:
        ExcelFileError: damaged, or without that sheet or header.
    """
    try:
        workbook = CalamineWorkbook.from_path(path)
        name = _choose_sheet(path, workbook.sheet_names, sheet)
        cells = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (CalamineError, OSError) as error:
        raise ExcelFileError(
            f"{path} cannot be read as a workbook ({error}): save it again as .xlsx."
        ) from error
    if header_contains:
        header_row = _find_header(path, name, cells, header_contains)
    if len(cells) < header_row:
        raise ExcelFileError(f"Sheet “{name}” of {path} is empty: deliver it again.")
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
        raise ExcelFileError(f"{path} has no sheet: save it again as .xlsx.")
    if sheet is None:
        return sheets[0]
    if sheet not in sheets:
        raise ExcelFileError(f"{path} has no sheet “{sheet}”; it has {', '.join(sheets)}.")
    return sheet


def _find_header(path: Path, sheet: str, cells: list[list[Any]], wanted: tuple[str, ...]) -> int:
    for number, row in enumerate(cells[:_HEADER_SEARCHED], start=1):
        if set(wanted) <= {str(cell).strip() for cell in row}:
            return number
    raise ExcelFileError(
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
