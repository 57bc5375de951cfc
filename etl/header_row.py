"""Where the header of a table stands that people made, and what its columns are called."""

import unicodedata
from collections.abc import Sequence
from typing import Any

SEARCHED = 30
"""Rows among which a header is looked for."""
_FILLED = 0.6
"""Share of the widest row's cells that a header fills at least; titles and remarks fill one or two."""


def find_header(rows: Sequence[Sequence[Any]], wanted: tuple[str, ...] = ()) -> int | None:
    """Index of the row that names the columns: the first with all wanted names, or that looks like one.

    A header fills most of the width and is no row of numbers. None where no row has the wanted names.
    """
    rows = rows[:SEARCHED]
    if wanted:
        folded = {fold(name) for name in wanted}
        return next((at for at, row in enumerate(rows) if folded <= {fold(cell) for cell in row}), None)
    widest = max((sum(map(given, row)) for row in rows), default=0)
    for at, row in enumerate(rows):
        cells = [cell for cell in row if given(cell)]
        if len(cells) >= _FILLED * widest and cells and sum(map(_is_number, cells)) * 2 <= len(cells):
            return at
    return 0


def given(cell: Any) -> bool:
    """The cell holds something."""
    return cell is not None and str(cell).strip() != ""


def fold(name: Any) -> str:
    """A column's name without what typists vary: width of letters, spaces, case."""
    return "".join(unicodedata.normalize("NFKC", str(name)).split()).casefold()


def unique_names(names: Sequence[str]) -> list[str]:
    """Names that stand several times told apart by ``.1``, ``.2``."""
    found: list[str] = []
    for name in names:
        number, one = 0, name
        while one in found:
            number += 1
            one = f"{name}.{number}"
        found.append(one)
    return found


def _is_number(cell: Any) -> bool:
    try:
        float(str(cell).replace(",", ""))
    except ValueError:
        return False
    return True
