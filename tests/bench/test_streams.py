"""The search for how many streams hold, and what a trial counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.bench import streams
from realtime3d.bench.measure import Effort
from realtime3d.bench.scenarios import Bench
from realtime3d.config import Config

TINY = Effort(repeats=1, block_s=0.0, warm_up_s=0.0, settle_s=0.0)


class Machine:
    """Serves so many streams; beyond that all of them lose alike."""

    def __init__(self, capacity: int, guess: int) -> None:
        self.capacity, self.first, self.grown = capacity, guess, 0

    def guess(self, rate: int) -> int:
        return self.first

    def grow(self, count: int) -> None:
        self.grown = max(self.grown, count)

    def trial(self, count: int, rate: int, seconds: float) -> float:
        assert 1 <= count <= self.grown
        return max(0.0, 100 * (1 - self.capacity / count))


@pytest.mark.parametrize("capacity", [0, 1, 2, 7, 12, 40, 64, 1000])
@pytest.mark.parametrize("guess", [1, 10, 64])
def test_the_number_that_just_holds_is_found_in_few_trials(capacity: int, guess: int) -> None:
    lost = streams._most(Machine(capacity, guess), 15, Bench(Config(), TINY))  # type: ignore[arg-type]
    held = max((count for count, loss in lost.items() if loss < streams.LOSS), default=0)
    best = min(capacity, streams.LIMIT)
    assert best - max(1, best // 16) <= held <= best + best // 50
    assert len(lost) <= 20


def test_a_stream_that_is_not_followed_in_time_loses_frames(net_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    config = Config().updated({"models": {"set": str(net_folder), "backend": "fake"}})
    group = streams._Group(Bench(config, TINY))
    try:
        group.grow(2)
        slow = group._members[1].tracker
        monkeypatch.setattr(slow, "process_frame", lambda frame: time.sleep(0.25))
        assert group.trial(2, 30, 1.0) > 50
    finally:
        group.close()


def test_a_tracker_that_fails_ends_the_trial(net_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: object) -> None:
        raise RuntimeError("broken")

    config = Config().updated({"models": {"set": str(net_folder), "backend": "fake"}})
    group = streams._Group(Bench(config, TINY))
    try:
        group.grow(1)
        monkeypatch.setattr(group._members[0].tracker, "process_frame", fail)
        with pytest.raises(RuntimeError, match="broken"):
            group.trial(1, 30, 0.2)
    finally:
        group.close()
