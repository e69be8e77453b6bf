"""What hides a part of a rendered face in space: masks, and hands in front of it, from a folder of assets.

The folder holds pictures with alpha of masks seen from the front (`mask*/*.png`) and rigged hands (`hand*/*.glb`);
docs/training.md names public ones. A cover is drawn by itself and laid over the picture where it is nearer than the
head, so labels stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.raster import Canvas
from realtime3d.training.samples.hands import Hand
from realtime3d.types import Array, FloatArray, Image

MASKS, HANDS = 0.07, 0.12  # share of renders
SEEN_FROM_THE_SIDE = ("_left", "_right")
CELLS = 32  # of a mask's grid
NOSE, CHIN, JAW = 197, 152, (234, 454)  # MediaPipe's points between which a mask lies
WIDE, BELOW_MM, AWAY_MM = 0.5, 8.0, 3.0  # of the jaw's width; below the chin; before the skin
TAUT = (3, 7)  # cells across and down over which a mask bridges hollows


@dataclass(frozen=True)
class Cover:
    """A mesh in the head's frame with colours from a picture."""

    points: FloatArray  # (N, 3) mm
    triangles: NDArray[np.int32]
    uv: FloatArray  # (N, 2) px of `picture`
    shade: FloatArray  # (N,)
    picture: NDArray[np.uint8]  # (H, W, 4) BGRA

    def lay_over(self, image: Image, depth: FloatArray, R: Array, t: Array, focal: float) -> Image:
        """The picture with this in front of what is farther away."""
        size = len(image)
        space = self.points @ R.T + t
        xyz = np.column_stack([space[:, :2] / space[:, 2:] * focal + (size - 1) / 2, space[:, 2]])
        canvas = Canvas(size, size, 3)
        canvas.draw(xyz, self.triangles, np.column_stack([self.uv, self.shade]), two_sided=True)
        at = np.ascontiguousarray(canvas.values[..., :2])
        colour = cv2.remap(self.picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        part = colour[..., 3:] / 255 * ((canvas.owner >= 0) & (canvas.depth < depth))[..., None]
        mixed = image * (1 - part) + colour[..., :3] * canvas.values[..., 2:] * part
        return mixed.clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Covers:
    """The assets of a folder; an empty one covers nothing."""

    masks: tuple[NDArray[np.uint8], ...] = ()
    hands: tuple[Hand, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Covers:
        files = [f for f in sorted(folder.glob("mask*/*.png")) if not f.stem.endswith(SEEN_FROM_THE_SIDE)]
        masks = tuple(_with_alpha(file) for file in files)
        hands = tuple(Hand.load(file) for file in sorted(folder.glob("hand*/*.glb")))
        if not masks and not hands:
            raise SourceError(f"{folder} has neither mask*/*.png nor hand*/*.glb: leave out --assets or add some")
        return cls(masks, hands)

    def draw(self, model: FaceModel, head: FloatArray, skin: Array, rng: np.random.Generator) -> Cover | None:
        """A mask, a hand or mostly nothing for a head with expression in its own frame; `skin` is the face's BGR."""
        kind = rng.random()
        if kind < MASKS and self.masks:
            return mask_over(model, head, self.masks[rng.integers(len(self.masks))], float(skin.mean()), rng)
        if kind > 1 - HANDS and self.hands:
            return hand_before(model, head, self.hands[rng.integers(len(self.hands))], skin, rng)
        return None


NONE = Covers()


def mask_over(
    model: FaceModel, head: FloatArray, picture: NDArray[np.uint8], light: float, rng: np.random.Generator
) -> Cover:
    """A mask from the nose to below the chin, taut over the hollows; now and then pulled down, or another colour."""
    marks = model.landmarks("mediapipe478", head)
    half = WIDE * float(marks[JAW[1], 0] - marks[JAW[0], 0]) * rng.uniform(0.9, 1.05)
    middle = marks[list(JAW), 0].mean()
    top = marks[NOSE, 1] + rng.normal(0, 4) + (rng.uniform(15, 45) if rng.random() < 0.15 else 0)
    bottom = marks[CHIN, 1] + BELOW_MM + rng.normal(0, 4)
    x = np.linspace(middle - half, middle + half, CELLS, dtype=np.float32)
    y = np.linspace(top, bottom, CELLS, dtype=np.float32)
    behind, there = _front(head, model.triangles, x, y)
    smooth = cv2.GaussianBlur(cv2.erode(behind, np.ones(TAUT[::-1], np.uint8)), (0, 0), 1.5)
    taut = np.minimum(smooth, behind) - AWAY_MM
    points = np.stack([*np.meshgrid(x, y), taut], axis=-1).reshape(-1, 3)
    u, v = np.meshgrid(np.linspace(0, picture.shape[1] - 1, CELLS), np.linspace(0, picture.shape[0] - 1, CELLS))
    dye = rng.uniform(0.2, 1.3, 3) if rng.random() < 0.4 else np.ones(3)
    bright = min(light / 140, 1.2) * rng.uniform(0.6, 1.15)
    dyed = np.dstack([(picture[..., :3] * dye * bright).clip(0, 255), picture[..., 3]]).astype(np.uint8)
    triangles = _grid(CELLS)
    kept = triangles[there.ravel()[triangles].all(axis=1)]
    shade = np.ones(CELLS * CELLS, dtype=np.float32)
    return Cover(points.astype(np.float32), kept, np.stack([u, v], -1).reshape(-1, 2).astype(np.float32), shade, dyed)


def hand_before(model: FaceModel, head: FloatArray, hand: Hand, skin: Array, rng: np.random.Generator) -> Cover:
    """A hand whose palm is turned to a place of the face and touches it or nearly does."""
    on = model.landmarks("mediapipe478", head)[:468]
    place = on[rng.integers(len(on))]
    out = place - on.mean(axis=0) - (0, 0, 40.0)  # away from the head; -z is ahead
    out = out / np.linalg.norm(out) + (0, 0, -0.7) + rng.normal(0, 0.25, 3)
    out /= np.linalg.norm(out)
    up = np.array([rng.normal(0, 0.7), -1.0 if rng.random() < 0.75 else 1.0, 0.0])  # where fingers point
    up -= (up @ out) * out
    up /= np.linalg.norm(up)
    frame = np.column_stack([np.cross(up, out), up, out])  # from the hand's axes: across, fingers, back of the hand
    points = hand.bent(rng) * rng.uniform(0.85, 1.1)
    nearest = points[: hand.count] @ frame.T @ out
    points = points @ frame.T + place + out * (rng.uniform(2, 35) - nearest.min())
    normals = hand.normals(points)
    light = np.array([rng.normal(0, 0.6), -0.6, -1.0])
    shade = 0.72 + 0.4 * (normals @ (light / np.linalg.norm(light))).clip(-0.7, 1)
    tone = (np.asarray(skin) * rng.uniform(0.75, 1.15)).clip(5, 235)
    sleeve = tone if rng.random() < 0.4 else rng.uniform(10, 230, 3)
    palette = np.array([[[*tone, 255], [*sleeve, 255]]], dtype=np.uint8)
    uv = np.zeros((len(points), 2), dtype=np.float32)
    uv[hand.count :, 0] = 1
    return Cover(points.astype(np.float32), hand.triangles, uv, shade.astype(np.float32), palette)


def _with_alpha(file: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise SourceError(f"{file} is no picture with alpha: use PNG files with four channels")
    return np.asarray(image, np.uint8)


def _front(head: FloatArray, triangles: NDArray, x: FloatArray, y: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """How far ahead the head reaches (z, the smaller the nearer) over a grid, and where it is at all."""
    scale = (CELLS - 1) / np.array([x[-1] - x[0], y[-1] - y[0]])
    flat = (head[:, :2] - (x[0], y[0])) * scale
    far = 1000.0  # canvas depths must be positive
    canvas = Canvas(CELLS, CELLS, 1)
    canvas.draw(np.column_stack([flat, head[:, 2] + far]), triangles, head[:, 2:], two_sided=True)
    there = canvas.owner >= 0
    z = np.where(there, canvas.values[..., 0], head[:, 2].max())
    return z.astype(np.float32), there


def _grid(n: int) -> NDArray[np.int32]:
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    both = ((corner, corner + 1, corner + n), (corner + 1, corner + n + 1, corner + n))
    return np.concatenate([np.stack(three, 1) for three in both]).astype(np.int32)
