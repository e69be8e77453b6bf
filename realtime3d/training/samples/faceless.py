"""Things that were taken for faces: hair seen from behind, bare limbs, ears by themselves, cloth.

Long hair seen from behind was tracked for seconds: it has a head's outline, and strands that part like brows and
cheeks. Most of it is cut from the training photographs, the rest is drawn.
"""

from __future__ import annotations

import cv2
import numpy as np

from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.samples.augment import hand
from realtime3d.training.samples.hair import COLOURS
from realtime3d.types import Array, FloatArray, Image

LEAST_PX = 12  # a smaller patch is drawn instead
PHOTOGRAPHED = 0.7  # share of hair and cloth that is cut from photographs


def hair_from_behind(photo: FittedPhoto, backdrop: Image, size: int, rng: np.random.Generator) -> Image:
    """A head of hair without a face, from a bob to hair down the back, perhaps tied or parted."""
    middle = np.array([0.5, 0.45]) + rng.normal(0, 0.05, 2)
    wide, high = rng.uniform(0.2, 0.36), rng.uniform(0.26, 0.42)
    out = backdrop.astype(np.float32)
    shoulders = _ellipse(size, np.add(middle, (0, high + 0.42)), (rng.uniform(0.42, 0.8), 0.36), rng)
    out = _laid(out, cloth(photo, size, rng).astype(np.float32), shoulders)
    neck = _ellipse(size, np.add(middle, (0, high)), (0.5 * wide, 0.6 * high), rng)
    out = _laid(out, skin(photo, size, rng), neck)
    mask = _ellipse(size, middle, (wide, high), rng)
    if rng.random() < 0.7:  # long
        foot = middle[1] + high * rng.uniform(0.6, 2.4)
        spread = wide * rng.uniform(0.7, 1.3)
        corners = np.array(
            [
                (middle[0] - wide, middle[1]),
                (middle[0] + wide, middle[1]),
                (middle[0] + spread, foot),
                (middle[0] - spread, foot),
            ]
        )
        hanging = np.zeros((size, size), np.float32)
        cv2.fillConvexPoly(hanging, np.int32(corners * size), 1.0)
        mask = np.maximum(mask, _ragged(hanging, rng))
    texture = hair(photo, size, rng)
    x = (np.mgrid[:size, :size][1] / size - middle[0]) / wide
    texture *= (1.1 - rng.uniform(0.1, 0.6) * x**2).clip(0.25, 1.2)[..., None]
    if rng.random() < 0.4:  # a parting
        line = np.exp(-(((x - rng.normal(0, 0.25)) / 0.06) ** 2))[..., None]
        texture = texture * (1 - 0.6 * line) + rng.choice([0.3, 1.3]) * texture.mean((0, 1)) * 0.6 * line
    out = _laid(out, texture, mask)
    if rng.random() < 0.25:  # a bun or a tail
        knot = _ellipse(
            size, np.add(middle, (rng.normal(0, 0.03), rng.uniform(-0.2, 0.2))), rng.uniform(0.06, 0.16, 2), rng
        )
        out = _laid(out, texture[::-1] * rng.uniform(0.7, 1.3), knot)
    return _whole(out)


def only_hair(photo: FittedPhoto, size: int, rng: np.random.Generator) -> Image:
    """The whole picture full of hair."""
    return _whole(hair(photo, size, rng))


def limb(photo: FittedPhoto, backdrop: Image, size: int, rng: np.random.Generator) -> Image:
    """Arms, knees and hands: bare skin without features, lit from one side."""
    out = backdrop.astype(np.float32)
    for _ in range(int(rng.integers(1, 3))):
        if rng.random() < 0.4:
            drawn = np.zeros((size, size), np.uint8)
            hand(drawn, rng)
            mask = cv2.GaussianBlur(drawn.astype(np.float32) / 255, (0, 0), 1)
        else:
            mask = _ellipse(size, rng.uniform(0.25, 0.75, 2), (rng.uniform(0.1, 0.25), rng.uniform(0.2, 0.8)), rng, 90)
        away = cv2.GaussianBlur(mask, (0, 0), size / 14)[..., None]
        out = _laid(out, skin(photo, size, rng) * (0.35 + 0.7 * away), mask)
    return _whole(out)


def ear(photo: FittedPhoto, size: int, rng: np.random.Generator) -> Image:
    """The side of the head by itself: ear, sideburn, hair."""
    x0, y0, x1, y1 = photo.box
    side = rng.choice([-1, 1])
    edge = x0 if side < 0 else x1
    width = (x1 - x0) * rng.uniform(0.18, 0.35)
    left = edge - width * (1.0 if side < 0 else 0.0) - 0.2 * side * width * rng.random()
    top = y0 + (y1 - y0) * rng.uniform(0, 0.4)
    return _zoomed(photo.image, np.array([left, top, left + width, top + width]), size)


