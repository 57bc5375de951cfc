"""Coordinates written into cells: both in one column, or whole geometries as text."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from etl.cell_values import as_text

_BETWEEN = re.compile(r"\s*[,，;；、|/\t]\s*")
_BRACKETS = " ()（）[]【】"
_LATITUDE = re.compile(r"[NSns北南纬]")
_NEXT_ANGLE = re.compile(r"(?<=[″”\"秒EWNSewns])\s*(?=[EWNSewns东西南北\d])")
_SRID = re.compile(r"\s*SRID\s*=\s*(\d+)\s*;", re.IGNORECASE)


def split_positions(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Easting and northing as texts of cells that hold both; nulls where a cell is not a pair.

    The first is the easting or longitude, unless letters (N, 北纬) say that it is the latitude.
    """
    pairs = [_pair(word) for word in as_text(values).to_pylist()]
    return (
        pd.Series([pair[0] for pair in pairs], dtype="str"),
        pd.Series([pair[1] for pair in pairs], dtype="str"),
    )


def _pair(word: str | None) -> tuple[str | None, str | None]:
    plain = (word or "").strip(_BRACKETS)
    for parts in (_BETWEEN.split(plain), plain.split(), _NEXT_ANGLE.split(plain)):
        if len(parts) == 2 and all(parts):
            first, second = parts
            if _LATITUDE.search(first) and not _LATITUDE.search(second):
                first, second = second, first
            return first, second
    return None, None


def read_geometries(values: pd.Series) -> tuple[np.ndarray, CRS | None]:
    """Geometries of WKT, EWKT or hexadecimal WKB, None where a cell is none, and the frame they state."""
    words = as_text(values).to_pylist()
    srids: Counter[int] = Counter()
    texts: list[str | None] = []
    for word in words:
        stated = _SRID.match(word) if word else None
        if stated:
            srids[int(stated[1])] += 1
        texts.append(word[stated.end() :] if word and stated else word)
    hexed = np.array([bool(text) and re.fullmatch("[0-9A-Fa-f]+", text or "") is not None for text in texts])
    column = np.array(texts, dtype=object)
    shapes = np.full(len(column), None, dtype=object)
    shapes[hexed] = shapely.from_wkb(column[hexed], on_invalid="ignore")
    shapes[~hexed] = shapely.from_wkt(column[~hexed], on_invalid="ignore")
    found = shapely.get_srid(shapes[hexed])
    srids.update(int(number) for number in found[found > 0])
    return shapely.force_2d(shapes), _frame(srids)


def _frame(srids: Counter[int]) -> CRS | None:
    """None also where rows disagree: one frame for all would put the others elsewhere."""
    if len(srids) != 1:
        return None
    try:
        return CRS.from_epsg(next(iter(srids)))
    except CRSError:
        return None
