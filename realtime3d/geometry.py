"""Rotations, Euler angles and the pinhole camera. Conventions are those of docs/conventions.md.

Functions of one rotation or one vector count in plain numbers: for so few of them a call of NumPy costs more than the
arithmetic of a whole matrix, and they run several times for each face of each frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.errors import UsageError
from realtime3d.types import FloatArray

Matrix = NDArray[np.float64]

ANCHOR_MM = np.array([0.0, 28.0, 10.0])  # in the head frame: middle of the face, a little behind its surface
DEFAULT_FOV_DEG = 60.0  # across the picture's longer side; laptop webcams lie between 50 and 75


def euler_to_matrix(pitch: float, yaw: float, roll: float) -> Matrix:
    """R = Rx(pitch) Ry(yaw) Rz(roll), angles in radians: OpenFace's order, whose pole is a face in profile.

    Pitch positive looks down, yaw positive turns to the person's own right, roll positive turns clockwise in the
    picture.
    """
    (cx, cy, cz), (sx, sy, sz) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rx @ ry @ rz


def matrix_to_head_angles(R: ArrayLike) -> tuple[float, float, float]:
    """(pitch, yaw, roll) in radians with R = Ry(yaw) Rx(pitch) Rz(roll): where the nose points, then the head's tilt.

    Yaw lies in [-pi, pi], pitch in [-pi/2, pi/2]. The pole is a face that looks straight down or up; roll is 0 there.
    """
    (r00, _, r02), (r10, r11, r12), (r20, _, r22) = np.asarray(R, dtype=np.float64).tolist()
    cos_pitch = math.hypot(r02, r22)
    pitch = math.atan2(-r12, cos_pitch)
    if cos_pitch < 1e-9:
        return pitch, math.atan2(-r20, r00), 0.0
    return pitch, math.atan2(r02, r22), math.atan2(r10, r11)


def head_angles_to_matrix(pitch: float, yaw: float, roll: float) -> Matrix:
    """R = Ry(yaw) Rx(pitch) Rz(roll), angles in radians."""
    cp, sp, cy, sy = math.cos(pitch), math.sin(pitch), math.cos(yaw), math.sin(yaw)
    cr, sr = math.cos(roll), math.sin(roll)
    return np.array(
        [
            [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
            [cp * sr, cp * cr, -sp],
            [cy * sp * sr - sy * cr, cy * sp * cr + sy * sr, cy * cp],
        ]
    )


def matrix_to_euler(R: ArrayLike) -> tuple[float, float, float]:
    """(pitch, yaw, roll) in radians with R = Rx Ry Rz; yaw lies in [-pi/2, pi/2], at its ends roll is 0."""
    (r00, r01, r02), (_, r11, r12), (_, r21, r22) = np.asarray(R, dtype=np.float64).tolist()
    cos_yaw = math.hypot(r00, r01)
    yaw = math.atan2(r02, cos_yaw)
    if cos_yaw < 1e-9:
        return math.atan2(r21, r11), yaw, 0.0
    return math.atan2(-r12, r22), yaw, math.atan2(-r01, r00)


def rotation_from_6d(six: ArrayLike) -> Matrix:
    """Gram-Schmidt of two 3-vectors, the first two columns of the rotation: (6,) -> (3, 3)."""
    ax, ay, az, bx, by, bz = np.asarray(six, dtype=np.float64).tolist()
    length = max(math.sqrt(ax * ax + ay * ay + az * az), 1e-12)
    ax, ay, az = ax / length, ay / length, az / length
    along = ax * bx + ay * by + az * bz
    bx, by, bz = bx - along * ax, by - along * ay, bz - along * az
    length = max(math.sqrt(bx * bx + by * by + bz * bz), 1e-12)
    bx, by, bz = bx / length, by / length, bz / length
    return np.array([[ax, bx, ay * bz - az * by], [ay, by, az * bx - ax * bz], [az, bz, ax * by - ay * bx]])


def rotvec_to_matrix(rotvec: ArrayLike) -> Matrix:
    """Rodrigues' formula for one rotation vector in radians."""
    x, y, z = np.asarray(rotvec, dtype=np.float64).tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = x / angle, y / angle, z / angle
    s, c = math.sin(angle), math.cos(angle)
    v = 1 - c
    return np.array(
        [
            [c + v * x * x, v * x * y - s * z, v * x * z + s * y],
            [v * x * y + s * z, c + v * y * y, v * y * z - s * x],
            [v * x * z - s * y, v * y * z + s * x, c + v * z * z],
        ]
    )


def matrix_to_rotvec(R: ArrayLike) -> Matrix:
    """Rotation vector in radians, length in [0, pi]; exact at pi as well."""
    m = np.asarray(R, dtype=np.float64)
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = m.tolist()
    x, y, z = (r21 - r12) / 2, (r02 - r20) / 2, (r10 - r01) / 2  # sin(angle) * axis
    angle = math.atan2(math.sqrt(x * x + y * y + z * z), (r00 + r11 + r22 - 1) / 2)
    if math.pi - angle > 1e-6:
        scale = 1.0 if angle < 1e-9 else angle / math.sin(angle)
        return np.array([x * scale, y * scale, z * scale])
    outer = (m + np.eye(3)) / 2  # axis axis^T, up to sign, where the sine vanishes
    axis = outer[np.argmax(np.diag(outer))]
    return axis / np.linalg.norm(axis) * angle


