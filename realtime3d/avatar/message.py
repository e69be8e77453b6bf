"""Our own messages: one JSON object a moment, over `udp://`, `ws://` or standard output.

docs/protocol.md has the schema. The version changes when a reader of the old one would misunderstand; new keys do not
change it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from realtime3d.avatar.base import AvatarFrame, Packet

VERSION = 1


def encode_faces(frames: Sequence[AvatarFrame]) -> str:
    """The faces of one moment."""
    return _text({"type": "faces", "frame": frames[0].index, "time": round(frames[0].t_s, 6), "faces": _faces(frames)})


def _faces(frames: Sequence[AvatarFrame]) -> list[dict[str, Any]]:
    return [_face(frame) for frame in frames if frame.face_id >= 0]


def _face(frame: AvatarFrame) -> dict[str, Any]:
    x, y, z, w = frame.head_quaternion
    left, right = frame.eyes_deg
    return {
        "id": frame.face_id,
        "present": frame.present,
        "confidence": round(frame.confidence, 3),
        "head": {
            "rotation": _rounded(frame.head_deg, 3),
            "quaternion": _rounded((w, x, y, z), 6),
            "position": _rounded(frame.position_mm, 2),
        },
        "eyes": {"left": _rounded(left, 2), "right": _rounded(right, 2)},
        "weights": {name: round(value, 4) for name, value in frame.weights.items()},
    }


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _text(content: dict[str, Any]) -> str:
    return json.dumps({"protocol": "realtime3d", "version": VERSION, **content}, separators=(",", ":"), allow_nan=False)


class Messages:
    """All faces of a moment in one message; the last one says that no more come."""

    many = True

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        return [encode_faces(frames)]

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return [_text({"type": "end", "time": round(t_s, 6)})]
