"""iFacialMocap, versions 1 and 2 of its text: `ifacialmocap://host:49983` sends at once, as a phone that was asked.

    mouthSmile_R-0|eyeLookOut_L-3|...|=head#pitch,yaw,roll,x,y,z|rightEye#pitch,yaw,roll|leftEye#pitch,yaw,roll|

Weights are whole numbers of hundredths (version 2 has & in place of -), angles degrees, places metres, in ARKit's axes:
x to the person's left, y up, z out of the face. `ifacialmocap://*:49983` waits for a program that asks, instead, and
answers it in the version that it asked for.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Any

from realtime3d.avatar.base import REST_MM, AvatarFrame, Packet, neutral_frame
from realtime3d.avatar.udp import UdpLine
from realtime3d.errors import OutputError
from realtime3d.face.arkit import NAMES, sided

PORT = 49983
HANDSHAKE = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
VERSION_2 = b"|sendDataVersion=v2"
MARKS = {1: "-", 2: "&"}
TEXT = {name: sided(name, "_L", "_R") for name in NAMES}

_log = logging.getLogger(__name__)


def encode(frame: AvatarFrame, version: int) -> str:
    """One message. No number is ever written as 1e-05, and no weight is negative: receivers split at the marks."""
    mark = MARKS[version]
    weights = "".join(f"{TEXT[name]}{mark}{round(100 * value)}|" for name, value in frame.weights.items())
    pitch, yaw, roll = frame.head_deg
    x, y, z = frame.position_mm
    head = _numbers(pitch, -yaw, -roll, x / 1000, -y / 1000, -(z + REST_MM) / 1000)
    (left_pitch, left_yaw), (right_pitch, right_yaw) = frame.eyes_deg
    right, left = _numbers(right_pitch, -right_yaw, 0.0), _numbers(left_pitch, -left_yaw, 0.0)
    return f"{weights}=head#{head}|rightEye#{right}|leftEye#{left}|"


def _numbers(*values: float) -> str:
    return ",".join(f"{value:.6f}" for value in values)


class IFacialMocap:
    """One face."""

    many = False

    def __init__(self, version: int = 1) -> None:
        self.version = version

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        (frame,) = frames
        return [encode(frame, self.version)]

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return self.packets([neutral_frame(t_s)])


class AnsweringLine(UdpLine):
    """Sends to who asked last, as the phone does: at the asker's address, at the port that we listen on as well."""

    def __init__(self, port: int, protocol: IFacialMocap, reply_port: int | None = None) -> None:
        super().__init__("*", port)
        self._protocol, self._reply_port = protocol, port if reply_port is None else reply_port
        self._asker: Any = None

    def open(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(("", self._port))
        except OSError as error:
            self.close()
            raise OutputError(
                f"cannot listen on port {self._port} ({error.strerror}): a receiver on this machine has it; "
                f"name it instead, as in ifacialmocap://127.0.0.1:{self._port}"
            ) from error

    def send(self, packets: Sequence[Packet]) -> None:
        self._listen()
        if self._asker is not None:
            self._to = (self._asker, self._reply_port)
            super().send(packets)

    def _listen(self) -> None:
        """Take what was asked since the last time; garbage is left lying."""
        while self._socket is not None:
            try:
                data, address = self._socket.recvfrom(2048)
            except OSError:
                return
            if data.startswith(HANDSHAKE):
                self._protocol.version = 2 if VERSION_2 in data else 1
                if address[0] != self._asker:
                    _log.info("iFacialMocap: %s asks for version %d", address[0], self._protocol.version)
                self._asker = address[0]

    @property
    def status(self) -> str:
        if self._asker is None:
            return f"waiting for a program that asks on port {self._port}"
        return super().status.replace(self.address, f"{self._asker}:{self._reply_port}")
