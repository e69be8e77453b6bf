"""Ctrl-C once ends the frames early, twice ends the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from realtime3d.cli.interrupt import Interrupt

posix_only = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


@posix_only
def test_a_signal_between_items_ends_after_the_present_one() -> None:
    done = []
    with Interrupt() as interrupt:
        for item in interrupt.until(range(10)):
            if item == 3:
                os.kill(os.getpid(), signal.SIGINT)
            done.append(item)  # the item at hand is still worked on
    assert done == [0, 1, 2, 3]
    assert interrupt.requested


@posix_only
def test_a_signal_while_waiting_for_an_item_ends_the_wait() -> None:
    def stalled() -> Iterator[int]:
        yield 1
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(60)
        yield 2

    with Interrupt() as interrupt:
        assert list(interrupt.until(stalled())) == [1]
    assert interrupt.requested


def test_without_a_signal_everything_comes_and_the_handlers_return() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        assert list(interrupt.until(iter("abc"))) == ["a", "b", "c"]
    assert not interrupt.requested
    assert signal.getsignal(signal.SIGINT) is before


@posix_only
def test_the_second_signal_ends_at_once() -> None:
    code = (
        "import os, signal, time\nfrom realtime3d.cli.interrupt import Interrupt\n"
        "with Interrupt() as i:\n    os.kill(os.getpid(), 2)\n    os.kill(os.getpid(), 2)\n    time.sleep(60)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 130
