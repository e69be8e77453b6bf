"""Charts packed into a strip."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.training.model.layout import GAP, packed


def box(width: float, height: float) -> np.ndarray:
    return np.array([[0, 0], [width, 0], [width, height], [0, height]])


@pytest.mark.parametrize("seed", range(5))
def test_charts_fit_in_one_scale_and_keep_their_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    charts = [box(*rng.uniform(1, 9, 2)) for _ in range(25)]
    placed = packed(charts, 0.5, 0.06)
    scales = [np.ptp(after, axis=0) / np.ptp(before, axis=0) for before, after in zip(charts, placed, strict=True)]
    np.testing.assert_allclose(scales, scales[0][0])
    low, high = (np.array([getattr(p, side)(axis=0) for p in placed]) for side in ("min", "max"))
    assert low.min() >= 0
    assert (high <= (0.5 + 1e-12, 0.06 + 1e-12)).all()
    for i in range(len(placed)):
        for j in range(i):
            apart = np.maximum(low[i] - high[j], low[j] - high[i]).max()
            assert apart > GAP - 1e-9


def test_a_larger_strip_gives_larger_charts() -> None:
    charts = [box(3, 1), box(1, 1), box(2, 0.5)]
    assert np.ptp(packed(charts, 0.5, 0.08)[0]) > 1.2 * np.ptp(packed(charts, 0.5, 0.04)[0])