def geodesic_deg(A: ArrayLike, B: ArrayLike) -> NDArray[np.float64]:
    """Angle between rotations in degrees, broadcast over leading axes."""
    a, b = np.asarray(A, dtype=np.float64), np.asarray(B, dtype=np.float64)
    chord = np.sqrt(((a - b) ** 2).sum((-1, -2)))  # 2 sqrt(2) sin(angle / 2): exact for small angles, unlike arccos
    return np.degrees(2 * np.arcsin(np.clip(chord / np.sqrt(8), 0, 1)))


def mean_rotation(rotations: ArrayLike) -> NDArray[np.float64]:
    """The rotation nearest to all of (N, 3, 3), by their arithmetic mean."""
    u, _, vt = np.linalg.svd(np.asarray(rotations, dtype=np.float64).mean(axis=0))
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt


def rotation_to_ray(direction: ArrayLike) -> Matrix:
    """The smallest rotation that turns the optical axis (0, 0, 1) onto a viewing ray."""
    x, y, z = np.asarray(direction, dtype=np.float64).tolist()
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    if z < -1 + 1e-12:  # straight back: every half turn is as small as any other
        return np.diag([-1.0, 1.0, -1.0])
    k = 1 / (1 + z)
    return np.array([[1 - k * x * x, -k * x * y, x], [-k * x * y, 1 - k * y * y, y], [-x, -y, z]])


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with OpenCV's lens distortion (k1, k2, p1, p2[, k3...]; empty means none)."""

    fx: float  # px, focal length across
    fy: float  # px, down
    cx: float  # px, the optical axis in the picture
    cy: float  # px
    width: int  # px, of the picture
    height: int  # px
    distortion: tuple[float, ...] = field(default=())  # k1, k2, p1, p2[, k3...]

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float = DEFAULT_FOV_DEG) -> Camera:
        """A camera whose longer picture side spans `fov_deg`, looking through the picture's middle."""
        f = max(width, height) / 2 / np.tan(np.radians(fov_deg) / 2)
        return cls(float(f), float(f), (width - 1) / 2, (height - 1) / 2, width, height)

    @property
    def K(self) -> Matrix:
        """(3, 3) focal lengths and principal point, as OpenCV takes them."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Camera-space points (..., 3) in mm to pixels (..., 2)."""
        p = np.asarray(points, dtype=np.float64)
        if self.distortion:
            import cv2

            flat = cv2.projectPoints(p.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), self.K, np.array(self.distortion))
            return flat[0].reshape(*p.shape[:-1], 2)
        return p[..., :2] / p[..., 2:] * (self.fx, self.fy) + (self.cx, self.cy)

    def rays(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Pixels (..., 2) to viewing rays (..., 3) with z = 1, distortion removed."""
        p = np.asarray(pixels, dtype=np.float64)
        if self.distortion:
            import cv2

            xy = cv2.undistortPoints(p.reshape(-1, 1, 2), self.K, np.array(self.distortion)).reshape(p.shape)
        else:
            xy = (p - (self.cx, self.cy)) / (self.fx, self.fy)
        return np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)


def flipped_box(xyxy: FloatArray, width: int) -> FloatArray:
    """Boxes (..., 4) of a picture, in the picture flipped left to right."""
    x0, y0, x1, y1 = np.moveaxis(xyxy, -1, 0)
    return np.stack([width - 1 - x1, y0, width - 1 - x0, y1], axis=-1).astype(np.float32)


def checked_boxes(boxes: ArrayLike | Sequence[ArrayLike]) -> FloatArray:
    """A caller's boxes as (N, 4) float32; what has no area or is no number is refused."""
    try:
        array = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"boxes are [[x0, y0, x1, y1], ...] in px, not {boxes!r:.80}") from error
    if array.size == 0:
        return np.zeros((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise UsageError(f"boxes are (N, 4): [[x0, y0, x1, y1], ...] in px, not {array.shape}")
    bad = ~np.isfinite(array).all(1) | (array[:, 2] <= array[:, 0]) | (array[:, 3] <= array[:, 1])
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise UsageError(f"box {first} is {array[first].tolist()}: it must be finite with x0 < x1 and y0 < y1")
    return array


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of boxes (N, 4) and (M, 4): (N, M)."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - corner, 0).prod(-1)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(-1), (b[:, 2:] - b[:, :2]).prod(-1)
    return shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9)


def sigmoid(logit: float) -> float:
    """The probability of a logit; far ones do not overflow."""
    return 1.0 / (1.0 + math.exp(-min(max(logit, -60.0), 60.0)))
