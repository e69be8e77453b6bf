"""Nets and trackers misused: by threads, by forks, and by files that are no models; and calibrations that are traps."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.config import Config
from realtime3d.errors import MissingError, UsageError
from realtime3d.sources.intrinsics import read_intrinsics
from tests.helpers.exact_scene import Scene, head
from tests.helpers.faults import cases, fault
from tests.helpers.tiny_nets import write_list

IMAGE = np.zeros((480, 640, 3), np.uint8)


class SlowDetector:
    """Takes its time, and notices when two threads are in it."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.entered, self.go_on = threading.Event(), threading.Event()

    def open(self) -> None:
        """Nothing to open."""

    def detect(self, frame: object) -> list[object]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        assert self.go_on.wait(20)
        self.inside -= 1
        return []

    def close(self) -> None:
        """Nothing is held."""


USES: dict[str, Callable[[FaceTracker], object]] = {
    "a picture from a second thread": lambda tracker: tracker.process(IMAGE, t=5.0),
    "a second thread with its own boxes": lambda tracker: tracker.process_boxes(IMAGE, [[10, 10, 90, 90]]),
    "settings from a second thread": lambda tracker: tracker.use(tracker.config),
    "a new stream from a second thread": lambda tracker: tracker.reset(),
    "a film from a second thread": lambda tracker: next(tracker.track([IMAGE, IMAGE])),
    "a missing picture from a second thread": lambda tracker: tracker.miss(10**12),
}


@pytest.mark.parametrize("use", cases("models", "a UsageError that says what to do; the first thread goes on", USES))
def test_a_second_thread_is_refused(use: Callable[[FaceTracker], object], scene: Scene) -> None:
    detector = SlowDetector()
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=detector) as tracker:
        first = threading.Thread(target=tracker.process, args=(IMAGE, 0.0))
        first.start()
        try:
            assert detector.entered.wait(20)
            with pytest.raises(UsageError, match="another thread is using this FaceTracker"):
                use(tracker)
        finally:
            detector.go_on.set()
            first.join(20)
        assert detector.most == 1
        tracker.process(IMAGE, t=1.0)  # whoever comes afterwards is served


@fault("models", "a tracker is closed while another thread uses it", "closing waits for the picture at hand")
def test_closing_waits_for_the_picture(scene: Scene) -> None:
    detector = SlowDetector()
    with scene.installed() as backend:
        tracker = FaceTracker(backend=backend, boxes=detector).open()
        first = threading.Thread(target=tracker.process, args=(IMAGE, 0.0))
        first.start()
        assert detector.entered.wait(20)
        closing = threading.Thread(target=tracker.close)
        closing.start()
        time.sleep(0.1)
        assert closing.is_alive()
        detector.go_on.set()
        closing.join(20)
        assert not closing.is_alive()


@fault("models", "several trackers in several threads", "each follows its own faces")
def test_a_tracker_for_each_thread(scene: Scene) -> None:
    scene.heads = [head()]
    with scene.installed() as backend:
        trackers = [FaceTracker(backend=backend, boxes=scene) for _ in range(2)]
        counts: list[int] = []

        def follow(tracker: FaceTracker) -> None:
            counts.append(sum(len(tracker.process(scene.image, t=i / 30).faces) for i in range(5)))

        threads = [threading.Thread(target=follow, args=(tracker,)) for tracker in trackers]
        for thread in threads:  # one after the other: the scene itself is for one thread
            thread.start()
            thread.join(20)
    assert counts == [5, 5]


FORKED = """
import os, sys, time
import numpy as np
import realtime3d as r3d
image = np.zeros((240, 320, 3), np.uint8)
tracker = r3d.FaceTracker().open()
tracker.process(image, 0.0)
child = os.fork()
if child == 0:
    {does}
    sys.exit(7)
end = time.monotonic() + 20
while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
    time.sleep(0.02)
if ended[0] == 0:
    os.kill(child, 9)
tracker.process(image, 0.1)
tracker.close()
print(os.waitstatus_to_exitcode(ended[1]) if ended[0] else "hangs")
"""
REFUSED = "try: tracker.process(image, 0.1)\n    except r3d.UsageError: pass\n    else: sys.exit(1)"
CHILDREN = {
    "a forked child ends": "pass",
    "a forked child closes the tracker": "tracker.close()",
    "a forked child forgets the tracker": "import gc; del tracker; gc.collect()",
    "a forked child uses trackers": REFUSED + "\n    " + REFUSED.replace("tracker.", "r3d.FaceTracker()."),
}
ENDS = "it is refused or does nothing, and ends; the parent goes on"


