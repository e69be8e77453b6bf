"""Detail over a film: what belongs to the person, and what goes with the expression.

The displacement of frame f is d_f = person + sum of fold_k * (a_kf - mean_k), with a few activations a. A robust ridge
regression over frames finds both for each texel; folds of what the film hardly shows shrink to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from realtime3d.errors import UsageError
from realtime3d.face.state import FaceState
from realtime3d.surface.activations import ACTIVATIONS
from realtime3d.surface.best_frames import Shot
from realtime3d.surface.detail import Detail
from realtime3d.surface.detail_maker import DetailMaker, Look
from realtime3d.surface.layout import Layout
from realtime3d.types import FloatArray, Image

LEAST_SPREAD = 0.12  # of an activation over the frames: less says nothing of its folds
CALM = 0.35  # frames' worth by which the person's detail is drawn to 0
STILL = 0.25  # the same for folds, of frames at full activation
STEPS = 4  # of reweighing
OUTLIER_MM = 0.08  # frames that are further off count less and less
CHANCE = 1.0  # times as much as noise alone would give: a fold that is not stronger is none
AROUND_MM = 3.0  # over which a fold is compared with noise
ROWS = 64  # of the map that are solved for at once
FEWEST = 3  # frames


@dataclass(frozen=True)
class FilmDetail:
    """One person's detail. Maps (h, w) lie in the window of the model's layout; lengths are mm."""

    person: FloatArray  # at the film's mean activations
    folds: FloatArray  # (6, h, w) by which it changes with each activation of ACTIVATIONS, for a step of 1
    mean: FloatArray  # (6,) activations of `person`
    low: FloatArray  # (6,) of what was shown
    high: FloatArray  # (6,)
    evidence: FloatArray  # (7,) frames of the person, then of each fold, weighed by how far it was shown
    seen: FloatArray  # (h, w) 0..1
    albedo: Image  # (S, S, 3) BGR without light
    frames: int  # that were looked at

    def at(self, shown: FloatArray, *, held: bool = True) -> FloatArray:
        """(h, w) mm of an expression with these activations; `held` to what the film showed."""
        a = np.clip(shown, self.low, self.high) if held else np.asarray(shown, np.float32)
        return np.asarray(self.person + np.tensordot(a - self.mean, self.folds, axes=1), np.float32)

    @property
    def known(self) -> tuple[str, ...]:
        """The activations whose folds the film showed."""
        there = [bool(fold.any()) for fold in self.folds]
        return tuple(name for name, known in zip(ACTIVATIONS, there, strict=True) if known)


def detail_of_film(
    maker: DetailMaker, shots: Sequence[Shot], last: FaceState, before: FilmDetail | None = None
) -> FilmDetail:
    """The detail of one face over these frames, with what was known `before`; `last` has its identity."""
    looks = []
    activations = []
    for shot in shots:
        look = maker.look(replace(shot.face, shape=last.shape, neutral=last.neutral), shot.image)
        if look is not None:
            looks.append(look)
            activations.append(shot.activations)
    if len(looks) < FEWEST:
        raise UsageError(f"{len(looks)} frames show this face well enough, detail over a film needs {FEWEST}")
    return separated(maker.layout, looks, np.array(activations), _albedo(maker, looks), before)


def separated(
    layout: Layout, looks: Sequence[Look], activations: FloatArray, albedo: Image, before: FilmDetail | None = None
) -> FilmDetail:
    """The regression; `activations` (N, 6)."""
    low, high = activations.min(axis=0), activations.max(axis=0)
    mean = activations.mean(axis=0)
    if before is not None:
        low, high = np.minimum(low, before.low), np.maximum(high, before.high)
    used = _spread(activations) >= LEAST_SPREAD
    if before is not None:
        used |= before.evidence[1:] > 0
    a = np.concatenate([np.ones((len(looks), 1)), (activations - mean)[:, used]], axis=1).astype(np.float32)
    start, trust = _start(before, mean, used, layout)
    shape = layout.inside.shape
    found = np.zeros((a.shape[1], *shape), np.float32)
    unsure = np.zeros_like(found)
    for first in range(0, shape[0], ROWS):
        rows = slice(first, first + ROWS)
        d = np.stack([look.raw[rows] for look in looks]).reshape(len(looks), -1)
        s = np.stack([look.shown[rows] for look in looks]).reshape(len(looks), -1)
        parts = _solved(a, d, s, start[:, rows].reshape(a.shape[1], -1), trust)
        for whole, part in zip((found, unsure), parts, strict=True):
            whole[:, rows] = part.reshape(a.shape[1], -1, shape[1])
    for k in range(1, len(found)):
        share = _share(found[k], unsure[k], AROUND_MM / layout.texel_mm)
        found[k] = start[k] + share * (found[k] - start[k])  # what was known before was judged then
    folds = np.zeros((len(ACTIVATIONS), *shape), np.float32)
    folds[used] = found[1:] * layout.inside
    shown = np.max([look.shown for look in looks], axis=0)
    evidence = np.zeros(1 + len(ACTIVATIONS), np.float32)
    evidence[0] = len(looks)
    evidence[1:][used] = np.square(a[:, 1:]).sum(axis=0)
    if before is not None:
        evidence += before.evidence
        shown = np.maximum(shown, before.seen)
    frames = len(looks) + (before.frames if before is not None else 0)
    return FilmDetail(
        found[0] * layout.inside, folds, mean.astype(np.float32), low, high, evidence, shown, albedo, frames
    )


def _spread(activations: FloatArray) -> FloatArray:
    """(6,) how far each goes, without the outermost frames."""
    low, high = np.percentile(activations, [10, 90], axis=0)
    return np.asarray(high - low, np.float32)


def _start(
    before: FilmDetail | None, mean: FloatArray, used: np.ndarray, layout: Layout
) -> tuple[FloatArray, FloatArray]:
    """(1 + K, h, w) what is expected, and (1 + K,) for how many frames that counts."""
    count = 1 + int(used.sum())
    if before is None:
        return np.zeros((count, *layout.inside.shape), np.float32), np.zeros(count, np.float32)
    known = np.concatenate([before.at(mean, held=False)[None], before.folds[used]])
    return known, np.concatenate([before.evidence[:1], before.evidence[1:][used]])


def _solved(
    a: FloatArray, d: FloatArray, seen: FloatArray, start: FloatArray, trust: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(K, P) robust ridge regression of each texel, and its variance: `a` (N, K), `d` and `seen` (N, P)."""
    calm = np.full(a.shape[1], STILL, np.float32)
    calm[0] = CALM
    calm[trust > 0] = 0  # what was known before was drawn to 0 then
    products = (a[:, :, None] * a[:, None, :]).reshape(len(a), -1)
    weight, out = seen.copy(), start.copy()
    for _ in range(STEPS):
        left = (weight.T @ products).reshape(-1, a.shape[1], a.shape[1])
        left += np.diag(calm + trust)
        right = (weight * d).T @ a + (start * trust[:, None]).T
        out = np.linalg.solve(left, right[..., None])[..., 0].T
        off = d - a @ out
        weight = seen / (1 + (off / np.float32(OUTLIER_MM)) ** 2)
    frames = np.maximum(weight.sum(axis=0) - a.shape[1], 1)
    noise = (weight * off**2).sum(axis=0) / frames
    inverse = np.diagonal(np.linalg.inv(left), axis1=1, axis2=2).T
    return np.asarray(out, np.float32), np.asarray(inverse * noise, np.float32)


