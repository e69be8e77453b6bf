"""Causal smoothing in real seconds.

A One Euro filter lets slow signals through a low cutoff and raises the cutoff with the speed. Here speed is counted in
multiples of the signal's own noise, which is learned while the face is calm: below the noise nothing opens the filter,
above it the filter opens within a frame. Rotations are filtered on SO(3) (in the tangent space of the last filtered
rotation), places as viewing rays in millimetres at the head's depth, depth as its logarithm, expressions along the
axes of `realtime3d.tracking.expression_axes`. docs/smoothing.md has the measurements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from realtime3d.clock import to_ns, to_s
from realtime3d.config import SmoothSettings
from realtime3d.face.model import FaceModel
from realtime3d.geometry import matrix_to_rotvec, rotvec_to_matrix
from realtime3d.tracking.expression_axes import ExpressionAxes
from realtime3d.tracking.motion import place_of, pose_at
from realtime3d.types import Array, EyesSeen, FaceCoeffs

HEAD = 6  # signals of the head, which open with their group only
NOISE_DEG, NOISE_MM, NOISE_LOG_DEPTH, NOISE_EXTRA = 0.6, 2.0, 0.01, 0.05  # usual frame to frame noise, to begin with
NOISE_LID = 0.012  # of an eye's width
LIDS, GAZE = 4, 4  # signals: heights of both eyes' upper and lower lids; of the extras, those that are gaze


@dataclass(frozen=True, slots=True)
class _Layout:
    """The signals of one face in a row: rotation 3, ray 2, depth 1, expression axes, extras, lids; and when they open.

    Arrays with two rows speak of a sudden step and of a lasting one.
    """

    axes: ExpressionAxes
    starts: NDArray[np.intp]  # of the groups
    sizes: Array
    group: NDArray[np.intp]  # of each signal
    families: tuple[slice, ...]
    hz: Array  # (2, 1) opening for each multiple of the noise
    group_limit: Array  # (2, G) rms of a group, in noises, beyond which it opens
    calm_limit: Array  # (2, 1) beyond which one signal opens while its group is calm

    @classmethod
    def of(cls, axes: ExpressionAxes, n_extras: int, settings: SmoothSettings) -> _Layout:
        after = [n_extras, LIDS] if n_extras else []
        sizes = [3, 2, 1, *axes.sizes, *after]
        group = np.repeat(np.arange(len(sizes)), sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        bounds = np.cumsum([0, HEAD, sum(axes.sizes), *after]).tolist()
        families = tuple(slice(a, b) for a, b in pairwise(bounds))
        spreads = np.array([[settings.sudden], [settings.lasting]])
        return cls(
            axes,
            starts,
            np.array(sizes, dtype=np.float64),
            group,
            families,
            hz=np.array([[settings.sudden_hz], [settings.lasting_hz]]),
            group_limit=1 + spreads / np.sqrt(2 * np.array(sizes)),  # the spread of the rms of so many signals
            calm_limit=1 + spreads * math.sqrt(0.5),
        )

    def rms(self, z: Array) -> Array:
        """Root mean square over each group: (..., S) -> (..., G)."""
        return np.sqrt(np.add.reduceat(z * z, self.starts, axis=-1) / self.sizes)


class _Noise:
    """The noise of each signal as a multiple of the usual one: what it is now, and at least what it is when calm.

    Third differences of neighbouring frames see noise and hardly see motion. Now: their mean over LOCAL_S, because
    noise comes and goes (a blurred frame, a hand, a dark second). Calm: the calmest fifth of the last windows, in which
    noise that neighbouring frames share, which differences do not see, counts as well: a window that spreads not much
    wider than its differences say shows no motion. Signals of one family (head, face, extras) support each other: its
    own noise and its family's median count half each; when calm, its own counts at least.
    """

    LOCAL_S, MARGIN = 0.4, 1.1
    FRAMES, WINDOWS, LEAST_WINDOWS = 12, 25, 3
    STILL = 1.6  # times what its differences say a window without motion may spread
    CALMEST, CORRECTION = 0.2, 1.3  # the calmest fifth of short windows underrates: measured on white noise
    RANGE = 0.15, 6.0  # least: 0.1 degrees, 0.3 mm, which nobody sees

    def __init__(self, families: Sequence[slice]) -> None:
        self._families = families
        size = families[-1].stop
        self.scale = np.ones(size)
        self._calm = np.ones(size)
        self._now, self._weight = np.zeros(size), 0.0
        self._steps: list[Array] = []  # the last three
        self._way: list[Array] = []  # of this window: where the signals were, from where it began
        self._sum = np.zeros(size)  # of this window's differences, squared
        self._windows: list[Array] = []

    def take(self, step: Array, dt: float) -> None:
        """`step`: difference of neighbouring frames, `dt` seconds apart, in usual noises."""
        self._steps = [*self._steps[-2:], step]
        if len(self._steps) < 3:
            return
        change = step - 2 * self._steps[1] + self._steps[0]
        power = change * change / 20
        share = -math.expm1(-dt / self.LOCAL_S)
        self._now += share * (power - self._now)
        self._weight += share * (1 - self._weight)
        self._sum += power
        self._way.append(self._way[-1] + step if self._way else step)
        if len(self._way) == self.FRAMES:
            self._close_window()
        now = self.MARGIN * self._shared(np.sqrt(self._now / self._weight))
        self.scale = np.minimum(np.maximum(np.maximum(self._calm, now), self.RANGE[0]), self.RANGE[1])

    def _close_window(self) -> None:
        white, spread = np.sqrt(self._sum / self.FRAMES), np.std(self._way, axis=0, ddof=1)
        noise = np.where(spread < self.STILL * white, np.maximum(spread, white), white)
        self._windows = [*self._windows[1 - self.WINDOWS :], noise]
        self._sum, self._way = np.zeros_like(self._sum), []
        if len(self._windows) >= self.LEAST_WINDOWS:
            own = np.quantile(self._windows, self.CALMEST, axis=0)
            self._calm = self.CORRECTION * np.maximum(self._shared(own.copy()), own)

    def _shared(self, noise: Array) -> Array:
        for family in self._families:
            noise[family] *= _median(noise[family])
        return np.sqrt(noise)


def _median(values: Array) -> float:
    """np.median, which takes ten times as long for so few."""
    ordered = sorted(values.tolist())
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


class _Filter:
    """The state of one face."""

    def __init__(self, layout: _Layout, settings: SmoothSettings, coeffs: FaceCoeffs, t_ns: int) -> None:
        self._layout, self._settings = layout, settings
        self.t_ns = t_ns
        self._raw = coeffs
        self._R, self._place = coeffs.pose.R, place_of(coeffs.pose)
        self._eyes = coeffs.eyes
        self._face = self._signals(coeffs, np.zeros(LIDS))
        size = layout.group.size
        self._lasting = np.zeros(size)  # mean distance over `lasting_s`, in noises
        self._open_hz = np.zeros(size)  # cutoff above the calm one
        self._left = np.zeros(size)  # distance that the last step left over, in usual noises
        self._noise = _Noise(layout.families)

    def _signals(self, coeffs: FaceCoeffs, unseen: Array) -> Array:
        """`unseen`: the lids of eyes that nobody looked at."""
        signals = [self._layout.axes.outward @ coeffs.expression, coeffs.extras / NOISE_EXTRA]
        if len(coeffs.extras):
            eyes = coeffs.eyes
            signals.append(unseen if eyes is None else _lids(eyes))
        return np.concatenate(signals)

    def step(self, coeffs: FaceCoeffs, t_ns: int) -> FaceCoeffs:
        dt = to_s(t_ns - self.t_ns)
        if self._eyes is None and coeffs.eyes is not None:  # seen for the first time
            self._face[-LIDS:] = _lids(coeffs.eyes)
        off = self._distance(coeffs)
        if not all(map(math.isfinite, off.tolist())):  # pass it on, but learn nothing from it
            return coeffs
        self.t_ns = t_ns
        if coeffs is not self._raw:  # a held face repeats its last answer: that is no calm
            self._noise.take(off - self._left, dt)
        self._raw = coeffs
        self._eyes = coeffs.eyes or self._eyes
        moved = self._gain(off / self._noise.scale, dt) * off
        self._left = off - moved
        return self._move(moved, coeffs)

    def _distance(self, coeffs: FaceCoeffs) -> Array:
        """From the filtered face to the new answer, in usual noises."""
        across, down, log_depth = (place_of(coeffs.pose) - self._place).tolist()
        per_mm = math.exp(self._place[2]) / NOISE_MM
        turn = matrix_to_rotvec(self._R.T @ coeffs.pose.R) * (math.degrees(1) / NOISE_DEG)
        head = [*turn.tolist(), across * per_mm, down * per_mm, log_depth / NOISE_LOG_DEPTH]
        face = self._signals(coeffs, self._face[-LIDS:]) - self._face
        if coeffs.eyes is not None:  # a blink does not turn the gaze: it stays where it was seen last
            first = len(coeffs.expression)
            face[first : first + GAZE] *= coeffs.eyes.certainty.max()
        return np.concatenate([head, face])

    def _gain(self, z: Array, dt: float) -> Array:
        """The part of the distance (in noises) that each signal goes now."""
        s, layout = self._settings, self._layout
        share = -math.expm1(-dt / s.lasting_s)
        self._lasting += share * (z - self._lasting)
        seen = np.array([z, self._lasting * math.sqrt((2 - share) / share)])  # both again 1 for mere noise
        beyond = np.maximum(layout.rms(seen) - layout.group_limit, 0)
        stirred = np.minimum(1, 2 * np.maximum(*beyond))[layout.group]
        alone = layout.hz * (np.abs(seen) - layout.calm_limit - (s.along - layout.calm_limit) * stirred)
        opening = np.maximum(*alone)
        opening[:HEAD] = np.maximum(*(layout.hz * beyond))[layout.group[:HEAD]]
        self._open_hz = np.maximum(opening, self._open_hz * math.exp(-dt / s.stay_s))  # never below 0
        left = np.exp(-2 * math.pi * dt * (s.calm_hz + self._open_hz))
        self._lasting *= left
        return 1 - left

    def _move(self, moved: Array, coeffs: FaceCoeffs) -> FaceCoeffs:
        self._R = self._R @ rotvec_to_matrix(moved[:3] * math.radians(NOISE_DEG))
        mm = NOISE_MM / math.exp(self._place[2])
        self._place = self._place + moved[3:6] * (mm, mm, NOISE_LOG_DEPTH)
        self._face = self._face + moved[6:]
        n = len(coeffs.expression)
        extras = self._face[n : n + len(coeffs.extras)]
        return FaceCoeffs(
            pose=pose_at(self._place, self._R),
            expression=(self._layout.axes.inward @ self._face[:n]).astype(np.float32),
            extras=(extras * NOISE_EXTRA).astype(np.float32),
            presence=coeffs.presence,
            pose_sigma_deg=coeffs.pose_sigma_deg,
            shape=coeffs.shape,
            eyes=self._eyes and self._with_lids(self._eyes),
        )

    def _with_lids(self, eyes: EyesSeen) -> EyesSeen:
        lids = (self._face[-LIDS:] * NOISE_LID).astype(np.float32)
        return replace(eyes, upper=lids[:2], lower=lids[2:])


def _lids(eyes: EyesSeen) -> Array:
    return np.concatenate([eyes.upper, eyes.lower]) / NOISE_LID


class Smoother:
    """Smooths the answers of each track; holds nothing but the tracks' filters."""

    def __init__(self, axes: ExpressionAxes, n_extras: int, settings: SmoothSettings | None = None) -> None:
        self.settings = settings or SmoothSettings()
        self._layout = _Layout.of(axes, n_extras, self.settings)
        self._filters: dict[int, _Filter] = {}

    @classmethod
    def for_model(cls, model: FaceModel, settings: SmoothSettings | None = None) -> Smoother:
        """A smoother that knows what each coefficient of `model` moves."""
        return cls(ExpressionAxes.for_model(model), model.n_extras, settings)

    def __call__(self, track_id: int, coeffs: FaceCoeffs, t_ns: int) -> FaceCoeffs:
        """`coeffs` with pose, expression, extras and lids smoothed; the first ones of a track pass as they are."""
        known = self._filters.get(track_id)
        if known is not None and t_ns <= known.t_ns:
            raise ValueError(f"time must rise: {t_ns} ns came after {known.t_ns} ns")
        if known is None or t_ns - known.t_ns > to_ns(self.settings.gap_s):
            self._filters[track_id] = _Filter(self._layout, self.settings, coeffs, t_ns)
            return coeffs
        return known.step(coeffs, t_ns)

    def rename(self, names: Mapping[int, int]) -> None:
        """Other ids, for those in `names`; the rest is forgotten."""
        self._filters = {names[i]: state for i, state in self._filters.items() if i in names}

    def drop(self, track_id: int) -> None:
        """The track ended."""
        self._filters.pop(track_id, None)
