"""How expressions are spread, from drawn faces, and how far the nets err, from posed pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.expressions import ACTIONS, EMOTIONS
from realtime3d.face.model import FaceModel
from realtime3d.face.prior import Prior
from realtime3d.training.learning.expression_head import SINGLES, true_units
from realtime3d.training.samples.emotions import draw_emotion, draw_rest, draw_single
from realtime3d.types import Array

DRAWN = 6000
RIDGE = 5.0
SHOWN = 0.6  # score from which a drawn face counts as one of an emotion


def learn(
    model: FaceModel, to_motion: NDArray, found: Array, true: Array, hidden: NDArray[np.bool_], sigma_deg: Array
) -> Prior:
    """A prior; of every posed picture (N): found and true coefficients (N, 29), whether it was half hidden, and the
    rotation's error that the nets expected."""
    rng, names = np.random.default_rng(0), list(model.arkit_names)
    actions, scores = [], []
    for _ in range(DRAWN):
        rest = draw_rest(rng, len(names))
        if rng.random() < SINGLES:
            actions.append(draw_single(rng, names, rest))
            scores.append(np.zeros(len(EMOTIONS)))
        else:
            action, score = draw_emotion(rng, names, rest)
            actions.append(action)
            scores.append(score)
    eta = (np.stack(actions) @ to_motion.T)[:, : model.n_expression]
    design = np.column_stack([true_units(np.stack(actions)), np.ones(DRAWN)])
    units = np.linalg.solve(design.T @ design + RIDGE * np.eye(len(ACTIONS) + 1), design.T @ eta)
    shown = np.stack(scores)
    groups = [eta[shown[:, k] > SHOWN] for k in range(len(EMOTIONS))]
    means = np.stack([group.mean(axis=0) for group in groups])
    within = np.cov(np.concatenate([group - mean for group, mean in zip(groups, means, strict=True)]).T)
    errors = np.stack([np.cov((found - true)[hidden == which].T) for which in (False, True)])
    sigmas = np.array([np.median(sigma_deg[hidden == which]) for which in (False, True)])
    values = (eta.mean(axis=0), np.cov(eta.T), units, np.cov((eta - design @ units).T), means, within, errors, sigmas)
    return Prior(*(value.astype(np.float32) for value in values))
