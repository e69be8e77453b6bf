"""Landmarks around the eyes, put where the model's lids are.

MediaPipe's mesh takes the plain eyeballs of a grey render for half-closed eyes: its upper lids lie on them, several
millimetres below the model's own. Points of the lids' rims go to the edges of the opening that shows the eyeball, the
next ring keeps its share of the way to the one beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.facemodel import SurfacePoints
from realtime3d.render.raster import rasterize

Array = NDArray[np.float64]
PX_PER_MM = 12.0
WINDOW_MM = 44.0  # square around an eye
RIM_MM = 0.15  # beside the opening is skin
LEAST_MM = 0.8  # columns that show less of the eyeball are corners


@dataclass(frozen=True)
class Rings:
    """Landmark numbers around one eye, each row from the inner to the outer corner."""

    corners: tuple[int, int]
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    fold: tuple[int, ...]  # next above the upper rim, and beyond it
    brow: tuple[int, ...]
    under: tuple[int, ...]  # next below the lower rim, and beyond it
    cheek: tuple[int, ...]


EYES = (
    Rings(
        corners=(133, 33),
        upper=(173, 157, 158, 159, 160, 161, 246),
        lower=(155, 154, 153, 145, 144, 163, 7),
        fold=(190, 56, 28, 27, 29, 30, 247),
        brow=(189, 221, 222, 223, 224, 225, 113),
        under=(112, 26, 22, 23, 24, 110, 25),
        cheek=(233, 232, 231, 230, 229, 228, 31),
    ),
    Rings(
        corners=(362, 263),
        upper=(398, 384, 385, 386, 387, 388, 466),
        lower=(382, 381, 380, 374, 373, 390, 249),
        fold=(414, 286, 258, 257, 259, 260, 467),
        brow=(413, 441, 442, 443, 444, 445, 342),
        under=(341, 256, 252, 253, 254, 339, 255),
        cheek=(453, 452, 451, 450, 449, 448, 261),
    ),
)


def on_the_lids(
    points: SurfacePoints, mean: Array, triangles: NDArray[np.int32], eyes: NDArray[np.bool_], skin: NDArray[np.bool_]
) -> SurfacePoints:
    """MediaPipe's 478 points with those around the eyes moved; `eyes` and `skin` (V,) mark the mean head's vertices."""
    vertices, weights = points.vertices.copy(), points.weights.astype(np.float32).copy()
    before = points.on(mean)
    use = triangles[skin[triangles].all(axis=1)]
    for rings in EYES:
        places = _places(before, mean, triangles, eyes, rings)
        for i, xy in places.items():
            corners, w = _front_of(xy, mean, use)
            if i in rings.upper or i in rings.lower:  # beside the edge the skin folds when the eye closes
                corners, w = _nearest_corner(xy, corners, w, mean, use)
            vertices[i], weights[i] = corners, w
    return SurfacePoints(vertices, weights)


def _places(before: Array, mean: Array, triangles: NDArray, eyes: NDArray[np.bool_], rings: Rings) -> dict[int, Array]:
    """Where each point belongs in a front view (x, y in mm)."""
    inner, outer = rings.corners
    side = float(np.sign(before[outer, 0]))
    x, top, bottom = _opening(mean, triangles, eyes, before[list(rings.corners), :2].mean(axis=0))
    first, last = (x[0], x[-1]) if side > 0 else (x[-1], x[0])  # inner and outer end
    places = {}
    for numbers, edge in ((rings.upper, top - RIM_MM), (rings.lower, bottom + RIM_MM)):
        for i in numbers:
            share = (before[i, 0] - before[inner, 0]) / (before[outer, 0] - before[inner, 0])
            at = first + np.clip(share, 0.03, 0.97) * (last - first)
            places[i] = np.array([at, np.interp(at, x, edge)])
    for i, end, beyond in ((inner, first, -0.6 * side), (outer, last, 0.6 * side)):
        places[i] = np.array([end + beyond, (np.interp(end, x, top) + np.interp(end, x, bottom)) / 2])
    for numbers, beyond_numbers, rim in (
        (rings.fold, rings.brow, rings.upper),
        (rings.under, rings.cheek, rings.lower),
    ):
        for i, far, near in zip(numbers, beyond_numbers, rim, strict=True):
            old, whole = (np.linalg.norm(before[k, :2] - before[near, :2]) for k in (i, far))
            places[i] = places[near] + np.clip(old / whole, 0.2, 0.7) * (before[far, :2] - places[near])
    return places


def _opening(mean: Array, triangles: NDArray, eyes: NDArray[np.bool_], middle: Array) -> tuple[Array, Array, Array]:
    """Columns (x in mm, rising) of a front view in which the eyeball shows, and its upper and lower end there."""
    corner, size = middle - WINDOW_MM / 2, int(WINDOW_MM * PX_PER_MM)
    ids, _, _ = rasterize((mean[:, :2] - corner) * PX_PER_MM, mean[:, 2] + 1000, triangles, size, size)
    shows = (ids >= 0) & eyes[triangles[np.maximum(ids, 0), 0]]
    columns = np.flatnonzero(shows.sum(axis=0) > LEAST_MM * PX_PER_MM)
    top = shows[:, columns].argmax(axis=0)
    bottom = size - 1 - shows[::-1, columns].argmax(axis=0)
    return columns / PX_PER_MM + corner[0], top / PX_PER_MM + corner[1], bottom / PX_PER_MM + corner[1]


def _front_of(xy: Array, mean: Array, triangles: NDArray) -> tuple[NDArray, Array]:
    """The frontmost triangle at a place of the front view, and weights there."""
    a, b, c = (mean[triangles[:, k]] for k in range(3))
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-9, np.inf, area)
    here = np.append(xy, 0.0)
    w, v = _cross(b - here, c - here) / area, _cross(c - here, a - here) / area
    weights = np.stack([w, v, 1 - w - v], axis=1)
    depth = (weights * np.stack([a[:, 2], b[:, 2], c[:, 2]], axis=1)).sum(axis=1)
    inside = (weights > -1e-6).all(axis=1) & np.isfinite(area)
    best = int(np.argmin(np.where(inside, depth, np.inf)))
    return triangles[best], weights[best].clip(0, 1)


def _nearest_corner(
    xy: Array, corners: NDArray, weights: Array, mean: Array, triangles: NDArray
) -> tuple[NDArray, Array]:
    """The vertex at the lid's edge: near in the front view, above all in height, and as deep as the skin there."""
    z = float(weights @ mean[corners, 2])
    known = np.unique(triangles)
    p = mean[known]
    cost = np.hypot(p[:, 0] - xy[0], 2 * (p[:, 1] - xy[1])) + 0.7 * np.abs(p[:, 2] - z)
    best = known[np.argmin(cost)]
    triangle = triangles[(triangles == best).any(axis=1)][0]
    return triangle, (triangle == best).astype(np.float64)


def _cross(u: Array, v: Array) -> Array:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
