"""Blocks, medians and ratios."""

from __future__ import annotations

import time

import pytest

from realtime3d.bench.measure import Effort, Metric, in_turn, one, percentile, ratio, time_calls

TINY = Effort(repeats=4, block_s=0.0, warm_up_s=0.0, settle_s=0.0)


def test_calls_are_measured_in_turn() -> None:
    order: list[str] = []
    a, b = in_turn([lambda: order.append("a"), lambda: order.append("b")], TINY)
    assert "".join(order) == "aaabbb" * 5  # warm-up and four rounds, at least three calls each
    assert len(a.wall.values) == len(b.cpu.values) == 4
    assert all(value >= 0 for value in (*a.wall.values, *a.cpu.values))
    assert (a.wall.better, a.rate.better) == ("lower", "higher")


def test_rate_and_time_belong_together() -> None:
    work = list(range(2000))
    timing = time_calls(lambda: sorted(work, key=lambda x: -x), Effort(3, 0.02, 0.0, 0.0))
    for wall, slow, rate in zip(timing.wall.values, timing.slow.values, timing.rate.values, strict=True):
        assert slow >= wall > 0 < rate
    (sleepy,) = time_calls(lambda: time.sleep(0.01), Effort(1, 0.0, 0.0, 0.0)).cpu.values
    assert sleepy < 10  # waiting is no work


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5.0], 0.95, 5.0), ([1, 2, 3], 0.5, 2), ([3, 1, 2], 1.0, 3), ([0, 10], 0.95, 9.5), ([2, 1], 0.0, 1)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == pytest.approx(expected)


def test_metrics_say_their_spread() -> None:
    metric = Metric((3.0, 1.0, 2.0), "ms")
    assert (metric.median, metric.low, metric.high) == (2, 1, 3)
    assert metric.text() == "2 ms (1 to 3)"
    assert one(1.5, "faces").text() == "1.5 faces" and one(2, "").text() == "2"


def test_ratios_are_taken_round_by_round() -> None:
    busy = ratio(Metric((2.0, 20.0), "ms"), Metric((1.0, 10.0), "ms"), "higher")
    assert busy.values == (2.0, 2.0)
    with pytest.raises(ValueError, match="argument 2"):
        ratio(Metric((1.0,), "ms"), Metric((1.0, 2.0), "ms"), "higher")
