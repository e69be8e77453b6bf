"""Faces that show an emotion or do one thing: ARKit's actions by FACS's prototypes, with what people add to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime3d.face.expressions import EMOTIONS
from realtime3d.types import Array

REST = 0.06  # how far single actions of somebody's resting face are from none
SEEN_FROM = 0.15, 0.45  # strength at which an emotion begins to show, and at which nobody would say neutral
# Each emotion's action units as actions: (name, least, most, how often it is there); EMFACS and FACS's manual.
PROTOTYPES: dict[str, tuple[tuple[str, float, float, float], ...]] = {
    "happiness": (
        ("mouthSmile", 0.6, 1.0, 1.0), ("cheekSquint", 0.3, 1.0, 0.8), ("eyeSquint", 0.1, 0.6, 0.6),
        ("mouthUpperUp", 0.1, 0.5, 0.4), ("jawOpen", 0.05, 0.5, 0.4), ("mouthDimple", 0.1, 0.4, 0.3),
        ("mouthLowerDown", 0.1, 0.4, 0.25),
    ),
    "sadness": (
        ("browInnerUp", 0.4, 1.0, 0.9), ("mouthFrown", 0.5, 1.0, 0.95), ("browDown", 0.1, 0.5, 0.5),
        ("mouthShrugLower", 0.2, 0.8, 0.6), ("eyeSquint", 0.1, 0.5, 0.4), ("eyeLookDown", 0.1, 0.6, 0.4),
        ("mouthStretch", 0.1, 0.3, 0.2),
    ),
    "surprise": (
        ("browInnerUp", 0.5, 1.0, 1.0), ("browOuterUp", 0.5, 1.0, 1.0), ("eyeWide", 0.3, 1.0, 0.9),
        ("jawOpen", 0.25, 0.9, 0.9), ("mouthFunnel", 0.1, 0.4, 0.3),
    ),
    "fear": (
        ("browInnerUp", 0.5, 1.0, 1.0), ("browOuterUp", 0.1, 0.6, 0.6), ("browDown", 0.2, 0.7, 0.7),
        ("eyeWide", 0.5, 1.0, 1.0), ("mouthStretch", 0.4, 1.0, 1.0), ("jawOpen", 0.05, 0.5, 0.7),
        ("mouthLowerDown", 0.2, 0.7, 0.6),
    ),
    "disgust": (
        ("noseSneer", 0.5, 1.0, 1.0), ("mouthUpperUp", 0.3, 0.9, 0.9), ("browDown", 0.1, 0.6, 0.6),
        ("cheekSquint", 0.2, 0.7, 0.6), ("mouthFrown", 0.1, 0.6, 0.4), ("mouthShrugLower", 0.2, 0.6, 0.4),
        ("eyeSquint", 0.2, 0.6, 0.5), ("mouthLowerDown", 0.1, 0.5, 0.25),
    ),
    "anger": (
        ("browDown", 0.6, 1.0, 1.0), ("eyeSquint", 0.2, 0.8, 0.6), ("eyeWide", 0.1, 0.6, 0.25),
        ("noseSneer", 0.1, 0.5, 0.4), ("mouthPress", 0.3, 0.9, 0.6), ("mouthRollLower", 0.2, 0.6, 0.3),
        ("mouthShrugLower", 0.1, 0.5, 0.3), ("jawForward", 0.1, 0.4, 0.2),
    ),
}  # fmt: skip
SPEECH = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthClose", "mouthLowerDown", "mouthUpperUp", "mouthShrugUpper",
          "mouthRollLower", "mouthPress", "mouthStretch")  # fmt: skip


def draw_emotion(rng: np.random.Generator, names: Sequence[str], rest: Array) -> tuple[Array, Array]:
    """Actions (52,) of one face, over its resting ones, and the emotions' scores (7,)."""
    actions, strength = rest.copy(), np.zeros(len(EMOTIONS))
    if rng.random() < 0.8:
        chosen = rng.choice(len(EMOTIONS) - 1, 2, replace=False) + 1
        strength[chosen[0]] = rng.uniform(0.1, 1.0)
        if rng.random() < 0.12:
            strength[chosen[1]] = rng.uniform(0.1, 0.6)
    for emotion, how in zip(EMOTIONS, strength, strict=True):
        for name, low, high, often in PROTOTYPES.get(emotion, ()):
            if how > 0 and rng.random() < often:
                _add(actions, names, name, how * rng.uniform(low, high), rng)
    if rng.random() < 0.25:
        for name in rng.choice(SPEECH, 2, replace=False):
            _add(actions, names, str(name), rng.uniform(0.05, 0.4), rng)
    eyes_elsewhere(actions, names, rng)
    shown = ((strength - SEEN_FROM[0]) / (SEEN_FROM[1] - SEEN_FROM[0])).clip(0, 1) * strength
    shown[0] = max(1 - ((strength.max() - SEEN_FROM[0]) / (SEEN_FROM[1] - SEEN_FROM[0])).clip(0, 1), 0) or 1e-9
    if shown[1:].sum() > 0:
        shown[1:] *= (1 - shown[0]) / shown[1:].sum()
    return actions.clip(0, 1), shown / shown.sum()


def draw_single(rng: np.random.Generator, names: Sequence[str], rest: Array) -> Array:
    """Actions (52,) of a face that does one thing, both sides alike."""
    actions = rest.copy()
    singles = sorted(
        {name.removesuffix("Left").removesuffix("Right") for name in names} - {"jaw", "mouth", "tongueOut"}
    )
    _add(actions, names, str(rng.choice([name for name in singles if not name.startswith("eyeLook")])),
         rng.uniform(0, 1), rng)  # fmt: skip
    eyes_elsewhere(actions, names, rng)
    return actions.clip(0, 1)


def draw_rest(rng: np.random.Generator, count: int) -> Array:
    """(count,) of somebody's resting face."""
    return np.abs(rng.normal(0, REST, count)) * (rng.random(count) < 0.5)


def eyes_elsewhere(actions: Array, names: Sequence[str], rng: np.random.Generator) -> None:
    """Gaze and, now and then, a blink."""
    if rng.random() < 0.4:
        _add(actions, names, str(rng.choice(["eyeLookDown", "eyeLookUp"])), rng.uniform(0, 0.5), rng)
    if rng.random() < 0.08:
        _add(actions, names, "eyeBlink", rng.uniform(0.3, 1.0), rng)


def _add(actions: Array, names: Sequence[str], name: str, value: float, rng: np.random.Generator) -> None:
    if name in names:
        actions[names.index(name)] += value
        return
    for side in ("Left", "Right"):
        actions[names.index(name + side)] += value * max(0.0, 1 + rng.normal(0, 0.12))
