"""A head with a texture, seen through any camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import HeadMesh
from realtime3d.geometry import Camera
from realtime3d.raster import interpolate, rasterize
from realtime3d.types import FloatArray, Image


def draw_textured(
    head: HeadMesh, vertices: FloatArray, texture: Image, camera: Camera
) -> tuple[Image, NDArray[np.bool_]]:
    """(H, W, 3) BGR of a head whose `vertices` (V, 3) are in camera space, and where it is. No light is added."""
    split = vertices[head.uv_vertex]
    ids, bary, _ = rasterize(
        camera.project(split), split[:, 2], head.uv_triangles, camera.width, camera.height, cull=True
    )
    at = np.zeros((camera.height, camera.width, 2), np.float32)
    places = head.uv * np.array(texture.shape[1::-1], np.float32) - np.float32(0.5)
    interpolate(ids, bary, head.uv_triangles, np.ascontiguousarray(places, dtype=np.float32), at)
    picture = cv2.remap(texture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shown = ids >= 0
    picture[~shown] = 0
    return picture.astype(np.uint8, copy=False), shown
