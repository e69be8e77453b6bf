"""Where MediaPipe's 478 mesh points and iBUG's 68 landmarks lie on our heads (training only).

MediaPipe's mesh works on plain shaded renders with painted eyes: heads of many shapes are rendered from slightly
different directions, the mesh is run, each point is cast back onto the surface, and the median over the renders is
taken on the mean head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.geometry import euler_to_matrix
from realtime3d.raster import Canvas
from realtime3d.training.model.plain_render import RENDER_PX, render_plain
from realtime3d.training.model.solutions import FaceMesh
from realtime3d.types import Array

# iBUG's 51 inner points as MediaPipe's: brows (upper edge), nose, eyes, mouth. iBUG's brows run half-way to the lower.
INNER_68 = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
LOWER_BROWS = (46, 53, 52, 65, 55, 285, 295, 282, 283, 276)


@dataclass(frozen=True)
class Correspondence:
    points: SurfacePoints  # the 478
    spread_mm: Array  # (478,) per axis over the renders: how far each can be trusted


def closest_on_surface(points: Array, vertices: Array, triangles: NDArray) -> tuple[NDArray, Array]:
    """Nearest triangle (index) and barycentric weights for each of (P, 3) points."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    best = np.empty(len(points), dtype=np.int64)
    weights = np.empty((len(points), 3))
    for i, p in enumerate(points):
        w = _clamped_barycentric(p, a, b, c)
        distance = np.linalg.norm(w[:, :1] * a + w[:, 1:2] * b + w[:, 2:] * c - p, axis=1)
        best[i] = np.argmin(distance)
        weights[i] = w[best[i]]
    return best, weights


def _clamped_barycentric(p: Array, a: Array, b: Array, c: Array) -> Array:
    """Barycentric weights of p's projection on each triangle, clipped into it (exact inside, close at edges)."""
    e0, e1, d = b - a, c - a, p - a
    d00, d01, d11 = (e0 * e0).sum(1), (e0 * e1).sum(1), (e1 * e1).sum(1)
    d20, d21 = (d * e0).sum(1), (d * e1).sum(1)
    denominator = np.maximum(d00 * d11 - d01 * d01, 1e-12)
    v, w = (d11 * d20 - d01 * d21) / denominator, (d00 * d21 - d01 * d20) / denominator
    weights = np.clip(np.stack([1 - v - w, v, w], axis=1), 0, 1)
    return weights / weights.sum(axis=1, keepdims=True)


def find_mediapipe(
    heads: Array, mean: Array, triangles: NDArray, allowed: NDArray, eyeballs: NDArray, ahead: Array, seed: int = 0
) -> Correspondence:
    """Correspondence of the 478 points on `mean`; `allowed` (T,) marks triangles that may carry them.

    `eyeballs` (V,) and `ahead` (3,) say where the eyes are and look (see `render_plain`).
    """
    rng = np.random.default_rng(seed)
    hits = []
    with FaceMesh(0.2) as mesh:
        for head in heads:
            R = euler_to_matrix(*np.radians(rng.uniform([-10, -14, -4], [10, 14, 4])))
            image, canvas, xyz = render_plain(head, triangles, R, eyeballs, ahead)
            found = mesh.points(image[..., ::-1])
            if found is not None:
                hits.append(_cast(found * RENDER_PX - 0.5, canvas, xyz, triangles, mean))
    if len(hits) < len(heads) / 2:
        raise RuntimeError(f"MediaPipe's mesh found only {len(hits)} of {len(heads)} rendered heads")
    stack = np.array(hits)
    median = np.nanmedian(stack, axis=0)
    spread = np.nanmedian(np.abs(stack - median), axis=0).mean(axis=1) * 1.4826
    median = (median + _mirrored(median)) / 2
    use = np.flatnonzero(allowed)
    which, weights = closest_on_surface(median, mean, triangles[use])
    points = SurfacePoints(triangles[use][which].astype(np.int32), weights.astype(np.float32))
    return Correspondence(points, np.nan_to_num(spread, nan=10.0))


