"""Products of many short vectors. NumPy's sums and norms over a last axis of three take several times as long."""

from __future__ import annotations

import numpy as np

from realtime3d.types import FloatArray

TINY = np.float32(1e-6)


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """(..., 3) and (..., 3) give (...)."""
    out = a[..., 0] * b[..., 0]
    out += a[..., 1] * b[..., 1]
    out += a[..., 2] * b[..., 2]
    return np.asarray(out, np.float32)


def length(vectors: FloatArray) -> FloatArray:
    """(..., 3) gives (...)."""
    squared = dot(vectors, vectors)
    return np.asarray(np.sqrt(squared, out=squared), np.float32)


def unit(vectors: FloatArray) -> FloatArray:
    """(..., 3) of length 1; 0 stays 0."""
    return np.asarray(vectors / np.maximum(length(vectors), TINY)[..., None], np.float32)


def over_metric(ways: FloatArray, across: FloatArray, down: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(h, w) each: the coefficients u, v for which `ways` (h, w, 2, 3) times them has these products with `ways`."""
    first, second = ways[..., 0, :], ways[..., 1, :]
    e, f, g = dot(first, first), dot(first, second), dot(second, second)
    area = np.maximum(e * g - f * f, TINY)
    return (g * across - f * down) / area, (e * down - f * across) / area
