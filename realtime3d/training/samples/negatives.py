"""Pictures without a face, for the presence output."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from realtime3d.geometry import euler_to_matrix
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.samples.faceless import cloth, ear, hair_from_behind, limb, only_hair
from realtime3d.training.samples.hair import Hair
from realtime3d.training.samples.photo import HeadParts, Image, build_scene
from realtime3d.training.samples.render_samples import Target, render

# what a negative shows, and how often
KINDS = {
    "beside": 0.26, "back": 0.18, "hair from behind": 0.2, "hair": 0.06, "limb": 0.06, "ear": 0.04, "cloth": 0.05,
    "shuffled": 0.07, "texture": 0.08,
}  # fmt: skip


def draw_negative(
    top: HeadParts, photo: FittedPhoto, size: int, rng: np.random.Generator, kind: str | None = None
) -> Image:
    """A picture without a face, of one of `KINDS`."""
    kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
    drawn: dict[str, Callable[[], Image]] = {
        "beside": lambda: _beside_the_face(photo, size, rng),
        "back": lambda: _back_of_head(top, photo, size, rng),
        "hair from behind": lambda: hair_from_behind(photo, _beside_the_face(photo, size, rng), size, rng),
        "hair": lambda: only_hair(photo, size, rng),
        "limb": lambda: limb(photo, _beside_the_face(photo, size, rng), size, rng),
        "ear": lambda: ear(photo, size, rng),
        "cloth": lambda: cloth(photo, size, rng),
        "shuffled": lambda: _shuffled(photo.image, size, rng),
        "texture": lambda: _texture(size, rng),
    }
    return drawn[kind]()


def _beside_the_face(photo: FittedPhoto, size: int, rng: np.random.Generator) -> Image:
    """A square that touches less than a quarter of the landmarks' box."""
    image = photo.image
    height, width = image.shape[:2]
    low, high = photo.box[:2], photo.box[2:]
    area = float(np.prod(high - low))
    for _ in range(30):
        side = int(rng.uniform(0.12, 0.5) * min(height, width))
        x, y = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
        overlap = np.clip(np.minimum(high, (x + side, y + side)) - np.maximum(low, (x, y)), 0, None)
        if np.prod(overlap) < 0.06 * min(area, side * side * 4):
            patch = image[y : y + side, x : x + side]
            return cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC)
    return _texture(size, rng)


def _back_of_head(top: HeadParts, photo: FittedPhoto, size: int, rng: np.random.Generator) -> Image:
    yaw = rng.uniform(135, 225)
    R = euler_to_matrix(*np.radians([rng.normal(0, 12), 0, rng.normal(0, 10)])) @ euler_to_matrix(0, np.radians(yaw), 0)
    dark = np.zeros(3, np.float32)
    hair = Hair.draw(top.model, rng) if rng.random() < 0.5 else None
    target = Target(R, float(rng.uniform(400, 1500)), photo.alpha, photo.motion, False, dark, hair)
    backdrop = _beside_the_face(photo, size, rng)
    return render(top, build_scene(top, photo), target, backdrop, size, rng)


def _shuffled(image: Image, size: int, rng: np.random.Generator) -> Image:
    """Tiles of a photograph in another order: skin and features, but no face."""
    whole = cv2.resize(image, (size, size))
    cells = int(rng.choice([4, 5, 8]))
    tile = size // cells
    tiles = [whole[r * tile : (r + 1) * tile, c * tile : (c + 1) * tile] for r in range(cells) for c in range(cells)]
    order = rng.permutation(len(tiles))
    rows = [np.hstack([tiles[order[r * cells + c]] for c in range(cells)]) for r in range(cells)]
    return cv2.resize(np.vstack(rows), (size, size))


def _texture(size: int, rng: np.random.Generator) -> Image:
    """Smooth noise, stripes and plain walls."""
    cells = int(rng.choice([1, 2, 4, 12, 40]))
    noise = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
    base = cv2.resize(noise, (size, size), interpolation=int(rng.choice([cv2.INTER_CUBIC, cv2.INTER_NEAREST])))
    if rng.random() < 0.4:
        x, y = np.meshgrid(np.arange(size), np.arange(size))
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 50)
        stripes = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        base = base + 60 * stripes[..., None]
    return np.clip(base + rng.normal(0, rng.uniform(0, 15), base.shape), 0, 255).astype(np.uint8)
