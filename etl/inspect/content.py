"""What a column's values are, by looking at them: codes of the field's standards, dates, measures, places."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from etl.cell_values import as_dates, as_numbers, as_text
from etl.coordinate_columns import read_geometries, split_positions
from geodata import component_code, credit_code, device_code
from geodata.code_table import CodeTable
from geodata.coordinates import parse_degrees
from geodata.coordinates.gcj02 import Floats

_SAMPLED = 1_000
_MOST = 0.8
"""Share of a column's values that must be of a kind; the rest are the faults the checks are there for."""
_TABLES = ("pipe_subclass", "pipe_material", "pipe_embedding", "pipe_element", "station_type")
_WKT = re.compile(r"\s*(?:SRID\s*=|(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|01[0-9A-F]{16})", re.IGNORECASE)
_LEAST_DEGREE = 0.8
"""Whatever stands south or west of this is not in China."""
_TIMESTAMP = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\D|\d{1,2}/\d{1,2}/\d{4}")
_STATES = {"完好", "破损", "丢失", "废弃", "移除"}
_PHONE = re.compile(
    r"(?:\+?86[- ]?)?(?:1[3-9]\d{9}|0\d{2,3}[- ]?\d{7,8}(?:[-转]\d{1,6})?|[48]00[- ]?\d{3}[- ]?\d{4})"
)
_SECTION = re.compile(r"[DdΦφ]?[Nn]?\d{2,4}|\d{2,4}\s*[xX×*]\s*\d{2,4}")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z\-_/.]{1,39}")
_NATIONAL = r"156\d{6}"
"""A district's code behind that of China in ISO 3166-1; no prefecture has a code that begins so."""
_AREA_LENGTHS = {15: "unit_grid_code", 12: "community_code", 9: "street_code", 6: "district_code"}


@dataclass
class Content:
    """A column as it is: its kinds (most telling first), type, share of empty cells, examples, range of most.

    ``spread`` is the share of different values among those given.
    """

    kinds: list[str]
    type: str
    null_share: float
    examples: list[str] = field(default_factory=list)
    spread: float = 0.0
    low: float | None = None
    high: float | None = None
    whole: bool = False


def content_of(values: pd.Series) -> Content:
    """Look at a column (a sample of it, where it is long)."""
    nulls = 1.0 if not len(values) else 1 - float(_given(values).mean())
    sampled = pd.Series(values[_given(values)])
    if len(sampled) > _SAMPLED:
        sampled = sampled.iloc[np.linspace(0, len(sampled) - 1, _SAMPLED).astype(int)]
    texts = pd.Series(as_text(sampled.reset_index(drop=True)), dtype="str").dropna().reset_index(drop=True)
    if not len(texts):
        return Content([], "text", round(nulls, 4))
    distinct = texts.drop_duplicates()
    numbers, unreadable = as_numbers(texts)
    numeric = 1 - unreadable.mean() >= _MOST
    found = numbers.dropna().to_numpy(dtype=np.float64)
    content = Content(
        kinds=[],
        type="text",
        null_share=round(nulls, 4),
        examples=[text[:60] for text in distinct.head(3)],
        spread=len(distinct) / len(texts),
    )
    if numeric and len(found):
        content.low, content.high = (float(one) for one in np.quantile(found, (0.02, 0.98)))
        content.whole = bool(np.all(found % 1 == 0))
    content.kinds = list(_kinds(texts, distinct, content, numeric))
    content.type = _type(content.kinds, content, pd.api.types.is_numeric_dtype(values.dtype))
    return content


def _kinds(texts: pd.Series, distinct: pd.Series, content: Content, numeric: bool) -> Any:
    yield from _codes(texts)
    if _is_wkt(texts):
        yield "wkt"
        return
    for table in _TABLES:
        if distinct.isin(_words(table)).mean() >= _MOST:
            yield table
    if distinct.isin(_STATES).mean() >= _MOST:
        yield "component_state"
    if _share(texts, _PHONE.fullmatch) >= _MOST:
        yield "phone"
    yield from _dates(texts, content, numeric)
    if _share(texts, _SECTION.fullmatch) >= _MOST and (content.high or 100) >= 100:
        yield "section"
    if numeric:
        yield from _degrees_or_number(content)
    elif is_angle(texts):
        yield "angle"
    elif is_pair(texts):
        yield "pair"
    else:
        if _share(texts, _CODE.fullmatch) >= _MOST and _share(texts, re.compile(r".*\d").match) >= _MOST:
            yield "code"
        yield "text"


