"""Our own messages: one JSON object a moment, over `udp://`, `ws://` or standard output.

docs/protocol.md has the schema. The version changes when a reader of the old one would misunderstand; new keys do not
change it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from realtime3d.avatar.base import AvatarFrame, Packet
from realtime3d.face.state import FaceState

VERSION = 1


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _text(content: dict[str, Any]) -> str:
    return json.dumps({"protocol": "realtime3d", "version": VERSION, **content}, separators=(",", ":"), allow_nan=False)


class Messages:
    """All faces of a moment in one message; the last one says that no more come."""

    many = True

    def __init__(
        self, *, action_units: bool = False, emotions: bool = False, neutral: Mapping[str, float] | None = None
    ) -> None:
        """`neutral` has the weights of the person's own neutral face, from which what it shows is counted."""
        self._units, self._emotions, self._neutral = action_units, emotions, neutral

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        faces = [self._face(frame) for frame in frames if frame.face_id >= 0]
        first = frames[0]
        return [_text({"type": "faces", "frame": first.index, "time": round(first.t_s, 6), "faces": faces})]

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return [_text({"type": "end", "time": round(t_s, 6)})]

    def _face(self, frame: AvatarFrame) -> dict[str, Any]:
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
            **self._shown(frame.face),
        }

    def _shown(self, face: FaceState | None) -> dict[str, Any]:
        """What the measured face shows, as far as that was asked for; nothing of a face that is gone."""
        found: dict[str, Any] = {}
        if face is not None and self._units:
            units = face.action_units(self._neutral)
            found["action_units"] = {name: None if value is None else round(value, 2) for name, value in units.items()}
        if face is not None and self._emotions:
            found["emotions"] = {name: round(value, 3) for name, value in face.emotions(self._neutral).items()}
        return found
