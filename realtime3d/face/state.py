"""What the user gets: one `FrameResult` a frame, with one `FaceState` a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from realtime3d.face import lids
from realtime3d.face.expressions import Features, head_of, lip_gap_mm
from realtime3d.face.gaze import Gaze, angles_of, certainty, openness
from realtime3d.face.mesh import Y_UP, Mesh
from realtime3d.face.model import LIVE, FaceModel
from realtime3d.geometry import Camera, matrix_to_head_angles
from realtime3d.types import Array, EyesSeen, FaceCoeffs, FloatArray, Frame, IdentityState, Pose, Status


@dataclass(frozen=True)
class FaceState:
    """One face in one frame. Geometry is computed when asked for, never stored."""

    id: int  # stable while the face is followed, and when it comes back
    status: Status  # "tracked" or "held"; faces that ended are in FrameResult.lost
    confidence: float  # 0..1
    pose: Pose  # smoothed, unless smoothing is off
    expression: FloatArray  # (29,)
    extras: FloatArray  # (5,) gaze and tongue
    shape: FloatArray  # (99,) cached; before freezing the present estimate
    raw: FaceCoeffs  # before smoothing and caching
    identity: IdentityState  # how far the shape is learned
    model: FaceModel = field(repr=False, compare=False)  # what the coefficients mean
    camera: Camera = field(repr=False, compare=False)  # that the face is seen through
    neutral: FloatArray | None = field(default=None, repr=False, compare=False)  # cached mesh of `shape`
    eyes: EyesSeen | None = field(default=None, repr=False, compare=False)  # None where no net looked at the eyes

    def vertices_head(self) -> FloatArray:
        """(V, 3) float32 mm in the head frame."""
        neutral = self.model.neutral(self.shape) if self.neutral is None else self.neutral
        return self.model.deform(neutral, self.expression, self.extras)

    def vertices(self) -> FloatArray:
        """(V, 3) float32 mm in camera space."""
        R, t = self.pose.R.astype(np.float32), self.pose.t.astype(np.float32)
        return self.vertices_head() @ R.T + t

    def vertices_at(self, level: str) -> FloatArray:
        """(V, 3) float32 mm in the head frame, of the "live" or the "full" head."""
        if level == LIVE:
            return self.vertices_head()
        mesh = self.model.mesh(level)
        return mesh.deform(mesh.neutral(self.shape), self.expression, self.extras)

    def mesh(self, level: str = LIVE) -> Mesh:
        """What is written to files, with y up: the head as it is tracked ("live"), or with all vertices ("full")."""
        head = self.model.solid(level)
        return Mesh((self.vertices_at(level) * Y_UP)[head.uv_vertex], head.uv_triangles, head.uv)

    def landmarks(self, name: str = "ibug68") -> FloatArray:
        """Landmarks projected from the mesh: (68, 2) or (478, 2) float32 px ("ibug68", "mediapipe478")."""
        return self.camera.project(self._landmarks_in_space(name)).astype(np.float32)

    def landmarks_mm(self, name: str = "ibug68") -> FloatArray:
        """The same points in camera space: (68, 3) or (478, 3) float32 mm."""
        return self._landmarks_in_space(name).astype(np.float32)

    def _landmarks_in_space(self, name: str) -> Array:
        points = self.model.face_landmarks(name, self.shape, self.expression, self.extras).astype(np.float64)
        return points @ self.pose.R.T + self.pose.t

    def euler_deg(self) -> tuple[float, float, float]:
        """(pitch, yaw, roll) in degrees: positive looks down, to the person's own right, clockwise in the picture.

        Yaw first, to 180 degrees: where the nose points, then how the head is tilted (docs/conventions.md).
        """
        pitch, yaw, roll = np.degrees(matrix_to_head_angles(self.pose.R))
        return float(pitch), float(yaw), float(roll)

    def gaze_deg(self) -> Gaze:
        """Where the eyes look: (pitch, yaw) in degrees, positive down and to the person's own right; see `Gaze`."""
        turns = self.model.eye_turns
        left, right = (turns.direction(side, self.extras) for side in (0, 1))
        return Gaze(
            left=angles_of(left),
            right=angles_of(right),
            camera=angles_of(self.pose.R @ (left + right)),
            confidence=self.confidence * self._gaze_certainty,
        )

    def blendshapes(self) -> dict[str, float]:
        """ARKit's 52 names with weights in [0, 1]; Left and Right are the person's own."""
        return dict(self._weights)

    def action_units(self, neutral: Mapping[str, float] | None = None) -> dict[str, float | None]:
        """FACS's intensities, 0 to 5, of OpenFace's 17 ("AU01" ... "AU45"); None where nothing can be said.

        `neutral` has the 52 weights of the person's own neutral face, as far as they are known: what is seen counts
        from there.
        """
        return head_of(self.model.path).action_units(self.features(neutral))

    def emotions(self, neutral: Mapping[str, float] | None = None) -> dict[str, float]:
        """How much the face looks like seven posed emotions; sums to 1. It is not what somebody feels."""
        return head_of(self.model.path).emotions(self.features(neutral))

    def features(self, neutral: Mapping[str, float] | None = None) -> Features:
        """What action units and emotions are read from."""
        return Features.of(self._weights, self._lips_mm, sum(self._open_eyes) / 2, neutral)

    @cached_property
    def _weights(self) -> dict[str, float]:
        found = self.model.blendshapes(self.expression, self.extras)
        if self.eyes is None:
            return found
        return lids.mixed(self.eyes.seen.tolist(), lids.weights(self.eyes, self.extras), found)

    @cached_property
    def _lips_mm(self) -> float:
        return lip_gap_mm(self.model.face_landmarks("ibug68", self.shape, self.expression, self.extras))

    @cached_property
    def _open_eyes(self) -> tuple[float, float]:
        if self.eyes is not None and float(self.eyes.seen.min()) > 0:
            return lids.openness(self.eyes)
        return openness(self.model, self.shape, self.expression, self.extras)

    @property
    def _gaze_certainty(self) -> float:
        return certainty(self._open_eyes) if self.eyes is None else float(self.eyes.certainty.mean())

    @property
    def box(self) -> NDArray[np.float32]:
        """(4,) px: left, top, right, bottom of the projected face (the 68 landmarks)."""
        points = self.landmarks("ibug68")
        return np.concatenate([points.min(axis=0), points.max(axis=0)])


@dataclass(frozen=True)
class FrameResult:
    """Everything known about one frame."""

    frame: Frame  # the picture and its time
    faces: tuple[FaceState, ...]  # by id
    lost: tuple[int, ...] = ()  # ids that ended on this frame
    timings: Mapping[str, float] = field(default_factory=dict)  # stage name -> seconds
    dropped: int = 0  # frames dropped by the source since the last result
    camera: Camera | None = None  # that the picture is seen through; None where nothing was measured
