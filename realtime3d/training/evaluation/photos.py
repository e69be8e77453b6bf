"""Figures measured on photographs: points, identity, noise, presence and hard conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import geodesic_deg, mean_rotation
from realtime3d.training.evaluation.metrics import (
    align_similarity,
    auc,
    box_of,
    box_size,
    pearson,
    point_error,
    rms_mm,
)
from realtime3d.training.labels.fits import Fits
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.labels.splits import london_person
from realtime3d.training.learning.losses import region_mask
from realtime3d.training.model.regions import LID_GAPS, LIP_GAPS, gap
from realtime3d.training.samples.augment import motion_kernel
from realtime3d.training.samples.photo import GOOD_FIT
from realtime3d.types import Array, Image

Look = Callable[[Image, Array], FaceState]
Figures = dict[str, float]
SURFACE = 468  # of MediaPipe's 478 points; the rest are the irises
NEUTRAL, SMILING = "03", "08"  # in file names of the London set


@dataclass(frozen=True)
class Photos:
    """Photographs with fits: the truth of this page."""

    folder: Path
    fits: Fits
    model: FaceModel

    def read(self, i: int) -> Image:
        image = cv2.imread(str(self.folder / self.fits.files[i]))
        if image is None:
            raise SourceError(f"{self.folder / self.fits.files[i]} is gone: restore it or fit the photographs again")
        return image

    def points(self, i: int, name: str) -> Array:
        """Landmarks of the fitted model in the picture."""
        f = self.fits
        neutral = self.model.neutral(f.alpha[i])
        n = self.model.n_expression
        head = self.model.landmarks(name, self.model.deform(neutral, f.motion[i, :n], f.motion[i, n:]))
        space = head.astype(np.float64) @ f.R[i].T + f.t[i]
        return space[:, :2] / space[:, 2:] * f.focal[i] + (f.size[i] - 1) / 2

    def box(self, i: int) -> Array:
        """Tight box of the fitted 68 points."""
        return box_of(self.points(i, "ibug68"))

    def fitted(self, i: int) -> FittedPhoto:
        """One photograph with its fit, as the renderer takes it."""
        return self.fits.photo(i, self.read(i))

    def __len__(self) -> int:
        return len(self.fits.files)


def surface(photos: Photos, look: Look, each: Callable[[Array], None] = lambda errors: None) -> Figures:
    """Error of MediaPipe's 468 surface points against the fits, by box size, and of the rotation; `each` gets the
    error of every photograph."""
    errors, R, heads = [], [], []
    for i in range(len(photos)):
        box = photos.box(i)
        face = look(photos.read(i), box)
        R.append(face.pose.R)
        heads.append(face.vertices_head())
        true = photos.points(i, "mediapipe478")[:SURFACE]
        errors.append(point_error(face.landmarks("mediapipe478")[:SURFACE], true, float(box_size(box))))
    angle = geodesic_deg(np.stack(R), photos.fits.R)
    each(np.array(errors))
    return {
        "photographs": float(len(errors)),
        "points468": float(np.mean(errors)),
        "points468_p90": float(np.quantile(errors, 0.9)),
        "geodesic_to_fit": float(angle.mean()),
        **openings(photos, heads),
    }


def openings(photos: Photos, heads: Sequence[NDArray]) -> Figures:
    """How far lids and lips are open in heads (N of (V, 3)) against good fits: how well that is followed, how much of
    the way, and the mean error in mm."""
    f, n = photos.fits, photos.model.n_expression
    figures = {}
    good = np.flatnonzero(f.residual < GOOD_FIT).tolist()
    true = [photos.model.deform(photos.model.neutral(f.alpha[i]), f.motion[i, :n], f.motion[i, n:]) for i in good]
    for name, pairs in (("lid", LID_GAPS), ("lip", LIP_GAPS)):
        a, b = (
            np.array([gap(photos.model, head, pairs) for head in side]) for side in (true, [heads[i] for i in good])
        )
        figures[f"{name}_gap_correlation"] = pearson(a, b)
        figures[f"{name}_gap_slope"] = pearson(a, b) * float(b.std() / max(a.std(), 1e-9))
        figures[f"{name}_gap_error_mm"] = float(np.abs(a - b).mean())
    return figures


def identity(photos: Photos, look: Look, held_out: frozenset[int]) -> Figures:
    """People kept out of training, neutral and smiling: distance within a person over distance between people, mm."""
    files = photos.fits.files
    people = sorted(held_out)
    front = region_mask(photos.model)
    rows = {(london_person(f), f.rpartition("_")[2][:2]): i for i, f in enumerate(files)}
    faces: dict[tuple[int | None, str], Array] = {}
    for person in people:
        for kind in (NEUTRAL, SMILING):
            if (person, kind) in rows:
                i = rows[person, kind]
                alpha = look(photos.read(i), photos.box(i)).shape
                faces[person, kind] = photos.model.neutral(alpha)[front].astype(np.float64)
    both = [p for p in people if (p, NEUTRAL) in faces and (p, SMILING) in faces]
    if len(both) < 2:
        raise SourceError("fewer than two people with a neutral and a smiling picture: fit the London set first")
    within = [_apart(faces[p, NEUTRAL], faces[p, SMILING]) for p in both]
    between = [_apart(faces[p, NEUTRAL], faces[q, NEUTRAL]) for p in both for q in both if p < q]
    ratio = float(np.mean(within) / np.mean(between))
    return {
        "people": float(len(both)),
        "within_mm": float(np.mean(within)),
        "between_mm": float(np.mean(between)),
        "ratio": ratio,
    }


def _apart(a: Array, b: Array) -> float:
    return float(rms_mm(align_similarity(a, b), b))


def still(photos: Photos, look: Look, pictures: int = 12, repeats: int = 16, noise: float = 4.0) -> Figures:
    """A still picture with camera noise (deviation in levels): deviation of the raw angles in degrees."""
    rng = np.random.default_rng(5)
    spread = []
    for i in rng.choice(len(photos), min(pictures, len(photos)), replace=False):
        image, box = photos.read(int(i)).astype(np.float32), photos.box(int(i))
        noisy = (np.clip(image + rng.normal(0, noise, image.shape), 0, 255).astype(np.uint8) for _ in range(repeats))
        spread.append(np.std([look(picture, box).euler_deg() for picture in noisy], axis=0))
    pitch, yaw, roll = np.mean(spread, axis=0)
    return {"yaw_deviation": float(yaw), "pitch_deviation": float(pitch), "roll_deviation": float(roll)}


def presence(photos: Photos, look: Look, negatives: Sequence[Image], faces: int = 120) -> Figures:
    """Faces, a little off in their boxes, against other places of the same pictures and against `negatives`."""
    rng = np.random.default_rng(6)
    positive, negative = [], []
    for i in rng.choice(len(photos), min(faces, len(photos)), replace=False):
        image, box = photos.read(int(i)), photos.box(int(i))
        side = box[2:] - box[:2]
        positive.append(look(image, _moved(box, rng.uniform(-0.1, 0.1, 2) * side)).confidence)
        angle = rng.uniform(0, 2 * np.pi)
        off = np.array([np.cos(angle), np.sin(angle)]) * side * rng.uniform(1.3, 1.8)
        negative.append(look(image, _moved(box, off)).confidence)
    shifted = auc(positive, negative)
    others = []
    for picture in negatives:
        middle = np.array([0.2, 0.2, 0.8, 0.8], dtype=np.float64) * float(len(picture))
        others.append(look(picture, middle).confidence)
    return {
        "auc": auc(positive, negative + others),
        "auc_shifted": shifted,
        "auc_no_face": auc(positive, others) if others else float("nan"),
        "faces_above_half": float(np.mean(np.array(positive) > 0.5)),
        "others_above_half": float(np.mean(np.array(negative + others) > 0.5)),
    }


def _moved(box: Array, by: Array) -> Array:
    return box + np.concatenate([by, by])


Change = Callable[[Image, Array, np.random.Generator], Image]


def half_hidden(image: Image, box: Array, rng: np.random.Generator) -> Image:
    """A grey board over the left, right, upper or lower half of the face."""
    x0, y0, x1, y1 = (int(v) for v in box)
    mx, my = (x0 + x1) // 2, (y0 + y1) // 2
    far = 10000
    left, top, right, bottom = [
        (-far, -far, mx, far),
        (mx, -far, far, far),
        (-far, -far, far, my),
        (-far, my, far, far),
    ][int(rng.integers(4))]
    out = image.copy()
    out[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = rng.integers(60, 200)
    return out


def few_pixels(image: Image, box: Array, rng: np.random.Generator) -> Image:
    """The face seen with 24 pixels across its box's larger side."""
    factor = 24 / float(max(box[2:] - box[:2]))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def moved(image: Image, box: Array, rng: np.random.Generator) -> Image:
    """Motion blur over a tenth of the box."""
    length = 0.1 * float(max(box[2:] - box[:2]))
    return cv2.filter2D(image, -1, motion_kernel(max(length, 3), rng.uniform(0, np.pi)))


CHANGES: dict[str, Change] = {"half_hidden": half_hidden, "24px": few_pixels, "motion_blur": moved}


def degradation(photos: Photos, look: Look, pictures: int = 100) -> Figures:
    """Rotation error (to the fits) under hard conditions over that of the untouched pictures."""
    rows = np.random.default_rng(8).choice(len(photos), min(pictures, len(photos)), replace=False)
    clean = _rotation_error(photos, look, rows, lambda image, box, rng: image)
    figures = {"clean": clean}
    for name, change in CHANGES.items():
        figures[name] = _rotation_error(photos, look, rows, change)
        figures[f"{name}_ratio"] = figures[name] / clean
    return figures


def _rotation_error(photos: Photos, look: Look, rows: NDArray[np.int64], change: Change) -> float:
    rng = np.random.default_rng(9)
    R = np.stack([look(change(photos.read(i), photos.box(i), rng), photos.box(i)).pose.R for i in map(int, rows)])
    true = photos.fits.R[rows].astype(np.float64)
    between = mean_rotation(R.transpose(0, 2, 1) @ true)
    return float(geodesic_deg(R @ between, true).mean())
