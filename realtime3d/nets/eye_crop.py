"""The one definition of the crop that the net on the eyes sees, shared by tracker and training.

It is the plane through the middle of an eye's corners, upright and facing as the head does, seen by the camera: an eye
of a head that is turned away comes out as if it were not. Right eyes are mirrored, so that the net knows left ones.
"""

from __future__ import annotations

import cv2
import numpy as np

from realtime3d.geometry import Camera, Matrix
from realtime3d.nets.crop import warp_shrunk
from realtime3d.types import Array, Image, Pose

EYE_MM = 40.0  # across the crop; an eye is 25 to 32 wide
FACING = (0.34, 0.5)  # cosine between sight and the plane's normal: no eye is seen below, all it can be above


def plane_of(pose: Pose, middle: Array, side: int, mm: float = EYE_MM) -> Matrix:
    """(3, 3) from a point (x, y, 1) of the crop, -0.5 to 0.5, to camera space; `middle` is in the head's frame."""
    across = mm if side == 0 else -mm
    return np.column_stack([across * pose.R[:, 0], mm * pose.R[:, 1], pose.R @ middle + pose.t])


def facing(pose: Pose, middle: Array) -> float:
    """How far the plane faces the camera: 1 from ahead, 0 edge-on."""
    at = pose.R @ middle + pose.t
    return float(pose.R[:, 2] @ at / np.sqrt(at @ at))


def sight(pose: Pose, middle: Array) -> Array:
    """(3,) the line of sight to a point of the head, in the head's frame."""
    seen: Array = pose.R.T @ (pose.R @ middle + pose.t)
    return seen


def eye_warp(image: Image, camera: Camera, plane: Matrix, size: int) -> Image:
    """(size, size, 3) uint8 BGR, edge colours repeated outside the picture."""
    centre = (size - 1) / 2
    to_plane = plane @ np.array([[1 / size, 0, -centre / size], [0, 1 / size, -centre / size], [0, 0, 1.0]])
    if camera.distortion:
        at = np.stack([*np.meshgrid(np.arange(size), np.arange(size)), np.ones((size, size))], axis=-1)
        xy = camera.project(at @ to_plane.T).astype(np.float32)
        return cv2.remap(image, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    H = camera.K @ to_plane
    shrink = float(np.linalg.norm(H[:2, 1] / H[2, 2]))  # picture pixels per crop pixel, downwards
    if shrink > 2.0:
        return warp_shrunk(image, H, size, int(shrink))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(image, H, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
