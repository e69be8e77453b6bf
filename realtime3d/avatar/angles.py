"""From our frame to those of avatars. One rotation at a time, in plain numbers.

Ours: x to the person's left, y down, z into the head; the same axes as the camera's where R = I. Game engines turn by
yaw first, then pitch, then roll, which keeps the pole out of profile views.

| frame | x | y | z | hand | a rotation of ours in it |
|---|---|---|---|---|---|
| Unity (VMC) | person's right | up | out of the face | left | the same matrix, since all three axes are turned round |
| ARKit (iFacialMocap) | person's left | up | out of the face | right | (pitch, -yaw, -roll) |
| Unreal's Live Link Face | | | | left | (pitch, yaw, roll) |
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.geometry import (
    Matrix,
    head_angles_to_matrix,
    matrix_to_head_angles,
    matrix_to_rotvec,
    rotvec_to_matrix,
)
from realtime3d.types import Pose

Quaternion = tuple[float, float, float, float]


def yaw_first(R: ArrayLike) -> tuple[float, float, float]:
    """(pitch, yaw, roll) in degrees with R = Ry(yaw) Rx(pitch) Rz(roll)."""
    pitch, yaw, roll = matrix_to_head_angles(R)
    return math.degrees(pitch), math.degrees(yaw), math.degrees(roll)


def from_yaw_first(pitch_deg: float, yaw_deg: float, roll_deg: float) -> Matrix:
    """The way back."""
    return head_angles_to_matrix(math.radians(pitch_deg), math.radians(yaw_deg), math.radians(roll_deg))


def quaternion(R: Matrix) -> Quaternion:
    """(x, y, z, w) of a rotation, as receivers order it; w >= 0, length 1."""
    w, x, y, z = Pose(R, np.zeros(3)).quaternion().tolist()
    return x, y, z, w


def same_sign(q: Quaternion, before: Quaternion | None) -> Quaternion:
    """q or -q, which are one rotation: the one nearer to what was sent before, so that receivers may interpolate."""
    if before is not None and sum(a * b for a, b in zip(q, before, strict=True)) < 0:
        return (-q[0], -q[1], -q[2], -q[3])
    return q


def mirrored(R: Matrix) -> Matrix:
    """The rotation seen in a mirror: yaw and roll change their sign."""
    return R * np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])


def between(A: Matrix, B: Matrix, fraction: float) -> Matrix:
    """From A (0) to B (1) on the shortest way."""
    if fraction <= 0:
        return A
    if fraction >= 1:
        return B
    return A @ rotvec_to_matrix(matrix_to_rotvec(A.T @ B) * fraction)
