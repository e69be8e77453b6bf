"""The net on the eyes' pixels in a whole tracker: it runs once a frame for all faces, and only where it is wanted."""

from __future__ import annotations

import numpy as np

import realtime3d as r3d
from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.fake import FakeBackend, frontal_face
from realtime3d.types import Frame

IMAGE = np.full((480, 640, 3), 90, np.uint8)
BOXES = [[100, 100, 260, 300], [380, 100, 540, 300]]


class TwoBoxes:
    """A detector that sees the same two faces in every picture."""

    def open(self) -> None:
        """Nothing to load."""

    def detect(self, frame: Frame) -> list[r3d.FaceBox]:
        return [r3d.FaceBox(np.float32(box)) for box in BOXES]

    def close(self) -> None:
        """Nothing is held."""


def closed_eyes(spec: NetSpec, images: np.ndarray) -> Answers:
    answers = dict(frontal_face(spec, images))
    if "lids" in answers:
        answers["lids"] = np.zeros((len(images), 2), np.float32)
    return answers


def test_both_eyes_of_all_faces_are_looked_at_once_a_frame() -> None:
    backend = FakeBackend()
    with r3d.FaceTracker(backend=backend, boxes=TwoBoxes()) as tracker:
        backend.calls["eyes"].clear()
        for n in range(3):
            result = tracker.process(IMAGE, n / 30)
    assert backend.calls["eyes"] == [4, 4, 4]
    assert "eyes" in result.timings
    for face in result.faces:
        assert face.eyes is not None
        assert face.raw.eyes is not None
        assert face.blendshapes()["eyeBlinkLeft"] == 0


def test_nobody_looks_at_eyes_that_are_not_wanted() -> None:
    backend = FakeBackend()
    with r3d.FaceTracker(backend=backend, boxes=TwoBoxes(), eyes=False) as tracker:
        result = tracker.process(IMAGE, 0.0)
    assert "eyes" not in backend.calls
    assert all(face.eyes is None for face in result.faces)
    assert set(result.faces[0].blendshapes()) == set(result.faces[0].model.arkit_names)


def test_closed_eyes_blink_and_their_gaze_has_no_confidence() -> None:
    with r3d.FaceTracker(backend=FakeBackend(respond=closed_eyes), boxes=TwoBoxes()) as tracker:
        streamed = tracker.process(IMAGE, 0.0).faces
        boxed = tracker.process_boxes(IMAGE, BOXES).faces
    for face in (*streamed, *boxed):
        assert face.blendshapes()["eyeBlinkRight"] == 1
        assert face.gaze_deg()["confidence"] == 0
        assert face.action_units()["AU45"] == 5


def test_the_net_comes_and_goes_while_faces_keep_their_ids() -> None:
    with r3d.FaceTracker(backend=FakeBackend(), boxes=TwoBoxes(), eyes=False) as tracker:
        before = tracker.process(IMAGE, 0.0)
        tracker.use(tracker.config.with_options({"eyes": True}))
        after = tracker.process(IMAGE, 0.1)
    assert [face.id for face in before.faces] == [face.id for face in after.faces]
    assert after.faces[0].raw.eyes is not None
