"""Pose labels for photographs that MediaPipe's mesh cannot read, profiles above all: what finished nets answer.

Each net looks at the picture and at its mirror image; where the answers agree, their mean is a label, trusted the less
the more they differ. Nets of another face model measure a head's frame and size a little differently: the constants
between both are learned on photographs with fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.geometry import ANCHOR_MM, geodesic_deg, mean_rotation
from realtime3d.tracker import FaceTracker
from realtime3d.training.labels.fits import Fits
from realtime3d.types import Array, Image

PAD = 0.25  # of the picture's side, mirrored at its edge: tight crops end at the chin
USUAL_BOX = (0.2, 0.22, 0.8, 0.85)  # where a face crop's face lies, of its sides
MIRROR = np.diag([-1.0, 1.0, 1.0])
DISAGREE_DEG = 5.0  # spread of the answers at which a label is worth a third
TOO_FAR_DEG = 20.0
LEAST_PRESENCE = 0.5
TRUST = 0.8  # of a label that all agree on


@dataclass(frozen=True)
class Answer:
    """The pose of a face in a picture whose camera looks through its middle."""

    R: NDArray[np.float64]  # (3, 3)
    anchor: NDArray[np.float64]  # (3,) mm
    focal: float
    spread_deg: float = 0.0  # root mean square angle between the answers and their mean
    presence: float = 1.0

    @property
    def trust(self) -> float:
        if self.spread_deg > TOO_FAR_DEG or self.presence < LEAST_PRESENCE:
            return 0.0
        return float(TRUST * np.exp(-((self.spread_deg / DISAGREE_DEG) ** 2)))

    @property
    def turned_deg(self) -> float:
        """How far the face looks away from the camera, whatever its roll."""
        return float(np.degrees(np.arccos(np.clip(self.R[2, 2], -1, 1))))


@dataclass(frozen=True)
class Frames:
    """From the head's frame and size as some nets measure it to those of a face model."""

    turn: NDArray[np.float64]  # (3, 3), on the right of a rotation
    shift: NDArray[np.float64]  # (3,) mm in the head's frame
    log_scale: float  # of a millimetre in pixels

    @classmethod
    def between(cls, answers: Sequence[Answer], fits: Fits) -> Frames:
        """The constants, from answers to photographs with fits, row by row."""
        R = np.stack([a.R for a in answers])
        turn = mean_rotation(R.transpose(0, 2, 1) @ fits.R)
        true = fits.R.astype(np.float64) @ ANCHOR_MM + fits.t
        of_fit = fits.focal / true[:, 2]
        found = np.stack([a.anchor for a in answers])
        focal = np.array([a.focal for a in answers])
        of_net = focal / found[:, 2]
        apart = true[:, :2] * of_fit[:, None] - found[:, :2] * of_net[:, None]
        rows = R[:, :2].reshape(-1, 3)
        shift = np.linalg.lstsq(rows, (apart / of_net[:, None]).ravel(), rcond=None)[0]
        return cls(turn, shift, float(np.median(np.log(of_fit / of_net))))

    def applied(self, answer: Answer) -> Answer:
        anchor = (answer.anchor + answer.R @ self.shift) * np.exp(-self.log_scale)
        return Answer(answer.R @ self.turn, anchor, answer.focal, answer.spread_deg, answer.presence)


def padded(image: Image) -> Image:
    """The picture with mirrored borders; its middle stays its middle."""
    high, wide = (round(PAD * n) for n in image.shape[:2])
    return np.asarray(cv2.copyMakeBorder(image, high, high, wide, wide, cv2.BORDER_REFLECT_101), np.uint8)


def usual_box(image: Image) -> Array:
    """Where the face lies in a padded crop of a face."""
    height, width = (n / (1 + 2 * PAD) for n in image.shape[:2])
    return (np.array(USUAL_BOX) + PAD) * (width, height, width, height)


def ask(trackers: Sequence[FaceTracker], image: Image, box: Array) -> Answer:
    """The mean of what all nets say of a picture and of its mirror image."""
    flipped = np.ascontiguousarray(image[:, ::-1])
    right = image.shape[1] - 1
    other = np.array([right - box[2], box[1], right - box[0], box[3]])
    rotations, anchors, presence, focal = [], [], [], 1.0
    for tracker in trackers:
        for picture, place, sides in ((image, box, np.eye(3)), (flipped, other, MIRROR)):
            face = tracker.process_boxes(picture, place[None]).faces[0]
            R = sides @ face.pose.R @ sides
            rotations.append(R)
            anchors.append(sides @ (face.pose.R @ ANCHOR_MM + face.pose.t))
            presence.append(face.confidence)
            focal = face.camera.fx
    mean = mean_rotation(np.stack(rotations))
    spread = geodesic_deg(np.stack(rotations), np.broadcast_to(mean, (len(rotations), 3, 3)))
    spread_deg = float(np.sqrt((spread**2).mean()))
    return Answer(mean, np.mean(anchors, axis=0), focal, spread_deg, float(np.mean(presence)))


def ask_all(
    sets: Sequence[str], pictures: Iterable[tuple[Image, Array]], progress: Callable[[Iterable], Iterable]
) -> list[Answer]:
    """What model sets answer to pictures with boxes."""
    trackers = [FaceTracker(models=name, smooth=False, threads=1) for name in sets]
    try:
        return [ask(trackers, image, box) for image, box in progress(pictures)]
    finally:
        for tracker in trackers:
            tracker.close()


def read(file: Path) -> Image:
    image = cv2.imread(str(file))
    if image is None:
        raise SourceError(f"{file} is no picture that can be read: restore it")
    return np.asarray(image, np.uint8)
