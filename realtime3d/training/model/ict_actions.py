"""ARKit's 52 actions and the five extras from the authors' 57 actions, with gaze and a tongue of our own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.training.model.ict_source import IctSource
from realtime3d.types import Array

ARKIT_NAMES = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
# in the order of face/eyes.py
EXTRA_NAMES = ("gazeLeftYaw", "gazeLeftPitch", "gazeRightYaw", "gazeRightPitch", "tongueOut")

GAZE_DEG = 30.0  # a look of weight 1
LIDS_FOLLOW = 0.5  # of the authors' lids, which go with a look further than our eyes turn
BLINK_CLOSES = 1.22  # of the authors' blink, which leaves most people's eyes open by a fraction of a millimetre
TONGUE = (16611, 17039)  # the authors' vertices
TONGUE_OUT_MM, TONGUE_DOWN_MM, TONGUE_NARROWS = 34.0, 9.0, 0.15  # of its tip, stuck out
TONGUE_FIXED = 0.15  # of its length: the root stays


def arkit_actions(source: IctSource) -> tuple[Array, Array]:
    """(52, V, 3) displacements of each action at full strength, and (5, V, 3) those of the extras."""
    extras = _extras(source)
    by_extra = dict(zip(EXTRA_NAMES, extras, strict=True))
    looks = {
        "eyeLookOutLeft": by_extra["gazeLeftYaw"], "eyeLookInLeft": -by_extra["gazeLeftYaw"],
        "eyeLookInRight": by_extra["gazeRightYaw"], "eyeLookOutRight": -by_extra["gazeRightYaw"],
        "eyeLookDownLeft": by_extra["gazeLeftPitch"], "eyeLookUpLeft": -by_extra["gazeLeftPitch"],
        "eyeLookDownRight": by_extra["gazeRightPitch"], "eyeLookUpRight": -by_extra["gazeRightPitch"],
        "tongueOut": by_extra["tongueOut"],
    }  # fmt: skip
    return np.stack([looks[n] if n in looks else _authors(source, n) for n in ARKIT_NAMES]), extras


def _authors(source: IctSource, name: str) -> Array:
    """One of the authors' actions; the two halves of what ARKit has as one are added."""
    if name in source.expression:
        return source.expression[name]
    strength = BLINK_CLOSES if name.startswith("eyeBlink") else 1.0
    for side in ("Left", "Right"):
        if name.endswith(side):
            return strength * source.expression[f"{name.removesuffix(side)}_{side[0]}"]
    return source.expression[f"{name}_L"] + source.expression[f"{name}_R"]


def eyeball(source: IctSource, side: str) -> tuple[NDArray[np.bool_], Array]:
    """Vertices of one ball, and its middle: that of a sphere through its back half, which the clear front is not."""
    mask = source.vertices_of(f"{side}_eye")
    points = source.neutral[mask]
    back = points[points[:, 2] > np.median(points[:, 2])]
    A = np.column_stack([2 * back, np.ones(len(back))])
    middle = np.linalg.lstsq(A, (back**2).sum(axis=1), rcond=None)[0][:3]
    return mask, middle


def _extras(source: IctSource) -> Array:
    """Gaze of each eye (yaw positive to the person's left, pitch positive down) and the tongue stuck out."""
    out = []
    for side in ("left", "right"):
        mask, middle = eyeball(source, side)
        letter = side[0].upper()
        for axis, plus, minus in (((0, -1, 0), "", ""), ((1, 0, 0), "Down", "Up")):
            field = np.zeros_like(source.neutral)
            if plus:
                look = source.expression[f"eyeLook{plus}_{letter}"] - source.expression[f"eyeLook{minus}_{letter}"]
                field = LIDS_FOLLOW * look / 2
            turn = np.cross(np.array(axis, dtype=float), source.neutral[mask] - middle)
            field[mask] = np.sin(np.radians(GAZE_DEG)) * turn
            out.append(field)
    return np.stack([*out, _tongue_out(source)])


def _tongue_out(source: IctSource) -> Array:
    """Forwards, a little down and narrower towards the tip; where it grows from the mouth's floor it stays."""
    field = np.zeros_like(source.neutral)
    mask = (source.authors_vertex >= TONGUE[0]) & (source.authors_vertex < TONGUE[1])
    points = source.neutral[mask]
    z = points[:, 2]
    along = (z.max() - z) / np.ptp(z)
    way = np.clip((along - TONGUE_FIXED) / (1 - TONGUE_FIXED), 0, 1)
    smooth = way * way * (3 - 2 * way)
    field[mask] = np.column_stack(
        [-TONGUE_NARROWS * smooth * points[:, 0], TONGUE_DOWN_MM * smooth**2, -TONGUE_OUT_MM * smooth]
    )
    return field
