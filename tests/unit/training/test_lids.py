"""Eye landmarks follow the lids of the model that ships."""

from __future__ import annotations

import numpy as np
import pytest
from plain_heads import MODEL

from realtime3d.facemodel import FaceModel
from realtime3d.training.lids import EYES, on_the_lids
from realtime3d.training.losses import region_mask


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(MODEL)


@pytest.fixture(scope="module")
def moved(model):
    eyes = region_mask(model, ("eyes",))
    hidden = region_mask(model, ("eyes", "tongue", "mouth_inside"))
    points = model.landmark_sets["mediapipe478"]
    return on_the_lids(points, model.mean.astype(np.float64), model.triangles, eyes, ~hidden)


def opening(model, points, **actions) -> float:
    """Mean height of both eyes' openings in mm with some ARKit actions."""
    with np.load(MODEL) as data:
        to_motion = data["arkit_to_motion"]
    weights = np.array([actions.get(name, 0.0) for name in model.arkit_names])
    motion = to_motion @ weights
    p = points.on(model.deform(model.mean, motion[:29], motion[29:]))
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
