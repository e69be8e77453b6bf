"""When ONNX Runtime's nets are run by one thread, and when by all."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends import pace
from realtime3d.backends.base import NetSpec
from realtime3d.backends.choose import create_backend
from realtime3d.backends.onnxruntime_ import OnnxRuntimeNet
from realtime3d.nets import modelset
from tests.helpers.tiny_nets import SIZE

SPEC = NetSpec("tiny.track", Path("tiny.onnx"), "", "image", 8, ("out",))
IMAGES = np.zeros((1, 8, 8, 3), np.uint8)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Session:
    """Takes its time and notes who was called."""

    def __init__(self, name: str, clock: Clock, called: list[str]) -> None:
        self.name, self.clock, self.called, self.takes_s = name, clock, called, 0.002
        self.asked: list[int] = []

    def run(self, outputs: list[str], images: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.clock.now += self.takes_s
        self.called.append(self.name)
        self.asked.append(len(images["image"]))
        return [np.zeros((1, 1), np.float32) for _ in outputs]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "perf_counter", clock)
    return clock


def sessions_of(clock: Clock, takes_s: float = 0.002) -> tuple[OnnxRuntimeNet, list[str], dict[str, Session]]:
    called: list[str] = []
    sessions = {name: Session(name, clock, called) for name in ("alone", "team")}
    for session in sessions.values():
        session.takes_s = takes_s
    return OnnxRuntimeNet(SPEC, sessions["alone"], lambda: sessions["team"], "cpu", 2), called, sessions


def net_of(clock: Clock, takes_s: float = 0.002) -> tuple[OnnxRuntimeNet, list[str]]:
    return sessions_of(clock, takes_s)[:2]


def run_paced(net: OnnxRuntimeNet, clock: Clock, pause_s: float, runs: int = 3, faces: int = 1) -> None:
    for _ in range(runs):
        net.run(IMAGES.repeat(faces, axis=0))
        clock.now += pause_s


def test_a_camera_s_pace_needs_one_thread(clock: Clock) -> None:
    net, called = net_of(clock)
    run_paced(net, clock, 0.030)
    assert called == ["alone"] * 3


def test_runs_that_follow_each_other_are_shared(clock: Clock) -> None:
    net, called = net_of(clock)
    run_paced(net, clock, 0.001)
    assert called == ["alone", "team", "team"]


def test_after_a_pause_one_thread_goes_on(clock: Clock) -> None:
    net, called = net_of(clock)
    run_paced(net, clock, 0.001)
    clock.now += 1.0
    run_paced(net, clock, 0.001)
    assert called == ["alone", "team", "team"] * 2


def test_slow_runs_at_a_camera_s_pace_are_shared_when_one_thread_is_too_slow(clock: Clock) -> None:
    net, called = net_of(clock, takes_s=0.025)
    run_paced(net, clock, 0.008)
    assert called == ["alone", "team", "team"]


def test_many_faces_that_follow_each_other_are_shared_out(clock: Clock) -> None:
    net, called, sessions = sessions_of(clock)
    for faces, pause_s in ((4, 0.030), (4, 0.001), (4, 0.001), (7, 0.030), (4, 0.0)):
        run_paced(net, clock, pause_s, runs=1, faces=faces)
    assert set(called) == {"alone"}
    asked = sessions["alone"].asked
    assert asked == [4, 4, *[1] * (4 + 7), 4]


def test_a_thread_that_is_held_up_takes_fewer_faces_and_all_keep_their_order(clock: Clock) -> None:
    net, _ = net_of(clock)
    helping, rest_done, mine = threading.Event(), threading.Event(), []

    def answers(_: Session, images: np.ndarray) -> list[np.ndarray]:
        if threading.current_thread() is threading.main_thread():
            assert helping.wait(20)
            mine.append(int(images[0, 0, 0, 0]))
            if len(mine) == 3:
                rest_done.set()
        else:
            helping.set()
            assert rest_done.wait(20)
        return [images[:, 0, 0, :1].astype(np.float32)]

    net._answers = answers  # type: ignore[method-assign]
    images = np.arange(4, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2).repeat(3, 3)
    (found,) = net._shared(images)
    assert found[:, 0].tolist() == [0, 1, 2, 3] and len(mine) == 3


def test_many_faces_are_one_thread_s_work_where_helpers_are_held_up(clock: Clock) -> None:
    net, _, sessions = sessions_of(clock)
    run = net._shared

    def held_up(images: np.ndarray) -> list[np.ndarray]:
        clock.now += 0.050
        return run(images)

    net._shared = held_up  # type: ignore[method-assign]
    run_paced(net, clock, 0.001, runs=100, faces=4)
    assert sessions["alone"].asked.count(4) > 60


def test_a_helper_s_failure_is_the_run_s(clock: Clock) -> None:
    net, _ = net_of(clock)
    answers = net._answers

    def breaks(session: Session, images: np.ndarray) -> list[np.ndarray]:
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError("no room")
        return answers(session, images)

    net._answers = breaks  # type: ignore[method-assign]
    with pytest.raises(MemoryError, match="no room"):
        run_paced(net, clock, 0.0, runs=2, faces=4)


def test_a_team_that_others_hold_up_leaves_the_work_to_one_thread_until_they_are_gone(clock: Clock) -> None:
    net, called, sessions = sessions_of(clock)
    sessions["team"].takes_s = 0.0012
    run_paced(net, clock, 0.0005, 200)
    assert called.count("alone") < 20  # its first run, and looks
    called.clear()
    sessions["team"].takes_s = 0.020
    run_paced(net, clock, 0.0005, 1000)
    assert called.count("team") < 40
    called.clear()
    sessions["team"].takes_s = 0.0012
    run_paced(net, clock, 0.0005, 1000)
    assert called.count("team") > 900  # what changed may change back: it looks again soon


def test_one_hiccup_decides_nothing(clock: Clock) -> None:
    net, called, sessions = sessions_of(clock)
    sessions["team"].takes_s = 0.0012
    run_paced(net, clock, 0.0005, 100)
    sessions["team"].takes_s = 1.0
    run_paced(net, clock, 0.0005, 1)
    sessions["team"].takes_s = 0.0012
    called.clear()
    run_paced(net, clock, 0.0005, 10)
    assert called.count("team") >= 9


@pytest.mark.parametrize("faces", [1, 2, 5])
def test_one_thread_and_all_answer_alike(net_folder: Path, faces: int) -> None:
    spec = modelset.find(str(net_folder)).nets["track"]
    one, two = (create_backend("onnxruntime", threads=n).load(spec) for n in (1, 2))
    images = np.random.default_rng(0).integers(0, 256, (faces, SIZE, SIZE, 3), dtype=np.uint8)
    others = set(threading.enumerate())
    expected = one.run(images)
    for _ in range(20):  # the first alone, later ones together
        for name, answer in two.run(images).items():
            np.testing.assert_allclose(answer, expected[name], rtol=1e-4, atol=1e-5)
    for net in (one, two):
        net.close()
    assert set(threading.enumerate()) <= others
