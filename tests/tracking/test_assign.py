"""Assignment: least total cost, with the option to leave a row alone."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from realtime3d.tracking.assign import assign


def least_cost(cost: np.ndarray, limit: float) -> float:
    """Brute force over all ways to give rows a column or none."""
    n, m = cost.shape
    padded = np.concatenate([np.where(cost < limit, cost, np.inf), np.full((n, n), limit)], axis=1)
    return min(sum(padded[i, j] for i, j in enumerate(p)) for p in permutations(range(n + m), n))


def total(cost: np.ndarray, limit: float) -> float:
    pairs = assign(cost, limit)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(cost[pair] < limit for pair in pairs)
    return sum(cost[pair] for pair in pairs) + limit * (len(cost) - len(pairs))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 3), (4, 3), (3, 4)])
def test_total_cost_is_the_least_possible(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0] * 10 + shape[1])
    for _ in range(60):
        cost = rng.uniform(0, 2, shape)
        cost[rng.random(shape) < 0.2] = np.inf
        assert total(cost, 1.0) == pytest.approx(least_cost(cost, 1.0))


def test_ties_and_equal_rows_are_solved() -> None:
    cost = np.ones((4, 4))
    assert total(cost, 2.0) == pytest.approx(4.0)


def test_greedy_would_be_wrong() -> None:
    assert assign([[0.1, 0.2], [0.15, 0.9]], 1.0) == [(0, 1), (1, 0)]


def test_a_dear_pair_is_left_alone() -> None:
    assert assign([[0.1, 5.0], [5.0, 5.0]], 1.0) == [(0, 0)]


def test_nan_and_infinity_forbid() -> None:
    assert assign([[np.nan, np.inf], [0.5, np.nan]], 1.0) == [(1, 0)]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_assign(shape: tuple[int, int]) -> None:
    assert assign(np.zeros(shape), 1.0) == []


def test_a_hundred_separate_faces_pair_without_search() -> None:
    cost = np.full((100, 100), np.inf)
    order = np.random.default_rng(0).permutation(100)
    cost[np.arange(100), order] = 0.5
    assert assign(cost, 1.0) == list(enumerate(order.tolist()))


def test_a_crowd_is_solved_like_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    cost = np.random.default_rng(1).uniform(0, 1, (40, 40))
    rows, columns = optimize.linear_sum_assignment(cost)
    assert total(cost, 10.0) == pytest.approx(cost[rows, columns].sum())
