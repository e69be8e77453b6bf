"""A mailbox with one slot between a producer that must not wait and a consumer that wants the newest."""

from __future__ import annotations

import logging
import threading
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Closed(Exception):
    """The producer has ended and the slot is empty."""


class Latest(Generic[T]):
    """`put` replaces what nobody has taken yet and counts it; `get` takes each item at most once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        with self._changed:
            return self._dropped

    def put(self, item: T) -> None:
        """Never blocks; ignored once closed."""
        with self._changed:
            if self._closed:
                return
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """The producer's end mark. After what is still in the slot, `get` raises `error` once, then `Closed`."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
            self._changed.notify_all()

    def get(self, timeout_s: float) -> T | None:
        """The newest item, or None where none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            if item is None and self._closed:
                error, self._error = self._error, None  # kept here it would keep alive all that its traceback saw
                raise error if error is not None else Closed
            return item


def join(thread: threading.Thread, timeout_s: float) -> bool:
    """Wait for a thread, but not for ever; one that hangs is named in the log and left to end with the process."""
    if thread is not threading.current_thread():
        thread.join(timeout_s)
    if thread.is_alive():
        _log.warning("%s did not end within %g s: it hangs in a driver or in the network", thread.name, timeout_s)
        return False
    return True
