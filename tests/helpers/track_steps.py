"""A tracker led by hand, frame by frame: what the detector found and what the nets said."""

from __future__ import annotations

import numpy as np

from realtime3d.config import TrackerSettings
from realtime3d.geometry import Camera
from realtime3d.tracking.life import TrackOutcome
from realtime3d.tracking.tracks import Tracks
from realtime3d.types import FaceBox, FaceCoeffs, Pose
from tests.helpers.track_scene import FACE_POINTS, MS, answer, head

CAMERA = Camera.from_fov(1280, 720)


def tracker(**settings: float) -> Tracks:
    return Tracks(CAMERA, FACE_POINTS, TrackerSettings(**settings))  # type: ignore[arg-type]


def box(pose: Pose) -> FaceBox:
    xy = CAMERA.project(FACE_POINTS @ pose.R.T + pose.t)
    return FaceBox(np.concatenate([xy.min(0), xy.max(0)]).astype(np.float32), 0.9)


def step(t: Tracks, ms: int, boxes: list[Pose] | None, answers: list[FaceCoeffs]) -> TrackOutcome:
    asked = t.update(None if boxes is None else [box(pose) for pose in boxes], ms * MS)
    assert len(asked) == len(answers), asked
    return t.confirm(answers)


ABSENT = answer(head(0), presence=0.02)