def _codes(texts: pd.Series) -> Any:
    length = int(texts.str.len().mode().iloc[0])
    digits = texts.str.fullmatch(r"\d+").mean() >= _MOST
    alike = (texts.str.len() == length).mean() >= _MOST
    long = digits and alike and length in (16, 17)
    if long and _sound(component_code.migrate_codes(texts, edition="2013")):
        yield "component_code"
    if length == 9 and texts.str.fullmatch(_NATIONAL).mean() >= _MOST:
        yield "district_code"
        return
    known = digits and alike and texts.str[:2].isin(_provinces()).mean() >= _MOST
    if known and length in _AREA_LENGTHS and (length != 6 or texts.str[4:].ne("00").mean() >= 0.5):
        yield _AREA_LENGTHS[length]
    if alike and length == 20 and digits and _sound(device_code.check_codes(texts)):
        yield "device_code"
    if alike and length == 18 and _sound(credit_code.check_codes(texts)):
        yield "credit_code"


def _sound(checked: pd.DataFrame) -> bool:
    """At least half of the codes have no fault; the others are what the checks are for."""
    return float(np.mean(pd.isna(checked["problem"]))) >= 0.5


def _dates(texts: pd.Series, content: Content, numeric: bool) -> Any:
    if numeric and content.whole and content.low is not None and content.high is not None:
        if content.low >= 1900 and content.high <= 2100:
            yield "year"
            return
        if not (content.low >= 19000101 and content.high <= 21001231):
            return
    if 1 - as_dates(texts, None)[1].mean() >= _MOST:
        yield "date"
    elif _share(texts, _TIMESTAMP.match) >= _MOST:
        yield "timestamp"


def _degrees_or_number(content: Content) -> Any:
    low, high = content.low or 0.0, content.high or 0.0
    if low >= 72 and high <= 138 and not content.whole:
        yield "longitude"
    elif low >= 0.8 and high <= 56 and not content.whole:
        yield "latitude"
    yield "number"


def _type(kinds: list[str], content: Content, typed: bool) -> str:
    if "date" in kinds:
        return "date"
    if any(kind.endswith("_code") or kind == "phone" for kind in kinds):
        return "text"
    if "number" in kinds or "year" in kinds:
        leading = any(
            example.startswith("0") and example.isdigit() and len(example) > 1 for example in content.examples
        )
        if leading and not typed:
            return "text"
        long = content.high is not None and content.high >= 1e10
        if content.whole:
            return "text" if long and not typed else "integer"
        return "number"
    return "text"


def is_angle(texts: pd.Series) -> bool:
    """Degrees, minutes and seconds in words or signs."""
    signs = texts.str.contains(r"[°度′'分]", regex=True) | texts.str.match(r"^\d{1,3}[:\-]\d{1,2}[:\-]\d")
    return signs.mean() >= _MOST and bool(np.isfinite(parse_degrees(texts)[0]).mean() >= _MOST)


def is_pair(texts: pd.Series) -> bool:
    """Two coordinates in one cell."""
    return bool(np.isfinite(pairs(texts)).all(axis=1).mean() >= _MOST)


def pairs(texts: pd.Series) -> Floats:
    """(n, 2) numbers of cells with two coordinates each, NaN where there are none."""
    both = np.column_stack([_number_or_angle(part) for part in split_positions(texts)])
    with np.errstate(invalid="ignore"):
        nowhere = (both == 0).all(axis=1) | (np.abs(both) < _LEAST_DEGREE).any(axis=1)
    return np.where(nowhere[:, None], np.nan, both)


def _number_or_angle(texts: pd.Series) -> Floats:
    numbers = pd.Series(pd.to_numeric(texts, errors="coerce")).to_numpy(dtype=np.float64, copy=True)
    angles = np.isnan(numbers) & texts.notna().to_numpy()
    if angles.any():
        numbers[angles] = parse_degrees(texts[angles])[0]
    return numbers


def _is_wkt(texts: pd.Series) -> bool:
    if not texts.str.match(_WKT).mean() >= _MOST:
        return False
    return bool(np.mean([shape is not None for shape in read_geometries(texts)[0]]) >= _MOST)


def _share(texts: pd.Series, test: Any) -> float:
    return float(np.mean([test(str(text)) is not None for text in texts]))


def _given(values: pd.Series) -> pd.Series:
    return values.notna() & values.astype("str").str.strip().ne("")


@cache
def _words(table: str) -> frozenset[str]:
    entries = CodeTable.load(table).entries
    return frozenset(entry.code for entry in entries) | frozenset(entry.name for entry in entries)


@cache
def _provinces() -> frozenset[str]:
    return frozenset(entry.code[:2] for entry in CodeTable.load("province").entries)
