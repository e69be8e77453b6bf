"""Faces with known poses, for pictures that renderers draw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.types import FaceCoeffs, Frame, IdentityState, Image, Pose, Status
from tests.helpers.paths import FACE_MODEL


@cache
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def make_face(
    camera: Camera,
    angles_deg: ArrayLike = (0, 0, 0),
    t: Sequence[float] = (0, 0, 600),
    *,
    id: int = 1,
    status: Status = "tracked",
    expression: ArrayLike | None = None,
    shape: ArrayLike | None = None,
    extras: ArrayLike | None = None,
    face_model: FaceModel | None = None,
) -> FaceState:
    m = face_model or model()
    pose = Pose(euler_to_matrix(*np.radians(angles_deg)), np.array(t, dtype=np.float64))
    eta, alpha, more = (
        np.zeros(size, np.float32) if values is None else np.asarray(values, np.float32)
        for values, size in ((expression, m.n_expression), (shape, m.n_shape), (extras, m.n_extras))
    )
    raw = FaceCoeffs(pose, eta, more, 1.0, 1.0, alpha)
    return FaceState(id, status, 0.97, pose, eta, more, alpha, raw, IdentityState(alpha, True, 60), m, camera)


def result_of(image: Image, *faces: FaceState) -> FrameResult:
    return FrameResult(Frame(0, 0, image), faces)


def grey(width: int = 320, height: int = 240, value: int = 128) -> Image:
    return np.full((height, width, 3), value, dtype=np.uint8)


def speckled(width: int = 320, height: int = 240) -> Image:
    """A picture whose colours differ from place to place, smooth enough to be sampled."""
    noise = np.random.default_rng(3).integers(0, 255, (height // 16, width // 16, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
