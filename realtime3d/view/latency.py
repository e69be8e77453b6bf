"""Time from capture to the moment something is shown or known."""

from __future__ import annotations

from collections import deque

from realtime3d.clock import now_ns, to_s

KEPT = 3000  # frames: a minute or two


class Latency:
    """Latencies of the last frames and the rate at which they came."""

    def __init__(self, what: str) -> None:
        self.what = what  # "capture to display"
        self._ms: deque[float] = deque(maxlen=KEPT)
        self._ends: deque[int] = deque(maxlen=31)

    def add(self, captured_ns: int) -> None:
        """A frame that was captured then is done now."""
        end = now_ns()
        self._ms.append((end - captured_ns) / 1e6)
        self._ends.append(end)

    def percentile(self, percent: float) -> float:
        """In milliseconds, 0 before the first frame."""
        ordered = sorted(self._ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0

    @property
    def fps(self) -> float:
        """Frames a second over the last second or so."""
        if len(self._ends) < 2:
            return 0.0
        return (len(self._ends) - 1) / to_s(self._ends[-1] - self._ends[0])

    def __str__(self) -> str:
        return f"{self.what}: p50 {self.percentile(50):.0f} ms, p95 {self.percentile(95):.0f} ms"
