"""Names for parts of the head, and the landmarks around its openings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.types import Array

NAMES = (
    "face", "ears", "scalp", "neck", "lips", "eyelids", "eyes", "mouth_inside", "tongue", "teeth", "sockets", "lashes",
)  # fmt: skip

LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
EYE_RINGS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
# pairs of MediaPipe landmarks across the eyes' and the lips' openings
LID_GAPS = ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373))
LIP_GAPS = ((13, 14), (82, 87), (312, 317))
MOUTH_CORNERS = (61, 291)
EYELID_MM = 7.0


def inside(points: Array, polygon: Array) -> NDArray[np.bool_]:
    """Even-odd test of (N, 2) points against a closed polygon (P, 2)."""
    x, y = points.T[:, :, None]
    x0, y0 = polygon.T[:, None]
    x1, y1 = np.roll(polygon, -1, axis=0).T[:, None]
    crosses = (y0 > y) != (y1 > y)
    at = x0 + (y - y0) / np.where(y1 == y0, 1e-12, y1 - y0) * (x1 - x0)
    return np.logical_xor.reduce(crosses & (x < at), axis=1)


def gap(model: FaceModel, head: NDArray, pairs: tuple[tuple[int, int], ...]) -> float:
    """Mean opening across pairs of landmarks in mm; closed and overlapping are both 0."""
    points = model.landmarks("mediapipe478", head)
    upper, lower = np.array(pairs).T
    return float((points[lower, 1] - points[upper, 1]).clip(min=0).mean())
