"""Photographs that were widened by mirroring: turned in space, they would show half a second face beside the first."""

from __future__ import annotations

import cv2
import numpy as np

from realtime3d.types import Array, Image

SIDE = 256  # px at which mirrors are looked for
WIDEST = 0.43  # of the picture that one mirrored border may take
STRIP = 24  # px on either side of an edge that are compared
PLAIN, ALIKE = 8.0, 0.97  # deviation below which a strip says nothing; correlation from which it is a mirror image
TURNS = (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
BACK = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


def without_mirrored_borders(image: Image) -> Image:
    """The picture with the colours at the edge of each mirrored border drawn out, softly, in place of the border."""
    for turn, back in zip(TURNS, BACK, strict=True):
        turned = image if turn is None else cv2.rotate(image, turn)
        filled = _without_left_one(turned)
        image = filled if back is None else cv2.rotate(filled, back)
    return image


def _without_left_one(image: Image) -> Image:
    width = round(mirrored_width(image) * image.shape[1])
    if not width:
        return image
    inside = np.ascontiguousarray(image[:, width:])
    soft = cv2.GaussianBlur(inside, (0, 0), max(image.shape[:2]) / 60)
    streaks = np.repeat(soft[:, :1], width, axis=1)
    return np.concatenate([streaks, inside], axis=1)


def mirrored_width(image: Image) -> float:
    """Which part of the picture at its left is a mirror image of what follows; 0: none."""
    grey = cv2.cvtColor(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    levels = cv2.GaussianBlur(grey, (0, 0), 1.5).astype(np.float64)  # the edge lies between two pixels
    likeness = [_likeness(levels, edge) for edge in range(STRIP // 2, int(WIDEST * SIDE))]
    best = int(np.argmax(likeness))
    return (best + STRIP // 2) / SIDE if likeness[best] > ALIKE else 0.0


def _likeness(levels: Array, edge: int) -> float:
    """Correlation of the strips on both sides of a column, one of them mirrored."""
    wide = min(edge, STRIP)
    left, right = levels[:, edge - wide : edge][:, ::-1], levels[:, edge : edge + wide]
    if min(left.std(), right.std()) < PLAIN:
        return 0.0
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])
