"""Ctrl-C: the first one ends the source, so that every file is finished; the second one ends the program at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")
INTERRUPTED = 130  # exit code


class Interrupt:
    """Context manager that turns SIGINT and SIGTERM into an early end of the frames given to `until`."""

    def __init__(self) -> None:
        self.requested = False
        self._waiting = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(INTERRUPTED)
        self.requested = True
        if self._waiting:  # only there is it safe to break off: between frames nothing is half written
            raise KeyboardInterrupt

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, ending early when the user asked for it, also while the next one is waited for."""
        iterator = iter(items)
        while not self.requested:
            try:
                self._waiting = True
                item = next(iterator)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield item
