"""Time: nanoseconds everywhere inside, seconds at the edges."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import SupportsFloat

from realtime3d.errors import UsageError

NS_PER_S = 1_000_000_000
LONGEST_S = 9e9  # 285 years: as nanoseconds it still fits into 64 bits

now_ns: Callable[[], int] = time.monotonic_ns  # stamps of live sources


def to_ns(seconds: float) -> int:
    """A duration or time of our own in nanoseconds."""
    return round(seconds * NS_PER_S)


def to_s(ns: float) -> float:
    """Nanoseconds in seconds."""
    return ns / NS_PER_S


def seconds_to_ns(t: SupportsFloat) -> int:
    """A caller's time in seconds; NaN, infinity and what is no number are refused."""
    try:
        seconds = float(t)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"t must be a time in seconds, not {t!r:.60}") from error
    if not abs(seconds) < LONGEST_S:
        raise UsageError(f"t must be a finite time in seconds, not {t!r}")
    return to_ns(seconds)


class Stopwatch:
    """Seconds spent in the stages of one frame, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def measure(self, stage: str) -> _Stage:
        """A context whose time is added to `stage`."""
        return _Stage(self.seconds, stage)


class _Stage:
    """A plain class: a generator's context takes four times as long to enter, several times a frame."""

    __slots__ = ("_name", "_seconds", "_start")

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *failure: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + time.perf_counter() - self._start
