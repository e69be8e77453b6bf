"""Motion to ARKit's 52 weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.face.retarget import SPARSITY, solve


def random_problem(seed: int, n: int = 52) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(n, 2 * n)) * np.exp(rng.normal(size=(n, 1)) * 2)
    return basis @ basis.T, basis @ rng.normal(size=2 * n) * 3


def assert_is_minimum(G: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    w = solve(G, b).astype(np.float64)
    pull = (b - SPARSITY * np.diag(G) - G @ w) / np.diag(G)
    inside = (w > 0) & (w < 1)
    assert inside.any()
    assert np.abs(pull[inside]).max() < 1e-5
    assert (pull[w == 0] < 1e-5).all()
    assert (pull[w == 1] > -1e-5).all()


@pytest.mark.parametrize("seed", range(20))
def test_answer_meets_the_conditions_of_the_minimum(seed: int) -> None:
    assert_is_minimum(*random_problem(seed))


@pytest.mark.parametrize("seed", range(20))
def test_actions_that_hardly_differ_are_solved_as_well(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actions = rng.normal(size=(12, 4)) @ rng.normal(size=(4, 30)) + 0.05 * rng.normal(size=(12, 30))
    assert_is_minimum(actions @ actions.T, actions @ rng.normal(size=30) * 3)


def test_no_motion_and_motion_of_the_other_sign_are_rest() -> None:
    G, b = random_problem(0)
    assert not solve(G, np.zeros(52)).any()
    assert not solve(np.diag(np.diag(G)), -np.abs(b)).any()


def test_bounds_hold_for_exaggerated_motion() -> None:
    G, b = random_problem(1)
    w = solve(G, b * 1e6)
    assert w.dtype == np.float32
    assert w.min() >= 0
    assert w.max() == 1


def test_single_actions_come_back_as_themselves(model: FaceModel) -> None:
    G = model.retarget_gram.astype(np.float64)
    names = list(model.arkit_names)
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight"):
        k = names.index(name)
        weights = solve(G, G[k] * 0.7)
        assert names[int(weights.argmax())] == name
        assert weights[k] == pytest.approx(0.7, abs=0.05)
        # The price moves a little to correlated actions: of an open jaw, the lower lip to mouthLowerDown.
        assert np.delete(weights, k).max() < (0.2 if name == "jawOpen" else 0.05)


def test_blendshapes_of_a_resting_face_are_zero(model: FaceModel) -> None:
    weights = model.blendshapes(np.zeros(29), np.zeros(5))
    assert len(weights) == 52
    assert set(weights.values()) == {0.0}
