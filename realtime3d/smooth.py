"""Causal smoothing in real seconds.

A One Euro filter lets slow signals through a low cutoff and raises the cutoff with the speed. Here speed is counted in
multiples of the signal's own noise, which is learned while the face is calm: below the noise nothing opens the filter,
above it the filter opens within a frame. Rotations are filtered on SO(3) (in the tangent space of the last filtered
rotation), places as viewing rays in millimetres at the head's depth, depth as its logarithm, expressions along the
axes of `realtime3d.axes`. docs/smoothing.md has the measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from realtime3d.axes import ExpressionAxes
from realtime3d.config import SmoothSettings
from realtime3d.facemodel import FaceModel
from realtime3d.geometry import matrix_to_rotvec, rotvec_to_matrix
from realtime3d.motion import place_of, pose_at
from realtime3d.types import FaceCoeffs

Array = NDArray[np.float64]

NOISE_DEG, NOISE_MM, NOISE_LOG_DEPTH, NOISE_EXTRA = 0.6, 2.0, 0.01, 0.05  # usual frame to frame noise, to begin with


@dataclass(frozen=True, slots=True)
class _Layout:
    """The signals of one face in a row: rotation 3, ray 2, depth 1, expression axes, extras."""

    axes: ExpressionAxes
    starts: NDArray[np.intp]  # of the groups
    sizes: Array
    group: NDArray[np.intp]  # of each signal
    joint: NDArray[np.bool_]  # signals that open with their group only
    families: tuple[slice, ...]

    @classmethod
    def of(cls, axes: ExpressionAxes, n_extras: int) -> _Layout:
        sizes = [3, 2, 1, *axes.sizes, *([n_extras] if n_extras else [])]
        group = np.repeat(np.arange(len(sizes)), sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        bounds = [0, 6, 6 + sum(axes.sizes), *([group.size] if n_extras else [])]
        families = tuple(slice(a, b) for a, b in pairwise(bounds))
        return cls(axes, starts, np.array(sizes, dtype=np.float64), group, group < 3, families)

    def rms(self, z: Array) -> Array:
        """Root mean square over each group (G,)."""
        return np.sqrt(np.add.reduceat(z * z, self.starts) / self.sizes)


class _Noise:
    """The noise of each signal as a multiple of the usual one: what it is now, and at least what it is when calm.

    Second differences of neighbouring frames see noise and hardly see motion. Now: their mean over LOCAL_S, because
    noise comes and goes (a blurred frame, a hand, a dark second). Calm: the calmest fifth of the last windows. Signals
    of one family (head, face, extras) support each other: its own noise and its family's median count half each.
    """

    LOCAL_S, MARGIN = 0.4, 1.1
    FRAMES, WINDOWS, LEAST_WINDOWS = 12, 25, 3
    CALMEST, CORRECTION = 0.2, 1.35  # the calmest fifth of short windows underrates: measured on white noise
    RANGE = 0.05, 6.0

    def __init__(self, families: Sequence[slice]) -> None:
        self._families = families
        size = families[-1].stop
        self.scale = np.ones(size)
        self._calm = np.ones(size)
        self._now, self._weight = np.zeros(size), 0.0
        self._sum, self._frames = np.zeros(size), 0
        self._last_step: Array | None = None
        self._windows: list[Array] = []

    def take(self, step: Array, dt: float) -> None:
        """`step`: difference of neighbouring frames, `dt` seconds apart, in usual noises."""
        last, self._last_step = self._last_step, step
        if last is None:
            return
        power = (step - last) ** 2 / 6
        share = -math.expm1(-dt / self.LOCAL_S)
        self._now += share * (power - self._now)
        self._weight += share * (1 - self._weight)
        self._sum += power
        self._frames += 1
        if self._frames == self.FRAMES:
            self._close_window()
        now = self.MARGIN * self._shared(np.sqrt(self._now / self._weight))
        self.scale = np.clip(np.maximum(self._calm, now), *self.RANGE)

    def _close_window(self) -> None:
        self._windows = [*self._windows[1 - self.WINDOWS :], np.sqrt(self._sum / self._frames)]
        self._sum, self._frames = np.zeros_like(self._sum), 0
        if len(self._windows) >= self.LEAST_WINDOWS:
            self._calm = self.CORRECTION * self._shared(np.quantile(self._windows, self.CALMEST, axis=0))

    def _shared(self, noise: Array) -> Array:
        for family in self._families:
            noise[family] = np.sqrt(noise[family] * np.median(noise[family]))
        return noise


class _Filter:
    """The state of one face."""

    def __init__(self, layout: _Layout, settings: SmoothSettings, coeffs: FaceCoeffs, t_ns: int) -> None:
        self._layout, self._settings = layout, settings
        self.t_ns = t_ns
        self._raw = coeffs
        self._R, self._place = coeffs.pose.R, place_of(coeffs.pose)
        self._face = self._signals(coeffs)
        size = layout.group.size
        self._lasting = np.zeros(size)  # mean distance over `lasting_s`, in noises
        self._open_hz = np.zeros(size)  # cutoff above the calm one
        self._left = np.zeros(size)  # distance that the last step left over, in usual noises
        self._noise = _Noise(layout.families)

    def _signals(self, coeffs: FaceCoeffs) -> Array:
        return np.concatenate([self._layout.axes.outward @ coeffs.expression, coeffs.extras / NOISE_EXTRA])

    def step(self, coeffs: FaceCoeffs, t_ns: int) -> FaceCoeffs:
        dt = (t_ns - self.t_ns) * 1e-9
        off = self._distance(coeffs)
        if not np.isfinite(off).all():  # pass it on, but learn nothing from it
            return coeffs
        self.t_ns = t_ns
        if coeffs is not self._raw:  # a held face repeats its last answer: that is no calm
            self._noise.take(off - self._left, dt)
        self._raw = coeffs
        moved = self._gain(off / self._noise.scale, dt) * off
        self._left = off - moved
        return self._move(moved, coeffs)

    def _distance(self, coeffs: FaceCoeffs) -> Array:
        """From the filtered face to the new answer, in usual noises."""
        place = place_of(coeffs.pose) - self._place
        depth = math.exp(self._place[2])
        turn = matrix_to_rotvec(self._R.T @ coeffs.pose.R) * (math.degrees(1) / NOISE_DEG)
        head = [*turn, place[0] * depth / NOISE_MM, place[1] * depth / NOISE_MM, place[2] / NOISE_LOG_DEPTH]
        return np.concatenate([head, self._signals(coeffs) - self._face])

    def _gain(self, z: Array, dt: float) -> Array:
        """The part of the distance (in noises) that each signal goes now."""
        s, layout = self._settings, self._layout
        share = -math.expm1(-dt / s.lasting_s)
        self._lasting += share * (z - self._lasting)
        lasting = self._lasting * math.sqrt((2 - share) / share)  # again 1 for mere noise
        spread = 1 / np.sqrt(2 * layout.sizes)  # of the rms of so many signals
        sudden = np.maximum(layout.rms(z) - (1 + s.sudden * spread), 0)
        slow = np.maximum(layout.rms(lasting) - (1 + s.lasting * spread), 0)
        together = np.maximum(s.sudden_hz * sudden, s.lasting_hz * slow)[layout.group]
        stirred = np.minimum(1, 2 * np.maximum(sudden, slow))[layout.group]
        alone = np.maximum(
            s.sudden_hz * (np.abs(z) - _between(1 + s.sudden * math.sqrt(0.5), s.along, stirred)),
            s.lasting_hz * (np.abs(lasting) - _between(1 + s.lasting * math.sqrt(0.5), s.along, stirred)),
        )
        opening = np.where(layout.joint, together, np.maximum(alone, 0))
        self._open_hz = np.maximum(opening, self._open_hz * math.exp(-dt / s.stay_s))
        gain = -np.expm1(-2 * math.pi * dt * (s.calm_hz + self._open_hz))
        self._lasting *= 1 - gain
        return gain

    def _move(self, moved: Array, coeffs: FaceCoeffs) -> FaceCoeffs:
        self._R = self._R @ rotvec_to_matrix(moved[:3] * math.radians(NOISE_DEG))
        mm = NOISE_MM / math.exp(self._place[2])
        self._place = self._place + moved[3:6] * (mm, mm, NOISE_LOG_DEPTH)
        self._face = self._face + moved[6:]
        n = len(coeffs.expression)
        return replace(
            coeffs,
            pose=pose_at(self._place, self._R),
            expression=(self._layout.axes.inward @ self._face[:n]).astype(np.float32),
            extras=(self._face[n:] * NOISE_EXTRA).astype(np.float32),
        )


def _between(low: float, high: float, part: Array) -> Array:
    return low + (high - low) * part


class Smoother:
    """Smooths the answers of each track; holds nothing but the tracks' filters."""

    def __init__(self, axes: ExpressionAxes, n_extras: int, settings: SmoothSettings | None = None) -> None:
        self.settings = settings or SmoothSettings()
        self._layout = _Layout.of(axes, n_extras)
        self._filters: dict[int, _Filter] = {}

    @classmethod
    def for_model(cls, model: FaceModel, settings: SmoothSettings | None = None) -> Smoother:
        """A smoother that knows what each coefficient of `model` moves."""
        return cls(ExpressionAxes.for_model(model), model.n_extras, settings)

    def __call__(self, track_id: int, coeffs: FaceCoeffs, t_ns: int) -> FaceCoeffs:
        """`coeffs` with pose, expression and extras smoothed; the first ones of a track pass as they are."""
        known = self._filters.get(track_id)
        if known is not None and t_ns <= known.t_ns:
            raise ValueError(f"time must rise: {t_ns} ns came after {known.t_ns} ns")
        if known is None or t_ns - known.t_ns > self.settings.gap_s * 1e9:
            self._filters[track_id] = _Filter(self._layout, self.settings, coeffs, t_ns)
            return coeffs
        return known.step(coeffs, t_ns)

    def drop(self, track_id: int) -> None:
        """The track ended."""
        self._filters.pop(track_id, None)
