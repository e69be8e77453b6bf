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
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
Quaternion = tuple[float, float, float, float]


def yaw_first(R: ArrayLike) -> tuple[float, float, float]:
    """(pitch, yaw, roll) in degrees with R = Ry(yaw) Rx(pitch) Rz(roll); yaw reaches 180, pitch 90."""
    (_, _, r02), (r10, r11, r12), (_, _, r22) = np.asarray(R, dtype=np.float64).tolist()
    pitch = math.asin(max(-1.0, min(1.0, -r12)))
    return math.degrees(pitch), math.degrees(math.atan2(r02, r22)), math.degrees(math.atan2(r10, r11))


def from_yaw_first(pitch_deg: float, yaw_deg: float, roll_deg: float) -> Matrix:
    """The rotation of three angles in degrees: R = Ry(yaw) Rx(pitch) Rz(roll)."""
    (p, y, r) = (math.radians(angle) for angle in (pitch_deg, yaw_deg, roll_deg))
    cp, sp, cy, sy, cr, sr = math.cos(p), math.sin(p), math.cos(y), math.sin(y), math.cos(r), math.sin(r)
    return np.array(
        [
            [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
            [cp * sr, cp * cr, -sp],
            [cy * sp * sr - sy * cr, cy * sp * cr + sy * sr, cy * cp],
        ]
    )


def quaternion(R: ArrayLike) -> Quaternion:
    """(x, y, z, w) of a rotation, w >= 0, length 1."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(R, dtype=np.float64).tolist()
    squares = (1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i)  # 4 x², 4 y², 4 z², 4 w²
    largest = max(range(4), key=squares.__getitem__)
    if largest == 0:
        q = (squares[0], b + d, c + g, h - f)
    elif largest == 1:
        q = (b + d, squares[1], f + h, c - g)
    elif largest == 2:
        q = (c + g, f + h, squares[2], d - b)
    else:
        q = (h - f, c - g, d - b, squares[3])
    length = math.copysign(math.sqrt(sum(x * x for x in q)), q[3])
    return (q[0] / length, q[1] / length, q[2] / length, q[3] / length)


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
    from realtime3d.geometry import matrix_to_rotvec, rotvec_to_matrix

    return A @ rotvec_to_matrix(matrix_to_rotvec(A.T @ B) * fraction)
