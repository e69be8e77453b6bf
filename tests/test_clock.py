"""Time at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.clock import Stopwatch, seconds_to_ns


def test_seconds_are_rounded_to_nanoseconds() -> None:
    assert seconds_to_ns(0.1) == 100_000_000
    assert seconds_to_ns(-1) == -1_000_000_000
    assert seconds_to_ns(np.float32(0.5)) == 500_000_000


@pytest.mark.parametrize("t", [float("nan"), float("inf"), -float("inf"), None, "soon", [1, 2]])
def test_what_is_no_time_is_a_value_error(t: object) -> None:
    with pytest.raises(ValueError, match="t must be"):
        seconds_to_ns(t)  # type: ignore[arg-type]


def test_stopwatch_adds_up_also_after_a_failure() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with pytest.raises(KeyError), watch.measure("stage"):
            raise KeyError
    assert list(watch.seconds) == ["stage"]
    assert watch.seconds["stage"] > 0
