"""Faces ready to be sent, receivers on this machine, and programs of other people to send to."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from realtime3d.avatar.angles import from_yaw_first
from realtime3d.avatar.base import NEUTRAL, AvatarFrame, neutral_frame
from realtime3d.face.arkit import NAMES
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera
from realtime3d.sinks.recorded import RecordedFace
from realtime3d.types import FaceCoeffs, Frame, IdentityState, Pose
from tests.helpers.paths import FACE_MODEL, ROOT

PEERS = ROOT / "tests" / "avatar" / "peers"
CAMERA = Camera.from_fov(640, 480)


@cache
def shipped_model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def frame(
    weights: dict[str, float] | None = None,
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
    place: tuple[float, float, float] = (0.0, 0.0, 0.0),
    **changes: object,
) -> AvatarFrame:
    """A face as it is sent; `turn` is (pitch, yaw, roll) in degrees."""
    values = {**NEUTRAL, **(weights or {})}
    face = replace(neutral_frame(1.5, 45), face_id=0, present=True, confidence=0.9, weights=values, position_mm=place)
    return replace(face, R=from_yaw_first(*turn), **changes)


def counted() -> dict[str, float]:
    """52 weights that all differ."""
    return {name: (i + 1) / 64 for i, name in enumerate(NAMES)}


def tracked(
    weights: dict[str, float] | None = None,
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
    t: tuple[float, float, float] = (0.0, 0.0, 600.0),
    face_id: int = 0,
) -> FaceState:
    """A tracked face with these weights."""
    model = shipped_model()
    pose = Pose(from_yaw_first(*turn), np.array(t))
    zero = np.zeros
    raw = FaceCoeffs(pose, zero(29, np.float32), zero(5, np.float32), 1.0, 0.0)
    return RecordedFace(
        id=face_id,
        status="tracked",
        confidence=0.9,
        pose=pose,
        expression=zero(29, np.float32),
        extras=zero(5, np.float32),
        shape=zero(99, np.float32),
        raw=raw,
        identity=IdentityState(zero(99, np.float32), True, 60),
        model=model,
        camera=CAMERA,
        weights={**NEUTRAL, **(weights or {})},
    )


def moment(t_s: float, *faces: FaceState, index: int | None = None) -> FrameResult:
    """The result of one frame."""
    image = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (480, 640, 3))
    number = round(t_s * 30) if index is None else index
    return FrameResult(Frame(number, round(t_s * 1e9), image, "test"), faces, camera=CAMERA)


class Receiver:
    """A UDP socket on this machine."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((host, port))
        self.socket.settimeout(2.0)
        self.port: int = self.socket.getsockname()[1]

    def packets(self, at_least: int = 0) -> list[bytes]:
        """What has arrived, after a wait for so many."""
        found: list[bytes] = []
        assert until(lambda: found.extend(self._here()) or len(found) >= at_least), f"only {len(found)} came"
        return found

    def _here(self) -> list[bytes]:
        found = []
        self.socket.setblocking(False)
        while True:
            try:
                found.append(self.socket.recv(65535))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self.socket.close()


@contextmanager
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    try:
        yield one
    finally:
        one.close()


def node(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A program of tests/avatar/peers, whose first line on standard output is its port or "ready"."""
    if shutil.which("node") is None or not (PEERS / "node_modules").is_dir():
        pytest.skip("needs node and `npm ci --ignore-scripts --omit=optional` in tests/avatar/peers")
    return subprocess.Popen(
        ["node", str(PEERS / script), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PEERS
    )


def until(condition, seconds: float = 120.0) -> bool:  # type: ignore[no-untyped-def]
    """Whether it comes true; the time is for a machine with much else to do."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
