"""Eyes that look aside: balls that keep their size, in meshes and in landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.face.model import FaceModel

LEFT_YAW, LEFT_PITCH, RIGHT_YAW = 0, 1, 2
GAZE_DEG = 30.0


def looking(**weights: float) -> np.ndarray:
    extras = np.zeros(5)
    for name, value in weights.items():
        extras[{"left_yaw": 0, "left_pitch": 1, "right_yaw": 2, "right_pitch": 3}[name]] = value
    return extras


@pytest.mark.parametrize("level", ["live", "full"])
def test_a_ball_that_looks_aside_keeps_its_size(model: FaceModel, level: str) -> None:
    mesh = model.mesh(level)
    neutral = mesh.neutral(np.random.default_rng(0).normal(size=99))
    posed = mesh.deform(neutral, np.zeros(29), looking(left_yaw=1, left_pitch=-0.7, right_yaw=0.5))
    assert mesh.balls is not None
    for side, rows in enumerate(mesh.balls.rows):
        middle = mesh.balls.middle(side, neutral)
        before, after = (np.linalg.norm(v[rows] - middle, axis=1) for v in (neutral, posed))
        np.testing.assert_allclose(after, before, atol=1e-3)
        assert np.linalg.norm(posed[rows] - neutral[rows], axis=1).max() > 3


def test_signs_and_size_of_a_look(model: FaceModel) -> None:
    """Yaw to the person's left is +x, pitch is down, and 1 is 30 degrees."""
    mesh = model.mesh("live")
    assert mesh.balls is not None
    rows, middle = mesh.balls.rows[0], mesh.balls.middle(0, mesh.mean)
    pole = rows[np.argmin(mesh.mean[rows, 2])]
    assert np.degrees(np.arccos(-(mesh.mean[pole] - middle)[2] / np.linalg.norm(mesh.mean[pole] - middle))) < 1.0
    for name, axis in (("left_yaw", 0), ("left_pitch", 1)):
        look = mesh.deform(mesh.mean, np.zeros(29), looking(**{name: 1}))[pole] - middle
        assert np.degrees(np.arcsin(look[axis] / np.linalg.norm(look))) == pytest.approx(GAZE_DEG, abs=0.5)
    other = mesh.balls.rows[1]
    still = mesh.deform(mesh.mean, np.zeros(29), looking(left_yaw=1))
    np.testing.assert_allclose(still[other], mesh.mean[other], atol=1e-5)


def test_lids_follow_a_look_down_a_little(model: FaceModel) -> None:
    lid = 159 + 227  # the middle of the left upper lid: 386

    def height(**look: float) -> float:
        mesh = model.mesh("live")
        return float(model.landmarks("mediapipe478", mesh.deform(mesh.mean, np.zeros(29), looking(**look)))[lid, 1])

    down = height(left_pitch=1) - height()
    assert 1.0 < down < 6.0
    assert height(left_pitch=-1) < height()


@pytest.mark.parametrize("name", ["ibug68", "mediapipe478"])
@pytest.mark.parametrize("seed", range(3))
def test_landmarks_without_a_mesh_are_those_of_the_mesh(model: FaceModel, name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha, eta, extras = rng.normal(0, 1, 99), rng.normal(0, 1, 29), rng.uniform(-1, 1, 5)
    wanted = model.landmarks(name, model.deform(model.neutral(alpha), eta, extras))
    np.testing.assert_allclose(model.face_landmarks(name, alpha, eta, extras), wanted, atol=2e-3)


def test_many_faces_at_once_look_each_its_own_way(model: FaceModel) -> None:
    rng = np.random.default_rng(0)
    alpha, eta, extras = rng.normal(0, 1, (3, 99)), rng.normal(0, 1, (3, 29)), rng.uniform(-1, 1, (3, 5))
    batch = model.deform(model.neutral(alpha), eta, extras)
    for i in range(3):
        np.testing.assert_allclose(model.deform(model.neutral(alpha[i]), eta[i], extras[i]), batch[i], atol=2e-3)


def test_impossible_looks_do_not_break_the_mesh(model: FaceModel) -> None:
    posed = model.deform(model.mean, np.zeros(29), np.array([9.0, -9, 1e6, 0, 0]))
    assert np.isfinite(posed).all()
