"""A mesh as a plaster cast under one lamp: what shows how deep its folds are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.geometry import Camera
from realtime3d.raster import interpolate, rasterize
from realtime3d.types import FloatArray, Image

PLASTER = np.array([172, 184, 196], np.float32)  # BGR in full light
AMBIENT = 0.18
BACKGROUND = 28
FINER = 2  # pixels are drawn so many times smaller first


def draw_relief(
    vertices: FloatArray, normals: FloatArray, triangles: NDArray[np.int32], camera: Camera, lamp: ArrayLike
) -> Image:
    """(H, W, 3) BGR. `vertices` and `normals` (V, 3) in camera space, `lamp` the way towards the light there."""
    way = np.asarray(lamp, np.float32)
    way = way / np.linalg.norm(way)
    width, height = camera.width * FINER, camera.height * FINER
    xy = (camera.project(vertices) + 0.5) * FINER - 0.5
    ids, bary, _ = rasterize(xy, vertices[:, 2], triangles, width, height, cull=True)
    smooth = np.zeros((height, width, 3), np.float32)
    interpolate(ids, bary, triangles, np.ascontiguousarray(normals, dtype=np.float32), smooth)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=-1, keepdims=True), np.float32(1e-6))
    light = AMBIENT + (1 - AMBIENT) * np.clip(smooth @ way, 0, 1)
    picture = np.clip(light[..., None] ** np.float32(1 / 1.6) * PLASTER * np.float32(1.2), 0, 255)
    picture[ids < 0] = BACKGROUND
    small = cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return small.round().astype(np.uint8)
