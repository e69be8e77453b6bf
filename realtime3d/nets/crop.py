"""The one definition of the nets' crop, shared by tracker, `process_boxes` and training.

A crop is a small virtual camera: it stands where the real camera stands, looks at the head's anchor point, is turned
so that the head is upright in it, and is zoomed so that `CROP_MM` millimetres at the head's depth fill it. Because it
is a camera and not a cut-out, a face in the picture's corner is seen without stretching and the way back from the
nets' outputs to the real camera is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.geometry import ANCHOR_MM, Camera, Matrix, rotation_from_6d, rotation_to_ray
from realtime3d.types import Image, Pose

CROP_MM = 210.0
BOX_TO_SIDE = 1.5  # crop side over the larger side of a tight face box
BOX_SHIFT_UP = 0.06  # of the crop side, from the box's middle


@dataclass(frozen=True, slots=True)
class Crop:
    """A virtual camera of `size` x `size` pixels: `x_crop = R @ x_camera`."""

    R: Matrix  # (3, 3) crop from camera
    focal: float  # in crop pixels
    size: int

    @property
    def K(self) -> Matrix:
        middle = (self.size - 1) / 2
        return np.array([[self.focal, 0, middle], [0, self.focal, middle], [0, 0, 1.0]])

    @property
    def K_inverse(self) -> Matrix:
        middle = (self.size - 1) / 2
        return np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, self.focal]]) / self.focal


@dataclass(frozen=True, slots=True)
class CropPose:
    """The pose of a head as the nets see it, relative to a crop. Arrays are float64."""

    R: Matrix  # (3, 3) rotation relative to the ray from the camera to the head's anchor
    position: NDArray[np.float64]  # (2,) where the anchor is projected: 0 is the crop's middle, 1 a whole crop side
    log_scale: float  # log of (CROP_MM projected at the anchor's depth) / (crop side); 0 fills the crop exactly


def _turned(to_ray: Matrix, up_angle: float, focal: float, size: int) -> Crop:
    """A crop along a ray (`to_ray` turns the axis onto it) where `up_angle` (radians from picture up) is up."""
    c, s = math.cos(up_angle), math.sin(up_angle)
    return Crop(np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]) @ to_ray.T, focal, size)


def crop_from_box(xyxy: ArrayLike, camera: Camera, size: int, roll: float = 0.0) -> Crop:
    """The crop for a tight face box (brows to chin); `roll` in radians, clockwise, where it is known."""
    x0, y0, x1, y1 = np.asarray(xyxy, dtype=np.float64)
    side = BOX_TO_SIDE * max(x1 - x0, y1 - y0, 1.0)
    up = np.array([np.sin(roll), -np.cos(roll)])
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + BOX_SHIFT_UP * side * up
    ray = camera.rays(middle)
    # The camera's focal length is for z = 1; off the axis the ray is longer and the face nearer to its own camera.
    focal = camera.fx * np.linalg.norm(ray) * size / side
    return _turned(rotation_to_ray(ray), roll, float(focal), size)


def crop_from_pose(pose: Pose, size: int) -> Crop:
    """The crop for a head whose pose is known, from the last frame or a first answer."""
    anchor = pose.R @ ANCHOR_MM + pose.t
    to_ray = rotation_to_ray(anchor)
    across, down, _ = (to_ray.T @ pose.R[:, 1]).tolist()  # the head's y axis as the crop would see it unturned
    roll = math.atan2(-across, down) if math.hypot(across, down) > 0.2 else 0.0  # looking along it: no roll
    distance = math.sqrt(anchor @ anchor)
    return _turned(to_ray, roll, size * distance / CROP_MM, size)


def warp(image: Image, camera: Camera, crop: Crop) -> Image:
    """The crop's pixels: (size, size, 3) uint8, edge colours repeated outside the picture, sub-pixel exact."""
    size = crop.size
    if camera.distortion:
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
        rays = np.concatenate([grid - (size - 1) / 2, np.full((size, size, 1), crop.focal)], axis=-1) @ crop.R
        xy = camera.project(rays).astype(np.float32)
        return cv2.remap(image, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shrink = camera.fx * 1.0 / crop.focal  # picture pixels per crop pixel
    H = camera.K @ crop.R.T @ crop.K_inverse
    if shrink > 2.0:  # bilinear would alias: average first
        return warp_shrunk(image, H, size, int(shrink))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(image, H, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def warp_shrunk(image: Image, H: Matrix, size: int, factor: int) -> Image:
    """Average blocks of `factor` pixels around the crop, then sample: a large face must not alias into a small crop."""
    limit = np.array([image.shape[1], image.shape[0]])
    corners = H @ np.array([[-1, size, size, -1], [-1, -1, size, size], [1, 1, 1, 1.0]])
    xy = corners[:2] / corners[2]
    start = np.clip(np.floor(xy.min(1)).astype(int) - factor, 0, np.maximum(limit - factor, 0))
    end = np.clip(np.ceil(xy.max(1)).astype(int) + factor, start, limit)
    blocks = np.maximum((end - start) // factor, 1)
    (x, y), (right, below) = start, start + blocks * factor
    small = cv2.resize(image[y:below, x:right], (int(blocks[0]), int(blocks[1])), interpolation=cv2.INTER_AREA)
    shift = (0.5 - start) / factor - 0.5
    coarser = np.array([[1 / factor, 0, shift[0]], [0, 1 / factor, shift[1]], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(small, coarser @ H, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def pose_to_crop(pose: Pose, crop: Crop) -> CropPose:
    """What perfect nets would say of a head with this pose in this crop (training's targets)."""
    anchor = crop.R @ (pose.R @ ANCHOR_MM + pose.t)
    R = rotation_to_ray(anchor).T @ crop.R @ pose.R
    position = crop.focal * anchor[:2] / anchor[2] / crop.size
    return CropPose(R, position, float(np.log(crop.focal * CROP_MM / anchor[2] / crop.size)))


def pose_from_crop(rotation_6d: ArrayLike, position: ArrayLike, log_scale: float, crop: Crop) -> Pose:
    """The inverse of `pose_to_crop`: the nets' outputs for one face to the pose in the real camera."""
    depth = crop.focal * CROP_MM / (math.exp(log_scale) * crop.size)
    x, y = np.asarray(position, dtype=np.float64).tolist()
    across = depth * crop.size / crop.focal
    anchor = np.array([x * across, y * across, depth])
    camera_from_crop = crop.R.T
    R = camera_from_crop @ (rotation_to_ray(anchor) @ rotation_from_6d(rotation_6d))
    return Pose(R, camera_from_crop @ anchor - R @ ANCHOR_MM)
