"""Which answer belongs to which track: minimum-cost assignment with the option to leave a row alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def assign(cost: ArrayLike, limit: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost, where a row left alone costs `limit`; sorted by row.

    No pair costs `limit` or more (infinity and NaN forbid a pair). Rows and columns that can only meet each other are
    paired at once, so that a hundred separate faces cost no more than their matrix.
    """
    matrix = np.array(cost, dtype=np.float64, ndmin=2)
    matrix[~(matrix < limit)] = np.inf
    possible = np.isfinite(matrix)
    lone = possible & (possible.sum(1, keepdims=True) == 1) & (possible.sum(0, keepdims=True) == 1)
    pairs = [(int(i), int(j)) for i, j in zip(*np.nonzero(lone), strict=True)]
    rows = np.flatnonzero(possible.any(1) & ~lone.any(1))
    columns = np.flatnonzero(possible.any(0) & ~lone.any(0))
    if rows.size:
        alone = np.full((rows.size, rows.size), limit)
        block = np.concatenate([np.minimum(matrix[np.ix_(rows, columns)], 2 * limit + 1), alone], axis=1)
        chosen = _shortest_paths(block)
        pairs += [(int(i), int(columns[j])) for i, j in zip(rows, chosen, strict=True) if j < columns.size]
    return sorted(pair for pair in pairs if possible[pair])


def _shortest_paths(cost: NDArray[np.float64]) -> list[int]:
    """The column of each row (at least as many columns as rows): Hungarian method by shortest augmenting paths."""
    n, m = cost.shape
    row_price, column_price = np.zeros(n), np.zeros(m)
    row_of = np.full(m, -1)
    for start in range(n):
        reach = np.full(m, np.inf)  # length of the shortest path from `start` to each column
        before = np.full(m, -1)  # the column before it on that path
        done = np.zeros(m, dtype=bool)
        row, column, length = start, -1, 0.0
        while row >= 0:
            step = length + cost[row] - row_price[row] - column_price
            nearer = ~done & (step < reach)
            reach[nearer], before[nearer] = step[nearer], column
            column = int(np.argmin(np.where(done, np.inf, reach)))
            length, done[column], row = float(reach[column]), True, int(row_of[column])
        passed = np.flatnonzero(done & (row_of >= 0))
        row_price[start] += length
        row_price[row_of[passed]] += length - reach[passed]
        column_price[done] -= length - reach[done]
        while column >= 0:  # every column on the path goes to the row before it
            earlier = int(before[column])
            row_of[column] = start if earlier < 0 else row_of[earlier]
            column = earlier
    columns = np.empty(n, dtype=np.int64)
    taken = np.flatnonzero(row_of >= 0)
    columns[row_of[taken]] = taken
    return columns.tolist()