@pytest.mark.skipif(not hasattr(os, "waitstatus_to_exitcode") or os.name == "nt", reason="this system has no fork")
@pytest.mark.parametrize("does", cases("processes", ENDS, CHILDREN))
def test_a_forked_child_does_not_hang(does: str) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED.format(does=does)], capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


DAMAGED: dict[str, Callable[[Path], object]] = {
    "no list of models": lambda folder: (folder / "models.toml").unlink(),
    "a list that is no TOML": lambda folder: (folder / "models.toml").write_text("= ="),
    "an empty list": lambda folder: (folder / "models.toml").write_text(""),
    "a net that is not there": lambda folder: (folder / "track.onnx").unlink(),
    "a net that is cut off": lambda folder: os.truncate(folder / "track.onnx", 200),
    "an empty net": lambda folder: os.truncate(folder / "shape.onnx", 0),
    "no face model": lambda folder: (folder / "face_model.npz").unlink(),
    "a face model that is cut off": lambda folder: os.truncate(folder / "face_model.npz", 5000),
    "a net that is not the one in the list": lambda folder: (folder / "track.onnx").write_bytes(
        (folder / "shape.onnx").read_bytes()
    ),
}
LISTED: dict[str, bytes] = {
    "a cut net that the list knows": b"\x08\x08\x12",
    "a net of nonsense that the list knows": b"\xff" * 5000,
}


@pytest.fixture
def own_set(net_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for file in net_folder.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.mark.parametrize("damage", cases("models", "one line, exit code 3 or 2", DAMAGED))
def test_a_damaged_model_set(damage: Callable[[Path], object], own_set: Path) -> None:
    damage(own_set)
    with pytest.raises((MissingError, UsageError)) as caught:
        FaceTracker(models=own_set, backend="onnxruntime").open()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", cases("models", "one line, exit code 3", LISTED))
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_net_that_is_none(content: bytes, backend: str, own_set: Path) -> None:
    pytest.importorskip(backend)
    (own_set / "track.onnx").write_bytes(content)
    write_list(own_set)
    with pytest.raises(MissingError) as caught:
        FaceTracker(models=own_set, backend=backend).open()
    assert "\n" not in str(caught.value)


DEEP = 100_000
TRAPS = {
    "a YAML calibration of nested maps": ("cam.yml", "%YAML:1.0\n---\na: " + "{a: " * DEEP),
    "a YAML calibration of nested lists": ("cam.yaml", "%YAML:1.0\n---\na: " + "[" * DEEP),
    "a YAML calibration of deeper and deeper lines": (
        "cam.yml",
        "%YAML:1.0\n---\n" + "".join(" " * n + "a:\n" for n in range(2000)),
    ),
    "an XML calibration of nested elements": ("cam.xml", "<?xml version='1.0'?><opencv_storage>" + "<a>" * DEEP),
    "an XML calibration that begins again and again": ("cam.xml", "<camera_matrix>" * DEEP),
    "a YAML calibration that begins again and again": ("cam.yml", "camera_matrix: data: [" * DEEP),
    "a calibration of five million characters": ("cam.yml", "#" * 5_000_000),
    "a matrix of another size than it says": (
        "cam.yml",
        "%YAML:1.0\n---\ncamera_matrix: !!opencv-matrix\n   rows: 9999\n   cols: 9999\n   dt: d\n   data: [ 1., 2. ]\n",
    ),
}


@pytest.mark.parametrize(("name", "text"), cases("configuration", "one line at once, exit code 2", TRAPS))
def test_a_calibration_that_is_a_trap(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    start = time.monotonic()
    with pytest.raises(UsageError) as caught:
        read_intrinsics(tmp_path / name)
    assert time.monotonic() - start < 60 and "\n" not in str(caught.value)


ENDLESS = {
    "a TOML key of 50,000 parts": "a" + ".a" * 50_000 + " = 1",
    "a TOML section of 50,000 parts": "[a" + ".a" * 50_000 + "]",
    "a quoted TOML key of 50,000 parts": '"a"' + ' . "a"' * 50_000 + " = 1",
    "an inner TOML key of 50,000 parts": "x = {a" + ".a" * 50_000 + " = 1}",
}


@pytest.mark.parametrize("text", cases("configuration", "one line at once, exit code 2", ENDLESS))
def test_an_endless_key(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(text)
    start = time.monotonic()
    with pytest.raises(UsageError, match="very many parts"):
        Config.read(tmp_path / "a.toml")
    assert time.monotonic() - start < 60
