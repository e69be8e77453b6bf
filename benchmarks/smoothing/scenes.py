"""Faces with known truth and committed noise, for `smoothing.py`: motions, frame times, noise.

A face is a row of signals: rotation vector (degrees, 3), viewing ray of the head's anchor (2), log depth, expression
coefficients, extras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from realtime3d.face.model import FaceModel
from realtime3d.tracking.expression_axes import usual_noise
from realtime3d.types import Array

ROOT = Path(__file__).resolve().parents[2]
Signal = Callable[[Array], Array]  # seconds (T,) to values (T,)
Step = Callable[[Array, float], Array]  # a filter: signals and seconds since the last frame to signals
SECONDS = 12.0
SETTLE_S = 1.0  # left out of every figure

# Noise of one frame: standard deviation of each signal; shares of the white and the slow part, the slow one's memory.
NOISE_DEG, NOISE_MM, NOISE_LOG_DEPTH, NOISE_EXTRA = 0.6, 2.0, 0.01, 0.05
WHITE, SLOW, SLOW_S = 0.95, 0.35, 0.4
DEPTH_MM = 600.0


class Face:
    """The shipped face model and the motions that the benchmark makes with it."""

    def __init__(self) -> None:
        path = ROOT / "models" / "face_model.npz"
        self.model = FaceModel.load(path)
        with np.load(path) as data:
            self._motion_of = dict(zip(map(str, data["arkit_names"]), data["arkit_to_motion"].T, strict=True))
        self.basis = self.model.expression_basis.astype(np.float64)

    def action(self, *names: str) -> Array:
        """Coefficients of ARKit actions at full strength."""
        return np.sum([self._motion_of[name][: self.model.n_expression] for name in names], axis=0).astype(np.float64)

    def measure(self, action: Array, region: str) -> Array:
        """Weights (29,) that read from coefficients how much of an action a region shows: 1 is all of it."""
        part = self.basis[:, self.model.region == list(self.model.region_names).index(region)].reshape(len(action), -1)
        moved = action @ part
        return part @ moved / (moved @ moved)

    @cached_property
    def noise(self) -> Array:
        """Standard deviation of each signal's noise: rotation (deg), ray, log depth, expression, extras."""
        ray = NOISE_MM / DEPTH_MM
        extras = np.full(self.model.n_extras, NOISE_EXTRA)
        return np.concatenate([[NOISE_DEG] * 3, [ray, ray, NOISE_LOG_DEPTH], usual_noise(self.basis), extras])


@dataclass(frozen=True)
class Motion:
    """A true movement: each part is a direction in signal space times a strength over time."""

    name: str
    parts: tuple[tuple[Array, Signal], ...]
    read: Array | None = None  # weights that read the movement's strength from the signals

    def at(self, t: Array, size: int) -> Array:
        """(T, D) signals."""
        values = np.zeros((t.size, size))
        for direction, strength in self.parts:
            values += strength(t)[:, None] * direction
        values[:, 5] += np.log(DEPTH_MM)
        return values


def blinks(t: Array) -> Array:
    """Lids closed by 0..1: a blink of 150 to 200 ms every 1.3 s, closing faster than opening."""
    closed = np.zeros_like(t)
    for n, start in enumerate(np.arange(0.7, SECONDS, 1.3)):
        p = (t - start - 0.013 * n) / (0.15 + 0.05 * (n % 3) / 2)
        fall = np.where(p < 0.35, 0.5 - 0.5 * np.cos(np.pi * p / 0.35), 1.0)
        rise = np.where(p > 0.5, 0.5 + 0.5 * np.cos(np.pi * (p - 0.5) / 0.5), 1.0)
        closed = np.maximum(closed, np.where((p > 0) & (p < 1), np.minimum(fall, rise), 0))
    return closed


def sine(hz: float, amplitude: float) -> Signal:
    return lambda t: amplitude * np.sin(2 * np.pi * hz * t)


def speech(t: Array) -> Array:
    """Jaw open by 0..0.3 four times a second, with pauses."""
    speaking = (np.sin(2 * np.pi * 0.45 * t) > -0.4).astype(np.float64)
    return 0.15 * (1 - np.cos(2 * np.pi * 4 * t)) * speaking


