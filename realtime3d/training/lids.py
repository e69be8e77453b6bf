"""Landmarks on the lids' rims, put exactly where the model's eye opens.

A point that MediaPipe saw at a rim may hit the eyeball behind it, or skin that stays when the eye closes. So each goes
to the skin at the edge of the opening that shows the eyeball, and the corners to the skin where they were seen.
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


EYES = (
    Rings(
        corners=(133, 33),
        upper=(173, 157, 158, 159, 160, 161, 246),
        lower=(155, 154, 153, 145, 144, 163, 7),
    ),
    Rings(
        corners=(362, 263),
        upper=(398, 384, 385, 386, 387, 388, 466),
        lower=(382, 381, 380, 374, 373, 390, 249),
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
    x, top, bottom = _opening(mean, triangles, eyes, before[[inner, outer], :2].mean(axis=0))
    places = {i: before[i, :2] for i in rings.corners}
    for numbers, edge in ((rings.upper, top - RIM_MM), (rings.lower, bottom + RIM_MM)):
        for i in numbers:
            at = np.clip(before[i, 0], x[0], x[-1])
            places[i] = np.array([at, np.interp(at, x, edge)])
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
