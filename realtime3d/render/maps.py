"""Depth, normals, PNCC and texture coordinates of a face as pictures that lie over its photograph.

docs/formats.md states what their colours mean. Black is where the head is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.state import FaceState
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.types import FloatArray, Image

MAPS = ("depth", "normals", "pncc", "uv")
DEPTH_STEP_MM = 0.01  # of one step of a depth map: a head is 0.3 m deep, 16 bits reach 0.65 m
_DEEPEST, _FULL = 65_535, 65_535  # of 16 bits


def check_maps(names: Sequence[str]) -> None:
    """Refuse what is no map."""
    unknown = [name for name in names if name not in MAPS]
    if unknown:
        raise UsageError(f"no map {', '.join(unknown)}; choose from {', '.join(MAPS)}")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What each pixel shows of the head."""

    ids: NDArray[np.int32]
    bary: FloatArray
    depth: FloatArray  # mm, infinite where nothing is


class Maps:
    """The maps of one face in a picture of its camera's size; what they share is made once."""

    def __init__(self, face: FaceState) -> None:
        self._face, self._head = face, face.model.mesh()
        self._vertices = face.vertices()

    def image(self, name: str) -> Image | NDArray[np.uint16]:
        """(H, W) uint16 for depth, (H, W, 3) BGR uint8 for normals and pncc, uint16 for uv."""
        check_maps([name])
        made: Image | NDArray[np.uint16] = getattr(self, f"_{name}")()
        return made

    @cached_property
    def near_mm(self) -> float:
        """The depth of the nearest pixel of the head, which a depth map begins with; 0 where none is seen."""
        seen = self._seen.depth[np.isfinite(self._seen.depth)]
        return float(np.floor(seen.min())) if seen.size else 0.0

    @cached_property
    def _seen(self) -> _Seen:
        camera = self._face.camera
        xy = camera.project(self._vertices)
        size = (camera.width, camera.height)
        return _Seen(*rasterize(xy, self._vertices[:, 2], self._head.triangles, *size, cull=True))

    def _depth(self) -> NDArray[np.uint16]:
        seen = np.isfinite(self._seen.depth)
        steps = np.where(seen, (self._seen.depth - self.near_mm) / DEPTH_STEP_MM, 0)
        return np.where(seen, np.clip(np.rint(steps) + 1, 1, _DEEPEST), 0).astype(np.uint16)

    def _normals(self) -> Image:
        normals = self._over(vertex_normals(self._vertices, self._head.triangles) * Y_UP)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        return self._as_bgr(((normals + 1) / 2).astype(np.float32))

    def _pncc(self) -> Image:
        mean = self._head.mean * Y_UP
        low, high = mean.min(axis=0), mean.max(axis=0)
        return self._as_bgr(self._over((mean - low) / (high - low)))

    def _uv(self) -> NDArray[np.uint16]:
        self._face.model.check("layout")
        head, out = self._head, np.zeros((*self._seen.ids.shape, 3), np.float32)
        values = np.column_stack([head.uv, np.ones(len(head.uv))]).astype(np.float32)
        interpolate(self._seen.ids, self._seen.bary, head.uv_triangles, values, out)
        return np.ascontiguousarray(np.rint(np.clip(out, 0, 1) * _FULL).astype(np.uint16)[..., ::-1])

    def _over(self, values: FloatArray) -> FloatArray:
        """(H, W, 3) of values (V, 3) at the vertices."""
        out = np.zeros((*self._seen.ids.shape, 3), np.float32)
        rows = np.ascontiguousarray(values, dtype=np.float32)
        interpolate(self._seen.ids, self._seen.bary, self._head.triangles, rows, out)
        return out

    def _as_bgr(self, rgb: FloatArray) -> Image:
        levels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
        levels[self._seen.ids < 0] = 0
        return np.ascontiguousarray(levels[..., ::-1])
