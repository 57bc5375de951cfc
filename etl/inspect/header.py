"""Where a table's header stands: titles above it, units below it, two rows of it."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from etl.inspect.coordinate_columns import names_coordinate
from etl.inspect.names import folded, target_columns
from etl.inspect.target import targets

SEARCHED = 30
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?%?")


@dataclass(frozen=True)
class Header:
    """The header's row, counted from 1, its names as they stand, and the titles above it."""

    row: int
    names: tuple[str, ...]
    titles: tuple[str, ...]


def find_header(cells: list[list[Any]]) -> Header | None:
    """The row that names the columns, among the first ones of a sheet; None where every row is empty."""
    best: tuple[float, int] | None = None
    width = max((sum(map(bool, _texts(row))) for row in cells), default=0)
    for number, row in enumerate(cells[:SEARCHED], start=1):
        score = _score(_texts(row), [_texts(later) for later in cells[number : number + 3]], width)
        score -= 0.02 * number
        if score > 0 and (best is None or score > best[0]):
            best = score, number
    if best is None:
        return None
    row = best[1]
    titles = tuple(text for above in cells[: row - 1] for text in _texts(above) if text)
    return Header(row, tuple(_texts(cells[row - 1])), titles)


def _score(row: list[str], below: list[list[str]], width: int) -> float:
    """Names are texts, all different, over most of the width, many of them known, over rows that differ."""
    given = [text for text in row if text]
    if not given or not width:
        return 0.0
    words = sum(not _NUMBER.fullmatch(text) and len(text) <= 40 for text in given) / len(given)
    known = sum(folded(text) in _known_names() or bool(names_coordinate(text)) for text in given) / len(given)
    full = len(given) / width
    single = len(given) == 1 and width > 1
    distinct = len(set(given)) / len(given)
    numbers = [sum(bool(_NUMBER.fullmatch(text)) for text in later) for later in below]
    followed = 0.3 if any(numbers) and not any(_NUMBER.fullmatch(text) for text in given) else 0.0
    return 0.0 if single else words * distinct * full + 1.5 * known + followed


def _texts(row: list[Any]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in row]


@cache
def _known_names() -> frozenset[str]:
    return frozenset(
        spelling for target in targets() for column in target_columns(target) for spelling in column.spellings
    )
