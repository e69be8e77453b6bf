"""What a GLB file holds of a head: its surface at rest, and how each of ARKit's actions moves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.raster import vertex_normals
from realtime3d.surface.dense import DenseTopology
from realtime3d.surface.layout import Mapped
from realtime3d.types import FloatArray, Pose


@dataclass(frozen=True)
class Folds:
    """Detail that goes with actions, on a finer mesh of the same head."""

    topology: DenseTopology
    along_normals: FloatArray  # (52, N) mm for each action at full strength


@dataclass(frozen=True)
class Motion:
    """What moved, when: N moments."""

    times_s: Sequence[float]  # (N,) rising from 0 on
    weights: Sequence[ArrayLike]  # (N, 52)
    poses: Sequence[Pose]  # (N,) camera from head


@dataclass(frozen=True)
class Head:
    """What a GLB file holds of one face."""

    model: FaceModel
    neutral: FloatArray  # (V, 3) mm, the resting head of `level`
    weights: ArrayLike  # (52,) at which the file opens
    level: str = "live"
    texture_jpeg: bytes | None = None
    normal_png: bytes | None = None  # a normal map in tangent space; then `texture_jpeg` is an albedo
    albedo: bool = False  # `texture_jpeg` has no light in it
    pose: Pose | None = None  # None: the head stands in its own frame
    motion: Motion | None = None
    camera: Camera | None = None  # whose picture shows posed heads where they were
    folds: Folds | None = None  # detail that goes with ARKit's actions
    name: str = "head"
    facts: dict[str, Any] = field(default_factory=dict)  # kept in the file as `extras`

    @property
    def is_lit(self) -> bool:
        return self.texture_jpeg is None or self.albedo or self.normal_png is not None


@dataclass(frozen=True)
class Shapes:
    """A surface with its actions; y down, as heads are."""

    mesh: Mapped
    rest: FloatArray  # (N, 3) mm
    normals: FloatArray  # (N, 3)
    actions: FloatArray  # (52, N, 3) mm
    _of_coarse: FloatArray  # (V, 3) the head that actions move, and
    _coarse_actions: FloatArray  # (52, V, 3)
    _triangles: Any
    folds: Folds | None = None

    def turned(self) -> Iterator[FloatArray]:
        """(N, 3) for each action, by how much it changes the normals."""
        rest = vertex_normals(self._of_coarse, self._triangles)
        for k, action in enumerate(self._coarse_actions):
            change = vertex_normals(self._of_coarse + action, self._triangles) - rest
            if self.folds is None:
                yield change
                continue
            fine = self.folds.topology.of(change)
            amount = self.folds.along_normals[k]
            if amount.any():
                # The foundation's own triangles are large: only what the folds add is taken from the finer mesh.
                raised = self.rest + self.normals * amount[:, None]
                faces = self.folds.topology.triangles
                fine = fine + vertex_normals(raised, faces) - vertex_normals(self.rest, faces)
            yield np.asarray(fine, np.float32)


def plain(head: Head) -> Shapes:
    """The head as the face model has it."""
    mesh = head.model.solid(head.level)
    actions = head.model.actions(head.neutral, head.level)
    normals = vertex_normals(head.neutral, mesh.triangles)
    return Shapes(mesh, head.neutral, normals, actions, head.neutral, actions, mesh.triangles)


def folded(head: Head) -> Shapes:
    """The finer mesh, with what each action folds."""
    assert head.folds is not None
    mesh, top = head.model.solid(head.level), head.folds.topology
    actions = head.model.actions(head.neutral, head.level)
    rest = top.of(head.neutral)
    normals = top.of(vertex_normals(head.neutral, mesh.triangles))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.float32(1e-6))
    fine = np.stack(
        [
            top.of(action) + normals * amount[:, None]
            for action, amount in zip(actions, head.folds.along_normals, strict=True)
        ]
    )
    return Shapes(top.split, rest, normals, fine, head.neutral, actions, mesh.triangles, head.folds)
