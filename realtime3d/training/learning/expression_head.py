"""The gains of action units and the emotions' net, learned from a face model alone.

Actions are drawn, the model makes a motion of them, and the motion is spoilt as nets spoil it: each action comes out
weaker by a factor of its own, and every coefficient is off. So what is learned holds for nets that see more or less,
and no photograph is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from realtime3d.face.arkit import NAMES, other_side
from realtime3d.face.expressions import ACTIONS, EMOTIONS, ExpressionHead, Features, lip_gap_mm
from realtime3d.face.gaze import openness
from realtime3d.face.model import FaceModel
from realtime3d.training.samples.emotions import draw_emotion, draw_rest, draw_single
from realtime3d.types import Array, FloatArray

HIDDEN = (48, 32)
STEPS, BATCH, RATE, DECAY, SMOOTH = 2500, 256, 2e-3, 1e-2, 0.02
SINGLES = 0.35  # of the faces that gains are learned from: they do one thing
EXACT, SPOILT = (1.0, 0.1), (0.2, 0.3)  # least factor of an action, and noise in standard deviations
RIDGE = 0.01


@dataclass(frozen=True)
class Sample:
    """Features, true actions, and scores, which are NaN where a face does one thing only."""

    rows: Array  # (N, 54)
    actions: Array  # (N, 52)
    scores: Array  # (N, 7)


def features(model: FaceModel, shape: FloatArray, eta: FloatArray, extras: FloatArray) -> Features:
    """What a face of these coefficients is read by."""
    lips = lip_gap_mm(model.face_landmarks("ibug68", shape, eta, extras))
    weights = model.blendshapes(eta, extras)
    return Features.of(weights, lips, sum(openness(model, shape, eta, extras)) / 2)


def drawn(
    model: FaceModel, to_motion: NDArray, count: int, spoil: tuple[float, float], rng: np.random.Generator
) -> Sample:
    """Faces, as nets find them that weaken each action by a factor down to `spoil[0]` and err by `spoil[1]`."""
    names, n = list(model.arkit_names), model.n_expression
    pairs = [min(i, names.index(other_side(name))) for i, name in enumerate(names)]  # both sides are seen alike
    rows, actions, scores = [], [], []
    for _ in range(count):
        rest = draw_rest(rng, len(names))
        if rng.random() < SINGLES:
            action, score = draw_single(rng, names, rest), np.full(len(EMOTIONS), np.nan)
        else:
            action, score = draw_emotion(rng, names, rest)
        weaker = rng.uniform(spoil[0], 1.0, len(names))[pairs]
        motion = to_motion @ (action * weaker)
        motion[:n] += rng.normal(0, spoil[1], n)
        eta, extras = np.split(motion.astype(np.float32), [n])
        shape = rng.normal(0, 0.7, model.n_shape).astype(np.float32)
        rows.append(features(model, shape, eta, extras).row())
        actions.append(action)
        scores.append(score)
    return Sample(np.stack(rows), np.stack(actions), np.stack(scores))


def with_mirrored(sample: Sample) -> Sample:
    """The same faces, and with left and right exchanged."""
    swap = [NAMES.index(other_side(name)) for name in NAMES]
    rows = np.column_stack([sample.rows[:, swap], sample.rows[:, len(swap) :]])
    pairs = ((sample.rows, rows), (sample.actions, sample.actions[:, swap]), (sample.scores, sample.scores))
    return Sample(*(np.concatenate(pair) for pair in pairs))


def true_units(actions: Array) -> Array:
    """(N, 52) posed actions to (N, 14) intensities of ACTIONS, 0 to 1: the mean of both sides."""
    return np.stack([actions[:, columns(bases)].mean(axis=1) for bases in ACTIONS.values()], axis=1).clip(0, 1)


def columns(bases: Sequence[str]) -> list[int]:
    """Where actions are among the 52, both sides."""
    both = {side for base in bases for side in (base, f"{base}Left", f"{base}Right")}
    return [i for i, name in enumerate(NAMES) if name in both]


def fit_gains(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Gains (14, 52) and offsets (14,): each unit grows with its own actions and shrinks with what leaks into it."""
    weights, truth = sample.rows[:, : len(NAMES)], true_units(sample.actions)
    gains, offsets = np.zeros((len(ACTIONS), len(NAMES))), np.zeros(len(ACTIONS))
    design = np.column_stack([weights, np.ones(len(weights))])
    gram = design.T @ design + RIDGE * len(NAMES) * np.diag(np.append(np.ones(len(NAMES)), 0))
    for row, bases in enumerate(ACTIONS.values()):
        low, high = np.full(len(gram), -np.inf), np.zeros(len(gram))
        low[columns(bases)], high[columns(bases)], high[-1] = 0, np.inf, np.inf
        solution = _bounded(gram, design.T @ truth[:, row], low, high)
        gains[row], offsets[row] = solution[:-1], solution[-1]
    return gains.astype(np.float32), offsets.astype(np.float32)


def _bounded(gram: Array, cross: Array, low: Array, high: Array, rounds: int = 400) -> Array:
    """The x in [low, high] with least x·G·x / 2 - x·c, by coordinates."""
    x = np.zeros(len(cross))
    for _ in range(rounds):
        for k in range(len(x)):
            x[k] = np.clip(x[k] + (cross[k] - gram[k] @ x) / gram[k, k], low[k], high[k])
    return x


def train_net(sample: Sample, seed: int = 0, steps: int = STEPS) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """The layers of the emotions' net."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known = np.isfinite(sample.scores).all(axis=1)
    rows, scores = sample.rows[known], sample.scores[known]
    width = (rows.shape[1], *HIDDEN, len(EMOTIONS))
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(width)]
    parts = [part for layer in layers[:-1] for part in (layer, torch.nn.ReLU(), torch.nn.Dropout(0.1))]
    net = torch.nn.Sequential(*parts, layers[-1])
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        picked = rng.integers(len(rows), size=BATCH)
        x = torch.from_numpy(rows[picked] + rng.normal(0, SMOOTH, (BATCH, rows.shape[1]))).float()
        loss = torch.nn.functional.cross_entropy(net(x), torch.from_numpy(scores[picked]).float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return tuple((layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in layers)


def train_head(model: FaceModel, to_motion: NDArray, count: int = 6_000, seed: int = 0) -> ExpressionHead:
    """Both."""
    rng = np.random.default_rng(seed)
    gains, offsets = fit_gains(with_mirrored(drawn(model, to_motion, count // 3, EXACT, rng)))
    spoilt = with_mirrored(drawn(model, to_motion, count, SPOILT, rng))
    return ExpressionHead(gains, offsets, train_net(spoilt, seed))
