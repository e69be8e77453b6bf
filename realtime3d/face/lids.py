"""ARKit's weights of the eyes from what a net saw of their lids, and from the extras that turn the eyeballs.

Heights of lids are in the distance of the eye's corners. People's eyes rest between 0.20 and 0.35 open; what lies
between two people is left to calibration (docs/how-to/calibrate.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from realtime3d.face.eyes import SIDES
from realtime3d.types import EyesSeen, FloatArray

SHUT, OPEN = 0.085, 0.20  # opening at which eyeBlink is 1, and from which on it is 0
FULL = 0.26  # opening that counts as all of it
LOWERED = 0.15  # by how much an opening is less where the eyes look down by 1
LEAST_OPEN = 0.13  # the opening of eyes that look far down
SQUINT = (0.07, 0.015)  # height of the lower lid at which eyeSquint begins, and is 1
WIDE = (0.24, 0.31)  # height of the upper lid at which eyeWide begins, and is 1
LOOKS = (("eyeLookOut", "eyeLookIn"), ("eyeLookDown", "eyeLookUp"))  # where an extra is above and below 0: a left eye


def weights(eyes: EyesSeen, extras: FloatArray) -> dict[str, float]:
    """The fourteen weights whose names begin with `eye`."""
    found = {}
    for side, name in enumerate(side.title() for side in SIDES):
        down = max(float(extras[2 * side + 1]), 0.0)
        rest = max(OPEN - LOWERED * down, LEAST_OPEN)
        blink = 1 - _part(float(eyes.upper[side] + eyes.lower[side]), SHUT, rest)
        found[f"eyeBlink{name}"] = blink
        found[f"eyeSquint{name}"] = _part(-float(eyes.lower[side]), *(-edge for edge in SQUINT)) * (1 - blink)
        found[f"eyeWide{name}"] = _part(float(eyes.upper[side]), *WIDE)
        for axis, (above, below) in enumerate(LOOKS):
            look = float(extras[2 * side + axis]) * (-1 if side and axis == 0 else 1)
            found[f"{above}{name}"] = min(max(look, 0.0), 1.0)
            found[f"{below}{name}"] = min(max(-look, 0.0), 1.0)
    return found


def openness(eyes: EyesSeen) -> tuple[float, float]:
    """How far the left and the right eye are open: 1 at rest, 0 closed."""
    left, right = (_part(float(u + low), SHUT, FULL) for u, low in zip(eyes.upper, eyes.lower, strict=True))
    return left, right


def mixed(seen: Sequence[float], own: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """`other` with the weights of `own` as far as each eye is seen."""
    out = dict(other)
    for name, value in own.items():
        share = float(seen[0 if name.endswith("Left") else 1])
        out[name] = share * value + (1 - share) * other[name]
    return out


def _part(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
