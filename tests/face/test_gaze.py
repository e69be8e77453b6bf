"""Where eyes look: heads whose eyes are turned by known angles, asked back, with round eyes and with linear ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime3d.face.gaze import angles_of, direction_of
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import euler_to_matrix, head_angles_to_matrix
from realtime3d.types import Pose
from tests.helpers.avatars import tracked
from tests.helpers.paths import FACE_MODEL
from tests.helpers.plain_model import KINDS, model_file

MODELS = pytest.mark.parametrize("kind", KINDS)


def face(model: FaceModel, extras: np.ndarray, **changes: object) -> FaceState:
    return replace(tracked(), model=model, extras=np.asarray(extras, np.float32), **changes)


def ball_direction(model: FaceModel, head: np.ndarray, side: int) -> np.ndarray:
    """Where an eye of a posed head looks: the turn that its points made, on average about each axis."""
    eyes = model.region == list(model.region_names).index("eyes")
    rows = np.flatnonzero(eyes & ((1, -1)[side] * model.mean[:, 0] > 0))
    before, after = (v[rows] - v[rows].mean(axis=0) for v in (model.mean.astype(float), head.astype(float)))
    turn = np.eye(3)
    for _ in range(30):  # small turns until none is left
        now = before @ turn.T
        spin = np.linalg.solve(np.trace(now.T @ now) * np.eye(3) - now.T @ now, np.cross(now, after).sum(axis=0))
        angle = float(np.linalg.norm(spin)) or 1e-12
        x, y, z = spin / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        turn = (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross) @ turn
    return turn @ np.array([0.0, 0.0, -1.0])


@MODELS
def test_eyes_of_a_posed_head_look_where_they_say(kind: str) -> None:
    model, rng = FaceModel.load(model_file(kind)), np.random.default_rng(5)
    for _ in range(8):
        extras = np.append(rng.uniform(-1, 1, 4), 0)
        expression = rng.normal(size=29).astype(np.float32)
        shown = face(model, extras, expression=expression)
        head = shown.vertices_head()
        gaze = shown.gaze_deg()
        for side, name in enumerate(("left", "right")):
            assert gaze[name] == pytest.approx(angles_of(ball_direction(model, head, side)), abs=0.05)


@pytest.mark.parametrize(("pitch", "yaw"), [(0, 0), (20, 0), (-15, 0), (0, 25), (0, -25), (12, -18), (-10, 20)])
def test_angles_are_those_by_which_the_eyes_were_turned(pitch: float, yaw: float) -> None:
    model = FaceModel.load(FACE_MODEL)
    x, y, _ = direction_of(pitch, yaw)
    across = x / model.balls.sine
    down = y / np.sqrt(1 - x * x) / model.balls.sine
    gaze = face(model, [across, down, across, down, 0]).gaze_deg()
    assert gaze["left"] == pytest.approx((pitch, yaw), abs=1e-4)
    assert gaze["right"] == pytest.approx((pitch, yaw), abs=1e-4)
    assert gaze["camera"] == pytest.approx((pitch, yaw), abs=1e-4)


@MODELS
def test_signs(kind: str) -> None:
    """Positive pitch looks down, positive yaw to the person's own right."""
    model = FaceModel.load(model_file(kind))
    down, left = face(model, [0, 0.5, 0, 0.5, 0]).gaze_deg(), face(model, [0.5, 0, 0.5, 0, 0]).gaze_deg()
    assert down["left"][0] > 3 and down["camera"][0] > 3 and abs(down["camera"][1]) < 0.3
    assert left["right"][1] < -5 and left["camera"][1] < -5 and abs(left["camera"][0]) < 0.3


def test_eyes_that_look_back_from_a_turned_head_look_into_the_camera() -> None:
    model = FaceModel.load(FACE_MODEL)
    for pitch, yaw in ((8.0, 20.0), (-10.0, -15.0)):
        R = head_angles_to_matrix(*np.radians([pitch, yaw, 3.0]))
        x, y, _ = R.T @ (0, 0, -1)
        across, down = x / model.balls.sine, y / np.sqrt(1 - x * x) / model.balls.sine
        shown = face(model, [across, down, across, down, 0], pose=Pose(R, np.array([0, 0, 600.0])))
        assert shown.gaze_deg()["camera"] == pytest.approx((0, 0), abs=1e-4)


@MODELS
def test_confidence_falls_as_lids_close(kind: str) -> None:
    model = FaceModel.load(model_file(kind))
    blink = np.load(model_file(kind))["arkit_to_motion"]
    names = list(model.arkit_names)

    def confidence(left: float, right: float) -> float:
        weights = np.zeros(52)
        weights[[names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]] = left, right
        motion = (blink @ weights).astype(np.float32)
        return face(model, np.zeros(5), expression=motion[:29]).gaze_deg()["confidence"]

    found = [confidence(part, part) for part in (0.0, 0.4, 0.7, 0.85, 1.0)]
    assert found[0] == pytest.approx(0.9) and found[-1] == 0  # 0.9 is the face's own
    assert found == sorted(found, reverse=True)
    assert confidence(1.0, 0.0) == pytest.approx(0.45, abs=0.01)


def test_directions_and_angles_are_each_others_inverse() -> None:
    for pitch, yaw in ((10, 20), (-40, 100), (80, -170)):
        assert angles_of(direction_of(pitch, yaw)) == pytest.approx((pitch, yaw))
    assert angles_of(euler_to_matrix(0, 0, 1) @ (0, 0, -1)) == pytest.approx((0, 0))
