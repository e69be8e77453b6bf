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
    x = np.zeros_like(c)
    _pivot(np.ascontiguousarray(G), np.ascontiguousarray(c), np.ascontiguousarray(high), x)
    return x


@compiled("void(f8[:,::1], f8[::1], f8[::1], f8[::1])")
def _pivot(G, c, high, x):  # type: ignore[no-untyped-def]
    """`_box_quadratic` into x: a fifth of what NumPy takes for fifty numbers.

    The free ones are solved for by Cholesky here: LAPACK would wake BLAS's threads for it, which then wait for more in
    a loop and keep a core from all others.
    """
    count = len(c)
    free, at_high, wrong = np.zeros(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    index, rest, L = np.zeros(count, np.int64), np.zeros(count), np.zeros((count, count))
    largest = 0.0
    for i in range(count):
        free[i] = c[i] > 0
        largest = max(largest, abs(c[i]))
    slack = TOLERANCE * (1 + largest)
    fewest, patience = count + 1, PATIENCE
    for _ in range(ROUNDS):
        n = 0
        for i in range(count):
            x[i] = high[i] if at_high[i] else 0.0
            if free[i]:
                index[n] = i
                n += 1
        for i in range(n):
            rest[i] = c[index[i]]
            for k in range(count):
                rest[i] -= G[index[i], k] * x[k]
        for i in range(n):
            for j in range(i + 1):
                value = G[index[i], index[j]]
                for k in range(j):
                    value -= L[i, k] * L[j, k]
                L[i, j] = np.sqrt(max(value, 1e-300)) if i == j else value / L[j, j]
            for k in range(i):
                rest[i] -= L[i, k] * rest[k]
            rest[i] /= L[i, i]
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                rest[i] -= L[k, i] * rest[k]
            rest[i] /= L[i, i]
            x[index[i]] = rest[i]
        bad, last = 0, -1
        for i in range(count):
            if free[i]:
                wrong[i] = x[i] < -slack or x[i] > high[i] + slack
            else:
                pull = c[i]  # > 0: would grow
                for k in range(count):
                    pull -= G[i, k] * x[k]
                wrong[i] = pull < -slack if at_high[i] else pull > slack
            if wrong[i]:
                bad, last = bad + 1, i
        if bad == 0:
            break
        single = False
        if bad < fewest:
            fewest, patience = bad, PATIENCE
        elif patience > 0:
            patience -= 1
        else:  # one at a time cannot go in circles
            single = True
        for i in range(count):
            if not wrong[i] or (single and i != last):
                continue
            if free[i]:
                free[i], at_high[i] = False, x[i] > high[i] + slack
            else:
                free[i], at_high[i] = True, False
