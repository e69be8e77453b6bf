from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import realtime3d.face.model as facemodel
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from tests.helpers.paths import FACE_MODEL
from tests.helpers.plain_model import KINDS, model_file

KEY_ACTIONS = ("eyeBlink", "jawOpen", "mouthSmile", "mouthPucker", "mouthFunnel", "brow")


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def test_sizes_of_the_shipped_model(model):
    assert (model.n_shape, model.n_expression, model.n_extras, len(model.arkit_names)) == (99, 29, 5, 52)
    assert FACE_MODEL.stat().st_size < 12e6
    assert model.triangles.max() == len(model.mean) - 1
    assert {name: len(points.weights) for name, points in model.landmark_sets.items()} == {
        "ibug68": 68,
        "mediapipe478": 478,
    }


def test_the_mean_head_is_symmetric_upright_and_of_human_size(model):
    middles = [model.balls.middle(side, model.mean) for side in (0, 1)]
    assert np.abs(np.mean(middles, axis=0)).max() < 0.1  # the origin lies between the eyeballs
    points = model.landmarks("ibug68", model.mean)
    assert 80 < np.linalg.norm(points[36] - points[45]) < 105  # outer corners of the eyes
    assert points[8, 1] > points[57, 1] > points[30, 1] > points[27, 1] > points[19, 1]  # chin to brow, y down
    assert points[30, 2] < points[36, 2] < points[0, 2]  # nose before eyes before ears, z away
    assert points[36, 0] < 0 < points[45, 0]  # the person's right eye is on the picture's left


def test_neutral_and_deform_are_linear_but_for_eyes_and_vectorised(model):
    rng = np.random.default_rng(0)
    alpha, eta, extras = (rng.normal(size=(3, n)).astype(np.float32) for n in (99, 29, 5))
    linear = model.region != model.region_names.index("eyes")  # eyeballs turn: tests/face/test_eyes.py
    batch = model.deform(model.neutral(alpha), eta, extras)
    for i in range(3):
        assert np.allclose(model.deform(model.neutral(alpha[i]), eta[i], extras[i]), batch[i], atol=1e-3)
    by_hand = (
        model.mean
        + np.einsum("k,kvc->vc", alpha[0], model.shape_basis)
        + np.einsum("k,kvc->vc", eta[0], model.expression_basis)
        + np.einsum("k,kvc->vc", extras[0], model.extra_basis)
    )
    assert np.allclose(batch[0][linear], by_hand[linear], atol=1e-3)
    assert np.allclose(model.deform(model.mean, np.zeros(29)), model.mean)


def test_every_arkit_action_comes_back_through_29_components(model):
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    for k, name in enumerate(model.arkit_names):
        weights = model.blendshapes(to_motion[:29, k], to_motion[29:, k])
        assert max(weights, key=weights.__getitem__) == name
        assert weights[name] >= (0.85 if name.startswith(KEY_ACTIONS) else 0.7), (name, weights[name])


def test_blendshapes_of_a_resting_face_are_zero(model):
    weights = model.blendshapes(np.zeros(29), np.zeros(5))
    assert sorted(weights) == sorted(model.arkit_names)
    assert max(weights.values()) == 0


def test_unknown_landmarks_are_named(model):
    with pytest.raises(ValueError, match="ibug68"):
        model.landmarks("dlib", model.mean)


@pytest.mark.parametrize("damage", ["empty", "truncated", "other", "newer"])
def test_a_broken_model_file_is_one_clear_line(tmp_path, damage):
    path = tmp_path / "face_model.npz"
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(FACE_MODEL.read_bytes()[:100_000])
    elif damage == "other":
        np.savez(path, something=np.zeros(3))
    else:
        np.savez(path, format=np.array(max(facemodel.FORMATS) + 1))
    with pytest.raises(MissingError, match="face model") as caught:
        FaceModel.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["ibug68", "mediapipe478"])
def test_landmarks_without_a_mesh_are_those_of_the_mesh(model, name):
    rng = np.random.default_rng(0)
    alpha, eta, extras = rng.normal(0, 1, 99), rng.normal(0, 1, 29), rng.uniform(0, 1, 5)
    wanted = model.landmarks(name, model.deform(model.neutral(alpha), eta, extras))
    np.testing.assert_allclose(model.face_landmarks(name, alpha, eta, extras), wanted, atol=1e-3)
    with pytest.raises(ValueError, match="no landmark set"):
        model.face_landmarks("none", alpha, eta, extras)


@pytest.mark.parametrize("name", KINDS)
def test_a_model_is_freed_with_its_last_user(name):
    """Not when the garbage collector comes: a program that opens trackers would hold a hundred megabytes of them."""
    model = FaceModel.load(model_file(name))
    neutral = model.neutral(np.zeros(model.n_shape))
    model.mesh()
    model.face_landmarks("ibug68", np.zeros(model.n_shape), np.zeros(model.n_expression), np.zeros(model.n_extras))
    model.eye_turns.direction(0, np.zeros(model.n_extras, np.float32))
    model.actions(neutral)
    watched = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert watched() is None
    finally:
        gc.enable()
