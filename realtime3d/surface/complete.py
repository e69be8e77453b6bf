"""What a picture does not show of a face's front: what is usual, and of what else the other side has, a share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.surface.layout import Layout
from realtime3d.surface.texture import spread
from realtime3d.types import FloatArray

GAIN, BLUR_MM = (
    0.3,
    1.2,
)  # of mirrored detail, and what of it is too fine to be alike on both sides: measured on photographs
SEAM_MM = 8.0  # over which the difference at the seam dies away


def completed(layout: Layout, seen_part: FloatArray, seen: FloatArray, usual: FloatArray | None = None) -> FloatArray:
    """(h, w) displacement of the window everywhere, from what is seen of it (0..1) and what faces usually have."""
    hidden = (seen < 0.999) & layout.inside
    if not hidden.any():
        return seen_part
    usual = np.zeros_like(seen_part) if usual is None else usual
    other = layout.mirrored(np.ascontiguousarray((seen_part - usual) * seen)) * np.minimum(1, layout.mirrored(seen))
    guess = usual + GAIN * cv2.GaussianBlur(other, (0, 0), BLUR_MM / layout.texel_mm)
    step = joined(seen_part - guess, seen, layout.inside, layout.texel_mm)
    out = seen * seen_part + (1 - seen) * (guess + step)
    return np.asarray(np.where(layout.inside, out, 0), np.float32)


def joined(difference: FloatArray, seen: FloatArray, inside: NDArray[np.bool_], texel_mm: float) -> FloatArray:
    """The difference at the seam carried on into what is hidden, where it dies away: no edge is left."""
    shape = difference.shape[:2]
    flat = difference.reshape(*shape, -1)
    half = (-(-shape[1] // 2), -(-shape[0] // 2))
    weight = (seen > 0.9).astype(np.float32) * inside
    size = 1 << (max(half) - 1).bit_length()
    square, known = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    known[: half[1], : half[0]] = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    rim = weight - cv2.erode(weight, np.ones((9, 9), np.uint8))  # the seam alone says what the step is
    total = cv2.resize(flat * rim[..., None], half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
    count = np.zeros_like(known)
    count[: half[1], : half[0]] = cv2.resize(rim, half, interpolation=cv2.INTER_AREA)
    square[: half[1], : half[0], : flat.shape[2]] = total / np.maximum(count[: half[1], : half[0]], 1e-3)[..., None]
    carried = spread(square, count)[: half[1], : half[0], : flat.shape[2]]
    away = cv2.distanceTransform((weight < 0.5).astype(np.uint8), cv2.DIST_L2, 5) * np.float32(texel_mm)
    wide = cv2.resize(carried, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)
    return np.asarray((wide * np.exp(-away / (SEAM_MM / 2))[..., None]).reshape(difference.shape), np.float32)
