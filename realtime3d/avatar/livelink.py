"""Live Link Face, version 6 of its datagrams: `livelink://host:11111/NAME`, for Unreal and for Blender's add-ons.

    u8 6 | i32 + device id (36 characters) | i32 + subject | frame time: i32 frame, f32 part, i32 rate, i32 1
    | u8 61 | f32 x 61: the 52 weights, head yaw, pitch, roll, left eye's, right eye's (radians)

All big-endian. Where nobody is there the datagram ends behind the frame time.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence

from realtime3d.avatar.base import AvatarFrame, Packet, WhichFace, picked
from realtime3d.avatar.learning import Learner
from realtime3d.avatar.shaping import Shaper
from realtime3d.clock import NS_PER_S
from realtime3d.face.arkit import LIVE_LINK, live_link_angles
from realtime3d.face.state import FrameResult

PORT = 11111
VERSION = 6
RATE = 60  # frame times count sixtieths of a second since midnight, as the app does
_VALUES = struct.Struct(">B61f")


def _field(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">i", len(data)) + data


def device_id(subject: str) -> str:
    """36 characters that stay the same for a subject, so that Unreal finds it again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"realtime3d/{subject}")).upper()


def encode(subject: str, device: str, clock_s: float, values: Sequence[float] | None) -> bytes:
    """One datagram. `values` are the 61 numbers, None where no face is there."""
    frames = clock_s * RATE
    time = struct.pack(">ifii", int(frames), frames - int(frames), RATE, 1)
    head = struct.pack(">B", VERSION) + _field(device) + _field(subject) + time
    return head if values is None else head + _VALUES.pack(len(values), *values)


def values_of(frame: AvatarFrame) -> list[float]:
    """The 61 numbers of a face."""
    weights = frame.all_weights
    return [*(weights[name] for name in LIVE_LINK), *live_link_angles(frame.head_deg, frame.eyes_deg)]


class LiveLink:
    """One subject, or with `each` one for each face: NAME for id 0, NAME-2 for id 1 and so on."""

    many = True

    def __init__(self, subject: str, *, each: bool = False) -> None:
        self._subject, self._each = subject, each
        self._devices: dict[str, str] = {}

    def _packet(self, frame: AvatarFrame) -> bytes:
        subject = f"{self._subject}-{frame.face_id + 1}" if self._each and frame.face_id > 0 else self._subject
        device = self._devices.setdefault(subject, device_id(subject))
        return encode(subject, device, frame.clock_s, None if frame.gone else values_of(frame))

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        return [self._packet(frame) for frame in frames]

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return [encode(subject, device, t_s, None) for subject, device in self._devices.items()]


def shaped_values(learner: Learner, face: WhichFace, zero_ns: int) -> Callable[[FrameResult], Sequence[float] | None]:
    """The 61 numbers of a result's face as they are sent, for the file of a take; None where the face is not there."""
    shaper = Shaper(learner.calibration)

    def values(result: FrameResult) -> Sequence[float] | None:
        if shaper.calibration is not learner.calibration:
            shaper.use(learner.calibration)
        seen, t_s = picked(result, face), (result.frame.t_ns - zero_ns) / NS_PER_S
        learner.see(t_s, seen)
        frame = shaper.step(t_s, result.frame.index, seen)
        return None if seen is None else values_of(frame)

    return values
