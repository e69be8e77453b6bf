"""Fine detail of a face from one picture: wrinkles and folds, skin without its light, and what is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.state import FaceState
from realtime3d.raster import vertex_normals
from realtime3d.surface.dense import DenseTopology
from realtime3d.surface.layout import Layout
from realtime3d.surface.light import Light
from realtime3d.types import FloatArray, Image

Variant = Literal["foundation", "withBump", "sparseFull", "final"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
VERTEX_MM = 3.0  # of a vertex of the foundation: the detail around it is averaged
SHOWN = 128  # levels of `seen` from which on a vertex counts as seen


@dataclass(frozen=True)
class DetailMesh:
    """A surface in mm: x right, y up, z towards the viewer."""

    vertices: FloatArray  # (N, 3)
    normals: FloatArray  # (N, 3) unit, smooth
    triangles: NDArray[np.int32]  # (T, 3) anticlockwise seen from outside


@dataclass(frozen=True)
class Detail:
    """One face's detail. Maps lie in the model's texture layout, (S, S), v down; lengths are mm."""

    face: FaceState  # whose detail it is
    displacement_mm: FloatArray  # (S, S) along the foundation's normal, outward; completed where nothing is seen
    seen_mm: FloatArray  # (S, S) the same, only what the picture shows; 0 elsewhere
    normals: FloatArray  # (S, S, 3) unit, tangent space: x right, y up, z outward
    albedo: Image  # (S, S, 3) BGR without light
    texture: Image  # (S, S, 3) BGR with the picture's light
    seen: NDArray[np.uint8]  # (S, S) 0: guessed, 255: shown by the picture
    light: Light  # of the picture on this face
    colour: bool  # False: the picture is grey, pigments could not be told from shading
    mm_per_px: float  # of the picture that was worked on
    layout: Layout  # where in the maps each part of the face lies
    topology: DenseTopology  # the triangles that the four meshes share

    @cached_property
    def _head_mm(self) -> FloatArray:
        """(V, 3) of the layout's level, y up, in the head's frame."""
        return self.face.vertices_at(self.layout.level) * Y_UP

    @cached_property
    def _head_normals(self) -> FloatArray:
        return _unit(vertex_normals(self._head_mm, self.layout.head.triangles))

    @cached_property
    def _made(self) -> dict[Variant, DetailMesh]:
        """Meshes in the head's frame that were asked for before."""
        return {}

    def mesh(self, variant: Variant, *, aligned: bool = False) -> DetailMesh:
        """One of four surfaces, each with the same vertices for every face of a model.

        - "foundation": the head with its expression; "sparseFull": with the detail averaged on its vertices;
        - "withBump": finer, with what the picture shows alone, open where it shows nothing; "final": complete.

        In the head's frame; `aligned` as the camera saw it.
        """
        if variant not in VARIANTS:
            raise UsageError(f"no variant {variant!r}; choose one of {', '.join(VARIANTS)}")
        if variant not in self._made:
            self._made[variant] = self._fine(variant) if variant in ("withBump", "final") else self._coarse(variant)
        mesh = self._made[variant]
        if not aligned:
            return mesh
        R, t = self.face.pose.R.astype(np.float32), self.face.pose.t.astype(np.float32)
        vertices = ((mesh.vertices * Y_UP) @ R.T + t) * Y_UP
        normals = ((mesh.normals * Y_UP) @ R.T) * Y_UP
        return DetailMesh(vertices, normals, mesh.triangles)

    def _coarse(self, variant: Variant) -> DetailMesh:
        head, points = self.layout.head, self._head_mm
        if variant == "foundation":
            return DetailMesh(points, self._head_normals, head.triangles)
        size = max(1, round(VERTEX_MM / self.layout.texel_mm))
        average = self.layout.sampled(cv2.blur(self.displacement_mm, (size, size)), head.uv[self.layout.first_row])
        raised = np.asarray(points + self._head_normals * average[:, None], np.float32)
        return DetailMesh(raised, _unit(vertex_normals(raised, head.triangles)), head.triangles)

    def _fine(self, variant: Variant) -> DetailMesh:
        top = self.topology
        amount = self.displacement_mm if variant == "final" else self.seen_mm
        smooth = _unit(top.of(self._head_normals))
        flat = top.of(self._head_mm)
        raised = np.asarray(flat + smooth * self.layout.sampled(amount, top.uv)[:, None], np.float32)
        # The foundation's own triangles are large: their edges are left out of the normals.
        normals = _unit(smooth + vertex_normals(raised, top.triangles) - vertex_normals(flat, top.triangles))
        if variant == "final":
            return DetailMesh(raised, normals, top.triangles)
        shown = self.layout.sampled(self.seen.astype(np.float32), top.uv) >= SHOWN
        return DetailMesh(raised, normals, np.ascontiguousarray(top.triangles[shown[top.triangles].all(axis=1)]))


def _unit(vectors: FloatArray) -> FloatArray:
    """(N, 3) of length 1; towards the viewer where a vertex has no triangle of any area."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    outward = np.array([0, 0, 1], np.float32)
    return np.where(length > 1e-3, vectors / np.maximum(length, 1e-3), outward).astype(np.float32)
