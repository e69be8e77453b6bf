"""The normal map of a displacement: in the tangent frames of the foundation, x right, y up, z outward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.raster import vertex_normals
from realtime3d.surface.layout import Layout, tangents
from realtime3d.surface.vectors import dot, unit
from realtime3d.types import FloatArray


def normal_map(layout: Layout, vertices: FloatArray, displacement: FloatArray) -> FloatArray:
    """(h, w, 3) unit normals of the window, (0, 0, 1) where the foundation is as it is.

    `vertices` (V, 3) with y up, in mm; `displacement` (h, w) mm of the window.
    """
    head = layout.head
    normals = layout.on_front(vertex_normals(vertices, head.triangles))
    frame = layout.on_front_split(tangents(head, vertices))
    n = unit(normals)
    t = frame[..., :3] - n * dot(frame[..., :3], n)[..., None]
    t = unit(t)
    b = np.cross(n, t) * np.sign(frame[..., 3:])
    slope = _slope(layout.on_front(vertices), n, displacement, layout.inside)
    raised = np.stack([-dot(slope, t), -dot(slope, b), np.ones_like(displacement)], axis=-1)
    out = unit(raised)
    out[~layout.inside] = (0, 0, 1)
    return np.asarray(out, np.float32)


def _slope(points: FloatArray, n: FloatArray, displacement: FloatArray, inside: NDArray[np.bool_]) -> FloatArray:
    """(h, w, 3) the displacement's gradient on the surface, 1 being 45 degrees."""
    whole = inside.copy()
    for axis in (0, 1):
        for step in (1, -1):
            whole &= np.roll(inside, step, axis=axis)
    right, down = _central(points, 1), _central(points, 0)
    right -= n * dot(right, n)[..., None]
    down -= n * dot(down, n)[..., None]
    e, f, g = dot(right, right), dot(right, down), dot(down, down)
    area = np.maximum(e * g - f * f, np.float32(1e-9))
    du, dv = _central(displacement, 1), _central(displacement, 0)
    u, v = (g * du - f * dv) / area, (e * dv - f * du) / area
    slope = right * u[..., None] + down * v[..., None]
    slope[~whole] = 0
    return np.asarray(slope, np.float32)


def _central(values: FloatArray, axis: int) -> FloatArray:
    return np.asarray((np.roll(values, -1, axis=axis) - np.roll(values, 1, axis=axis)) / 2, np.float32)
