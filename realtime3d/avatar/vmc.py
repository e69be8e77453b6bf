"""VMC protocol 3.1: `vmc://host:39539`, for VSeeFace, VNyan, Warudo, VMagicMirror, Blender and engines with an add-on.

Bones are Unity's: the head's turn and both eyes', locally. Their places are the avatar's own affair and are sent as 0,
as by other face trackers; receivers that apply them have a switch for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from realtime3d.avatar import angles
from realtime3d.avatar.angles import from_yaw_first, quaternion
from realtime3d.avatar.base import AvatarFrame, Packet, neutral_frame
from realtime3d.avatar.osc import bundles, message
from realtime3d.face.arkit import PASCAL

PORT = 39539
CALIBRATED, NORMAL_MODE = 3, 0
Weights = Mapping[str, float]


def _mean(weights: Weights, name: str) -> float:
    return (weights[f"{name}Left"] + weights[f"{name}Right"]) / 2


def _vowels(w: Weights) -> dict[str, float]:
    """A I U E O for avatars without the 52: an open jaw is shared out by how round and how wide the lips are."""
    round_, wide = max(w["mouthFunnel"], w["mouthPucker"]), max(_mean(w, "mouthStretch"), _mean(w, "mouthSmile"))
    open_ = max(w["jawOpen"] - w["mouthClose"], 0.0)
    return {
        "A": open_ * (1 - round_) * (1 - wide),
        "I": (1 - open_) * _mean(w, "mouthStretch"),
        "U": (1 - open_) * round_,
        "E": open_ * wide * (1 - round_),
        "O": open_ * round_,
    }


VRM1 = {"A": "aa", "I": "ih", "U": "ou", "E": "ee", "O": "oh", "Blink_L": "blinkLeft", "Blink_R": "blinkRight"}
NAMES: Mapping[str, Callable[[str], str]] = {"pascal": PASCAL.__getitem__, "camel": str}


def presets(frame: AvatarFrame, vrm: str) -> dict[str, float]:
    """VRM's own expressions: vowels and blinks, for what is sent of the mouth and of the lids.

    Joy, Angry, Sorrow and Fun are whole faces, often with closed eyes: they are not what a smile is.
    """
    found: dict[str, float] = {}
    if "jawOpen" in frame.weights:
        found |= _vowels(frame.all_weights)
    for name, weight in (("Blink_L", "eyeBlinkLeft"), ("Blink_R", "eyeBlinkRight")):
        if weight in frame.weights:
            found[name] = frame.weights[weight]
    return {VRM1[name]: value for name, value in found.items()} if vrm == "vrm1" else found


class Vmc:
    """One avatar. `vrm`: which presets go along ("vrm0", "vrm1", "none"); `names`: "pascal" or "camel"."""

    many = False

    def __init__(self, *, names: str = "pascal", vrm: str = "vrm0", bones: str = "all") -> None:
        self._name, self._vrm = NAMES[names], vrm
        self._bones = {"all": ("Head", "LeftEye", "RightEye"), "head": ("Head",), "none": ()}[bones]
        self._last: dict[str, angles.Quaternion] = {}

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        (frame,) = frames
        messages = [
            message("/VMC/Ext/OK", 1, CALIBRATED, NORMAL_MODE, int(frame.present)),
            message("/VMC/Ext/T", float(frame.t_s)),
            *(self._bone(name, frame) for name in self._bones),
        ]
        messages += [_value(self._name(name), value) for name, value in frame.weights.items()]
        if self._vrm != "none":
            messages += [_value(name, value) for name, value in presets(frame, self._vrm).items()]
        return bundles([*messages, message("/VMC/Ext/Blend/Apply")])

    def _bone(self, name: str, frame: AvatarFrame) -> bytes:
        if name == "Head":
            turn = frame.head_quaternion  # Unity's axes are all three turned round: the matrix stays as it is
        else:
            turn = quaternion(from_yaw_first(*frame.eyes_deg[name == "RightEye"], 0.0))
        turn = self._last[name] = angles.same_sign(turn, self._last.get(name))
        return message("/VMC/Ext/Bone/Pos", name, 0.0, 0.0, 0.0, *turn)

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return self.packets([neutral_frame(t_s)])


def _value(name: str, value: float) -> bytes:
    return message("/VMC/Ext/Blend/Val", name, float(value))
