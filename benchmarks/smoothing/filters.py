"""The filters that `smoothing.py` compares. Each takes signals and the seconds since the last frame."""

from __future__ import annotations

import numpy as np

from benchmarks.smoothing.scenes import Array, Face, Step
from realtime3d.geometry import matrix_to_rotvec, rotvec_to_matrix
from realtime3d.tracking.motion import place_of, pose_at
from realtime3d.tracking.smooth import Smoother, SmoothSettings
from realtime3d.types import FaceCoeffs

HEAD = 6  # signals of the head come first


class Ema:
    """First order low pass."""

    def __init__(self, hz: float) -> None:
        self.hz = hz
        self.value: Array | None = None

    def __call__(self, x: Array, dt: float) -> Array:
        self.value = x if self.value is None else self.value - np.expm1(-2 * np.pi * self.hz * dt) * (x - self.value)
        return self.value


class OneEuro:
    """Casiez, Roussel, Vogel 2012; speed from the last filtered value, its cutoff 1 Hz."""

    def __init__(self, hz: float, beta: float) -> None:
        self.hz, self.beta = hz, beta
        self.value: Array | None = None
        self.speed = np.zeros(1)

    def __call__(self, x: Array, dt: float) -> Array:
        if self.value is None:
            self.value, self.speed = x, np.zeros_like(x)
            return x
        self.speed = self.speed - np.expm1(-2 * np.pi * dt) * ((x - self.value) / dt - self.speed)
        cutoff = self.hz + self.beta * np.abs(self.speed)
        self.value = self.value - np.expm1(-2 * np.pi * cutoff * dt) * (x - self.value)
        return self.value


class Kalman:
    """Constant velocity, white acceleration of density `q` (noises per second squared, per root hertz)."""

    def __init__(self, q: float) -> None:
        self.q, self.P = q, np.diag([1.0, 100.0])
        self.state: Array | None = None

    def __call__(self, x: Array, dt: float) -> Array:
        if self.state is None:
            self.state = np.stack([x, np.zeros_like(x)])
            return x
        F = np.array([[1, dt], [0, 1]])
        Q = self.q**2 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        self.state, self.P = F @ self.state, F @ self.P @ F.T + Q
        gain = self.P[:, 0] / (self.P[0, 0] + 1)
        self.state = self.state + gain[:, None] * (x - self.state[0])
        self.P = self.P - np.outer(gain, self.P[0])
        return self.state[0]


class Scaled:
    """One filter for the head and one for the face, on signals in multiples of their usual noise."""

    def __init__(self, face: Face, head: Step, rest: Step) -> None:
        self.sd, self.head, self.rest = face.noise, head, rest

    def __call__(self, x: Array, dt: float) -> Array:
        z = x / self.sd
        return np.concatenate([self.head(z[:HEAD], dt), self.rest(z[HEAD:], dt)]) * self.sd


class Ours:
    """`realtime3d.tracking.smooth.Smoother` behind the signals of this benchmark."""

    def __init__(self, face: Face, settings: SmoothSettings | None = None) -> None:
        self.smoother, self.t_ns, self.n = Smoother.for_model(face.model, settings), 0, face.model.n_expression

    def __call__(self, x: Array, dt: float) -> Array:
        self.t_ns += round(dt * 1e9)
        pose = pose_at(x[3:6], rotvec_to_matrix(np.radians(x[:3])))
        face, extras = x[6 : 6 + self.n].astype(np.float32), x[6 + self.n :].astype(np.float32)
        out = self.smoother(0, FaceCoeffs(pose, face, extras, 1.0, 3.0), self.t_ns)
        turn = np.degrees(matrix_to_rotvec(out.pose.R))
        return np.concatenate([turn, place_of(out.pose), out.expression, out.extras])
