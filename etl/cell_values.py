"""Cells as departments type them made into texts, numbers and dates, a whole column at a time."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.compute import MatchSubstringOptions

from geodata.arrow_call import arrow_call

_WIDE = {0xFEE0 + code: code for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))}
_WIDE |= {0x3000: 0x20, 0x00A0: 0x20, 0x200B: None, 0xFEFF: None}
_WIDE |= dict.fromkeys((*range(32), 127), 32)
_NEEDS_CLEANING = "[\\x00-\\x1f\\x7f\u00a0\u200b\u3000\ufeff０-９Ａ-Ｚａ-ｚ]"
_NUMBER_SIGNS = str.maketrans({",": None, "，": None, "．": ".", "－": "-", "−": "-", "＋": "+"})
_TIME = r"[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?"
_DATE = re.compile(rf"(\d{{4}})(?:[-/.年](\d{{1,2}})[-/.月](\d{{1,2}})日?|(\d{{2}})(\d{{2}}))(?:{_TIME})?")


def as_text(values: pd.Series) -> pa.Array:
    """Texts trimmed, full-width letters, digits and spaces made plain, empty ones null."""
    texts = _written(values)
    encoded = texts.dictionary_encode()
    words = arrow_call("utf8_trim_whitespace", encoded.dictionary)
    strange = arrow_call("match_substring_regex", words, options=MatchSubstringOptions(_NEEDS_CLEANING))
    if arrow_call("any", strange).as_py():
        cleaned = [word.translate(_WIDE).strip() for word in words.filter(strange).to_pylist()]
        words = arrow_call("replace_with_mask", words, strange, pa.array(cleaned, pa.large_string()))
    empty = arrow_call("equal", arrow_call("binary_length", words), pa.scalar(0, pa.int64()))
    words = arrow_call("if_else", empty, pa.scalar(None, pa.large_string()), words)
    return words.take(encoded.indices)


def _written(values: pd.Series) -> pa.Array:
    """Any column as text; whole numbers without a decimal point."""
    if pd.api.types.is_float_dtype(values.dtype):
        whole = values.notna() & (values % 1 == 0) & (values.abs() < 2**53)
        if whole.eq(values.notna()).all():
            values = values.astype("Int64")
    if isinstance(values.dtype, pd.StringDtype) or pd.api.types.is_integer_dtype(values.dtype):
        texts = pa.array(values, from_pandas=True).cast(pa.large_string())
    else:
        texts = pa.array([_cell(value) for value in values], pa.large_string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _cell(value: Any) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def as_numbers(values: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Numbers (NaN where empty or unreadable) and which cells were not numbers; infinities are not."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.astype("float64")
        given = numbers.notna().to_numpy()
    else:
        texts = pd.Series(as_text(values), dtype="str").str.translate(_NUMBER_SIGNS)
        numbers = pd.Series(pd.to_numeric(texts, errors="coerce"), dtype="float64")
        given = texts.notna().to_numpy()
    plain = numbers.to_numpy(dtype=np.float64)
    finite = np.isfinite(plain)
    return pd.Series(np.where(finite, plain, np.nan)), given & ~finite


def as_dates(values: pd.Series, form: str | None) -> tuple[pd.Series, np.ndarray]:
    """Dates (null where empty or unreadable) and which cells were not dates; ``form`` as of strptime."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        days = pa.array(values, from_pandas=True).cast(pa.timestamp("us")).cast(pa.date32())
        return pd.Series(days, dtype=pd.ArrowDtype(pa.date32())), np.zeros(len(values), dtype=bool)
    encoded = as_text(values).dictionary_encode()
    read = _date_reader(form)
    dates = pa.array(
        [None if word is None else read(word) for word in encoded.dictionary.to_pylist()], pa.date32()
    )
    days = dates.take(encoded.indices)
    given = encoded.dictionary.take(encoded.indices).is_valid().to_numpy(zero_copy_only=False)
    unreadable = given & days.is_null().to_numpy(zero_copy_only=False)
    return pd.Series(days, dtype=pd.ArrowDtype(pa.date32())), unreadable


def _date_reader(form: str | None) -> Callable[[str], date | None]:
    def stated(word: str) -> date | None:
        try:
            return datetime.strptime(word, form or "").date()
        except ValueError:
            return None

    return stated if form else _read_date


def _read_date(word: str) -> date | None:
    match = _DATE.fullmatch(word)
    if not match:
        return None
    year, month, day = match[1], match[2] or match[4], match[3] or match[5]
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
