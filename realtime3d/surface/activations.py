"""The few things that faces do which fold their skin, each the mean of some of ARKit's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from realtime3d.types import FloatArray

ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "brows_up": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "brows_down": ("browDownLeft", "browDownRight"),
    "squint": ("cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft", "eyeSquintRight"),
    "sneer": ("noseSneerLeft", "noseSneerRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "open": ("jawOpen",),
}


def activations(weights: Mapping[str, float]) -> FloatArray:
    """(6,) 0..1 of ACTIVATIONS, of a face with these weights."""
    means = [sum(weights[part] for part in parts) / len(parts) for parts in ACTIVATIONS.values()]
    return np.array(means, np.float32)


def share_of(arkit_names: Sequence[str]) -> FloatArray:
    """(52, 6) by how much each of ARKit's weights, in this order, raises each activation."""
    rows = [[parts.count(name) / len(parts) for parts in ACTIVATIONS.values()] for name in arkit_names]
    return np.array(rows, np.float32)
