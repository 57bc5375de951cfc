"""Places that stand in one cell: both coordinates together, or a shape as WKT."""

import re

import numpy as np
import pandas as pd
import shapely

from geodata.coordinates import parse_degrees
from geodata.coordinates.gcj02 import Floats

MOST = 0.8
"""Share of a column's cells that must be pairs before it counts as such."""
_PAIR = re.compile(
    r"\s*[(（\[]?\s*([^,，;；\s]+(?:[^,，;；]*[度分秒°′″'\"EN])?)\s*[,，;；\s]\s*([^,，;；]+?)\s*[)）\]]?\s*"
)
_WKT = re.compile(r"\s*(?:SRID=\d+;)?\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\s*[ZM]*\s*\(", re.IGNORECASE)
_SRID = re.compile(r"^\s*SRID=\d+;", re.IGNORECASE)
_LEAST_DEGREE = 0.8
"""Whatever stands south or west of this is not in China: a column of small numbers is no place."""


def read_positions(texts: pd.Series) -> np.ndarray:
    """(n,) shapes of cells with WKT or two coordinates, in the cells' order; None where unreadable."""
    if is_wkt(texts):
        bare = texts.str.replace(_SRID, "", regex=True).fillna("").replace("", None)
        return np.asarray(shapely.from_wkt(bare.to_numpy(dtype=object), on_invalid="ignore"), dtype=object)
    shapes = np.full(len(texts), None, dtype=object)
    pairs = split_pairs(texts)
    if pairs is not None:
        # Whoever has no position types zeros.
        given = np.isfinite(pairs).all(axis=1) & (pairs != 0).any(axis=1)
        shapes[given] = shapely.points(pairs[given])
    return shapes


def is_wkt(texts: pd.Series) -> bool:
    """Whether most of a column's cells hold WKT."""
    known = texts.dropna()
    return bool(len(known) and known.str.match(_WKT).mean() >= MOST)


def is_pair(texts: pd.Series) -> bool:
    """Whether most of a column's cells hold two coordinates."""
    parts = split_pairs(texts)
    return parts is not None and bool(np.isfinite(parts).all(axis=1).mean() >= MOST)


def split_pairs(texts: pd.Series) -> Floats | None:
    """(n, 2) numbers of cells with two coordinates each, in the cell's order; None where few are such."""
    found = [_PAIR.fullmatch(text) if isinstance(text, str) else None for text in texts]
    if not len(found) or np.mean([match is not None for match in found]) < MOST:
        return None
    columns = []
    for part in (1, 2):
        words = pd.Series([match[part] if match else None for match in found], dtype="str")
        numbers = pd.Series(pd.to_numeric(words, errors="coerce")).to_numpy(dtype=np.float64, copy=True)
        angles = np.isnan(numbers) & words.notna().to_numpy()
        if angles.any():
            numbers[angles] = parse_degrees(words[angles])[0]
        columns.append(numbers)
    both = np.column_stack(columns)
    known = both[np.isfinite(both).all(axis=1) & (both != 0).any(axis=1)]
    return both if len(known) and (np.abs(known) >= _LEAST_DEGREE).mean() >= MOST else None
