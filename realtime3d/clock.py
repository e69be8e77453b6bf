"""Time: nanoseconds everywhere inside, seconds at the edges."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import SupportsFloat, TypeVar

from realtime3d.errors import UsageError

T = TypeVar("T")
NS_PER_S = 1_000_000_000
LATE_S = 0.1  # of a recording that is played: a longer delay is not made up by hurrying

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
    except (TypeError, ValueError) as error:
        raise UsageError(f"t must be a time in seconds, not {t!r}") from error
    if not math.isfinite(seconds):
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


class Pacer:
    """Gives recorded moments at their own times: `wait` returns when it is a moment's turn."""

    def __init__(
        self,
        pace: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`pace` 2 is twice as fast, 0 as fast as can be."""
        self._pace, self._clock, self._sleep = pace, clock, sleep
        self._start: tuple[float, float] | None = None  # of the clock and of the recording

    def wait(self, t_s: float) -> None:
        """Not at all where the moment is over; after a long delay, time goes on from there."""
        if self._pace <= 0:
            return
        now = self._clock()
        if self._start is None:
            self._start = now, t_s
        due = self._start[0] + (t_s - self._start[1]) / self._pace
        if due > now:
            self._sleep(due - now)
        elif now - due > LATE_S:
            self._start = now, t_s

    def paced(self, frames: Iterable[T]) -> Iterator[T]:
        """Frames at their times; what has no time passes at once."""
        for frame in frames:
            t_ns = getattr(frame, "t_ns", None)
            if t_ns is not None:
                self.wait(t_ns / NS_PER_S)
            yield frame