def brow(t: Array) -> Array:
    """Brows raised within 0.3 s and lowered again, every 2 s."""
    phase = t % 2
    return np.clip(phase / 0.3, 0, 1) * np.clip((1.3 - phase) / 0.3, 0, 1)


def motions(face: Face) -> dict[str, Motion]:
    size = face.noise.size
    axis = np.eye(size)

    def expression(values: Array) -> Array:
        return np.concatenate([np.zeros(6), values, np.zeros(size - 6 - values.size)])

    blink, jaw, raised = (
        face.action("eyeBlinkLeft", "eyeBlinkRight"),
        face.action("jawOpen"),
        face.action("browInnerUp"),
    )
    walk = -np.log(3) / 4  # per second: from 1.8 m to 0.6 m within 4 s, again and again
    found = [
        Motion("still", ()),
        Motion("nod", ((axis[0], sine(2, 10)),), axis[0]),
        Motion("shake", ((axis[1], sine(1.5, 20)),), axis[1]),
        Motion("slow turn", ((axis[1], sine(0.25, 20)),), axis[1]),
        Motion("small nod", ((axis[0], sine(1, 2)),), axis[0]),
        Motion("blink", ((expression(blink), blinks),), expression(face.measure(blink, "eyelids"))),
        Motion("speech", ((expression(jaw), speech),), expression(face.measure(jaw, "lips"))),
        Motion("brow", ((expression(raised), brow),), expression(face.measure(raised, "face"))),
        Motion("walk", ((axis[5], lambda t: walk * np.abs(t % 8 - 4)), (axis[4], sine(1.8, 0.02))), axis[5]),
    ]
    return {motion.name: motion for motion in found}


def clock(rate: str, rng: np.random.Generator) -> Array:
    """Capture times in seconds: "15", "30", "60" frames a second, or "30 with drops" (a quarter of them missing)."""
    fps = float(rate.split()[0])
    t = np.arange(round(SECONDS * fps)) / fps
    if "drops" in rate:
        t = t[(rng.random(t.size) > 0.25) | (t == 0)]
    return t


def noise(t: Array, sd: Array, rng: np.random.Generator) -> Array:
    """White noise and a slow part that forgets itself within SLOW_S."""
    values = WHITE * rng.normal(size=(t.size, sd.size))
    drift = rng.normal(size=sd.size)
    for k in range(t.size):
        keep = np.exp(-(t[k] - t[k - 1]) / SLOW_S) if k else 0.0
        drift = keep * drift + np.sqrt(1 - keep**2) * rng.normal(size=sd.size)
        values[k] += SLOW * drift
    return values * sd


def uneven(t: Array, size: int, rng: np.random.Generator) -> Array:
    """Factors (T, D) of noise that comes and goes within a second, apart for head and face, with heavy tails."""
    level = np.zeros((t.size, 2))
    level[0] = rng.normal(size=2)
    for k in range(1, t.size):
        keep = np.exp(-(t[k] - t[k - 1]))
        level[k] = keep * level[k - 1] + np.sqrt(1 - keep**2) * rng.normal(size=2)
    tails = np.sqrt(5 / rng.chisquare(5, size=(t.size, 1)))
    parts = np.repeat(np.exp(0.6 * level), (6, size - 6), axis=1)
    return 0.8 * tails * parts


@dataclass(frozen=True)
class Run:
    """One motion, sampled, made noisy and filtered."""

    t: Array
    truth: Array
    noisy: Array
    out: Array


def run(
    face: Face, make: Callable[[Face], Step], motion: Motion, rate: str, seed: int, loud: float | None = 1.0
) -> Run:
    """`loud` multiplies the noise; None: noise that comes and goes."""
    rng = np.random.default_rng([seed, sum(map(ord, motion.name + rate))])
    t = clock(rate, rng)
    truth = motion.at(t, face.noise.size)
    factor = uneven(t, face.noise.size, rng) if loud is None else loud
    noisy = truth + factor * noise(t, face.noise, rng)
    step = make(face)
    out = np.array([step(x, dt) for x, dt in zip(noisy, np.diff(t, prepend=t[0] - 1 / 30), strict=True)])
    keep = t >= SETTLE_S
    return Run(t[keep], truth[keep], noisy[keep], out[keep])
