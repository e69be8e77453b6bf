from __future__ import annotations

import random
from itertools import pairwise

import pytest

from realtime3d.sources.timeline import Timeline


def run(stamps: list[int | None], step: int = 40) -> tuple[list[int], int]:
    timeline = Timeline(step)
    return [timeline(stamp) for stamp in stamps], timeline.repaired


def test_sound_times_are_left_alone_with_their_gaps() -> None:
    stamps: list[int | None] = [5, 45, 46, 3000, 90_000]
    assert run(stamps) == (stamps, 0)


def test_missing_times_go_on_in_steps() -> None:
    assert run([None, None, None, 200, None]) == ([0, 40, 80, 200, 240], 4)


def test_one_time_that_goes_back_moves_nothing_else() -> None:
    assert run([0, 40, 80, 70, 120, 160]) == ([0, 40, 80, 100, 120, 160], 1)


def test_a_time_that_is_repeated_moves_nothing_else() -> None:
    assert run([0, 40, 40, 80]) == ([0, 40, 60, 80], 1)


def test_a_clock_that_is_set_back_goes_on_behind() -> None:
    assert run([1000, 1040, 0, 40, 80])[0] == [1000, 1040, 1060, 1100, 1140]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_comes_the_answers_rise(seed: int) -> None:
    chance = random.Random(seed)
    stamps = [None if chance.random() < 0.1 else chance.randrange(-5000, 5000) for _ in range(500)]
    times, _ = run(stamps, step=chance.choice([0, 1, 40]))
    assert all(a < b for a, b in pairwise(times))
