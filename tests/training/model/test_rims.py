"""Landmarks on the rims of eyes and mouth follow the lids and lips of the model that ships."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.face.model import FaceModel
from realtime3d.training.learning.losses import region_mask
from realtime3d.training.model.rims import EYES, MOUTH, on_the_lids, on_the_lips
from tests.helpers.paths import FACE_MODEL


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


@pytest.fixture(scope="module")
def moved(model):
    eyes = region_mask(model, ("eyes",))
    hidden = region_mask(model, ("eyes", "tongue", "mouth_inside", "teeth"))
    points = model.landmark_sets["mediapipe478"]
    return on_the_lids(points, model.mean.astype(np.float64), model.triangles, eyes, ~hidden)


def posed(model, **actions):
    """The mean head with some ARKit actions."""
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    weights = np.array([actions.get(name, 0.0) for name in model.arkit_names])
    motion = to_motion @ weights
    return model.deform(model.mean, motion[:29], motion[29:]).astype(np.float64)


def opening(model, points, **actions) -> float:
    """Mean height of both eyes' openings in mm with some ARKit actions."""
    p = points.on(posed(model, **actions))
    return float(np.mean([p[list(r.lower[2:5]), 1] - p[list(r.upper[2:5]), 1] for r in EYES]))


def test_a_blink_closes_the_opening(model, moved):
    open_mm = opening(model, moved)
    assert 6 < open_mm < 13
    assert opening(model, moved, eyeBlinkLeft=0.5, eyeBlinkRight=0.5) < 0.6 * open_mm
    assert opening(model, moved, eyeBlinkLeft=1, eyeBlinkRight=1) < 0.15 * open_mm
    assert opening(model, moved, jawOpen=1) == pytest.approx(open_mm, abs=0.5)


def test_only_points_around_the_eyes_move_and_both_sides_alike(model, moved):
    before, after = model.landmark_sets["mediapipe478"].on(model.mean), moved.on(model.mean)
    around = {i for r in EYES for i in (*r.corners, *r.upper, *r.lower)}
    changed = set(np.flatnonzero(np.abs(after - before).max(axis=1) > 1e-6).tolist())
    assert changed <= around and np.linalg.norm(after - before, axis=1).max() < 10
    right, left = EYES
    for a, b in zip((*right.upper, *right.lower), (*left.upper, *left.lower), strict=True):
        assert np.allclose(after[a] * (-1, 1, 1), after[b], atol=1.0)


def test_no_point_lies_on_an_eyeball_any_more(model, moved):
    eyes = region_mask(model, ("eyes",))
    for r in EYES:
        numbers = [*r.corners, *r.upper, *r.lower]
        assert not eyes[moved.vertices[numbers]].any()
    assert np.allclose(moved.weights.sum(axis=1), 1, atol=1e-3)


def between_lips(points, head):
    """(9,) mm from each point of the upper lip down to its partner on the lower one."""
    p = points.on(head)
    return p[list(MOUTH.lower), 1] - p[list(MOUTH.upper), 1]


def test_points_of_the_lower_lip_that_were_seen_on_the_upper_one_go_back(model):
    shipped = model.landmark_sets["mediapipe478"]
    vertices, weights = shipped.vertices.copy(), shipped.weights.copy()
    vertices[list(MOUTH.lower)], weights[list(MOUTH.lower)] = vertices[list(MOUTH.upper)], weights[list(MOUTH.upper)]
    wrong, opened = SurfacePoints(vertices, weights), posed(model, jawOpen=0.4)
    assert np.allclose(between_lips(wrong, opened), 0)
    skin = ~region_mask(model, ("eyes", "tongue", "mouth_inside", "teeth"))
    right = on_the_lips(wrong, model.mean.astype(np.float64), opened, model.triangles, skin)
    apart = between_lips(right, opened)
    assert apart.min() > 4 and apart[4] > 11 and np.allclose(apart, apart[::-1], atol=0.5)
    assert np.abs(right.on(opened) - shipped.on(opened)).max() < 1.0
    others = np.setdiff1d(np.arange(478), [*MOUTH.upper, *MOUTH.lower])
    assert np.array_equal(right.vertices[others], wrong.vertices[others])


@pytest.mark.parametrize("name", ["mediapipe478", "ibug68"])
def test_lips_that_ship_meet_when_closed_and_part_with_the_jaw(model, name):
    pairs = {"mediapipe478": (MOUTH.upper, MOUTH.lower), "ibug68": ((61, 62, 63), (67, 66, 65))}[name]
    for jaw, least, most in ((0.0, -0.6, 1.0), (0.4, 4, 16), (0.9, 10, 35)):  # lips of the scans' mean nearly meet
        p = model.landmarks(name, posed(model, jawOpen=jaw))
        apart = p[list(pairs[1]), 1] - p[list(pairs[0]), 1]
        assert least < apart.min() and apart.max() < most
