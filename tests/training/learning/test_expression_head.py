"""What reads action units and emotions learns them from a face model alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.face.arkit import NAMES
from realtime3d.face.expressions import ACTIONS, EMOTIONS, ExpressionHead, softmax
from realtime3d.face.model import FaceModel
from realtime3d.training.labels.judged import Judged
from realtime3d.training.learning.expression_head import (
    EXACT,
    Sample,
    columns,
    cross_validated,
    drawn,
    fit_gains,
    train_net,
    true_units,
    with_mirrored,
)
from realtime3d.training.learning.prior import learn
from realtime3d.training.samples.emotions import draw_emotion, draw_rest, draw_single
from tests.helpers.paths import FACE_MODEL


@pytest.fixture(scope="module")
def sample() -> Sample:
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    return drawn(FaceModel.load(FACE_MODEL), to_motion, 250, EXACT, np.random.default_rng(0))


def test_what_is_drawn_is_a_face() -> None:
    rng, names = np.random.default_rng(0), list(NAMES)
    for _ in range(50):
        rest = draw_rest(rng, 52)
        actions, scores = draw_emotion(rng, names, rest)
        assert ((actions >= 0) & (actions <= 1)).all() and scores.sum() == pytest.approx(1) and (scores >= 0).all()
        single = draw_single(rng, names, rest)
        assert ((single >= 0) & (single <= 1)).all() and single.max() >= rest.max()


def test_units_are_read_and_leak_little(sample: Sample) -> None:
    gains, offsets = fit_gains(with_mirrored(sample))
    read = (sample.rows[:, :52] @ gains.T + offsets).clip(0, 1)
    truth, names = true_units(sample.actions), list(ACTIONS)
    for name in ("AU01", "AU04", "AU12", "AU26"):
        assert np.corrcoef(read[:, names.index(name)], truth[:, names.index(name)])[0, 1] > 0.8
    own = np.zeros_like(gains, dtype=bool)
    for row, bases in enumerate(ACTIONS.values()):
        own[row, columns(bases)] = True
    assert (gains[own] >= 0).all() and (gains[~own] <= 0).all()


def test_photographs_change_what_the_net_says_of_faces_like_them(sample: Sample) -> None:
    """Faces that no drawing is like: each with a cheek puffed and one other weight, judged by that one."""
    rng = np.random.default_rng(0)
    rows, emotions = np.zeros((60, 54)), rng.integers(0, 2, 60) * EMOTIONS.index("anger")
    rows[:, NAMES.index("cheekPuff")] = 0.8
    rows[:, NAMES.index("tongueOut")] = np.where(emotions > 0, 0.9, 0.0)
    judged = Judged(rows + rng.normal(0, 0.02, rows.shape), emotions)
    assert (cross_validated(sample, judged, steps=300) == emotions).mean() > 0.95
    alone = ExpressionHead(np.zeros((14, 52)), np.zeros(14), train_net(sample, steps=300))
    assert (alone.scores(judged.rows).argmax(axis=1) == emotions).mean() < 0.8


def test_a_net_learns_the_emotions(sample: Sample) -> None:
    head = ExpressionHead(np.zeros((14, 52)), np.zeros(14), train_net(sample, steps=300))
    known = np.isfinite(sample.scores).all(axis=1) & (np.nan_to_num(sample.scores).max(axis=1) > 0.9)
    read = softmax(head.scores(sample.rows[known]))
    assert read.shape[1] == len(EMOTIONS)
    assert (read.argmax(axis=1) == sample.scores[known].argmax(axis=1)).mean() > 0.8


def test_a_prior_knows_the_nets_errors() -> None:
    model, rng = FaceModel.load(FACE_MODEL), np.random.default_rng(1)
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    true, hidden = rng.normal(size=(400, 29)), np.arange(400) % 2 == 1
    found = true + rng.normal(size=(400, 29)) * np.where(hidden, 1.0, 0.3)[:, None]
    prior = learn(model, to_motion, found, true, hidden, np.where(hidden, 8.0, 3.0))
    assert np.diag(prior.errors[0]).mean() == pytest.approx(0.09, rel=0.2)
    assert np.diag(prior.errors[1]).mean() == pytest.approx(1.0, rel=0.2)
    assert prior.sigmas.tolist() == [3.0, 8.0]
    assert np.linalg.eigvalsh(prior.unit_spread).min() > -1e-6
    smile = dict.fromkeys(EMOTIONS, 0.0) | {"happiness": 1.0}
    mean, spread = prior.mixed(smile)
    weights = model.blendshapes(mean.astype(np.float32))
    assert weights["mouthSmileLeft"] > 0.3 and spread.shape == (29, 29)
