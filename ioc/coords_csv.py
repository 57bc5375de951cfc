"""Converting the positions in a CSV stream, chunk by chunk, with all its other columns kept."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO, TypeAlias

import numpy as np

from geodata.coordinates import (
    DatumParameters,
    Frame,
    convert,
    detect_by_magnitude,
    explain,
    parse_angle,
)
from geodata.errors import UserError

_ROWS_AT_A_TIME = 10_000
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_X_NAMES = frozenset(
    ["x", "x坐标", "lon", "lng", "long", "longitude", "easting", "east", "经度", "东经", "东坐标", "横坐标"]
)
_Y_NAMES = frozenset(
    ["y", "y坐标", "lat", "latitude", "northing", "north", "纬度", "北纬", "北坐标", "纵坐标"]
)
_NAME = re.compile(r"[a-z\u4e00-\u9fff]+(?![a-z\u4e00-\u9fff0-9])")

_Line: TypeAlias = tuple[int, list[str]]


@dataclass(frozen=True)
class Conversion:
    """From one frame to another, with the parameters of an old datum where one needs them."""

    source: Frame
    target: Frame
    parameters: DatumParameters | None = None

    def steps(self) -> tuple[str, ...]:
        """What is done on the way, a sentence each; UserError where no way leads from one to the other."""
        return explain(self.source, self.target, self.parameters)

    def texts(self, pairs: Sequence[tuple[float, float]]) -> list[tuple[str, str] | None]:
        """Converted pairs written to 1e-10 degree or 0.01 mm; None for those that cannot be of the source."""
        x, y = np.asarray(pairs, dtype=np.float64).reshape(-1, 2).T
        east, north = convert(x, y, self.source, self.target, self.parameters)
        digits = 10 if self.target.is_degrees else 5
        return [
            None if np.isnan(a) else (f"{a:.{digits}f}", f"{b:.{digits}f}")
            for a, b in zip(east, north, strict=True)
        ]

    def why_impossible(self, x: float, y: float) -> str:
        """Why a pair cannot be of the source frame, and what it looks like instead, in one sentence."""
        numbers = " ".join(np.format_float_positional(number, trim="-") for number in (x, y))
        readings = [
            f"{candidate.frame or 'metres without zone number'}{' with y first' if candidate.swapped else ''}"
            for candidate in detect_by_magnitude(x, y)
        ]
        hint = (
            f"it looks like {' or '.join(readings)}"
            if readings
            else "check the numbers, their order and frame"
        )
        return f"{numbers} cannot be converted from {self.source} to {self.target}: {hint}."


def read_pair(x: str, y: str, source: Frame) -> tuple[float, float]:
    """Two numbers from text, x first; degrees marked E, N, 经 or 纬 may come in either order.

    UserError says which of them is no number or angle.
    """
    if source.is_degrees and not (is_number(x) and is_number(y)):
        first, second = parse_angle(x), parse_angle(y)
        if first.axis and first.axis == second.axis:
            raise UserError(
                f"'{x[:40]}' and '{y[:40]}' are on the same axis: give a longitude and a latitude."
            )
        swapped = first.axis == "lat" or second.axis == "lon"
        return (second.degrees, first.degrees) if swapped else (first.degrees, second.degrees)
    return read_number(x), read_number(y)


def read_number(text: str) -> float:
    """A plain decimal number; UserError for anything else."""
    if not is_number(text):
        raise UserError(f"'{text[:40]}' is not a number: write for instance 528766.881.")
    return float(text)


def is_number(text: str) -> bool:
    """Whether text is a plain decimal number."""
    return _PLAIN_NUMBER.fullmatch(text.strip()) is not None


def convert_csv(lines: Iterable[str], output: TextIO, conversion: Conversion) -> None:
    """Convert two columns of a CSV: those a header names x and y (lon, lat, 经度 …), else the first two.

    Each is overwritten in place; other columns and empty lines stay as they are. Streams. On a line that
    cannot be converted it raises UserError with the line's number; the lines before it have been written,
    whole, and nothing after them.
    """
    writer = csv.writer(output, lineterminator="\n")
    rows = _numbered_rows(lines)
    x_column, y_column = 0, 1
    for number, row in rows:
        if named := _columns_of_header(row):
            x_column, y_column = named
            writer.writerow(row)
        else:
            rows = itertools.chain([(number, row)], rows)
        break
    while chunk := list(itertools.islice(rows, _ROWS_AT_A_TIME)):
        converted, fault = _converted(chunk, x_column, y_column, conversion)
        writer.writerows(converted)
        if fault:
            output.flush()
            raise fault


def _numbered_rows(lines: Iterable[str]) -> Iterator[_Line]:
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"Line {reader.line_num} is not valid CSV ({error}): mend its quotes.") from error


def _columns_of_header(row: list[str]) -> tuple[int, int] | None:
    """Where a header has x and y (the first two columns unless it names them); None for a row of data."""
    names = [match[0] if (match := _NAME.match(cell.strip().lower())) else "" for cell in row]
    x = next((i for i, name in enumerate(names) if name in _X_NAMES), None)
    y = next((i for i, name in enumerate(names) if name in _Y_NAMES), None)
    if x is not None and y is not None:
        return x, y
    # A header has no digit in its first two cells; a bad first row of data has, and is reported as such.
    if len(row) >= 2 and not any(character.isdigit() for character in row[0] + row[1]) and all(row[:2]):
        return 0, 1
    return None


def _converted(
    chunk: list[_Line], x_column: int, y_column: int, conversion: Conversion
) -> tuple[list[list[str]], UserError | None]:
    """The rows of a chunk converted, up to the first bad one, and what is wrong with that."""
    positions: list[tuple[int, tuple[float, float]]] = []
    rows, fault = chunk, None
    for index, (number, row) in enumerate(chunk):
        if not any(cell.strip() for cell in row):
            continue
        try:
            positions.append((index, _position(row, x_column, y_column, conversion.source)))
        except UserError as error:
            rows, fault = chunk[:index], UserError(f"Line {number}: {error}")
            break
    texts = conversion.texts([pair for _, pair in positions])
    for (index, pair), text in zip(positions, texts, strict=True):
        number, row = chunk[index]
        if text is None:
            return [row for _, row in chunk[:index]], UserError(
                f"Line {number}: {conversion.why_impossible(*pair)}"
            )
        row[x_column], row[y_column] = text
    return [row for _, row in rows], fault


def _position(row: list[str], x_column: int, y_column: int, source: Frame) -> tuple[float, float]:
    if len(row) <= max(x_column, y_column):
        raise UserError(f"there are only {len(row)} columns: x and y are wanted, separated by a comma.")
    return read_pair(row[x_column], row[y_column], source)
