"""A person whose single frames' shapes err as regressors do: white, slow, with the pose, and now and then wildly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix
from realtime3d.types import FaceCoeffs, Pose


def small_model(n_shape: int = 20, n_expression: int = 6, n_extras: int = 5, n_vertices: int = 60) -> FaceModel:
    """A face model with random bases whose first components move most, as principal components do."""
    rng = np.random.default_rng(0)

    def basis(n: int, mm: float) -> np.ndarray:
        falling = mm * 0.85 ** np.arange(n)[:, None, None]
        return (rng.normal(size=(n, n_vertices, 3)) * falling).astype(np.float32)

    region = (np.arange(n_vertices) % 4).astype(np.uint8)
    return FaceModel(
        mean=rng.normal(0, 50, (n_vertices, 3)).astype(np.float32),
        shape_basis=basis(n_shape, 3.0),
        expression_basis=basis(n_expression, 2.0),
        extra_basis=basis(n_extras, 2.0),
        triangles=np.zeros((1, 3), np.int32),
        uv=np.zeros((n_vertices, 2), np.float32),
        region=region,
        region_names=("face", "lips", "eyelids", "eyes"),
        extra_names=("a", "b", "c", "d", "e")[:n_extras],
        arkit_names=(),
        landmark_sets={"ibug68": SurfacePoints(np.zeros((1, 3), np.int32), np.ones((1, 3), np.float32) / 3)},
        retarget_gram=np.zeros((0, 0), np.float32),
        retarget_cross=np.zeros((0, 0), np.float32),
    )


def frames(
    truth: np.ndarray,
    seconds: float,
    fps: float = 30.0,
    seed: int = 0,
    white: float = 0.35,
    slow: float = 0.3,
    slow_s: float = 0.6,
    posed: float = 0.3,
    outliers: float = 0.03,
    turning: bool = True,
) -> Iterator[tuple[FaceCoeffs, int]]:
    """A talking, looking-around head; errors in standard deviations of the coefficients."""
    rng = np.random.default_rng(seed)
    n = len(truth)
    with_yaw, with_pitch = rng.normal(0, posed, (2, n))
    drift, keep = rng.normal(0, slow, n), np.exp(-1 / fps / slow_s)
    phases = rng.uniform(0, 2 * np.pi, 4)
    for k in range(round(seconds * fps)):
        t = k / fps
        yaw = (25 * np.sin(0.9 * t + phases[0]) + 8 * np.sin(2.7 * t + phases[1])) * turning
        pitch = (8 * np.sin(1.3 * t + phases[2]) + 4 * np.sin(3.1 * t + phases[3])) * turning
        drift = keep * drift + np.sqrt(1 - keep**2) * rng.normal(0, slow, n)
        shape = truth + drift + rng.normal(0, white, n) + with_yaw * yaw / 20 + with_pitch * pitch / 20
        if rng.random() < outliers:
            shape = rng.normal(0, 2, n)
        pose = Pose(euler_to_matrix(*np.radians([pitch, yaw, 0])), np.array([0, 0, 600.0]))
        zeros = np.zeros(6, np.float32), np.zeros(5, np.float32)
        yield FaceCoeffs(pose, *zeros, 0.97, 3.0 + abs(yaw) / 20, shape.astype(np.float32)), round(t * 1e9)
