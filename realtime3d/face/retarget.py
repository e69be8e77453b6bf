"""Weights of ARKit's 52 actions for a motion of the face: bounded, sparse least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.jit import compiled
from realtime3d.types import FloatArray

SPARSITY = 0.01  # price of an action: what explains less than this part of itself stays 0
PATIENCE = 3  # rounds without progress in which all wrong bounds are exchanged at once
ROUNDS = 2000  # the shipped model needs 5, at most 45; actions that hardly differ from each other need hundreds
TOLERANCE = 1e-9


def solve(gram: ArrayLike, cross_times_motion: ArrayLike) -> FloatArray:
    """The weights w in [0, 1] with least `w·G·w / 2 - w·b + price·w`, where b = cross · motion: (52,) float32.

    `gram` (52, 52) holds the products of the actions' displacements with each other, `cross_times_motion` (52,) those
    with the motion; both in any one unit. Exact: by exchanging which weights lie at a bound (block principal pivoting)
    until none wants to leave its own.
    """
    G = np.asarray(gram, dtype=np.float64)
    scale = np.sqrt(np.diag(G))  # every action counts the same
    G = G / (scale[:, None] * scale)
    c = np.asarray(cross_times_motion, dtype=np.float64) / scale - SPARSITY * scale
    return (_box_quadratic(G, c, scale) / scale).clip(0, 1).astype(np.float32)


def _box_quadratic(G: NDArray[np.float64], c: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """The x in [0, high] with least x·G·x / 2 - x·c, for a positive definite G."""
    free = c > 0
    at_high = np.zeros_like(free)
    x = np.zeros_like(c)
    fewest, patience = len(c) + 1, PATIENCE
    slack = TOLERANCE * (1 + np.abs(c).max())
    for _ in range(ROUNDS):
        x = np.where(at_high, high, 0.0)
        index = np.flatnonzero(free)
        if index.size:
            rest = c[index] - G[index] @ x
            _solve_positive(G, index, rest, np.empty((len(index), len(index))))
            x[index] = rest
        pull = c - G @ x  # > 0: would grow
        below, above = free & (x < -slack), free & (x > high + slack)
        leave = ~free & np.where(at_high, pull < -slack, pull > slack)
        wrong = below | above | leave
        count = int(wrong.sum())
        if count == 0:
            break
        if count < fewest:
            fewest, patience = count, PATIENCE
        elif patience > 0:
            patience -= 1
        else:  # one at a time cannot go in circles
            wrong = wrong & (np.arange(len(c)) == np.flatnonzero(wrong)[-1])
        free = (free & ~wrong) | (leave & wrong)
        at_high = (at_high | (above & wrong)) & ~(leave & wrong)
    return x


@compiled("void(f8[:,::1], i8[::1], f8[::1], f8[:,::1])")
def _solve_positive(G, index, b, L):  # type: ignore[no-untyped-def]
    """Solve `G[index, index] · x = b` in place by Cholesky; L is room for the factor.

    LAPACK would wake BLAS's threads for it, which then wait for more in a loop and keep a core from all others.
    """
    n = len(index)
    for i in range(n):
        for j in range(i + 1):
            rest = G[index[i], index[j]]
            for k in range(j):
                rest -= L[i, k] * L[j, k]
            L[i, j] = np.sqrt(max(rest, 1e-300)) if i == j else rest / L[j, j]
        for k in range(i):
            b[i] -= L[i, k] * b[k]
        b[i] /= L[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            b[i] -= L[k, i] * b[k]
        b[i] /= L[i, i]
