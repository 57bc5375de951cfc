"""Which row had a value first, over any number of rows in chunks, without keeping the values."""

import numpy as np
import pyarrow as pa

from geodata.feature_id import text_hashes


class SortedRuns:
    """Values by 64-bit key in sorted runs, merged as they grow so that there are few of them to search."""

    def __init__(self) -> None:
        self.runs: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Keep the values of sorted keys."""
        if not len(keys):
            return
        while self.runs and len(self.runs[-1][0]) <= 2 * len(keys):
            other, other_values = self.runs.pop()
            keys, values = np.concatenate([other, keys]), np.concatenate([other_values, values])
            order = np.argsort(keys, kind="stable")
            keys, values = keys[order], values[order]
        self.runs.append((keys, values))


class SeenValues:
    """Values seen so far, by a 64-bit hash of each with the number of the row that had it first.

    Twelve bytes a value: of twenty million, two hashes meet by chance with a probability of 1 in 90,000.
    """

    def __init__(self) -> None:
        self._runs = SortedRuns()

    def first_rows(self, values: pa.Array, source_row: np.ndarray) -> np.ndarray:
        """Numbers of the earlier rows that have the same values, 0 where there is none; nulls do not count.

        The rows given here are earlier rows for those to come.
        """
        first = np.zeros(len(values), dtype=np.int32)
        given = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
        if not len(given):
            return first
        hashes = text_hashes(values.take(pa.array(given)))
        order = np.argsort(hashes, kind="stable")
        ordered, numbers = hashes[order], source_row[given[order]].astype(np.int32)
        leads = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        group = np.cumsum(leads) - 1
        earlier = self._look_up(ordered[leads])
        leader = np.where(earlier > 0, earlier, numbers[leads])
        first[given[order]] = np.where(leads & (earlier[group] == 0), 0, leader[group])
        self._runs.add(ordered[leads][earlier == 0], numbers[leads][earlier == 0])
        return first

    def _look_up(self, hashes: np.ndarray) -> np.ndarray:
        found = np.zeros(len(hashes), dtype=np.int32)
        for known, numbers in self._runs.runs:
            at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            same = known[at] == hashes
            found[same] = numbers[at[same]]
        return found
