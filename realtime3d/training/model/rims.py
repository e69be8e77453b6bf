"""Landmarks on the rims of eyes and mouth, put exactly where the model's eye or mouth opens.

A point that MediaPipe saw at a lid's rim may hit the eyeball behind it, or skin that stays when the eye closes. So each
goes to the skin at the edge of the opening that shows the eyeball, and the corners to the skin where they were seen.
Where closed lips meet, a point of the lower lip may hit the upper one: the mouth is opened before its rims are looked
for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.raster import rasterize
from realtime3d.training.model.correspondence import INNER_68
from realtime3d.types import Array

PX_PER_MM = 12.0
EYE_MM, MOUTH_MM = 44.0, 64.0  # squares around them
RIM_MM = 0.15  # beside the opening is skin
FACE_MM = 60.0  # behind the eyes: what lies deeper is the back of the head, seen through a hole
LEAST_MM = 0.8  # columns that show less of what is behind are corners


@dataclass(frozen=True)
class Ring:
    """Landmark numbers around an opening, each row from the first corner to the second."""

    corners: tuple[int, int]
    upper: tuple[int, ...]
    lower: tuple[int, ...]


EYES = (
    Ring(
        corners=(133, 33),
        upper=(173, 157, 158, 159, 160, 161, 246),
        lower=(155, 154, 153, 145, 144, 163, 7),
    ),
    Ring(
        corners=(362, 263),
        upper=(398, 384, 385, 386, 387, 388, 466),
        lower=(382, 381, 380, 374, 373, 390, 249),
    ),
)

MOUTH = Ring(
    corners=(78, 308),
    upper=(191, 80, 81, 82, 13, 312, 311, 310, 415),
    lower=(95, 88, 178, 87, 14, 317, 402, 318, 324),
)


def on_the_lids(
    points: SurfacePoints, mean: Array, triangles: NDArray[np.int32], eyes: NDArray[np.bool_], skin: NDArray[np.bool_]
) -> SurfacePoints:
    """MediaPipe's 478 points with those around the eyes moved; `eyes` and `skin` (V,) mark the mean head's vertices."""
    vertices, weights = points.vertices.copy(), points.weights.astype(np.float32).copy()
    before = points.on(mean)
    use = triangles[skin[triangles].all(axis=1)]
    for ring in EYES:
        places = _places(before, mean, triangles, eyes, ring)
        for i, xy in places.items():
            corners, w = _front_of(xy, mean, use)
            if i in ring.upper or i in ring.lower:  # beside the edge the skin folds when the eye closes
                corners, w = _nearest_corner(xy, corners, w, mean, use)
            vertices[i], weights[i] = corners, w
    return SurfacePoints(vertices, weights)


def on_the_lips(
    points: SurfacePoints,
    mean: Array,
    opened: Array,
    triangles: NDArray[np.int32],
    skin: NDArray[np.bool_],
) -> SurfacePoints:
    """MediaPipe's 478 points with those where the lips meet moved; `opened` is the mean head with its jaw down, `skin`
    (V,) marks the vertices outside the mouth."""
    vertices, weights = points.vertices.copy(), points.weights.astype(np.float32).copy()
    before = points.on(mean)
    left, right = (points.on(opened)[i, 0] for i in MOUTH.corners)
    inner, outer = (before[i, 0] for i in MOUTH.corners)
    before[:, 0] = left + (before[:, 0] - inner) * (right - left) / (outer - inner)  # a mouth narrows as it opens
    use = triangles[skin[triangles].all(axis=1)]
    middle = points.on(opened)[[13, 14], :2].mean(axis=0)
    for i, xy in _on_edges(before, _opening(opened, triangles, ~skin, middle, MOUTH_MM), MOUTH).items():
        vertices[i], weights[i] = _front_of(xy, opened, use)
    return SurfacePoints(vertices, weights)


def on_same_rims(points68: SurfacePoints, moved478: SurfacePoints) -> SurfacePoints:
    """iBUG's points with those round the eyes and between the lips where MediaPipe's have been moved to."""
    vertices, weights = points68.vertices.copy(), points68.weights.copy()
    rims = [*range(36, 48), *range(61, 64), *range(65, 68)]  # eyes, and between the lips without the corners
    same = [INNER_68[i - 17] for i in rims]  # iBUG's first 17 points are the jaw
    vertices[rims], weights[rims] = moved478.vertices[same], moved478.weights[same]
    return SurfacePoints(vertices, weights)


def _places(before: Array, mean: Array, triangles: NDArray, eyes: NDArray[np.bool_], ring: Ring) -> dict[int, Array]:
    """Where each point round an eye belongs in a front view (x, y in mm)."""
    middle = before[list(ring.corners), :2].mean(axis=0)
    edges = _on_edges(before, _opening(mean, triangles, eyes, middle, EYE_MM), ring)
    return {i: before[i, :2] for i in ring.corners} | edges


def _on_edges(before: Array, opening: tuple[Array, Array, Array], ring: Ring) -> dict[int, Array]:
    """The points between the corners, put on the opening's edges (x, y in mm)."""
    x, top, bottom = opening
    at = {i: np.clip(before[i, 0], x[0], x[-1]) for i in (*ring.upper, *ring.lower)}
    upper = {i: np.array([at[i], np.interp(at[i], x, top - RIM_MM)]) for i in ring.upper}
    return upper | {i: np.array([at[i], np.interp(at[i], x, bottom + RIM_MM)]) for i in ring.lower}


def _opening(
    head: Array, triangles: NDArray, behind: NDArray[np.bool_], middle: Array, width: float
) -> tuple[Array, Array, Array]:
    """Columns (x in mm, rising) of a front view in which what lies `behind` (V,) an opening shows, and its upper and
    lower end there."""
    corner, size = middle - width / 2, int(width * PX_PER_MM)
    ids, _, _ = rasterize((head[:, :2] - corner) * PX_PER_MM, head[:, 2] + 1000, triangles, size, size)
    shows = (ids >= 0) & behind[triangles[np.maximum(ids, 0)]].any(axis=-1)
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
    inside = (weights > -1e-6).all(axis=1) & np.isfinite(area) & (depth < FACE_MM)
    if not inside.any():
        return _beside(xy, mean, triangles)
    best = int(np.argmin(np.where(inside, depth, np.inf)))
    return triangles[best], weights[best].clip(0, 1)


def _beside(xy: Array, mean: Array, triangles: NDArray) -> tuple[NDArray, Array]:
    """Where a front view shows none of a face's triangles, as at the inner end of an eye: their nearest vertex."""
    known = np.unique(triangles)
    known = known[mean[known, 2] < FACE_MM]
    nearest = known[np.argmin(np.hypot(*(mean[known, :2] - xy).T))]
    triangle = triangles[(triangles == nearest).any(axis=1)][0]
    return triangle, (triangle == nearest).astype(np.float64)


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
