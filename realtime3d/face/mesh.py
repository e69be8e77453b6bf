"""A head at one level of detail: what a renderer or a mesh file needs, moved by the face model's coefficients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.face.eyes import Eyeballs
from realtime3d.face.linear import combined
from realtime3d.types import FloatArray

Y_UP = np.array([1, -1, -1], dtype=np.float32)  # from our axes (y down, z away) to those of mesh files
SEAM = 0.15  # of the texture: an edge of a triangle that lies in one chart is shorter


@dataclass(frozen=True)
class HeadMesh:
    """The vertices of one level; `FaceModel.mesh("live")` or `("full")` gives it."""

    mean: FloatArray  # (V, 3) mm in the head frame
    shape_basis: FloatArray  # (99, V, 3) mm per standard deviation
    motion_basis: FloatArray  # (29 + 5, V, 3) expression, then extras
    n_expression: int  # how many of them are expression
    faces: NDArray[np.int32]  # (F, 4) corners anticlockwise seen from outside with y up; -1 last where a triangle
    region: NDArray[np.uint8]  # (V,) index into FaceModel.region_names
    uv: FloatArray  # (U, 2) in [0, 1], v down: texture coordinates; all 0 where the model has none
    uv_vertex: NDArray[np.int32]  # (U,) whose they are: a vertex at a seam has several
    uv_faces: NDArray[np.int32]  # (F, 4) the same faces as rows of `uv`: a written mesh splits its vertices by them
    balls: Eyeballs | None = None  # None: the eyes move as the rest does, linearly

    @property
    def has_layout(self) -> bool:
        """Whether it has texture coordinates."""
        return bool(self.uv.any())

    def without(self, left_out: NDArray[np.bool_]) -> HeadMesh:
        """The same vertices without the faces that touch these (V,)."""
        corners = np.where(self.faces >= 0, self.faces, self.faces[:, :1])
        keep = ~left_out[corners].any(axis=1)
        return replace(self, faces=self.faces[keep], uv_faces=self.uv_faces[keep])

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """(T, 3) vertices; the two triangles of a quad follow each other."""
        return triangles_of(self.faces)

    @cached_property
    def uv_triangles(self) -> NDArray[np.int32]:
        """(T, 3) rows of `uv`, triangle for triangle as `triangles`."""
        return triangles_of(self.uv_faces)

    @cached_property
    def _shape_flat(self) -> FloatArray:
        return self.shape_basis.reshape(len(self.shape_basis), -1)

    @cached_property
    def _motion_flat(self) -> FloatArray:
        return self.motion_basis.reshape(len(self.motion_basis), -1)

    def neutral(self, alpha: ArrayLike) -> FloatArray:
        """Identity coefficients (..., 99) to resting heads (..., V, 3)."""
        a = np.asarray(alpha, dtype=np.float32)
        return combined(a, self._shape_flat).reshape(*a.shape[:-1], -1, 3) + self.mean

    def deform(self, neutral: FloatArray, eta: ArrayLike, extras: ArrayLike | None = None) -> FloatArray:
        """Resting heads (..., V, 3) with expression (..., 29) and, where given, gaze and tongue (..., 5)."""
        e = np.asarray(eta, dtype=np.float32)
        if extras is None:
            return neutral + combined(e, self._motion_flat[: self.n_expression]).reshape(*e.shape[:-1], -1, 3)
        x = np.asarray(extras, dtype=np.float32)
        e = np.concatenate([e, x], axis=-1)
        out = neutral + combined(e, self._motion_flat).reshape(*e.shape[:-1], -1, 3)
        if self.balls is not None:
            self.balls.turn(out, neutral, x)
        return out


@dataclass(frozen=True)
class Mesh:
    """One face's surface as files hold it: mm, x right, y up, z towards the viewer, vertices split at the seams."""

    vertices: FloatArray  # (N, 3) in the head's frame
    triangles: NDArray[np.int32]  # (T, 3) anticlockwise seen from outside
    uv: FloatArray  # (N, 2) in [0, 1], v down; all 0 where the model has none


def split_seams(
    uv: FloatArray, triangles: NDArray[np.int32]
) -> tuple[FloatArray, NDArray[np.int32], NDArray[np.int32]]:
    """`uv`, `uv_vertex` and `uv_triangles` of a model that has one texture coordinate for each vertex.

    Its triangles that join two charts would smear half of the texture: each takes one colour, that of its first corner.
    """
    corners = uv[triangles]
    across = (np.ptp(corners, axis=1) > SEAM).any(axis=1)
    rows = np.ascontiguousarray(triangles, dtype=np.int32).copy()
    places = np.repeat(corners[across, 0], 3, axis=0)
    rows[across] = len(uv) + np.arange(len(places), dtype=np.int32).reshape(-1, 3)
    owner = np.concatenate([np.arange(len(uv), dtype=np.int32), triangles[across].reshape(-1)]).astype(np.int32)
    return np.concatenate([uv, places]).astype(np.float32), owner, rows


def triangles_of(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """(T, 3) of (F, 4) faces, quads cut from their corner 0 to their corner 2."""
    both = np.stack([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]], axis=1)
    keep = np.stack([np.ones(len(faces), dtype=bool), faces[:, 3] >= 0], axis=1)
    return np.ascontiguousarray(both[keep], dtype=np.int32)


def quads_of(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """(T, 4) faces of a mesh that has triangles alone."""
    return np.column_stack([triangles, np.full(len(triangles), -1, dtype=np.int32)])


def packed(basis: ArrayLike, step_mm: float) -> NDArray[np.uint8]:
    """(K, V, 3) mm as steps along the vertices, low bytes apart from high ones, which a zip makes small."""
    steps = np.rint(np.moveaxis(np.asarray(basis, dtype=np.float64), 1, 2) / step_mm).astype(np.int16)
    apart = np.diff(steps, axis=2, prepend=np.int16(0)).astype("<i2")  # wraps round, and so does the sum
    return np.moveaxis(apart[..., None].view(np.uint8), -1, 0)


def unpacked(planes: NDArray[np.uint8], step_mm: float) -> FloatArray:
    """What `packed` made, to half a step."""
    apart = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view("<i2")[..., 0]
    steps = np.cumsum(apart, axis=2, dtype=np.int16)
    return np.ascontiguousarray(np.moveaxis(steps, 2, 1), dtype=np.float32) * np.float32(step_mm)
