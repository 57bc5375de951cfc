"""Best one-to-one assignment: the Hungarian algorithm (Kuhn 1955) in its shortest-path form."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def best_assignment(scores: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(row, column) pairs, each row and column at most once, with the greatest sum of scores."""
    if not scores.size:
        return []
    if scores.shape[0] > scores.shape[1]:
        return sorted((row, column) for column, row in best_assignment(scores.T))
    costs = scores.max() - scores
    rows, columns = costs.shape
    of_row, of_column = np.zeros(rows + 1), np.zeros(columns + 1)
    taken = np.zeros(columns + 1, dtype=np.intp)
    for row in range(1, rows + 1):
        taken[0] = row
        path = _shortest_path(costs, of_row, of_column, taken)
        _turn(path, taken)
    return sorted((int(taken[column]) - 1, column - 1) for column in range(1, columns + 1) if taken[column])


def _shortest_path(
    costs: NDArray[np.float64],
    of_row: NDArray[np.float64],
    of_column: NDArray[np.float64],
    taken: NDArray[np.intp],
) -> list[int]:
    """Columns from a free one back to column 0, along which one more row can be assigned."""
    columns = costs.shape[1]
    least = np.full(columns + 1, np.inf)
    before = np.zeros(columns + 1, dtype=np.intp)
    done = np.zeros(columns + 1, dtype=bool)
    at = 0
    while taken[at]:
        done[at] = True
        row = taken[at]
        free = np.flatnonzero(~done)
        reduced = costs[row - 1, free - 1] - of_row[row] - of_column[free]
        nearer = reduced < least[free]
        least[free[nearer]] = reduced[nearer]
        before[free[nearer]] = at
        following = int(free[np.argmin(least[free])])
        step = least[following]
        of_row[taken[done]] += step
        of_column[done] -= step
        least[~done] -= step
        at = following
    path = [at]
    while at:
        at = int(before[at])
        path.append(at)
    return path


def _turn(path: list[int], taken: NDArray[np.intp]) -> None:
    for free, held in pairwise(path):
        taken[free] = taken[held]
