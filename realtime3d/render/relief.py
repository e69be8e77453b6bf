"""A mesh as a plaster cast under one lamp: what shows how deep its folds are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.geometry import Camera
from realtime3d.raster import interpolate, rasterize
from realtime3d.surface.vectors import unit
from realtime3d.types import FloatArray, Image

PLASTER = np.array([172, 184, 196], np.float32)  # BGR in full light
AMBIENT = 0.18
BACKGROUND = 28
FINER = 2  # pixels are drawn so many times smaller first


def draw_relief(
    vertices: FloatArray, normals: FloatArray, triangles: NDArray[np.int32], camera: Camera, lamps: Sequence[ArrayLike]
) -> list[Image]:
    """(H, W, 3) BGR for each lamp. `vertices` and `normals` (V, 3) in camera space, `lamps` the ways towards them."""
    width, height = camera.width * FINER, camera.height * FINER
    xy = (camera.project(vertices) + 0.5) * FINER - 0.5
    ids, bary, _ = rasterize(xy, vertices[:, 2], triangles, width, height, cull=True)
    smooth = np.zeros((height, width, 3), np.float32)
    interpolate(ids, bary, triangles, np.ascontiguousarray(normals, dtype=np.float32), smooth)
    smooth = unit(smooth)
    return [_lit(smooth, ids >= 0, np.asarray(lamp, np.float32), camera) for lamp in lamps]


def _lit(smooth: FloatArray, there: NDArray[np.bool_], lamp: FloatArray, camera: Camera) -> Image:
    way = lamp / np.linalg.norm(lamp)
    light = AMBIENT + (1 - AMBIENT) * np.clip(smooth @ way, 0, 1)
    picture = np.clip(light[..., None] ** np.float32(1 / 1.6) * PLASTER * np.float32(1.2), 0, 255)
    picture[~there] = BACKGROUND
    small = cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.asarray(small.round(), np.uint8)
