"""Time: nanoseconds everywhere inside, seconds at the edges."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import SupportsFloat

from realtime3d.errors import UsageError

NS_PER_S = 1_000_000_000

now_ns: Callable[[], int] = time.monotonic_ns  # stamps of live sources


def seconds_to_ns(t: SupportsFloat) -> int:
    """A caller's time in seconds; NaN, infinity and what is no number are refused."""
    try:
        seconds = float(t)
    except (TypeError, ValueError) as error:
        raise UsageError(f"t must be a time in seconds, not {t!r}") from error
    if not math.isfinite(seconds):
        raise UsageError(f"t must be a finite time in seconds, not {t!r}")
    return round(seconds * NS_PER_S)


class Stopwatch:
    """Seconds spent in the stages of one frame, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time the block takes to `stage`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
