"""Open Sound Control 1.0: messages and bundles as bytes, and `osc://`, which sends every value under an address.

OSC is aligned to four bytes and big-endian. A text ends with a zero byte and is filled up with zeros; a bundle holds
messages with their lengths before them. That is all of it, so that no library is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

from realtime3d.avatar.base import NOBODY, AvatarFrame, Packet, neutral_frame
from realtime3d.errors import UsageError

BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)  # time 1: at once
LIMIT = 1500  # bytes of a bundle: what one network packet carries on any usual way


@lru_cache(maxsize=4096)  # addresses and names are few, and the same in every frame
def text(value: str) -> bytes:
    """A string as OSC pads it."""
    data = value.encode() + b"\0"
    return data + bytes(-len(data) % 4)


def message(address: str, *values: float | int | str) -> bytes:
    """One message; a type tag for each value: s text, i int32, f float32."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags, data = tags + "s", data + text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return text(address) + text(tags) + data


def bundles(messages: Sequence[bytes], limit: int = LIMIT) -> list[bytes]:
    """The messages in order, in as few bundles of at most `limit` bytes as hold them."""
    packed: list[bytes] = []
    parts, size = [BUNDLE], len(BUNDLE)
    for one in messages:
        if size + 4 + len(one) > limit and len(parts) > 1:
            packed.append(b"".join(parts))
            parts, size = [BUNDLE], len(BUNDLE)
        parts += [struct.pack(">i", len(one)), one]
        size += 4 + len(one)
    packed.append(b"".join(parts))
    return packed


class Osc:
    """`/prefix/jawOpen 0.31` for each weight, and the head. With several faces, `/prefix/ID/jawOpen`.

    `/tracked` i; `/time` f seconds; `/head/rotation` fff pitch, yaw, roll in degrees; `/head/quaternion` ffff
    x, y, z, w; `/head/position` fff mm; `/eye/left` and `/eye/right` ff pitch, yaw in degrees; then the weights.
    """

    many = True

    def __init__(self, prefix: str, *, with_ids: bool = False) -> None:
        self._prefix = prefix.rstrip("/")
        self._with_ids = with_ids
        if any(c in self._prefix for c in " #*,?[]{}") or not self._prefix.isprintable():
            raise UsageError(f"{prefix!r} is no OSC address: write letters, digits and slashes, as in /face")

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        return bundles([one for f in frames if not (self._with_ids and f.face_id == NOBODY) for one in self._face(f)])

    def _face(self, frame: AvatarFrame) -> list[bytes]:
        root = f"{self._prefix}/{frame.face_id}" if self._with_ids else self._prefix
        return [
            message(f"{root}/tracked", int(frame.present)),
            message(f"{root}/time", float(frame.t_s)),
            message(f"{root}/head/rotation", *map(float, frame.head_deg)),
            message(f"{root}/head/quaternion", *map(float, frame.head_quaternion)),
            message(f"{root}/head/position", *map(float, frame.position_mm)),
            message(f"{root}/eye/left", *map(float, frame.eyes_deg[0])),
            message(f"{root}/eye/right", *map(float, frame.eyes_deg[1])),
            *(message(f"{root}/{name}", float(value)) for name, value in frame.weights.items()),
        ]

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return [] if self._with_ids else self.packets([neutral_frame(t_s)])
