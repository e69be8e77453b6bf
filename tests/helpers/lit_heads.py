"""Photographs of plain heads under a lamp, with grooves that were never in the mesh."""

from __future__ import annotations

import numpy as np

from realtime3d.face.model import FULL, LIVE
from realtime3d.face.state import FaceState
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.types import FloatArray, Image

SKIN = np.array([0.20, 0.28, 0.45], np.float32)  # linear BGR


def head_pixels(face: FaceState) -> tuple[FloatArray, FloatArray]:
    """(H, W, 3) points in the head's frame, NaN where no head is, and normals in the camera's."""
    level = FULL if FULL in face.model.levels else LIVE
    head = face.model.mesh(level)
    in_head = face.vertices_at(level)
    R = face.pose.R.astype(np.float32)
    vertices = in_head @ R.T + face.pose.t.astype(np.float32)
    camera = face.camera
    ids, bary, _ = rasterize(
        camera.project(vertices), vertices[:, 2], head.triangles, camera.width, camera.height, cull=True
    )
    values = np.zeros((camera.height, camera.width, 6), np.float32)
    both = np.concatenate([in_head, vertex_normals(vertices, head.triangles)], axis=1)
    interpolate(ids, bary, head.triangles, np.ascontiguousarray(both, dtype=np.float32), values)
    points = np.where((ids >= 0)[..., None], values[..., :3], np.float32(np.nan))
    normals = values[..., 3:] / np.maximum(np.linalg.norm(values[..., 3:], axis=-1, keepdims=True), 1e-6)
    return points, normals.astype(np.float32)


def groove(points: FloatArray, depth_mm: float, width_mm: float, height_mm: float = -42.0) -> FloatArray:
    """(H, W) mm: one line across the forehead, at this height in the head's frame (y down)."""
    away = np.nan_to_num(points[..., 1] - height_mm, nan=1e6)
    across = np.clip((45 - np.abs(np.nan_to_num(points[..., 0], nan=1e6))) / 10, 0, 1)
    line = -depth_mm * np.exp(-4 * np.log(2) * (away / width_mm) ** 2) * across
    return np.where(np.nan_to_num(points[..., 2], nan=1e6) < 20, line, 0).astype(np.float32)


def photograph(
    face: FaceState, relief: FloatArray | None = None, lamp: tuple[float, float, float] = (0.2, -0.8, -0.6),
    paint: FloatArray | None = None, noise: float = 0.5,
) -> Image:  # fmt: skip
    """The head with skin of one colour times `paint` (H, W), the relief's slopes in its normals."""
    points, normals = head_pixels(face)
    if relief is not None:
        span = float(face.pose.t[2]) / face.camera.fx
        down, across = np.gradient(relief, span)
        normals = normals + np.stack([-across, -down, np.zeros_like(down)], axis=-1)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    way = np.asarray(lamp) / np.linalg.norm(lamp)
    light = 0.3 + 0.7 * np.clip(normals @ way, 0, None)
    colour = SKIN * light[..., None] * (1 if paint is None else paint[..., None])
    colour = np.where(np.isfinite(points[..., :1]), colour, 0.1)
    srgb = 255 * np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055)
    grain = np.random.default_rng(0).normal(0, noise, srgb.shape)
    return np.clip(np.rint(srgb + grain), 0, 255).astype(np.uint8)
