"""Ctrl-C once ends the frames early, twice ends the program."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime3d.cli import main
from realtime3d.cli.interrupt import Interrupt, after_imports
from realtime3d.errors import require

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


@pytest.fixture
def slow_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module during whose import Ctrl-C comes, and which would call itself broken for it."""
    (tmp_path / "slow_library.py").write_text(
        "import os, time\n"
        "try:\n    os.kill(os.getpid(), 2)\n    time.sleep(0.2)\n"
        "except KeyboardInterrupt:\n    raise ImportError('initialization failed')\n"
        "ready = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_library", raising=False)
    return "slow_library"


@posix_only
def test_a_signal_during_an_import_waits_for_its_end(slow_library: str) -> None:
    with pytest.raises(KeyboardInterrupt), after_imports():
        importlib.import_module(slow_library)
        time.sleep(30)
    assert sys.modules[slow_library].ready
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@posix_only
def test_a_signal_while_an_item_imports_lets_it_end(slow_library: str) -> None:
    def items() -> Iterator[str]:
        yield importlib.import_module(slow_library).__name__
        yield "never"

    with Interrupt() as interrupt:
        assert list(interrupt.until(items())) == [slow_library]
    assert interrupt.requested


@posix_only
def test_the_command_line_ends_as_interrupted_when_a_library_is_interrupted(
    slow_library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(args: object) -> int:
        require(slow_library, "", "this")
        time.sleep(30)
        return 0

    monkeypatch.setattr("realtime3d.cli.config.run", run)
    assert main(["config"]) == 130
    assert capsys.readouterr() == ("", "")


def test_who_else_handles_ctrl_c_keeps_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with after_imports():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
