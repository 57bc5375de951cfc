"""Which point had a place first, within a distance, over any number of points in chunks."""

from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from etl.uniqueness import SortedRuns
from geodata.coordinates.measure import METRES_PER_DEGREE
from geodata.feature_id import text_hashes

_DISTANCES_PER_CELL = 20
"""So wide a cell is that few points lie near its border, and few others in it."""
_SEEN = np.dtype([("x", "f4"), ("y", "f4"), ("row", "i4")])
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)


class SeenPlaces:
    """Points seen so far: by kind and cell of a grid (hashed to 64 bits), where in it and in which row.

    Twenty bytes a point. Cells are square in degrees; a point near a border is sought beyond it too.
    """

    def __init__(self, distance_m: float) -> None:
        """Points no further from each other than ``distance_m`` (a millimetre at least) are in one place."""
        self._reach = 1 / _DISTANCES_PER_CELL
        self._cell = max(distance_m, 0.001) / self._reach / METRES_PER_DEGREE
        self._runs = SortedRuns()

    def first_rows(
        self, lon: np.ndarray, lat: np.ndarray, kinds: pd.Series, source_row: np.ndarray
    ) -> np.ndarray:
        """Numbers of earlier rows of the same kind near these (degrees), 0 where there is none.

        The points given here are earlier ones for those to come.
        """
        cells = np.stack([lon, lat]) / self._cell
        corner = np.floor(cells)
        points = np.empty(len(lon), dtype=_SEEN)
        points["x"], points["y"], points["row"] = *(cells - corner), source_row
        numbers, names = pd.factorize(kinds, use_na_sentinel=False)
        kind = text_hashes(pa.array(pd.Series(names, dtype=object).fillna(""), pa.large_string()))[numbers]
        corner = corner.astype(np.int64)
        keys = _keys(kind, corner)
        order = np.argsort(keys, kind="stable")
        first = np.zeros(len(lon), dtype=np.int32)
        narrowing = np.cos(np.radians(lat))
        reach = np.minimum(self._reach / np.maximum(narrowing, self._reach), 1.0), self._reach
        for step in product((0, -1, 1), (0, -1, 1)):
            near = _near_border(points["x"], step[0], reach[0]) & _near_border(points["y"], step[1], reach[1])
            asked = order[near[order]]
            sought = keys[asked] if step == (0, 0) else _keys(kind[asked], corner[:, asked], step)

            def within(
                pairs: np.ndarray, seen: np.ndarray, asked: np.ndarray = asked, step: tuple[int, int] = step
            ) -> np.ndarray:
                own = points[asked[pairs]]
                east = (seen["x"].astype(float) - own["x"] + step[0]) * narrowing[asked[pairs]]
                north = seen["y"].astype(float) - own["y"] + step[1]
                return np.hypot(east, north) <= self._reach

            for known, seen in self._runs.runs:
                pairs, found = _matches(known, sought)
                close = within(pairs, seen[found])
                _keep_least(first, asked[pairs[close]], seen["row"][found[close]])
            pairs, found = _matches(keys[order], sought)
            found = order[found]
            close = (found < asked[pairs]) & within(pairs, points[found])
            _keep_least(first, asked[pairs[close]], points["row"][found[close]])
        self._runs.add(keys[order], points[order])
        return first


def _keys(kind: np.ndarray, corner: np.ndarray, step: tuple[int, int] = (0, 0)) -> np.ndarray:
    """One hash of each kind and cell, the cell so many steps away."""
    east, north = (corner + np.array(step)[:, None]).astype(np.uint64) * _ODD[:, None]
    mixed = kind ^ east ^ (north << np.uint64(1) | north >> np.uint64(63))
    return (mixed ^ mixed >> np.uint64(29)) * _ODD[0]


def _near_border(offset: np.ndarray, step: int, reach: np.ndarray | float) -> np.ndarray:
    """Whether a point so far into its cell may have another near it in the cell that lies a step on."""
    if step == 0:
        return np.ones(len(offset), dtype=bool)
    return offset <= reach if step < 0 else offset >= 1 - reach


def _matches(known: np.ndarray, sought: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of each key sought, and of every one of the sorted known keys that is the same."""
    begin = np.searchsorted(known, sought)
    hit = np.flatnonzero(known[np.minimum(begin, len(known) - 1)] == sought)
    many = np.searchsorted(known, sought[hit], side="right") - begin[hit]
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return np.repeat(hit, many), np.repeat(begin[hit], many) + within


def _keep_least(first: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """Put the least of the rows to each of the places; 0 stands for none so far."""
    if not len(places):
        return
    found = np.full(len(first), np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(found, places, rows)
    better = (found < np.iinfo(np.int32).max) & ((first == 0) | (found < first))
    first[better] = found[better]