def cloth(photo: FittedPhoto, size: int, rng: np.random.Generator) -> Image:
    """Clothes below the chin, or woven patterns."""
    height, width = photo.image.shape[:2]
    below = np.array(
        [0.1 * width, min(photo.box[3] + 0.15 * (photo.box[3] - photo.box[1]), height), 0.9 * width, height]
    )
    if rng.random() < PHOTOGRAPHED and below[3] - below[1] > LEAST_PX:
        return _whole(_spread(_zoomed_patch(photo.image, below, rng), size, rng))
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    colours = rng.uniform(5, 250, (3, 3))
    out = np.broadcast_to(colours[0], (size, size, 3)).astype(np.float32)
    turn = rng.uniform(0, np.pi)
    for colour, angle in ((colours[1], turn), (colours[2], turn + np.pi / 2)):
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / rng.uniform(4, size / 2))
        part = (1 / (1 + np.exp(-rng.choice([2.0, 12.0]) * (wave - rng.uniform(-0.3, 0.8)))))[..., None]
        out = out * (1 - 0.6 * part) + colour * 0.6 * part
    folds = cv2.resize(rng.normal(1, 0.3, (5, 5)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return _whole(out * folds.clip(0.3, 1.6)[..., None])


def hair(photo: FittedPhoto, size: int, rng: np.random.Generator) -> FloatArray:
    """(size, size, 3) hair without end: what lies above the forehead in the photograph, or drawn strands."""
    x0, y0, x1, y1 = photo.box
    high, wide = y1 - y0, x1 - x0
    above = np.array([x0 + 0.2 * wide, max(y0 - rng.uniform(0.3, 0.5) * high, 0), x1 - 0.2 * wide, y0 - 0.1 * high])
    if rng.random() < PHOTOGRAPHED and above[3] - above[1] > LEAST_PX:
        return _spread(_zoomed_patch(photo.image, above, rng), size, rng)
    lines = rng.normal(0, 1, (size, size)).astype(np.float32)
    lines = cv2.GaussianBlur(lines, (0, 0), sigmaX=rng.uniform(0.6, 2.5), sigmaY=rng.uniform(12, 40))
    bend = cv2.resize(rng.normal(0, 12, (4, 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    lines = cv2.remap(lines, x + bend, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    base = np.array(COLOURS[rng.integers(len(COLOURS))]) * rng.uniform(0.5, 1.3)
    return (
        (base * (1 + rng.uniform(0.1, 0.45) * lines / (lines.std() + 1e-6))[..., None]).clip(0, 255).astype(np.float32)
    )


def skin(photo: FittedPhoto, size: int, rng: np.random.Generator) -> FloatArray:
    """(size, size, 3) the skin of a cheek, spread out."""
    x0, y0, x1, y1 = photo.box
    cheek = np.array([x0 + 0.2 * (x1 - x0), y0 + 0.55 * (y1 - y0), x0 + 0.35 * (x1 - x0), y0 + 0.7 * (y1 - y0)])
    patch = _cut(photo.image, cheek)
    return _spread(patch, size, rng) if min(patch.shape[:2]) > 3 else np.full((size, size, 3), 150, np.float32)


def _cut(image: Image, box: Array) -> Image:
    height, width = image.shape[:2]
    x0, x1 = np.clip(np.int32(box[[0, 2]]), 0, width)
    y0, y1 = np.clip(np.int32(box[[1, 3]]), 0, height)
    return image[y0:y1, x0:x1]


def _zoomed(image: Image, box: Array, size: int) -> Image:
    patch = _cut(image, box)
    if min(patch.shape[:2]) < LEAST_PX // 2:
        patch = image[:LEAST_PX, :LEAST_PX]
    return np.asarray(cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def _zoomed_patch(image: Image, box: Array, rng: np.random.Generator) -> Image:
    """A part of a box, as large as it or down to a third."""
    patch = _cut(image, box)
    part = rng.uniform(0.35, 1)
    height, width = (max(int(part * n), LEAST_PX // 2) for n in patch.shape[:2])
    y, x = (int(rng.integers(0, max(n - m, 0) + 1)) for n, m in zip(patch.shape[:2], (height, width), strict=True))
    return patch[y : y + height, x : x + width]


def _spread(patch: Image, size: int, rng: np.random.Generator) -> FloatArray:
    """A patch mirrored on and on until it fills the square."""
    factor = size * rng.uniform(0.35, 1.2) / min(patch.shape[:2])
    factor = min(factor, 4 * size / max(patch.shape[:2]))
    large = cv2.resize(patch, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    shift = rng.uniform(0, size, 2)
    at = x + np.float32(shift[0]), y + np.float32(shift[1])
    return cv2.remap(large, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def _ellipse(size: int, middle: Array, radii: Array | tuple, rng: np.random.Generator, turn: float = 8) -> FloatArray:
    mask = np.zeros((size, size), np.float32)
    box = (tuple(map(float, middle * size)), tuple(float(2 * r * size) for r in radii), float(rng.normal(0, turn)))
    cv2.ellipse(mask, box, 1.0, -1)
    return _ragged(mask, rng)


def _ragged(mask: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The mask with an uneven edge."""
    size = len(mask)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    cells = int(rng.choice([5, 12, 40]))
    noise = rng.normal(0, size / 90, (2, cells, cells)).astype(np.float32)
    dx, dy = (cv2.resize(n, (size, size), interpolation=cv2.INTER_CUBIC) for n in noise)
    moved = cv2.remap(mask, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.5, 2))


def _laid(under: FloatArray, over: FloatArray, mask: FloatArray) -> FloatArray:
    part = mask[..., None]
    return under * (1 - part) + over * part


def _whole(image: FloatArray) -> Image:
    return image.clip(0, 255).astype(np.uint8)
