"""ARKit's 52 weights: their names as other programs write them, and the order of Live Link Face.

Left and Right are the person's own. `jawOpen` here is `JawOpen` in Live Link Face, VMC and VTube Studio, and
`mouthSmileLeft` is `mouthSmile_L` in iFacialMocap. Programs find weights by name; only Live Link Face counts places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_LIVE_LINK = (
    "eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft "
    "eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight "
    "jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight "
    "mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight "
    "mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper "
    "mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight "
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
    "cheekSquintRight noseSneerLeft noseSneerRight tongueOut"
)
LIVE_LINK = tuple(_LIVE_LINK.split())  # in the order of the packets' 52 first numbers
NAMES = tuple(sorted(LIVE_LINK))
PASCAL = {name: name[0].upper() + name[1:] for name in NAMES}

_STARTS = {  # group -> beginnings of its names
    "lids": ("eyeBlink", "eyeSquint", "eyeWide"),
    "gaze": ("eyeLook",),
    "brows": ("brow",),
    "mouth": ("jaw", "mouth", "tongue"),
    "cheeks": ("cheek", "nose"),
}
GROUPS = {group: tuple(n for n in NAMES if n.startswith(starts)) for group, starts in _STARTS.items()}

EYE_YAW_DEG = 40.0  # how far an eye turns with eyeLookIn or eyeLookOut at 1; the ratio in iFacialMocap's own example
EYE_PITCH_DEG = 35.0  # the same for eyeLookUp and eyeLookDown


def sided(name: str, left: str, right: str) -> str:
    """A name with its side written otherwise: `sided("eyeBlinkLeft", "_L", "_R")` is `eyeBlink_L`."""
    for side, mark in (("Left", left), ("Right", right)):
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return name.removesuffix(side) + mark
    return name


def other_side(name: str) -> str:
    """The name of the same action on the other side of the face; itself where there is none."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def gaze_deg(weights: Mapping[str, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """(pitch, yaw) in degrees of the left and of the right eye in the head's frame, from the eight eyeLook weights.

    Positive looks down and to the person's own right, as everywhere.
    """
    w = weights
    left_yaw = (w["eyeLookInLeft"] - w["eyeLookOutLeft"]) * EYE_YAW_DEG
    right_yaw = (w["eyeLookOutRight"] - w["eyeLookInRight"]) * EYE_YAW_DEG
    left_pitch = (w["eyeLookDownLeft"] - w["eyeLookUpLeft"]) * EYE_PITCH_DEG
    right_pitch = (w["eyeLookDownRight"] - w["eyeLookUpRight"]) * EYE_PITCH_DEG
    return (left_pitch, left_yaw), (right_pitch, right_yaw)


Angles = tuple[float, float, float]
EyeAngles = tuple[tuple[float, float], tuple[float, float]]


def live_link_angles(head_deg: Angles, eyes_deg: EyeAngles) -> list[float]:
    """The nine angles behind the weights in Live Link Face: yaw, pitch, roll of head, left and right eye, in radians.

    Its signs are ours: yaw to the person's own right, pitch down, roll clockwise in the picture. It is what Unreal's
    own ARKit source makes of ARKit's transforms when the weights keep their sides.
    """
    pitch, yaw, roll = head_deg
    degrees = [yaw, pitch, roll]
    for eye_pitch, eye_yaw in eyes_deg:
        degrees += [eye_yaw, eye_pitch, 0.0]
    return [math.radians(angle) for angle in degrees]
