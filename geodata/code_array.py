"""A column of codes as a matrix of characters, to check a whole delivery without a loop over its rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from geodata.code_text import normalise

_EXACT = 2**53


@dataclass(frozen=True)
class CodeArray:
    """Codes of at most `width` characters, normalised as `code_text.normalise` does.

    `characters` is (rows, width) ASCII, 0 where a code ends or cannot be held; `length` counts characters,
    also of codes that are too long; `lost` marks numbers that can no longer be told exactly.
    """

    characters: np.ndarray
    length: np.ndarray
    lost: np.ndarray

    def __len__(self) -> int:
        return len(self.length)

    @property
    def missing(self) -> np.ndarray:
        return self.length == 0

    @cached_property
    def _values(self) -> np.ndarray:
        """The digits' values, (width, rows) so that a column lies together; above 9 for other characters."""
        return np.ascontiguousarray(self.characters.T) - np.uint8(ord("0"))

    def digits(self, start: int, end: int) -> np.ndarray:
        """Whether characters `start` to `end` (from 1, both included) are all digits."""
        return self._values[start - 1 : end].max(axis=0) <= 9

    def number(self, start: int, end: int) -> np.ndarray:
        """The number that characters `start` to `end` write; 0 where they are not digits."""
        number = np.zeros(len(self), dtype=np.int64)
        for column in self._values[start - 1 : end]:
            number *= 10
            number += column
        number[~self.digits(start, end)] = 0
        return number


def read_codes(values: Iterable[Any], width: int, upper: bool = False) -> CodeArray:
    """The codes of a Series, array or list of text (or of numbers, as spreadsheets leave them)."""
    text, lost = _text(values)
    text = _plain(text)
    if upper:
        text = _call("ascii_upper", text)
    length = _call("utf8_length", text).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.frombuffer(_buffer(text, 1), dtype=np.int64)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(_buffer(text, 2), dtype=np.uint8)
    index = offsets[:-1, None] + np.arange(width)
    inside = index < offsets[1:, None]
    characters = np.zeros((len(text), width), dtype=np.uint8)
    characters[inside] = data[index[inside]]
    return CodeArray(characters, length, lost)


def write_codes(characters: np.ndarray, valid: np.ndarray, index: pd.Index | None = None) -> pd.Series:
    """Rows of characters (0 = none) as a Series of str, missing where not `valid`."""
    inside = (characters != 0) & valid[:, None]
    ends = np.concatenate([[0], np.cumsum(inside.sum(axis=1))]).astype(np.int64)
    mask = pa.array(valid).buffers()[1]
    data = pa.py_buffer(np.ascontiguousarray(characters[inside], dtype=np.uint8))
    text = pa.LargeStringArray.from_buffers(len(valid), pa.py_buffer(ends), data, mask)
    return pd.Series(text, dtype="str", index=index)


def categories(numbers: np.ndarray, names: list[str], index: pd.Index | None = None) -> pd.Series:
    """Numbers of names as a categorical Series; -1 is missing."""
    return pd.Series(pd.Categorical.from_codes(numbers.astype(np.int32), categories=names), index=index)


@dataclass
class Faults:
    """The first fault of each row: call `mark` for one rule after the other, the gravest first."""

    reason: np.ndarray
    names: list[str]

    @classmethod
    def of(cls, codes: CodeArray) -> "Faults":
        faults = cls(np.full(len(codes), -1, dtype=np.int32), [])
        faults.mark("missing", codes.missing & ~codes.lost)
        faults.mark("lost_digits", codes.lost)
        return faults

    def mark(self, reason: str, rows: ArrayLike) -> None:
        """Gives `reason` to those rows that have no fault yet."""
        if reason not in self.names:
            self.names.append(reason)
        self.reason[np.asarray(rows, dtype=bool) & (self.reason < 0)] = self.names.index(reason)

    @property
    def none(self) -> np.ndarray:
        return self.reason < 0

    def series(self, index: pd.Index | None = None) -> pd.Series:
        return categories(self.reason, self.names, index)


def known_numbers(codes: Iterable[str], digits: int) -> np.ndarray:
    """A table of truth by number for the codes of so many digits."""
    known = np.zeros(10**digits, dtype=bool)
    known[[int(code) for code in codes]] = True
    return known


def index_of(values: Iterable[Any]) -> pd.Index | None:
    return values.index if isinstance(values, pd.Series) else None


def _text(values: Iterable[Any]) -> tuple[pa.Array, np.ndarray]:
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype=None)
    if len(series) == 0:
        return pa.array([], pa.large_string()), np.zeros(0, dtype=bool)
    try:
        array = pa.array(series, from_pandas=True)
        if pa.types.is_floating(array.type):
            return _written_out(series.to_numpy(dtype=np.float64, na_value=np.nan))
        return array.cast(pa.large_string()), np.zeros(len(series), dtype=bool)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        written = [_cell(value) for value in series]
        lost = np.array([cell is None for cell in written])
        return pa.array([cell or "" for cell in written], pa.large_string()), lost


def _written_out(numbers: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    given = ~np.isnan(numbers)
    exact = given & (np.abs(numbers) < _EXACT) & (numbers == np.floor(numbers))
    whole = np.where(exact, numbers, 0).astype(np.int64)
    written = pa.array(whole).cast(pa.large_string())
    text = _call("if_else", pa.array(exact), written, pa.scalar("", pa.large_string()))
    return text, given & ~exact


def _cell(value: Any) -> str | None:
    """A cell of a mixed column as text; None for a number that is no longer exact."""
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if abs(value) < _EXACT and float(value).is_integer() else None
    return "" if pd.isna(value) else str(value)


def _plain(text: pa.Array) -> pa.Array:
    text = _call("ascii_trim_whitespace", _call("coalesce", text, pa.scalar("", pa.large_string())))
    strange = _call("invert", _call("string_is_ascii", text))
    if _call("any", strange).as_py():
        mended = [normalise(cell) for cell in text.filter(strange).to_pylist()]
        text = _call("replace_with_mask", text, strange, pa.array(mended, pa.large_string()))
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _call(function: str, *arguments: Any) -> Any:
    """A compute function of Arrow by name."""
    return pc.call_function(function, list(arguments))


def _buffer(text: pa.Array, number: int) -> bytes | pa.Buffer:
    return text.buffers()[number] or b""
