"""A scene without pictures: heads with known poses, and nets and a detector that answer exactly what is true.

The crops are recorded instead of cut out, so each answer is the exact one for its crop: whatever differs from the truth
at the end was lost in the geometry or in the tracking.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from realtime3d import FaceTracker
from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.fake import FakeBackend
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.nets import estimate
from realtime3d.nets.crop import Crop, pose_to_crop
from realtime3d.types import FaceBox, Frame, Pose


@dataclass(frozen=True)
class Head:
    """One head as it is."""

    pose: Pose
    expression: NDArray[np.float32] = field(default_factory=lambda: np.zeros(29, np.float32))
    shape: NDArray[np.float32] = field(default_factory=lambda: np.zeros(99, np.float32))
    seen: float = 6.0  # the nets' logit of presence
    sigma_deg: float = 1.0  # by how much they expect to be wrong


def head(
    x: float = 0, y: float = 0, z: float = 600, pitch: float = 0, yaw: float = 0, roll: float = 0, **rest: object
) -> Head:
    """A head at (x, y, z) mm, turned by degrees."""
    pose = Pose(euler_to_matrix(*np.radians([pitch, yaw, roll])), np.array([x, y, z], dtype=np.float64))
    return Head(pose, **rest)  # type: ignore[arg-type]


@dataclass
class Scene:
    """Heads in front of a camera. Set `heads` before each frame."""

    model: FaceModel
    heads: Sequence[Head] = ()
    camera: Camera = field(default_factory=lambda: Camera.from_fov(640, 480))
    blind_beyond_deg: float = 60.0  # of yaw, where the detector finds nothing
    detections: int = 0  # runs of the detector
    crops: list[Crop] = field(default_factory=list)

    @property
    def image(self) -> NDArray[np.uint8]:
        return np.zeros((self.camera.height, self.camera.width, 3), np.uint8)

    @contextmanager
    def installed(self) -> Iterator[FakeBackend]:
        """The back end that answers for this scene; crops are recorded meanwhile."""
        with mock.patch.object(estimate, "warp", self._record):
            yield FakeBackend(respond=self._respond)

    def _record(self, image: NDArray[np.uint8], camera: Camera, crop: Crop) -> NDArray[np.uint8]:
        self.crops.append(crop)
        return np.zeros((crop.size, crop.size, 3), np.uint8)

    def _respond(self, spec: NetSpec, images: NDArray[np.uint8]) -> Answers:
        if len(self.crops) < len(images):  # the warm-up
            rows = [self._answer(None, None)] * len(images)
        else:
            rows = [self._answer(crop, self._nearest(crop)) for crop in self.crops[-len(images) :]]
        return {name: np.array([row[name] for row in rows], dtype=np.float32) for name in spec.outputs}

    def _nearest(self, crop: Crop) -> Head | None:
        inside = [(float(np.abs(pose_to_crop(h.pose, crop).position).max()), i) for i, h in enumerate(self.heads)]
        distance, i = min(inside, default=(np.inf, -1))
        return self.heads[i] if distance < 0.5 else None

    def _answer(self, crop: Crop | None, found: Head | None) -> dict[str, object]:
        n_extras, n_expression, n_shape = self.model.n_extras, self.model.n_expression, self.model.n_shape
        row: dict[str, object] = {
            "rotation": [1, 0, 0, 0, 1, 0],
            "position": [0, 0],
            "log_scale": [0],
            "presence": [-6],
            "pose_log_sigma": [0],
            "expression": np.zeros(n_expression),
            "expression_log_sigma": [0],
            "extras": np.zeros(n_extras),
            "shape": np.zeros(n_shape),
            "gaze": [0, 0],  # eyes are not looked at here: the net on them is never sure
            "lids": [0.18, 0.1],
            "gaze_log_sigma": [5],
        }
        if crop is not None and found is not None:
            pose = pose_to_crop(found.pose, crop)
            row |= {"rotation": pose.R.T.ravel()[:6], "position": pose.position, "log_scale": [pose.log_scale]}
            row |= {
                "pose_log_sigma": [np.log(found.sigma_deg)],
                "presence": [found.seen],
                "expression": found.expression,
                "shape": found.shape,
            }
        return row

    # -- as a detector

    def open(self) -> None:
        """Everything is there already."""

    def detect(self, frame: Frame) -> list[FaceBox]:
        self.detections += 1
        points = self.model.landmarks("ibug68", self.model.mean)
        found = []
        for one in self.heads:
            if one.pose.R[2, 2] > np.cos(np.radians(self.blind_beyond_deg)):
                xy = self.camera.project(points @ one.pose.R.T + one.pose.t)
                found.append(FaceBox(np.concatenate([xy.min(0), xy.max(0)]).astype(np.float32), 0.9))
        return found

    def close(self) -> None:
        """Nothing is held."""


def watch(tracker: FaceTracker, scene: Scene, frames: int, start: float = 0.0) -> list[FrameResult]:
    return [tracker.process(scene.image, t=start + i / 30) for i in range(frames)]
