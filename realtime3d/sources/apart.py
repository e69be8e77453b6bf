"""Calls that may hang in native code, made in a thread of their own: the caller's wait ends with Ctrl-C."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from realtime3d.sources.latest import Latest, join

T = TypeVar("T")
POLL_S = 0.1  # of waits that Ctrl-C must be able to end on every system


class Apart:
    """One thread that makes one call after the other. The calls have limits of their own; the wait here has none.

    Python handles a signal in its main thread, between two of its own instructions: while that thread is in a library's
    code, Ctrl-C does nothing. `close` makes a last call, without waiting for one that hangs.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Latest[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._calls,), name=f"reader of {name}", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, self._calls.put, None)

    def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """What `function` gives, or raises."""
        box: Latest[tuple[T]] = Latest()
        self._calls.put((lambda: (function(*arguments),), box))
        while True:
            answer = box.get(POLL_S)
            if answer is not None:
                return answer[0]

    def close(self, last: Callable[[], object], wait_s: float) -> None:
        """Make a last call and end, with this or, where an earlier one hangs, after it."""
        self._calls.put((last, Latest()))
        self._end()
        join(self._thread, wait_s)


def _work(calls: queue.SimpleQueue[tuple[Callable[[], Any], Latest[Any]] | None]) -> None:
    """Knows the queue and not the `Apart`, so that one can be forgotten."""
    while (call := calls.get()) is not None:
        function, box = call
        try:
            box.put(function())
        except BaseException as error:
            box.close(error)
        del call, function, box  # what they hold is not kept until the next call
