"""Waiting for frames and gaps of live sources, for their tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from realtime3d.sources.base import Gap, SourceOptions
from realtime3d.types import Frame

QUICK = SourceOptions(gap_after_s=0.05, tick_s=0.02, backoff_s=0.02, backoff_max_s=0.08, read_timeout_s=0.4)


def next_frame(items: Iterator[Frame | Gap], wanted: Callable[[Frame], bool] = lambda frame: True) -> Frame:
    """The next frame of a kind; a test that waits in vain fails after many ticks."""
    for _ in range(3000):
        item = next(items)
        if isinstance(item, Frame) and wanted(item):
            return item
    raise AssertionError("no such frame came")


def gaps_until(items: Iterator[Frame | Gap], state: str) -> list[Gap]:
    """All gaps up to the first that says `state`."""
    found: list[Gap] = []
    for _ in range(3000):
        item = next(items)
        if isinstance(item, Gap):
            found.append(item)
            if item.status.state == state:
                return found
    raise AssertionError(f"the source never said {state}")
