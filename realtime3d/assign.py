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
    u, v = np.zeros(n), np.zeros(m)  # the dual prices of rows and columns
    row_of = np.full(m, -1)
    for start in range(n):
        distance, previous, done = np.full(m, np.inf), np.full(m, -1), np.zeros(m, dtype=bool)
        row, column, reached = start, -1, 0.0
        while row >= 0:
            step = reached + cost[row] - u[row] - v
            better = ~done & (step < distance)
            distance[better], previous[better] = step[better], column
            column = int(np.argmin(np.where(done, np.inf, distance)))
            reached = float(distance[column])
            done[column] = True
            row = int(row_of[column])
        settled = np.flatnonzero(done & (row_of >= 0))
        u[row_of[settled]] += reached - distance[settled]
        u[start] += reached
        v[done] -= reached - distance[done]
        while column >= 0:  # hand every column on the path to the row before it
            before = int(previous[column])
            row_of[column] = start if before < 0 else row_of[before]
            column = before
    columns = np.empty(n, dtype=np.int64)
    columns[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    return [int(j) for j in columns]
