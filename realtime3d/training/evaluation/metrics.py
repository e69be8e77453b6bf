"""Figures of merit: small pure functions, angles in degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.types import Array


def angle_difference(a: ArrayLike, b: ArrayLike) -> Array:
    """|a - b| in degrees on the circle."""
    d = np.abs(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)) % 360
    return np.minimum(d, 360 - d)


def box_of(points: ArrayLike) -> Array:
    """(..., P, 2 or 3) points to (..., 4) left, top, right, bottom."""
    xy = np.asarray(points, dtype=np.float64)[..., :2]
    return np.concatenate([xy.min(axis=-2), xy.max(axis=-2)], axis=-1)


def box_size(box: ArrayLike) -> Array:
    """Root of a box's area, (...,)."""
    b = np.asarray(box, dtype=np.float64)
    return np.sqrt((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]))


def point_error(found: ArrayLike, true: ArrayLike, size: float) -> float:
    """Mean distance of (P, 2) points over `size`."""
    return float(np.linalg.norm(np.asarray(found) - np.asarray(true), axis=-1).mean() / size)


def ranks(values: ArrayLike) -> Array:
    """1-based ranks; equal values share their mean rank."""
    v = np.asarray(values, dtype=np.float64)
    order = np.argsort(v, kind="stable")
    result = np.empty(len(v))
    result[order] = np.arange(1, len(v) + 1)
    _, group = np.unique(v, return_inverse=True)
    return (np.bincount(group, result) / np.bincount(group))[group]


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Rank correlation; NaN where one side does not vary."""
    return pearson(ranks(a), ranks(b))


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Correlation; NaN where one side does not vary."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else float("nan")


def auc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Probability that a positive scores higher than a negative; ties count half."""
    p, n = np.asarray(positive, dtype=np.float64), np.asarray(negative, dtype=np.float64)
    r = ranks(np.concatenate([p, n]))
    return float((r[: len(p)].sum() - len(p) * (len(p) + 1) / 2) / (len(p) * len(n)))


def align_similarity(source: ArrayLike, target: ArrayLike) -> Array:
    """(P, 3) `source` moved, turned and scaled onto `target` (least squares)."""
    a, b = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    a0, b0 = a - a.mean(axis=0), b - b.mean(axis=0)
    u, s, vt = np.linalg.svd(a0.T @ b0)
    flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * flip).sum() / (a0**2).sum()
    return scale * a0 @ (u * flip) @ vt + b.mean(axis=0)


def rms_mm(a: ArrayLike, b: ArrayLike) -> Array:
    """Root mean square distance of (..., V, 3) vertices."""
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return np.sqrt((difference**2).sum(-1).mean(-1))
