"""Nets that several threads share: everyone gets the answer to their own pictures, in batches, and errors too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.shared import ROWS, SharedBackend, SharedNet

SPEC = NetSpec("a.track", Path("a.onnx"), "", "image", 2, ("mean",))


class SlowNet:
    """Answers with each picture's mean, in memory that the next call overwrites; waits at a gate."""

    def __init__(self, spec: NetSpec) -> None:
        self.spec = spec
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.closed = 0
        self.broken = False
        self._memory = np.zeros((64, 1), np.float32)

    def run(self, images: NDArray[np.uint8]) -> Answers:
        self.entered.set()
        assert self.gate.wait(10)
        self.batches.append(len(images))
        if self.broken:
            raise RuntimeError("out of memory")
        self._memory[: len(images), 0] = images.mean((1, 2, 3))
        return {"mean": self._memory[: len(images)]}

    def close(self) -> None:
        self.closed += 1


class OneNet:
    """A back end that keeps the nets it loaded."""

    name, device = "one", "cpu"

    def __init__(self) -> None:
        self.loaded: list[SlowNet] = []

    def load(self, spec: NetSpec) -> SlowNet:
        self.loaded.append(SlowNet(spec))
        return self.loaded[-1]


def pictures(value: int, rows: int = 1) -> NDArray[np.uint8]:
    return np.full((rows, 2, 2, 3), value, np.uint8)


def ask_together(net: SlowNet, shared: SharedNet, rows: int = 1, count: int = 6) -> list[float | str]:
    """Answers to many threads whose questions pile up behind the first."""
    found: list[float | str] = ["nothing"] * count

    def ask(k: int) -> None:
        try:
            answers = shared.run(pictures(k, rows))["mean"]
            found[k] = float(answers.mean()) if answers.shape == (rows, 1) else "wrong shape"
        except RuntimeError as error:
            found[k] = str(error)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(count)]
    threads[0].start()
    assert net.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(shared._desk._queue) == count - 1)
    net.gate.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    return found


def wait_until(reached: Callable[[], bool]) -> None:
    for _ in range(1000):
        if reached():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")


@pytest.fixture
def backend() -> OneNet:
    return OneNet()


def test_what_piles_up_is_answered_in_one_batch(backend: OneNet) -> None:
    shared = SharedBackend(backend).load(SPEC)
    assert ask_together(backend.loaded[0], shared) == [0, 1, 2, 3, 4, 5]
    assert backend.loaded[0].batches == [1, 5]


def test_batches_stay_within_what_engines_are_built_for(backend: OneNet) -> None:
    shared = SharedBackend(backend).load(SPEC)
    assert ask_together(backend.loaded[0], shared, rows=7) == [0, 1, 2, 3, 4, 5]
    assert backend.loaded[0].batches == [7, 14, 14, 7]
    assert shared.run(pictures(9, ROWS + 3))["mean"].shape == (ROWS + 3, 1)


def test_an_error_reaches_everyone_in_the_batch_and_nobody_hangs(backend: OneNet) -> None:
    shared = SharedBackend(backend).load(SPEC)
    net = backend.loaded[0]
    net.broken = True
    assert ask_together(net, shared) == ["out of memory"] * 6
    net.broken = False
    assert shared.run(pictures(7))["mean"][0] == 7


def test_answers_are_the_askers_own(backend: OneNet) -> None:
    shared = SharedBackend(backend).load(SPEC)
    backend.loaded[0].gate.set()
    first = shared.run(pictures(1))["mean"]
    shared.run(pictures(2))
    assert first[0] == 1


def test_a_net_is_loaded_once_and_closed_by_its_last_user(backend: OneNet) -> None:
    shared = SharedBackend(backend)
    nets = [shared.load(SPEC) for _ in range(3)]
    assert len(backend.loaded) == 1
    for net in nets:
        assert not backend.loaded[0].closed
        net.close()
        net.close()
    assert backend.loaded[0].closed == 1
    shared.load(SPEC)
    assert len(backend.loaded) == 2
