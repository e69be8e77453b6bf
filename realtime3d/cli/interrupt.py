"""Ctrl-C: the first one ends the source, so that every file is finished; the second one ends the program at once."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")
INTERRUPTED = 130  # exit code
RETRY_S = 0.02  # until a Ctrl-C that came during an import is tried again


@contextmanager
def after_imports() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt as ever, but not before a library that is being loaded is there.

    Many swallow it while they load, or report that they are broken.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        if not _importing(frame):
            raise KeyboardInterrupt
        again = threading.Timer(RETRY_S, _signal_main_thread)
        again.daemon = True
        again.start()

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody has other plans with it
    if not usual or _importing(sys._getframe()) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _signal_main_thread() -> None:
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # also ends a system call


def _importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


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
        if self._waiting and not _importing(frame):  # only there is it safe: nothing is half written
            raise KeyboardInterrupt

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A signal meanwhile raises KeyboardInterrupt: for opening an input, where nothing is written yet."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, ending early when the user asked for it, also while the next one is waited for."""
        iterator = iter(items)
        while not self.requested:
            try:
                with self.waiting():
                    item = next(iterator)
            except (StopIteration, KeyboardInterrupt):
                return
            yield item
