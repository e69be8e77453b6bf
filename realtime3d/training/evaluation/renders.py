"""Figures measured on rendered sequences of people who are not in training: truth is exact there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import geodesic_deg
from realtime3d.tracking.identity import IdentityCache
from realtime3d.training.evaluation.metrics import align_similarity, box_of, pearson, rms_mm
from realtime3d.training.evaluation.photos import Figures, Look, Photos
from realtime3d.training.labels.borders import without_mirrored_borders
from realtime3d.training.learning.losses import region_mask
from realtime3d.training.model.actions import sample_actions
from realtime3d.training.model.regions import LID_GAPS, LIP_GAPS, gap
from realtime3d.training.samples.negatives import draw_negative
from realtime3d.training.samples.photo import HeadParts, Scene, build_scene, worth_turning
from realtime3d.training.samples.render_samples import Target, draw_rotation, render
from realtime3d.types import Array, Image

SIZE = 288
FRAMES = 16
VIEW_NS = 500_000_000  # between two frames: each is a view of its own
FACING_DEG = 35.0  # photographs farther turned show too little of a face to be turned


@dataclass(frozen=True)
class Shot:
    """One rendered frame and its truth; the head's anchor is in the picture's middle."""

    image: Image
    target: Target
    person: int
    file: str  # the photograph that is shown


def sequences(photos: Photos, arkit_to_motion: NDArray, people: int = 48, frames: int = FRAMES) -> Iterator[Shot]:
    """Frames of faces that move between random poses and expressions; the same for every model set."""
    rng = np.random.default_rng(11)
    top = HeadParts.of(photos.model)
    fits = photos.fits
    facing = np.degrees(np.arccos(fits.R[:, 2, 2].clip(-1, 1))) < FACING_DEG
    good = np.flatnonzero(facing & worth_turning(photos.model, fits.residual, fits.alpha, fits.motion))
    usual = photos.fits.alpha[good].mean(axis=0)
    for person, i in enumerate(rng.choice(good, min(people, len(good)), replace=False)):
        photo = photos.fitted(int(i))
        scene = build_scene(top, replace(photo, image=without_mirrored_borders(photo.image)))
        somebody = (usual + 0.6 * np.clip(rng.normal(size=len(usual)), -2.5, 2.5)).astype(np.float32)
        alpha = scene.photo.alpha if person % 2 else somebody
        for shot in _one_person(top, scene, alpha, arkit_to_motion, frames, rng):
            yield Shot(*shot, person, fits.files[i])


def _one_person(
    top: HeadParts,
    scene: Scene,
    alpha: NDArray[np.float32],
    arkit_to_motion: NDArray,
    frames: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Image, Target]]:
    keys = sample_actions(rng, 5, top.model.arkit_names) @ arkit_to_motion.T
    turns = [draw_rotation(rng, None) for _ in range(3)]
    distance = float(rng.uniform(400, 900))
    backdrop = np.full((SIZE, SIZE, 3), rng.integers(0, 256, 3), dtype=np.uint8)
    for k in range(frames):
        at = k / (frames - 1)
        target = Target(
            R=_between(turns, at),
            distance=distance,
            alpha=alpha,
            motion=_blend(keys, at).astype(np.float32),
            keep_background=True,
            light=np.zeros(3, np.float32),
        )
        yield render(top, scene, target, backdrop, SIZE, rng), target


def _blend(keys: Array, at: float) -> Array:
    """Between key frames, at in [0, 1]."""
    position = at * (len(keys) - 1)
    first = min(int(position), len(keys) - 2)
    return keys[first] + (position - first) * (keys[first + 1] - keys[first])


def _between(turns: list[Array], at: float) -> Array:
    """Rotations blended and made rotations again: the way between key poses."""
    u, _, vt = np.linalg.svd(_blend(np.stack(turns), at))
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt


def true_box(model: FaceModel, target: Target) -> Array:
    """Tight box of the true 68 points in the picture."""
    from realtime3d.geometry import ANCHOR_MM
    from realtime3d.nets.crop import CROP_MM
    from realtime3d.training.samples.shards import MARGIN

    points = model.landmarks("ibug68", _head(model, target.alpha, target.motion))
    space = (points - ANCHOR_MM) @ target.R.T + (0, 0, target.distance)
    focal = SIZE / MARGIN * target.distance / CROP_MM
    return box_of(space[:, :2] / space[:, 2:] * focal + (SIZE - 1) / 2)


def _head(model: FaceModel, alpha: NDArray, motion: NDArray) -> NDArray[np.float32]:
    n = model.n_expression
    return model.deform(model.neutral(alpha), motion[:n], motion[n:])


def measure(
    photos: Photos, arkit_to_motion: NDArray, look: Look, people: int = 48, covered: frozenset[str] = frozenset()
) -> Figures:
    """Expression, gaps, identity and rotation of every sequence against its truth; photographs of which lids or lips
    cannot be read are left out."""
    model, front = photos.model, region_mask(photos.model)
    shots = [shot for shot in sequences(photos, arkit_to_motion, people) if shot.file not in covered]
    faces = [look(shot.image, true_box(model, shot.target)) for shot in shots]
    n = model.n_expression
    found = np.stack([face.expression for face in faces])
    true = np.stack([shot.target.motion[:n] for shot in shots])
    error, prior = (_front_mm(model, front, d) for d in (found - true, true))
    figures = {
        "frames": float(len(shots)),
        "expression_mm": float(error.mean()),
        "expression_of_neutral": float(error.mean() / prior.mean()),
        "geodesic": float(
            geodesic_deg(np.stack([f.pose.R for f in faces]), np.stack([s.target.R for s in shots])).mean()
        ),
    }
    return figures | _gaps(model, shots, faces) | _identity(model, front, shots, faces)


def _front_mm(model: FaceModel, front: NDArray[np.bool_], difference: NDArray) -> Array:
    basis = model.expression_basis[:, front].reshape(len(model.expression_basis), -1)
    moved = (difference @ basis).reshape(len(difference), -1, 3)
    return rms_mm(moved, np.zeros(3))


def _gaps(model: FaceModel, shots: list[Shot], faces: list[FaceState]) -> Figures:
    """Correlation over all frames, over those that face the camera, and the mean of the correlations of one person."""
    true = [_head(model, s.target.alpha, s.target.motion) for s in shots]
    found = [f.vertices_head() for f in faces]
    person = np.array([s.person for s in shots])
    facing = np.degrees(np.arccos([s.target.R[2, 2] for s in shots])) < FACING_DEG
    figures = {}
    for name, pairs in (("lid", LID_GAPS), ("lip", LIP_GAPS)):
        a, b = (np.array([gap(model, head, pairs) for head in heads]) for heads in (found, true))
        figures[f"{name}_gap_correlation"] = pearson(a, b)
        figures[f"{name}_gap_correlation_facing"] = pearson(a[facing], b[facing])
        within = [pearson(a[person == p], b[person == p]) for p in np.unique(person)]
        figures[f"{name}_gap_correlation_within"] = float(np.nanmean(within))
        figures[f"{name}_gap_error_mm"] = float(np.abs(a - b).mean())
    return figures


def _identity(model: FaceModel, front: NDArray[np.bool_], shots: list[Shot], faces: list[FaceState]) -> Figures:
    """The shape that the tracker's identity cache holds after a sequence, against what the model's mean head scores,
    and against the mean of the true shapes, which knows what people look like."""
    cache, true_of, held = IdentityCache(model), {}, {}
    for k, (shot, face) in enumerate(zip(shots, faces, strict=True)):
        true_of[shot.person] = shot.target.alpha
        held[shot.person] = cache.update(shot.person, face.raw, k * VIEW_NS).shape
    true, cached = (np.stack(list(shapes.values())) for shapes in (true_of, held))

    def score(guess: NDArray) -> float:
        heads = (
            (model.neutral(a)[front].astype(np.float64), model.neutral(t)[front])
            for a, t in zip(guess, true, strict=True)
        )
        return float(np.mean([rms_mm(align_similarity(a, t), t) for a, t in heads]))

    ours = score(cached)
    return {
        "identity_mm": ours,
        "identity_of_mean": ours / score(np.zeros_like(true)),
        "identity_of_usual": ours / score(np.broadcast_to(true.mean(axis=0), true.shape)),
    }


def negatives(photos: Photos, count: int = 120) -> list[Image]:
    """Backgrounds, backs of heads, shuffled faces and textures made from pictures that are not in training."""
    rng, top = np.random.default_rng(13), HeadParts.of(photos.model)
    rows = rng.integers(0, len(photos), count)
    return [draw_negative(top, photos.fitted(int(i)), SIZE, rng) for i in rows]
