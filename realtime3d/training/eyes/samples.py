"""Batches for the net on the eyes' pixels: eyes that look elsewhere or shut, misplaced as a tracker misplaces
them, seen by all kinds of cameras."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.training.eyes.change import Change, Eye, Label, draw
from realtime3d.training.eyes.crops import SIDE, WIDE, EyeCrops
from realtime3d.training.samples.augment import Augmenter, Chances
from realtime3d.types import FloatArray, Image

SIZE = 48  # px of what the net sees
SHIFT, ZOOM, STRETCH, ROLL_DEG = 0.04, 0.07, 0.06, 4.0  # deviations: crop sides, logarithms, degrees
FEW_PX = (13, 34)  # across the crop, of which an eye is 0.7
CHANCES = Chances(occluder=0.04, light=0.3, tone=0.75, grey=0.15, soft=0.3, noise=0.4, jpeg=0.3)
FEW = 0.2  # of all samples have few pixels


@dataclass(frozen=True)
class Batch:
    """What the net sees and shall say."""

    images: NDArray[np.uint8]  # (N, SIZE, SIZE, 3)
    gaze: FloatArray  # (N, 2)
    lids: FloatArray  # (N, 2)


class Samples:
    """Random samples of crops; seeded."""

    def __init__(self, crops: EyeCrops, rng: np.random.Generator, *, changed: bool = True, spoilt: bool = True) -> None:
        """`changed`: eyes look elsewhere or shut; `spoilt`: misplaced, dark, blurred, noisy."""
        self._crops, self._rng, self._changed = crops, rng, changed
        self._augment = Augmenter(SIZE, rng, CHANCES) if spoilt else None
        self._grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1) - (SIZE - 1) / 2

    def __len__(self) -> int:
        return len(self._crops.images)

    def batch(self, rows: NDArray[np.intp]) -> Batch:
        """These rows, each changed at random."""
        made = [self._sample(int(i)) for i in rows]
        labels = [label for _, label in made]
        return Batch(
            np.stack([image for image, _ in made]),
            np.array([label.gaze for label in labels], np.float32),
            np.array([label.lids for label in labels], np.float32),
        )

    def draw(self, count: int) -> Batch:
        """Random rows."""
        return self.batch(self._rng.integers(0, len(self), count))

    def _sample(self, i: int) -> tuple[Image, Label]:
        eye = Eye.of(self._crops.points[i])
        real = not self._crops.rendered[i]
        change = draw(eye, self._rng) if self._changed and real else Change()
        to_wide, stretch = self._misplaced() if self._augment else (np.eye(2) * (SIDE / WIDE / SIZE), 1.0)
        shift = self._rng.normal(0, SHIFT * SIDE / WIDE, 2) if self._augment else np.zeros(2)
        px = self._grid @ to_wide.T + (SIDE - 1) / 2 + shift
        at = eye.sources(px, change)
        image = cv2.remap(self._crops.images[i], at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        found = eye.label(change)
        label = Label(
            (found.gaze[0], found.gaze[1] * stretch), (found.lids[0] * stretch, found.lids[1] * stretch)
        )  # fmt: skip
        if self._augment:
            image = self._augment(self._few(image))
        return np.asarray(image, np.uint8), label

    def _misplaced(self) -> tuple[NDArray[np.float64], float]:
        """(2, 2) from the net's pixels to the crop's, and by how much it is narrower than it should be."""
        rng = self._rng
        zoom, stretch = np.exp(rng.normal(0, ZOOM)), float(np.exp(rng.normal(0, STRETCH)))
        roll = np.radians(rng.normal(0, ROLL_DEG))
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        return SIDE / WIDE / SIZE * zoom * turn @ np.diag([stretch, 1.0]), stretch

    def _few(self, image: NDArray) -> NDArray:
        """Some are seen with few pixels."""
        if self._rng.random() > FEW:
            return image
        few = int(self._rng.integers(*FEW_PX))
        small = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
