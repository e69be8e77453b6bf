"""What a picture shows of a head: which of its points lie in front, inside the picture and turned to the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.geometry import Camera
from realtime3d.jit import compiled
from realtime3d.raster import fill, inverse_depth, vertex_normals
from realtime3d.types import FloatArray, Image

SIDE_PX = 1024  # of the longer side of a face's part of the picture: larger ones are made smaller first
DEPTH_PX = (
    768  # of the longer side of the depth picture: a lid in front of an eye must not depend on the picture's size
)
BEHIND_MM = 4.0  # a point that lies so far behind what is drawn is hidden
FAR_BEHIND_MM = 15.0  # where the gap is so deep, colours of what is in front reach RIM_PX over its edge
RIM_PX = 1.0  # of the picture
GRAZING, FACING = 0.2, 0.5  # cosines to the viewing ray between which a surface begins to count


@dataclass(frozen=True)
class Look:
    """A head in its part of a picture."""

    image: Image  # (h, w, 3) the part of the picture around the head, at most SIDE_PX
    xy: FloatArray  # (V, 2) where its vertices are in that part, px
    z: FloatArray  # (V,) mm along the optical axis
    facing: FloatArray  # (V,) cosine between the normal and the way to the camera
    inverse_z: FloatArray  # (H, W) 1 / mm of what is in front; 0 where nothing is; the same part, in DEPTH_PX
    depth_scale: float  # its pixels for each of `image`
    corner: tuple[int, int] = (0, 0)  # of the part in the picture, px
    factor: tuple[float, float] = (1.0, 1.0)  # its pixels for each of the picture, across and down

    def in_picture(self, places: FloatArray) -> FloatArray:
        """Pixels (..., 2) of the part as pixels of the picture."""
        half, factor = np.float32(0.5), np.array(self.factor, np.float32)
        return np.asarray((places + half) / factor - half + np.array(self.corner, np.float32), np.float32)


def look_at(image: Image, vertices: FloatArray, triangles: NDArray[np.int32], camera: Camera) -> Look | None:
    """A head's part of a picture; None where the picture shows nothing of it. `vertices` (V, 3) in camera space."""
    if not bool((vertices[:, 2] > 1).all()):
        return None
    xy = camera.project(vertices).astype(np.float32)
    height, width = image.shape[:2]
    x0, y0 = np.floor(np.maximum(xy.min(axis=0) - 2, 0)).astype(int)
    x1, y1 = np.ceil(np.minimum(xy.max(axis=0) + 3, (width, height))).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    part, local = _smaller(image[y0:y1, x0:x1], xy - np.array([x0, y0], np.float32))
    scale = DEPTH_PX / max(part.shape[:2])
    across, down = (max(2, round(side * scale)) for side in part.shape[1::-1])
    places = np.ascontiguousarray((local + np.float32(0.5)) * np.float32(scale) - np.float32(0.5))
    inverse_z, ids = np.zeros((down, across), np.float32), np.empty((down, across), np.int32)
    faces = np.ascontiguousarray(triangles)
    fill(places, inverse_depth(vertices[:, 2]), faces, True, 0, 0, 0, across, down, inverse_z, ids)
    to_camera = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    facing = np.einsum("vc,vc->v", vertex_normals(vertices, triangles), to_camera)
    factor = (part.shape[1] / int(x1 - x0), part.shape[0] / int(y1 - y0))
    return Look(part, local, vertices[:, 2], facing.astype(np.float32), inverse_z, scale, (int(x0), int(y0)), factor)


def _smaller(part: Image, xy: FloatArray) -> tuple[Image, FloatArray]:
    """A part of a picture of at most SIDE_PX, and points in it."""
    height, width = part.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    if scale == 1:
        return part, xy
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    factor = np.array([size[0] / width, size[1] / height], dtype=np.float32)
    return small, (xy + np.float32(0.5)) * factor - np.float32(0.5)


def seen(look: Look, points: FloatArray) -> FloatArray:
    """How well the picture shows points, 0 to 1: (..., 4), px of the part, depth and cosine, give (...)."""
    near, rim = (
        cv2.dilate(look.inverse_z, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(np.float32, copy=False)
        for reach in (1, max(1, round(RIM_PX * look.depth_scale)))
    )
    weights = np.empty(points.shape[:-1], np.float32)
    height, width = look.image.shape[:2]
    rows = np.ascontiguousarray(points, dtype=np.float32).reshape(-1, 4)
    _weigh(rows, near, rim, np.float32(look.depth_scale), width, height, weights.reshape(-1))
    return weights


@compiled("void(f4[:,::1], f4[:,::1], f4[:,::1], f4, i4, i4, f4[::1])")
def _weigh(points, near, rim, scale, width, height, weights):  # type: ignore[no-untyped-def]
    """`near` and `rim` are what is in front, as inverse depths, around each pixel."""
    half = np.float32(0.5)
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        weights[i] = 0
        if not (x >= 0 and y >= 0 and x <= width - 1 and y <= height - 1):
            continue
        column, row = int(np.rint((x + half) * scale - half)), int(np.rint((y + half) * scale - half))
        if column >= 0 and row >= 0 and column < near.shape[1] and row < near.shape[0]:
            if (z - np.float32(BEHIND_MM)) * near[row, column] >= 1:
                continue
            if (z - np.float32(FAR_BEHIND_MM)) * rim[row, column] >= 1:
                continue
        rise = (points[i, 3] - np.float32(GRAZING)) / np.float32(FACING - GRAZING)
        rise = min(max(rise, np.float32(0)), np.float32(1))
        weights[i] = rise * rise * (np.float32(3) - np.float32(2) * rise)