def _share(fold: FloatArray, variance: FloatArray, reach_px: float) -> FloatArray:
    """(h, w) how much of a fold is more than chance, by what is around each texel."""
    strength = cv2.GaussianBlur(fold**2, (0, 0), reach_px)
    chance = cv2.GaussianBlur(variance, (0, 0), reach_px)
    return np.asarray(np.clip(1 - CHANCE * chance / np.maximum(strength, 1e-9), 0, 1), np.float32)


def _albedo(maker: DetailMaker, looks: Sequence[Look]) -> Image:
    """(S, S, 3) the colours that most frames agree on, without light; where none shows any, those of the best."""
    layout = maker.layout
    best = looks[0].albedo
    total, count = np.zeros((*layout.inside.shape, 3), np.float32), np.zeros(layout.inside.shape, np.float32)
    for look in looks:
        part = look.albedo[layout.window].astype(np.float32)
        there = look.shown > 0.9
        level = best[layout.window][there].mean() / max(float(part[there].mean()), 1.0) if there.any() else 1.0
        total += part * np.float32(level) * look.shown[..., None]
        count += look.shown
    whole = best.copy()
    mean = total / np.maximum(count, 1e-3)[..., None]
    sure = np.clip(count, 0, 1)[..., None]
    inner = whole[layout.window]
    whole[layout.window] = np.clip(inner + (mean - inner) * sure, 0, 255).astype(np.uint8)
    return whole


def as_detail(maker: DetailMaker, film: FilmDetail, face: FaceState, shown: FloatArray) -> Detail:
    """A film's detail on a face with these activations, as that of a picture is given."""
    return maker.from_maps(face, film.at(shown), film.seen, film.albedo)
