"""What an avatar gets, and the contract of everything that sends it.

A `Protocol` turns values into packets and knows nothing of networks: pure functions, tested byte for byte. A `Line`
carries packets and never waits. A `Sender` is a sink made of both; it picks the face, shapes its values, keeps to the
rate and measures how old the picture is when its packet leaves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realtime3d.avatar import angles
from realtime3d.avatar.angles import quaternion, yaw_first
from realtime3d.face.arkit import NAMES, gaze_deg
from realtime3d.face.state import FaceState, FrameResult

Packet: TypeAlias = "bytes | str"  # str: a text message, where the line tells them apart
WhichFace: TypeAlias = int | Literal["all"] | None  # None: the lowest id
Pace: TypeAlias = Literal["newest", "every"]  # as `sinks.base` has it
NOBODY = -1
NEUTRAL = dict.fromkeys(NAMES, 0.0)
REST_MM = 600.0  # the distance of a resting head, where a protocol wants a place in the camera's frame


@dataclass(frozen=True)
class AvatarFrame:
    """One face at one moment, shaped and ready to be sent. Frames and signs are those of docs/conventions.md."""

    t_s: float  # since the source was opened
    index: int  # the frame's number in the source
    face_id: int  # NOBODY where no face was seen yet
    present: bool  # False: the face is gone and the values ease to neutral, or are
    confidence: float  # 0..1
    weights: Mapping[str, float]  # ARKit's 52 in 0..1; those that are not to be sent are missing
    R: NDArray[np.float64]  # (3, 3) the head's turn away from where it rests
    position_mm: tuple[float, float, float]  # its way from where it rests: x to the person's left, y down, z away
    clock_s: float = 0.0  # seconds since midnight, where the sender was opened, when the picture was taken
    picture: tuple[int, int] = (0, 0)  # width and height, px
    face: FaceState | None = field(default=None, repr=False, compare=False)  # what was measured

    @property
    def gone(self) -> bool:
        """Nobody is there, and the values have come to rest."""
        return not self.present and not any(self.weights.values())

    @cached_property
    def head_deg(self) -> tuple[float, float, float]:
        """(pitch, yaw, roll), yaw first: positive looks down, to the person's right, clockwise in the picture."""
        return yaw_first(self.R)

    @cached_property
    def head_quaternion(self) -> angles.Quaternion:
        """(x, y, z, w)."""
        return quaternion(self.R)

    @cached_property
    def eyes_deg(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(pitch, yaw) of the left and of the right eye in the head's frame."""
        return gaze_deg(self.all_weights)

    @cached_property
    def all_weights(self) -> Mapping[str, float]:
        """All 52, 0 for those that are not to be sent: for protocols that need every one."""
        return self.weights if len(self.weights) == len(NEUTRAL) else {**NEUTRAL, **self.weights}


def neutral_frame(t_s: float = 0.0, index: int = 0) -> AvatarFrame:
    """Nobody: a resting face that looks straight ahead."""
    return AvatarFrame(t_s, index, NOBODY, False, 0.0, NEUTRAL, np.eye(3), (0.0, 0.0, 0.0))


def picked(result: FrameResult, face: WhichFace) -> FaceState | None:
    """The face that is sent where only one is: the one of this id, else the lowest."""
    if isinstance(face, int):
        return next((one for one in result.faces if one.id == face), None)
    return min(result.faces, key=lambda one: one.id, default=None)


class AvatarProtocol(Protocol):
    """Values to packets. Stateless but for what a receiver needs to be continuous (a quaternion's sign)."""

    many: bool  # whether faces can be told apart; else only one of them is sent

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        """What is sent for one moment: one frame, or one for each face where `many` is True; never none."""
        ...

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        """What is sent last: a neutral face, or that nobody is there; empty where the protocol has nothing for it."""
        ...


class Line(Protocol):
    """Carries packets to one receiver that may be slow, absent or restarted. `send` never waits and never fails.

    `open` raises an OutputError for what will not mend itself (a name that does not resolve, a port in use).
    """

    address: str  # as shown to the user
    sent: int  # datagrams or messages that left
    pace: Pace  # "newest", or "every" where nothing may be left out

    def open(self) -> None: ...

    def send(self, packets: Sequence[Packet]) -> None: ...

    def close(self) -> None: ...

    @property
    def status(self) -> str:
        """One line for the user: "sending", "nobody listens at ...", "waiting for ..."."""
        ...


class Percentiles:
    """p50 and p95 of the newest values, in a list of bounded length."""

    def __init__(self, keep: int = 1024) -> None:
        self._values: list[float] = []
        self._keep, self.count = keep, 0

    def add(self, value: float) -> None:
        if len(self._values) < self._keep:
            self._values.append(value)
        else:
            self._values[self.count % self._keep] = value
        self.count += 1

    def at(self, percent: float) -> float:
        """NaN where nothing was added."""
        values = sorted(self._values)
        return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else math.nan
