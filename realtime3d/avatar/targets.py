"""Targets that come and go while a run goes on, as somebody at a page chooses them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from realtime3d.avatar.sender import Sender
from realtime3d.errors import Realtime3dError
from realtime3d.face.state import FrameResult
from realtime3d.sinks.writers import NewestWriter
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Target:
    """One URL, and how it is doing."""

    number: int  # names it as long as it is there
    url: str
    sender: Sender
    problem: str = ""  # why it gets nothing
    writer: NewestWriter | None = field(default=None, repr=False)  # None: not open yet, or it failed

    @property
    def line(self) -> str:
        """How it is doing, for the user."""
        return self.problem or self.sender.summary


class Targets:
    """A sink that hands results on to senders, each behind a thread of its own.

    Opening and closing a sender may wait for the network, so that happens in threads as well: who adds and removes
    targets never waits.
    """

    needs_image = False
    pace = "newest"
    name = "targets"

    def __init__(self, make: Callable[[str], Sender], urls: Iterable[str] = ()) -> None:
        """`make` gives the sender of a URL; UsageError where it cannot be meant."""
        self._make = make
        self._lock = threading.Lock()
        self._all: list[Target] = []
        self._opened = False
        self._next = 1
        for url in urls:
            self.add(url)

    def __enter__(self) -> Self:
        with self._lock:
            self._opened = True
        for target in self.all:
            self._begin(target)
        return self

    @property
    def all(self) -> list[Target]:
        """In the order in which they came."""
        with self._lock:
            return list(self._all)

    def add(self, url: str) -> None:
        """Another target; the same one twice stays one."""
        if any(target.url == url for target in self.all):
            return
        sender = self._make(url)
        with self._lock:
            target = Target(self._next, url, sender)
            self._next += 1
            self._all.append(target)
            opened = self._opened
        if opened:
            self._begin(target)

    def remove(self, number: int) -> bool:
        """Send no more to this one; whether it was there."""
        with self._lock:
            found = [target for target in self._all if target.number == number]
            self._all = [target for target in self._all if target.number != number]
        for target in found:
            self._in_thread(self._end, target)
        return bool(found)

    def write(self, result: FrameResult, image: Image | None) -> None:
        for target in self.all:
            if target.writer is not None:
                target.writer.write(result, None)

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            self._opened = False
        threads = [self._in_thread(self._end, target) for target in self.all]
        for thread in threads:
            thread.join()  # a writer waits for its sender no longer than it should

    # -- in threads of their own --------------------------------------------------------------------------------------

    def _begin(self, target: Target) -> None:
        self._in_thread(self._open, target)

    def _in_thread(self, call: Callable[[Target], None], target: Target) -> threading.Thread:
        thread = threading.Thread(target=call, args=(target,), name=f"realtime3d-{target.sender.name}", daemon=True)
        thread.start()
        return thread

    def _open(self, target: Target) -> None:
        writer = NewestWriter(target.sender)
        try:
            writer.__enter__()
        except Realtime3dError as error:
            target.problem = str(error)
            _log.warning("%s gets nothing: %s", target.sender.name, error)
            return
        with self._lock:
            wanted = self._opened and target in self._all
            if wanted:
                target.writer = writer
        if not wanted:  # it was removed before it was open
            self._close(writer)

    def _end(self, target: Target) -> None:
        with self._lock:
            writer, target.writer = target.writer, None
        if writer is not None:
            self._close(writer)

    def _close(self, writer: NewestWriter) -> None:
        try:
            writer.__exit__(None, None, None)
        except Realtime3dError as error:
            _log.warning("%s did not end well: %s", writer.name, error)
