"""What nets and the expressions' head make of posed photographs of people kept out of training: truth is exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.expressions import EMOTIONS
from realtime3d.face.model import FaceModel
from realtime3d.geometry import ANCHOR_MM, euler_to_matrix
from realtime3d.nets.crop import CROP_MM
from realtime3d.tracker import FaceTracker
from realtime3d.training.labels.fits import Fits
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.samples.emotions import draw_emotion, draw_rest, draw_single
from realtime3d.training.samples.photo import HeadParts, Scene, build_scene, worth_turning
from realtime3d.training.samples.render_samples import Target, render
from realtime3d.training.samples.shards import MARGIN
from realtime3d.types import Array, FaceBox, FloatArray, Frame, Image

SIZE = 288
FACING_DEG, MOST_SMILE, MOST_OPEN = 20.0, 0.35, 0.15  # of photographs that are posed


@dataclass(frozen=True)
class Posed:
    """What is known of one rendered picture, and what the nets say of it."""

    person: int
    actions: Array  # (52,) as they were posed
    scores: Array  # (7,) in the order of EMOTIONS, sum 1
    motion: FloatArray  # (34,) true eta and extras
    alpha: FloatArray  # (99,) true shape
    yaw: float  # degrees
    hidden: bool  # half of the face is covered
    weights: Array  # (52,) found
    expression: FloatArray  # (29,) found
    extras: FloatArray  # (5,) found
    shape: FloatArray  # (99,) found
    sigma_deg: float  # the nets' own expected error of the rotation


class TrueBox:
    """A detector that knows where the face is."""

    box = np.zeros(4, np.float32)

    def open(self) -> None: ...

    def detect(self, frame: Frame) -> list[FaceBox]:
        return [FaceBox(self.box)]

    def close(self) -> None: ...


def posable(model: FaceModel, fits: Fits) -> NDArray[np.intp]:
    """Rows of frontal photographs whose people neither smile nor open their mouths: they can show anything."""
    names = list(model.arkit_names)
    smile = fits.actions[:, [names.index("mouthSmileLeft"), names.index("mouthSmileRight")]].mean(axis=1)
    facing = np.degrees(np.arccos(fits.R[:, 2, 2].clip(-1, 1))) < FACING_DEG
    calm = (smile < MOST_SMILE) & (fits.actions[:, names.index("jawOpen")] < MOST_OPEN)
    return np.flatnonzero(worth_turning(model, fits.residual, fits.alpha, fits.motion) & facing & calm)


def posed_pictures(
    tracker: FaceTracker,
    box: TrueBox,
    photos: Iterable[tuple[int, FittedPhoto]],
    to_motion: NDArray,
    each: int,
    rng: np.random.Generator,
    *,
    singles: float = 0.35,
    hidden: float = 0.0,
) -> Iterator[Posed]:
    """`each` pictures of every (person, photograph), as a tracker that knows `box` sees them the first time."""
    top = HeadParts.of(tracker.model)
    names = list(tracker.model.arkit_names)
    for person, photo in photos:
        scene, rest = build_scene(top, photo), draw_rest(rng, len(names))
        for _ in range(each):
            if rng.random() < singles:
                actions, scores = draw_single(rng, names, rest), np.full(len(EMOTIONS), np.nan)
            else:
                actions, scores = draw_emotion(rng, names, rest)
            yaw = float(rng.normal(0, 18) if rng.random() < 0.6 else rng.uniform(-65, 65))
            covered = bool(rng.random() < hidden)
            seen = pose_and_see(tracker, box, top, scene, to_motion @ actions, yaw, rng, covered=covered)
            if seen is not None:
                yield replace(seen, person=person, actions=actions, scores=scores)


def pose_and_see(
    tracker: FaceTracker,
    box: TrueBox,
    top: HeadParts,
    scene: Scene,
    motion: NDArray,
    yaw: float,
    rng: np.random.Generator,
    *,
    covered: bool = False,
) -> Posed | None:
    """What the tracker says of a photograph that is posed so; None where it sees no face."""
    turn = np.radians([rng.normal(0, 10), yaw, rng.normal(0, 6)])
    target = Target(
        R=euler_to_matrix(*turn),
        distance=float(rng.uniform(450, 1000)),
        alpha=scene.photo.alpha,
        motion=motion.astype(np.float32),
        keep_background=True,
        light=(rng.normal(size=3) * rng.choice([0, 0.15, 0.3])).astype(np.float32),
    )
    plain = np.full((SIZE, SIZE, 3), rng.integers(0, 256, 3), dtype=np.uint8)
    image = render(top, scene, target, plain, SIZE, rng)
    seen = _seen(tracker, box, noisy(half_covered(image, rng) if covered else image, rng), target)
    return None if seen is None else replace(seen, yaw=yaw, hidden=covered)


def _seen(tracker: FaceTracker, box: TrueBox, image: Image, target: Target) -> Posed | None:
    """What the tracker says of a picture; None where it sees no face."""
    box.box = true_box(tracker.model, target)
    tracker.reset()
    result = tracker.process(image, 0.0)
    if not result.faces:
        return None
    face, empty = result.faces[0], np.zeros(0)
    return Posed(
        person=0, actions=empty, scores=empty, yaw=0.0, hidden=False, motion=target.motion, alpha=target.alpha,
        weights=np.array(list(face.blendshapes().values())), expression=face.raw.expression, extras=face.raw.extras,
        shape=face.shape, sigma_deg=face.raw.pose_sigma_deg,
    )  # fmt: skip


def true_box(model: FaceModel, target: Target) -> FloatArray:
    """(4,) px: the 68 true points."""
    eta, extras = np.split(target.motion, [model.n_expression])
    points = model.face_landmarks("ibug68", target.alpha, eta, extras)
    space = (points - ANCHOR_MM) @ target.R.T + (0, 0, target.distance)
    xy = space[:, :2] / space[:, 2:] * (SIZE / MARGIN * target.distance / CROP_MM) + (SIZE - 1) / 2
    return np.concatenate([xy.min(axis=0), xy.max(axis=0)]).astype(np.float32)


def noisy(image: Image, rng: np.random.Generator) -> Image:
    """A camera's noise, softness and JPEG."""
    soft = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.2)))
    grain = soft + rng.normal(0, rng.uniform(2, 8), image.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))]
    decoded = cv2.imdecode(cv2.imencode(".jpg", grain.clip(0, 255).astype(np.uint8), quality)[1], cv2.IMREAD_COLOR)
    assert decoded is not None  # it was written here
    return np.asarray(decoded, np.uint8)


def half_covered(image: Image, rng: np.random.Generator) -> Image:
    """Something plain before half of the face: its edge goes through the middle of the picture."""
    angle = rng.choice([0, np.pi, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.3)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    away = x * np.cos(angle) + y * np.sin(angle) - rng.uniform(-0.05, 0.08) * SIZE
    tone = rng.integers(20, 236, 3) + 25 * np.sin(y / rng.uniform(4, 30))[..., None]
    return np.where((away > 0)[..., None], tone.clip(0, 255), image).astype(np.uint8)