def _cross(a: Array, b: Array) -> Array:
    """Of vectors in a plane: the third number of their cross product, which NumPy 2 gives no more."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _cast(pixels: Array, canvas: Canvas, xyz: Array, triangles: NDArray, mean: Array) -> Array:
    """Each landmark's place on the mean head (478, 3), NaN where it falls beside the rendered one."""
    columns, rows = (np.clip(np.rint(pixels[:, k]).astype(int), 0, RENDER_PX - 1) for k in (0, 1))
    owner = canvas.owner[rows, columns]
    corners = triangles[owner]
    p, (a, b, c) = pixels, (xyz[corners[:, k], :2] for k in range(3))
    area = _cross(b - a, c - a)
    weights = np.stack([_cross(b - p, c - p), _cross(c - p, a - p), _cross(a - p, b - p)], 1) / area[:, None]
    place = np.einsum("pk,pkc->pc", weights, mean[corners])
    place[owner < 0] = np.nan
    return place


def _mirrored(points: Array) -> Array:
    """The same 478 points seen in a mirror: x negated, each point replaced by its partner on the other side."""
    from scipy.optimize import linear_sum_assignment

    flipped = points * (-1, 1, 1)
    _, partner = linear_sum_assignment(((points[:, None] - flipped[None]) ** 2).sum(-1))
    return flipped[partner]


def place_68(
    points478: SurfacePoints, mean: Array, triangles: NDArray, allowed: NDArray, tragus_z: float
) -> SurfacePoints:
    """iBUG's 68 points: 51 taken over, 17 along the jaw by geometry, because MediaPipe's oval is another line.

    The head looks down by 6 degrees. `tragus_z` is how deep the jaw's line begins in front of the ear.
    """
    on = points478.on(mean)
    use = np.flatnonzero(allowed)
    inner = on[list(INNER_68)]
    inner[: len(LOWER_BROWS)] = (inner[: len(LOWER_BROWS)] + on[list(LOWER_BROWS)]) / 2
    wanted = np.concatenate(
        [_jaw_curve(mean, triangles[use], on[152], float(on[[33, 263], 1].mean()), tragus_z), inner]
    )
    which, weights = closest_on_surface(wanted, mean, triangles[use])
    return SurfacePoints(triangles[use][which].astype(np.int32), weights.astype(np.float32))


def _jaw_curve(mean: Array, triangles: NDArray, chin: Array, eyes: float, tragus_z: float) -> Array:
    """17 points by equal arc length: from beside the eyes, in front of the ear, to the jaw's angle and to the chin.

    The line is given in profile as fractions of the way from the tragus to the chin; where it lies sideways, the skin
    says.
    """
    tragus = np.array([14.0, tragus_z])  # (y, z)
    above = (eyes - tragus[0]) / (chin[1] - tragus[0])
    profile = np.array([[above, 0], [0, 0], [0.25, 0.04], [0.47, 0.13], [0.70, 0.45], [0.84, 0.70], [0.95, 0.93]])
    yz = tragus + profile * (chin[1:] - tragus)
    x = np.array([_outermost_x(mean, triangles, y, z) for y, z in yz])
    half = np.concatenate([np.column_stack([x, yz]), [chin * (0, 1, 1)]])
    line = np.concatenate([half * (-1, 1, 1), half[-2::-1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return np.stack([np.interp(np.linspace(0, length[-1], 17), length, line[:, k]) for k in range(3)], axis=1)


def _outermost_x(vertices: Array, triangles: NDArray, y: float, z: float) -> float:
    """Where a ray along x leaves the head on its left side."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    p = np.array([y, z])
    area = _cross(b[:, 1:] - a[:, 1:], c[:, 1:] - a[:, 1:])
    area = np.where(np.abs(area) < 1e-9, np.inf, area)
    wa = _cross(b[:, 1:] - p, c[:, 1:] - p) / area
    wb = _cross(c[:, 1:] - p, a[:, 1:] - p) / area
    hit = (wa >= 0) & (wb >= 0) & (wa + wb <= 1) & np.isfinite(area)
    x = wa * a[:, 0] + wb * b[:, 0] + (1 - wa - wb) * c[:, 0]
    return float(x[hit].max())
