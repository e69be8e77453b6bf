"""Names for parts of the head, found by geometry and by the landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.face.model import FaceModel
from realtime3d.training.model.head_source import HeadSource
from realtime3d.training.model.plain_render import shown_triangles
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


def visible_triangles(mean: Array, triangles: NDArray, component: NDArray) -> NDArray[np.bool_]:
    """(T,) triangles of skin and eyeballs that can be seen from outside: the mouth's inside and sockets cannot."""
    seen = np.zeros(len(triangles), dtype=bool)
    seen[shown_triangles(mean, triangles)] = True
    return seen & (component[triangles[:, 0]] != 1)


def label_regions(mean: Array, source: HeadSource, points: SurfacePoints) -> NDArray[np.uint8]:
    """(V,) index into NAMES."""
    x, y, z = mean.T
    skin = source.component == 0
    region = np.full(len(mean), NAMES.index("face"), dtype=np.uint8)
    ear = _ear_side(mean)
    chin = points.on(mean)[152]

    def mark(name: str, mask: NDArray) -> None:
        region[mask] = NAMES.index(name)

    mark("scalp", skin & ((y < -62 - 0.1 * z) | (z > 55)))
    mark("neck", skin & ((y > chin[1] + 4) | ((y > 45) & (z > 40 + 0.0 * y) & (y > 0.9 * (chin[1] - (z - 20) * 0.45)))))
    mark("ears", skin & ear)
    visible = np.zeros(len(mean), dtype=bool)
    visible[np.unique(source.triangles[visible_triangles(mean, source.triangles, source.component)])] = True
    mouth = points.on(mean)[list(LIPS_OUTER)]
    around_mouth = (np.abs(x) < 38) & (y > mouth[:, 1].min() - 8) & (y < chin[1] - 24) & (z < 115)  # down the throat
    mark("mouth_inside", skin & ~visible & around_mouth & (z > mouth[:, 2].min() + 2))
    mark("lips", skin & visible & (z < 15) & inside(mean[:, :2], mouth[:, :2]))
    for ring in EYE_RINGS:
        loop = points.on(mean)[list(ring)]
        near = np.linalg.norm(mean[:, None] - loop[None], axis=-1).min(axis=1) < EYELID_MM
        mark("eyelids", skin & (near | (inside(mean[:, :2], loop[:, :2]) & (z < 20))))
    mark("tongue", source.component == 1)
    mark("eyes", (source.component == 2) | (source.component == 3))
    mark("neck", source.component > 3)  # crumbs of the shoulders that the cut left behind
    return region


def _ear_side(mean: Array) -> NDArray[np.bool_]:
    """Vertices that stick out beside the head at the height of the ears."""
    x, y, z = mean.T
    box = (y > -25) & (y < 50) & (z > 45) & (z < 125)
    return box & (np.abs(x) > np.percentile(np.abs(x[box]), 35))


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
