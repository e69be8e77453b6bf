"""A prior moves expressions as far as it is surer than the nets, and says how far."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import MissingError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.prior import MOST_CLEAR, Prior, file_of, moved_by_prior_mm, moved_mm, with_prior
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.types import Frame
from tests.helpers.avatars import tracked
from tests.helpers.paths import FACE_MODEL


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.load(file_of(FACE_MODEL))


def face(model: FaceModel, sigma_deg: float, seed: int = 0) -> FaceState:
    eta = np.random.default_rng(seed).normal(size=29).astype(np.float32)
    one = tracked()
    raw = replace(one.raw, expression=eta, pose_sigma_deg=sigma_deg)
    return replace(one, model=model, expression=eta, raw=raw, weights=None)


@pytest.mark.parametrize("kind", ["facs", "emotion"])
def test_the_less_the_nets_are_sure_the_more_it_moves(model: FaceModel, prior: Prior, kind: str) -> None:
    clear, hidden = (
        np.mean([moved_by_prior_mm(prior.applied(face(model, float(sigma), i), kind)) for i in range(10)])
        for sigma in prior.sigmas
    )
    assert 0 < clear < hidden


@pytest.mark.parametrize("kind", ["facs", "emotion"])
def test_a_clear_face_is_moved_by_one_standard_deviation_at_most(model: FaceModel, prior: Prior, kind: str) -> None:
    shown = face(model, 1.0)
    wild = replace(shown, expression=shown.expression * 4)
    moved = prior.applied(wild, kind).expression - wild.expression
    assert np.abs(moved).max() <= MOST_CLEAR + 1e-5


def test_what_the_nets_said_stays(model: FaceModel, prior: Prior) -> None:
    shown = face(model, 6.0)
    after = prior.applied(shown, "facs")
    assert after.raw is shown.raw and not np.array_equal(after.expression, shown.expression)
    assert moved_mm(model, shown.expression, after.expression) == moved_by_prior_mm(after) > 0.01
    assert moved_mm(model, shown.expression, shown.expression) == 0


def test_it_makes_expressions_nearer_to_what_is_usual(model: FaceModel, prior: Prior) -> None:
    """Drawn faces, spoilt as half-hidden ones are, come nearer to the truth on average."""
    rng = np.random.default_rng(3)
    before, after = [], []
    for _ in range(60):
        true = rng.multivariate_normal(prior.mean, prior.spread)
        found = (true + rng.multivariate_normal(np.zeros(29), prior.errors[1])).astype(np.float32)
        one = face(model, float(prior.sigmas[1]))
        shown = replace(one, expression=found, raw=replace(one.raw, expression=found))
        for errors, which in ((before, shown), (after, prior.applied(shown, "facs"))):
            errors.append(moved_mm(model, true.astype(np.float32), which.expression))
    assert np.mean(after) < 0.95 * np.mean(before)


def test_none_leaves_everything(model: FaceModel) -> None:
    result = FrameResult(Frame(0, 0, np.zeros((4, 4, 3), np.uint8)), (face(model, 6.0),))
    assert with_prior(result, "none") is result
    assert with_prior(result, "emotion").faces[0].id == result.faces[0].id


def test_mistakes_are_one_line(tmp_path: Path, model: FaceModel) -> None:
    with pytest.raises(UsageError, match="none, facs, emotion"):
        with_prior(FrameResult(Frame(0, 0, np.zeros((4, 4, 3), np.uint8)), ()), "mood")
    with pytest.raises(MissingError, match="training prior"):
        Prior.load(tmp_path / "no_prior.npz")


def test_what_is_written_is_read(tmp_path: Path, prior: Prior) -> None:
    prior.save(tmp_path / "a_prior.npz")
    again = Prior.load(tmp_path / "a_prior.npz")
    np.testing.assert_array_equal(again.errors, prior.errors)
