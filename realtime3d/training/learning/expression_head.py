"""The gains of action units and the emotions' net, learned from a face model and, for the net, from judged photographs.

Actions are drawn, the model makes a motion of them, and the motion is spoilt as nets spoil it: each action comes out
weaker by a factor of its own, and every coefficient is off. So what is learned holds for nets that see more or less.
Judged photographs add what people really do, and what resting faces look like to the nets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from realtime3d.face.arkit import NAMES, other_side
from realtime3d.face.expressions import ACTIONS, EMOTIONS, ExpressionHead, Features, lip_gap_mm
from realtime3d.face.gaze import openness
from realtime3d.face.model import FaceModel
from realtime3d.training.labels.judged import Judged
from realtime3d.training.samples.emotions import draw_emotion, draw_rest, draw_single
from realtime3d.types import Array, FloatArray

HIDDEN = (48, 32)
STEPS, BATCH, RATE, DECAY, SMOOTH = 2500, 256, 2e-3, 1e-2, 0.02
SINGLES = 0.35  # of the faces that gains are learned from: they do one thing
EXACT, SPOILT = (1.0, 0.1), (0.2, 0.3)  # least factor of an action, and noise in standard deviations
RIDGE = 0.01
REAL_SHARE, REAL_SMOOTH, DOUBT = 0.3, 0.03, 0.05  # of a batch; noise; what other emotions than the judged one get
PARTS = 5  # that judged photographs are divided into for a measurement


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


def mirrored(rows: Array) -> Array:
    """(N, 54) with left and right exchanged."""
    swap = [NAMES.index(other_side(name)) for name in NAMES]
    return np.column_stack([rows[:, swap], rows[:, len(swap) :]])


def with_mirrored(sample: Sample) -> Sample:
    """The same faces, and with left and right exchanged."""
    swap = [NAMES.index(other_side(name)) for name in NAMES]
    pairs = (
        (sample.rows, mirrored(sample.rows)),
        (sample.actions, sample.actions[:, swap]),
        (sample.scores, sample.scores),
    )
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


def train_net(
    sample: Sample, seed: int = 0, steps: int = STEPS, judged: Judged | None = None
) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """The layers of the emotions' net."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    width = (sample.rows.shape[1], *HIDDEN, len(EMOTIONS))
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(width)]
    parts = [part for layer in layers[:-1] for part in (layer, torch.nn.ReLU(), torch.nn.Dropout(0.1))]
    net = torch.nn.Sequential(*parts, layers[-1])
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for x, y in itertools.islice(_batches(sample, judged, rng), steps):
        loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(x).float()), torch.from_numpy(y).float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return tuple((layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in layers)


def _batches(sample: Sample, judged: Judged | None, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Drawn faces, and photographs among them: rare emotions more often than they occur, each also mirrored."""
    known = np.isfinite(sample.scores).all(axis=1)
    rows, scores = sample.rows[known], sample.scores[known]
    real = round(BATCH * REAL_SHARE) if judged is not None else 0
    while True:
        picked = rng.integers(len(rows), size=BATCH - real)
        x, y = rows[picked] + rng.normal(0, SMOOTH, (BATCH - real, rows.shape[1])), scores[picked]
        if judged is not None:
            often = 1 / np.sqrt(np.bincount(judged.emotions)[judged.emotions])
            chosen = rng.choice(len(often), real, p=often / often.sum())
            photos = np.where(rng.random((real, 1)) < 0.5, judged.rows[chosen], mirrored(judged.rows[chosen]))
            told = np.where(np.eye(len(EMOTIONS))[judged.emotions[chosen]] > 0, 1 - DOUBT, DOUBT / (len(EMOTIONS) - 1))
            x = np.concatenate([x, photos + rng.normal(0, REAL_SMOOTH, photos.shape)])
            y = np.concatenate([y, told])
        yield x, y


def cross_validated(sample: Sample, judged: Judged, seed: int = 0, steps: int = STEPS) -> NDArray[np.intp]:
    """(N,) what nets say of judged photographs that they did not learn from, in PARTS parts."""
    part = np.random.default_rng(seed).permutation(len(judged.rows)) % PARTS
    said = np.zeros(len(part), dtype=np.intp)
    for k in range(PARTS):
        known = Judged(judged.rows[part != k], judged.emotions[part != k])
        layers = train_net(sample, seed, steps, known)
        head = ExpressionHead(np.zeros((0, 0), np.float32), np.zeros(0, np.float32), layers)
        said[part == k] = head.scores(judged.rows[part == k]).argmax(axis=1)
    return said


def spoilt(model: FaceModel, to_motion: NDArray, count: int = 6_000, seed: int = 1) -> Sample:
    """What the emotions' net learns from, beside photographs."""
    return with_mirrored(drawn(model, to_motion, count, SPOILT, np.random.default_rng(seed)))


def train_head(
    model: FaceModel, to_motion: NDArray, sample: Sample, judged: Judged | None = None, seed: int = 0
) -> ExpressionHead:
    """Gains, and the net from `sample`, which `spoilt` makes."""
    exact = drawn(model, to_motion, len(sample.rows) // 6, EXACT, np.random.default_rng(seed))
    return ExpressionHead(*fit_gains(with_mirrored(exact)), train_net(sample, seed, judged=judged))
