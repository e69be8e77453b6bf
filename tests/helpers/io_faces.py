"""A tiny face model and results made by hand, for what is written to files."""

from __future__ import annotations

from functools import cache

import numpy as np

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.types import FaceCoeffs, Frame, IdentityState, Pose

_ARKIT_NAMES = (
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
    "cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight "
    "eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft "
    "eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft "
    "mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight "
    "mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft "
    "noseSneerRight tongueOut"
)
ARKIT = _ARKIT_NAMES.split()
CAMERA = Camera.from_fov(160, 96)


@cache
def tiny_model() -> FaceModel:
    """The real one's sizes of coefficients on 70 vertices."""
    rng = np.random.default_rng(0)
    mean = rng.uniform((-70, -60, -30), (70, 90, 20), (70, 3)).astype(np.float32)
    points = SurfacePoints(np.repeat(np.arange(68, dtype=np.int32)[:, None], 3, 1), np.full((68, 3), 1 / 3, np.float32))
    basis = rng.normal(0, 1, (52, 34)).astype(np.float32)
    return FaceModel(
        mean=mean,
        shape_basis=rng.normal(0, 1, (99, 70, 3)).astype(np.float32),
        expression_basis=rng.normal(0, 1, (29, 70, 3)).astype(np.float32),
        extra_basis=rng.normal(0, 1, (5, 70, 3)).astype(np.float32),
        triangles=np.zeros((1, 3), np.int32),
        uv=np.zeros((70, 2), np.float32),
        region=np.zeros(70, np.uint8),
        region_names=("face",),
        extra_names=("gazeLeftYaw", "gazeLeftPitch", "gazeRightYaw", "gazeRightPitch", "tongueOut"),
        arkit_names=tuple(ARKIT),
        landmark_sets={"ibug68": points},
        retarget_gram=np.eye(52, dtype=np.float32),
        retarget_cross=basis,
    )


def face(
    face_id: int = 0, seed: int = 0, *, held: bool = False, frozen: bool = False, saw_shape: bool = True
) -> FaceState:
    rng = np.random.default_rng(seed)

    def coefficients(n: int) -> np.ndarray:
        return rng.normal(0, 1, n).astype(np.float32)

    pose = Pose(euler_to_matrix(0.1, -0.2, 0.3 + seed / 1000), np.array([10.5, -20.25, 600.125]))
    shape = coefficients(99)
    raw = FaceCoeffs(pose, coefficients(29), coefficients(5), 0.987, 2.5, coefficients(99) if saw_shape else None)
    return FaceState(
        id=face_id,
        status="held" if held else "tracked",
        confidence=0.875,
        pose=pose,
        expression=coefficients(29),
        extras=coefficients(5),
        shape=shape,
        raw=raw,
        identity=IdentityState(shape, frozen, 60, 2_000_000_000 if frozen else None),
        model=tiny_model(),
        camera=CAMERA,
    )


def result(index: int, t_s: float, *faces: FaceState, dropped: int = 0, image: np.ndarray | None = None) -> FrameResult:
    picture = np.zeros((96, 160, 3), np.uint8) if image is None else image
    return FrameResult(Frame(index, round(t_s * 1e9), picture, "clip"), faces, (), {}, dropped, CAMERA)
