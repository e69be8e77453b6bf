"""Where a head will be: its last pose and its damped velocity, in seconds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime3d.clock import to_s
from realtime3d.geometry import ANCHOR_MM, geodesic_deg, matrix_to_rotvec, rotvec_to_matrix
from realtime3d.types import Pose

GAP_S = 0.5  # after a longer silence the old velocity says nothing
DAMPING_S = 0.5  # a head that is not seen slows down with this time constant
MEMORY_S = 0.08  # time constant of the velocity estimate
FASTEST_DEG_S = 1000.0  # heads that are shaken turn by less
NOISE_DEG = 20.0  # by which two measured poses of a still head differ at most


class Motion:
    """One head's pose, and its velocity as seen in the picture (viewing ray, log depth) and on SO(3)."""

    def __init__(self, pose: Pose, t_ns: int) -> None:
        self._restart(pose, t_ns)

    def _restart(self, pose: Pose, t_ns: int) -> None:
        self.pose, self.t_ns = pose, t_ns
        self.place = place_of(pose)
        self._velocity = np.zeros(3)  # of the place, per second
        self._spin = np.zeros(3)  # rotation vector per second, in the camera's frame

    def predict(self, t_ns: int) -> Pose:
        """The pose to look for at `t_ns`."""
        dt = to_s(t_ns - self.t_ns)
        if dt <= 0 or dt > GAP_S:
            return self.pose
        reach = DAMPING_S * -math.expm1(-dt / DAMPING_S)
        R = rotvec_to_matrix(self._spin * reach) @ self.pose.R
        return pose_at(self.place + self._velocity * reach, R)

    def leaps(self, pose: Pose, t_ns: int) -> bool:
        """Whether no head turns that far in the time since it was last measured."""
        return float(geodesic_deg(self.pose.R, pose.R)) > NOISE_DEG + FASTEST_DEG_S * to_s(t_ns - self.t_ns)

    def observe(self, pose: Pose, t_ns: int) -> None:
        """Take a measured pose."""
        dt = to_s(t_ns - self.t_ns)
        if dt <= 0 or dt > GAP_S:
            self._restart(pose, t_ns)
            return
        gain = -math.expm1(-dt / MEMORY_S)
        place = place_of(pose)
        self._velocity += gain * ((place - self.place) / dt - self._velocity)
        self._spin += gain * (matrix_to_rotvec(pose.R @ self.pose.R.T) / dt - self._spin)
        self.pose, self.t_ns, self.place = pose, t_ns, place


def place_of(pose: Pose) -> NDArray[np.float64]:
    """(x/z, y/z, log z) of the head's anchor: there the nets' noise does not depend on the depth.

    Behind the camera, where there is no such place, log z is -inf.
    """
    x, y, z = (pose.R @ ANCHOR_MM + pose.t).tolist()
    if not z > 0:
        return np.array([0.0, 0.0, -math.inf])
    return np.array([x / z, y / z, math.log(z)])


def pose_at(place: NDArray[np.float64], R: NDArray[np.float64]) -> Pose:
    """The inverse of `place_of` for a given rotation."""
    z = math.exp(place[2])
    return Pose(R, np.array([place[0] * z, place[1] * z, z]) - R @ ANCHOR_MM)
