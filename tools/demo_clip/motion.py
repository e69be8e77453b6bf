"""What the person in the demo clip does: a small screenplay, smooth in time, from which the exact truth follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.geometry import euler_to_matrix
from realtime3d.types import Pose

FPS = 25
SECONDS = 8.4
PIVOT_MM = np.array([0.0, 95.0, 80.0])  # in the head frame: where the neck turns

Keys = Sequence[tuple[float, float]]  # (second, value)

# Degrees about the photograph's own pose; mm from its place.
PITCH: Keys = ((2.7, 0), (3.0, 13), (3.35, -12), (3.65, 9), (3.9, 0), (6.0, 0), (6.3, 4), (6.6, 0))
YAW: Keys = (
    (0.4, 0),
    (1.0, 29),
    (1.2, 29),
    (1.85, -29),
    (2.05, -29),
    (2.6, 0),
    (6.55, 0),
    (6.9, 16),
    (7.5, 8),
    (7.9, 0),
)
ROLL: Keys = ((3.9, 0), (4.15, 13), (4.45, -13), (4.7, 0), (6.6, 0), (6.9, 5), (7.9, 0))
ASIDE: Keys = ((0.4, 0), (1.1, -10), (1.9, 10), (2.6, 0), (6.55, 0), (7.15, -480), (7.3, -480), (7.95, 0))
CLOSER: Keys = ((5.75, 0), (6.2, 110), (6.55, 0))
DOWN: Keys = ((5.75, 0), (6.2, 12), (6.55, 0), (6.8, 6), (7.15, 0))

# How much of the photograph's smile is left, and ARKit weights on top.
SMILE: Keys = ((1.3, 1), (1.8, 0.3), (4.5, 0.3), (4.8, 0), (5.6, 0), (5.9, 1))
JAW: Keys = ((4.65, 0), (4.9, 0.75), (5.0, 0.75), (5.2, 0))
BROWS_UP: Keys = ((2.05, 0), (2.3, 0.8), (2.45, 0.8), (2.7, 0), (4.7, 0), (4.9, 0.9), (5.25, 0))
BROWS_DOWN: Keys = ((5.2, 0), (5.4, 0.8), (5.6, 0))
PUCKER: Keys = ((5.2, 0), (5.42, 0.85), (5.62, 0))
ACTIONS: dict[str, Keys] = {
    "jawOpen": JAW,
    "browInnerUp": BROWS_UP,
    "browOuterUpLeft": BROWS_UP,
    "browOuterUpRight": BROWS_UP,
    "browDownLeft": BROWS_DOWN,
    "browDownRight": BROWS_DOWN,
    "mouthPucker": PUCKER,
}
BLINKS = (0.3, 1.55, 2.62, 4.05, 5.15, 6.25, 8.15)
BLINK_S = 0.13  # half its length
BLINK_ACTIONS = ("eyeBlinkLeft", "eyeBlinkRight")


@dataclass(frozen=True)
class Moment:
    """One frame of the screenplay."""

    time: float
    pose: Pose
    torso: NDArray[np.float64]  # (3,) mm by which the shoulders have moved
    smile: float  # how much of the photograph's expression is there
    actions: dict[str, float]  # ARKit weights


def moments(start: Pose) -> list[Moment]:
    """All frames, for a head that starts at `start`."""
    return [_moment(k / FPS, start) for k in range(round(SECONDS * FPS))]


def _moment(time: float, start: Pose) -> Moment:
    angles = np.radians([value_at(PITCH, time), value_at(YAW, time), value_at(ROLL, time)])
    R = euler_to_matrix(*angles) @ start.R
    torso = np.array([value_at(ASIDE, time), value_at(DOWN, time), -value_at(CLOSER, time)])
    pivot = start.R @ PIVOT_MM + start.t + torso
    actions = {name: value_at(keys, time) for name, keys in ACTIONS.items()}
    blink = max(float(np.clip(1.35 * np.cos(np.clip((time - b) / BLINK_S, -1, 1) * np.pi / 2), 0, 1)) for b in BLINKS)
    actions |= dict.fromkeys(BLINK_ACTIONS, blink)
    return Moment(time, Pose(R, pivot - R @ PIVOT_MM), torso, value_at(SMILE, time), actions)


def value_at(keys: Keys, time: float) -> float:
    """Between keys along half a cosine, which starts and ends at rest; constant before and after."""
    times, values = zip(*keys, strict=True)
    if time <= times[0] or time >= times[-1]:
        return float(values[0] if time <= times[0] else values[-1])
    k = int(np.searchsorted(times, time, side="right")) - 1
    along = (time - times[k]) / (times[k + 1] - times[k])
    return float(values[k] + (values[k + 1] - values[k]) * (1 - np.cos(np.pi * along)) / 2)
