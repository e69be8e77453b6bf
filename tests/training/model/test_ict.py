"""Parts of the builder of the model from scans, on small heads of our own."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.geometry import euler_to_matrix
from realtime3d.training.model.expressions import KEY_ACTIONS, expression_combination, sparse_weights
from realtime3d.training.model.ict import ahead, without_rigid
from realtime3d.training.model.ict_actions import ARKIT_NAMES
from realtime3d.training.model.levels import _steps_from


def test_an_identity_does_not_move_the_head() -> None:
    """What turns and moves the face is taken from the whole head; what changes its shape stays."""
    rng = np.random.default_rng(0)
    rest = rng.normal(0, 50, (200, 3))
    face = np.arange(200) < 120
    moved = 2.0 + np.cross(np.array([0.01, -0.02, 0.03]), rest)
    found = without_rigid(np.stack([moved, 0.05 * rest]), rest, face)
    assert np.abs(found[0]).max() < 1e-9
    assert np.linalg.norm(found[1], axis=1).mean() > 0.03 * np.linalg.norm(rest, axis=1).mean()  # growing is shape


@pytest.mark.parametrize("angles", [(0, 0.2, 0), (0.15, -0.3, 0), (-0.4, 0.1, 0)])
def test_an_eye_that_looks_aside_is_turned_ahead(angles: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    ball = rng.normal(size=(300, 3))
    ball *= 12 / np.linalg.norm(ball, axis=1, keepdims=True)
    ball = np.vstack([ball, [[0, 0, -13.5]]]) @ euler_to_matrix(*angles).T
    pole = (ball @ ahead(ball).T)[-1]
    np.testing.assert_allclose(pole, [0, 0, -13.5], atol=1e-9)


def test_steps_count_edges_of_quads_and_triangles() -> None:
    faces = np.array([[0, 1, 2, 3], [3, 2, 4, -1], [4, 2, 5, -1], [7, 8, 9, -1]])
    steps = _steps_from(0, faces)
    assert steps[:6].tolist() == [0, 1, 2, 1, 2, 3]
    assert (steps[7:] == -1).all()


def test_every_action_survives_29_components() -> None:
    """Actions of different sizes at random places: the small ones are not lost to the large ones."""
    rng = np.random.default_rng(2)
    places = rng.uniform(0, 1, (52, 1)) < 2
    actions = rng.normal(size=(52, 300, 3)) * np.exp(rng.normal(0, 0.8, (52, 1, 1))) * places[..., None]
    actions *= np.exp(-((np.arange(300)[None, :, None] / 300 - rng.uniform(0, 1, (52, 1, 1))) ** 2) / 0.01)
    combination = expression_combination(actions, ARKIT_NAMES, np.ones(300), seed=0)
    basis = np.einsum("ak,avc->kvc", combination, actions).reshape(29, -1)
    flat = actions.reshape(52, -1)
    kept = flat @ np.linalg.pinv(basis) @ basis
    carried = [i for i, n in enumerate(ARKIT_NAMES) if not n.startswith("eyeLook") and n != "tongueOut"]
    gram = flat[carried] @ flat[carried].T
    weights = np.diag(sparse_weights(gram, flat[carried] @ kept[carried].T))
    key = np.array([ARKIT_NAMES[i].startswith(KEY_ACTIONS) for i in carried])
    assert np.median(weights) > 0.7
    assert weights[key].mean() > weights[~key].mean() + 0.02
