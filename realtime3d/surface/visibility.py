"""What a picture shows of a head: which of its points lie in front, inside the picture and turned to the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.geometry import Camera
from realtime3d.raster import fill, inverse_depth, vertex_normals
from realtime3d.types import FloatArray, Image

SIDE_PX = 1024  # of the longer side of a face's part of the picture: larger ones are made smaller first
BEHIND_MM = 4.0  # a point that lies so far behind what is drawn is hidden
RIM_PX = 2  # around an edge that hides something: its colour may be the other thing's
GRAZING, FACING = 0.2, 0.5  # cosines to the viewing ray between which a surface begins to count


@dataclass(frozen=True)
class Look:
    """A head in its part of a picture."""

    image: Image  # (h, w, 3) the part of the picture around the head, at most SIDE_PX
    xy: FloatArray  # (V, 2) where its vertices are in that part, px
    z: FloatArray  # (V,) mm along the optical axis
    facing: FloatArray  # (V,) cosine between the normal and the way to the camera
    inverse_z: FloatArray  # (h, w) 1 / mm of what is in front; 0 where nothing is


def look_at(image: Image, vertices: FloatArray, triangles: NDArray[np.int32], camera: Camera) -> Look | None:
    """A head's part of a picture; None where the picture shows nothing of it. `vertices` (V, 3) in camera space."""
    if not bool((vertices[:, 2] > 1).all()):
        return None
    xy = camera.project(vertices).astype(np.float32)
    height, width = image.shape[:2]
    x0, y0 = np.floor(np.maximum(xy.min(axis=0) - RIM_PX, 0)).astype(int)
    x1, y1 = np.ceil(np.minimum(xy.max(axis=0) + RIM_PX + 1, (width, height))).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    part = image[y0:y1, x0:x1]
    scale = min(1.0, SIDE_PX / max(part.shape[:2]))
    if scale < 1:
        size = (max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    factor = np.array([part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)], dtype=np.float32)
    local = np.ascontiguousarray((xy - (x0 - 0.5, y0 - 0.5)) * factor - 0.5, dtype=np.float32)
    inverse_z = np.zeros(part.shape[:2], np.float32)
    fill(local, inverse_depth(vertices[:, 2]), np.ascontiguousarray(triangles), True, 0,
         0, 0, part.shape[1], part.shape[0], inverse_z, np.empty(part.shape[:2], np.int32))  # fmt: skip
    to_camera = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    facing = np.einsum("vc,vc->v", vertex_normals(vertices, triangles), to_camera)
    return Look(part, local, vertices[:, 2], facing.astype(np.float32), inverse_z)


def seen(look: Look, xy: FloatArray, z: FloatArray, facing: FloatArray) -> FloatArray:
    """How well the picture shows points, 0 to 1: (..., 2) px of the part, their depths and cosines give (...)."""
    rim = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    nearest = cv2.dilate(look.inverse_z, rim)
    height, width = nearest.shape
    at = (xy[..., 0].astype(np.float32), xy[..., 1].astype(np.float32))
    in_front = cv2.remap(nearest, *at, interpolation=cv2.INTER_NEAREST)
    inside = (at[0] >= 0) & (at[1] >= 0) & (at[0] <= width - 1) & (at[1] <= height - 1)
    shown = inside & ((z - BEHIND_MM) * in_front < 1)
    rise = np.clip((facing - GRAZING) / (FACING - GRAZING), 0, 1)
    return np.where(shown, rise * rise * (3 - 2 * rise), np.float32(0)).astype(np.float32)
