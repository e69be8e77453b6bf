"""Samples of the mask net: a labelled photograph, something in front of it, and what cameras do to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.surface.mask import HAIR, OCCLUDER, SKIN
from realtime3d.training.mask.hands import Picture, hand_bank, turned
from realtime3d.training.mask.labels import MARGIN, SIDE, UNKNOWN
from realtime3d.training.mask.prepare import Portraits
from realtime3d.training.mask.things import DRAWN, Brush, Layer, strands
from realtime3d.training.mask.worn import UNTOUCHED, face_mask, glasses
from realtime3d.training.samples.augment import Augmenter, Chances
from realtime3d.types import Image

CHANCES = {
    "nothing": 0.28, "hand": 0.22, "mask": 0.07, "glasses": 0.12, "strands": 0.09, "cup": 0.04, "phone": 0.04,
    "microphone": 0.04, "shape": 0.1,
}  # fmt: skip
SECOND = 0.2  # chance of another thing over the first
SHIFT, ZOOM, TURN_DEG = 0.05, 0.11, 9.0  # by how much crops of the tracker miss, deviations
CAMERA = Chances(occluder=0.0, light=0.35, tone=0.7, grey=0.1, soft=0.25, noise=0.3, jpeg=0.25)


@dataclass(frozen=True)
class Assets:
    """Things that are pasted as they are."""

    hands: Sequence[Picture]
    masks: Sequence[Image]  # (H, W, 4)
    textures: Sequence[Image] = field(default_factory=tuple)

    @classmethod
    def load(cls, hand: Path, masks: Sequence[Path], hands: int, seed: int, textures: Sequence[Image] = ()) -> Assets:
        pictures = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in masks]
        for path, picture in zip(masks, pictures, strict=True):
            if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
                raise SourceError(f"{path} is no picture with alpha")
        return cls(hand_bank(hand, hands, seed), [_smaller(p) for p in pictures if p is not None], tuple(textures))


class Composer:
    """Makes samples of one size."""

    def __init__(self, portraits: Portraits, assets: Assets, size: int, rng: np.random.Generator) -> None:
        self._portraits, self._assets, self.size, self._rng = portraits, assets, size, rng
        self._brush = Brush(size, rng, assets.textures)
        self._camera = Augmenter(size, rng, CAMERA)

    def sample(self, kind: str | None = None, row: int | None = None) -> tuple[Image, NDArray[np.uint8]]:
        """(size, size, 3) BGR and (size, size) classes or UNKNOWN."""
        image, labels, _ = self.composed(kind, row)
        return self.camera(image), labels

    def camera(self, image: Image) -> Image:
        """What light, lenses, sensors and JPEG do to a picture."""
        return self._camera(np.ascontiguousarray(image))

    def composed(
        self, kind: str | None = None, row: int | None = None
    ) -> tuple[Image, NDArray[np.uint8], NDArray[np.float32]]:
        """A sample before the camera, and where the face's 478 points are in it."""
        rng = self._rng
        row = int(rng.integers(len(self._portraits))) if row is None else row
        image, labels, points = self.face(row)
        kinds = [kind or str(rng.choice(list(CHANCES), p=list(CHANCES.values())))]
        if kinds[0] != "nothing" and rng.random() < SECOND:
            kinds.append(str(rng.choice(["hand", "shape", "strands", "glasses"])))
        for name in kinds:
            layer = self.layer(name, image, labels, points)
            if layer is not None:
                image, labels = paste(image, labels, layer, rng)
        return image, labels, points

    def face(self, row: int) -> tuple[Image, NDArray[np.uint8], NDArray[np.float32]]:
        """A photograph as a tracker's crop might show it, its labels and its 478 points."""
        rng, size = self._rng, self.size
        scale = size * MARGIN / SIDE * np.exp(rng.normal(0, ZOOM))
        angle = np.radians(rng.normal(0, TURN_DEG))
        c, s = scale * np.cos(angle), scale * np.sin(angle)
        matrix = np.array([[c, -s, 0], [s, c, 0]])
        flip = bool(rng.random() < 0.5)
        if flip:
            matrix[:, 0] *= -1
        middle = np.full(2, (SIDE - 1) / 2)
        matrix[:, 2] = (size - 1) / 2 + rng.normal(0, SHIFT * size, 2) - matrix[:, :2] @ middle
        shape = (size, size)
        image = cv2.warpAffine(
            self._portraits.image(row), matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        labels = cv2.warpAffine(
            self._portraits.label(row),
            matrix,
            shape,
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=UNKNOWN,
        )
        points = self._portraits.points[row] @ matrix[:, :2].T + matrix[:, 2]
        points = points[MIRRORED] if flip else points
        return image.astype(np.uint8), labels.astype(np.uint8), points.astype(np.float32)

    def layer(self, kind: str, image: Image, labels: NDArray[np.uint8], points: NDArray[np.float32]) -> Layer | None:
        """Something to paste over a face."""
        if kind == "nothing":
            return None
        if kind == "hand":
            return self._hand(image, labels)
        if kind == "glasses":
            return glasses(self._brush, points)
        if kind == "mask":
            masks = self._assets.masks
            return face_mask(self._brush, masks[int(self._rng.integers(len(masks)))], points)
        if kind == "strands":
            hair = image[labels == HAIR]
            return strands(self._brush, points, np.median(hair, axis=0) if len(hair) > 50 else None)
        return DRAWN[kind](self._brush)

    def _hand(self, image: Image, labels: NDArray[np.uint8]) -> Layer:
        """A hand of the face's own skin, or of another one's."""
        rng, size = self._rng, self.size
        picture = self._assets.hands[int(rng.integers(len(self._assets.hands)))]
        side = len(picture.alpha)
        # A hand is about as long as a face: 180 mm, here two thirds of a picture.
        scale = 180 * np.exp(rng.normal(0, 0.22)) * self._brush.mm / (0.66 * side)
        degrees = rng.uniform(-180, 180)
        lever = scale * side * 0.17  # from the picture's middle to the hand's
        a = np.radians(degrees)
        at = self._brush.place(0.15, 0.9) + lever * np.array([np.sin(a), np.cos(a)])
        seen = turned(picture, degrees, scale, (float(at[0]), float(at[1])), size, bool(rng.random() < 0.5))
        skin = image[labels == SKIN]
        if len(skin) > 50 and rng.random() < 0.75:
            bright = np.percentile(skin.mean(axis=1), rng.uniform(25, 85))
            tone = np.median(skin, axis=0) * bright / max(float(skin.mean()), 1) * rng.uniform(0.85, 1.2)
        else:
            tone = np.array([0.58, 0.72, 1.0]) * rng.uniform(40, 235) * rng.uniform(0.9, 1.1, 3)
        colour = tone * (seen.shade * 1.15)[..., None]
        cells = int(rng.integers(8, 40))
        blotch = cv2.resize(
            rng.normal(0, 1, (cells, cells, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
        )
        colour = colour * (1 + rng.uniform(0.01, 0.07) * blotch)
        cloth = self._brush.texture() * seen.shade[..., None]
        colour = np.where(seen.sleeve[..., None], cloth, colour)
        return Layer(colour.clip(0, 255).astype(np.float32), seen.alpha, OCCLUDER)


def paste(
    image: Image, labels: NDArray[np.uint8], layer: Layer, rng: np.random.Generator
) -> tuple[Image, NDArray[np.uint8]]:
    """A layer over a picture, with a shadow, and the labels that follow."""
    alpha = cv2.GaussianBlur(layer.alpha, (0, 0), rng.uniform(0.3, 0.9))
    below = image.astype(np.float32)
    if layer.label == OCCLUDER and rng.random() < 0.6:
        way = np.array([[1, 0, rng.normal(0, 3)], [0, 1, rng.uniform(-1, 5)]])
        shadow = cv2.warpAffine(alpha, way, alpha.shape[::-1])
        shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(1, 5))
        below *= 1 - rng.uniform(0.1, 0.55) * shadow[..., None]
    colour = layer.colour
    if rng.random() < 0.6:  # as bright as its surroundings
        colour = colour * (0.35 + 0.65 * min(1.2, float(image.mean()) / 120))
    out = below + (colour - below) * alpha[..., None]
    covered = layer.alpha > 0.5
    new = np.full_like(labels, layer.label) if layer.labels is None else layer.labels
    named = np.where(covered & (new != UNTOUCHED), new, labels)
    edge = (layer.alpha > 0.15) & ~covered & (layer.label == HAIR)  # single hairs: neither hair nor skin
    return np.clip(np.rint(out), 0, 255).astype(np.uint8), np.where(edge, UNKNOWN, named).astype(np.uint8)


def _smaller(picture: Image, width: int = 300) -> Image:
    factor = width / picture.shape[1]
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _mirrored() -> NDArray[np.intp]:
    """(478,) of MediaPipe's points that are used here, the one on the other side."""
    other = np.arange(478)
    pairs = (
        (33, 263), (133, 362), (127, 356), (177, 401), (172, 397), (234, 454),
    )  # fmt: skip
    for a, b in pairs:
        other[a], other[b] = b, a
    return other


MIRRORED = _mirrored()
