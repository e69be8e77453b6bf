"""Repeated measurements: medians with their spread.

A metric is measured several times over; one value is itself the median of many calls. The spread between the values is
the noise that `compare` judges by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

Better = Literal["lower", "higher", "neither"]
Block = tuple[list[float], float]  # milliseconds of each call, CPU milliseconds a call


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    repeats: int  # values of each metric
    block_s: float  # time for one value
    warm_up_s: float  # before the first
    settle_s: float  # at most, until a tracker does what it does from then on
    last_start_s: float = float("inf")  # no scenario begins later
    long_run: int = 10_000  # frames, where memory is watched


QUICK = Effort(repeats=3, block_s=0.2, warm_up_s=0.1, settle_s=1.5, last_start_s=23.0, long_run=1500)
FULL = Effort(repeats=9, block_s=1.5, warm_up_s=1.0, settle_s=60.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """The values of one metric, in the order in which they were measured."""

    values: tuple[float, ...]
    unit: str
    better: Better = "lower"

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def text(self) -> str:
        """Median with the range of all values."""
        if len(self.values) == 1:
            return f"{self.median:.4g} {self.unit}".strip()
        return f"{self.median:.4g} {self.unit} ({self.low:.4g} to {self.high:.4g})".replace("  ", " ")


def one(value: float, unit: str, better: Better = "neither") -> Metric:
    """A metric that is counted and not measured, or measured once."""
    return Metric((float(value),), unit, better)


@dataclass(frozen=True, slots=True)
class Timing:
    """One call, measured block by block."""

    wall: Metric  # ms, the usual call (median of a block)
    slow: Metric  # ms, 95 % of the calls are faster
    rate: Metric  # calls a second
    cpu: Metric  # ms of all cores a call: hardly changes when the machine is busy with something else


def in_turn(calls: Sequence[Callable[[], object]], effort: Effort) -> list[Timing]:
    """Measure several calls block by block in turn, so that whatever else the machine does meets all of them."""
    return blocks_in_turn([partial(block, call) for call in calls], effort)


def blocks_in_turn(blocks: Sequence[Callable[[float], Block]], effort: Effort) -> list[Timing]:
    """The same where a block, which takes about so many seconds, is measured elsewhere."""
    for measured in blocks:
        measured(effort.warm_up_s)
    rounds = [[measured(effort.block_s) for measured in blocks] for _ in range(effort.repeats)]
    return [_timing(found) for found in zip(*rounds, strict=True)]


def time_calls(call: Callable[[], object], effort: Effort) -> Timing:
    """Measure one call."""
    return in_turn([call], effort)[0]


def block(call: Callable[[], object], seconds: float) -> Block:
    """Milliseconds of each call, called again and again for so long, at least three times; CPU milliseconds a call."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    cpu = time.process_time()
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times, (time.process_time() - cpu) * 1e3 / len(times)


def _timing(blocks: Sequence[Block]) -> Timing:
    return Timing(
        wall=Metric(tuple(median(times) for times, _ in blocks), "ms"),
        slow=Metric(tuple(percentile(times, 0.95) for times, _ in blocks), "ms"),
        rate=Metric(tuple(1e3 * len(times) / sum(times) for times, _ in blocks), "fps", "higher"),
        cpu=Metric(tuple(cpu for _, cpu in blocks), "ms"),
    )


def ratio(top: Metric, bottom: Metric, better: Better, unit: str = "x") -> Metric:
    """Value by value: both were measured in turn, so that a slow moment of the machine cancels out."""
    return Metric(tuple(a / b for a, b in zip(top.values, bottom.values, strict=True)), unit, better)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share (0..1) of the values lies, by linear interpolation."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
