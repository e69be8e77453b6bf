"""VTube Studio's plugin API: `vts://localhost:8001`. It asks the user once whether we may, and keeps the answer.

What is sent are VTube Studio's own parameters (FaceAngleX, MouthOpen, ...) and ARKit's 52 as custom ones. VTube Studio
shows a mirror image: to the right in it is the person's own right.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from realtime3d.avatar.base import AvatarFrame, Packet, neutral_frame
from realtime3d.avatar.tokens import load_token, save_token
from realtime3d.avatar.websocket import Refused, WebSocketLine
from realtime3d.errors import printable
from realtime3d.face.arkit import EYE_PITCH_DEG, EYE_YAW_DEG, NAMES, PASCAL
from realtime3d.outside import from_json

PORT = 8001
PLUGIN = {"pluginName": "realtime3d", "pluginDeveloper": "realtime3d"}
ANSWER_S = 2.0  # VTube Studio answers at once
KEEPALIVE_S = 0.5  # a parameter that is not sent for a second is lost
ASK_S = 120.0  # for the user to click
DENIED = 50  # VTube Studio's number for "the user said no"
MM_PER_CM, PLACE_CM = 10.0, 10.0


def request(kind: str, data: Mapping[str, Any] | None = None, number: str = "realtime3d") -> str:
    """One message of the API."""
    envelope: dict[str, Any] = {
        "apiName": "VTubeStudioPublicAPI",
        "apiVersion": "1.0",
        "requestID": number,
        "messageType": kind,
    }
    return json.dumps(envelope if data is None else {**envelope, "data": data}, separators=(",", ":"))


def parameters(frame: AvatarFrame) -> dict[str, float]:
    """VTube Studio's own parameters and ours, by name."""
    w = frame.all_weights
    pitch, yaw, roll = frame.head_deg
    x, y, z = (max(-PLACE_CM, min(PLACE_CM, value / MM_PER_CM)) for value in frame.position_mm)

    def mean(name: str) -> float:
        return (w[f"{name}Left"] + w[f"{name}Right"]) / 2

    def middle(up: float, down: float) -> float:
        return max(0.0, min(1.0, 0.5 + (up - down) / 2))  # rests at a half

    brows = {s: middle((w["browInnerUp"] + w[f"browOuterUp{s}"]) / 2, w[f"browDown{s}"]) for s in ("Left", "Right")}
    own = {
        "FacePositionX": -x,
        "FacePositionY": -y,
        "FacePositionZ": z,
        "FaceAngleX": yaw,
        "FaceAngleY": -pitch,
        "FaceAngleZ": -roll,
        "MouthSmile": middle(mean("mouthSmile"), max(mean("mouthFrown"), w["mouthPucker"])),
        "MouthOpen": max(w["jawOpen"] - w["mouthClose"], 0.0),
        "MouthX": w["mouthRight"] - w["mouthLeft"],
        "Brows": (brows["Left"] + brows["Right"]) / 2,
        "BrowLeftY": brows["Left"],
        "BrowRightY": brows["Right"],
        "CheekPuff": w["cheekPuff"],
        "TongueOut": w["tongueOut"],
    }
    for side, (eye_pitch, eye_yaw) in zip(("Left", "Right"), frame.eyes_deg, strict=True):
        own[f"EyeOpen{side}"] = 1 - w[f"eyeBlink{side}"]
        own[f"Eye{side}X"] = eye_yaw / EYE_YAW_DEG
        own[f"Eye{side}Y"] = -eye_pitch / EYE_PITCH_DEG
    return {**own, **{PASCAL[name]: value for name, value in frame.weights.items() if name not in _SAME}}


_SAME = ("cheekPuff", "tongueOut")  # VTube Studio has them itself
CUSTOM = tuple(PASCAL[name] for name in NAMES if name not in _SAME)


class Vts:
    """One model."""

    many = False

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        (frame,) = frames
        values = [{"id": name, "value": round(float(value), 4)} for name, value in parameters(frame).items()]
        data = {"faceFound": frame.present, "mode": "set", "parameterValues": values}
        return [request("InjectParameterDataRequest", data)]

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return self.packets([neutral_frame(t_s)])


class VtsLine(WebSocketLine):
    """The connection: asks for a token once, shows it at every start, creates what parameters are missing."""

    keepalive_s = KEEPALIVE_S

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"ws://{f'[{host}]' if ':' in host else host}:{port}")
        self._target = f"{host}:{port}"
        self._last: Sequence[Packet] = ()

    def send(self, packets: Sequence[Packet]) -> None:
        self._last = packets
        super().send(packets)

    def again(self) -> Sequence[Packet]:
        return self._last

    def greet(self, socket: Any) -> None:
        token = load_token(self._target)
        if token is None or not self._accepted(socket, token):
            token = self._ask(socket)
            if not self._accepted(socket, token):
                raise Refused("VTube Studio does not take the token it gave: restart it and try again")
            save_token(self._target, token)
        for name in CUSTOM:
            data = {"parameterName": name, "explanation": "ARKit's weight", "min": 0, "max": 1, "defaultValue": 0}
            answer = self._call(socket, "ParameterCreationRequest", data, ANSWER_S)
            if answer["messageType"] == "APIError":  # somebody else's of the same name serves as well
                self.say(f"{self.address}: parameter {name}: {_reason(answer)}")

    def _ask(self, socket: Any) -> str:
        self.say(f"{self.address}: click Allow in VTube Studio, within {ASK_S:g} s", warn=True)
        answer = self._call(socket, "AuthenticationTokenRequest", PLUGIN, ASK_S)
        if answer["messageType"] != "AuthenticationTokenResponse":
            raise Refused(f"VTube Studio says no ({_reason(answer)}): allow the plugin there, then start again")
        token = _data(answer).get("authenticationToken")
        if not isinstance(token, str):
            raise Refused("VTube Studio's answer has no token: update it, then start again")
        return token

    def _accepted(self, socket: Any, token: str) -> bool:
        answer = self._call(socket, "AuthenticationRequest", {**PLUGIN, "authenticationToken": token}, ANSWER_S)
        return _data(answer).get("authenticated") is True

    def _call(self, socket: Any, kind: str, data: Mapping[str, Any], wait_s: float) -> dict[str, Any]:
        """The answer to one request; what else is said meanwhile is passed over. Ends early when the run ends."""
        socket.send(request(kind, data, number=kind))
        end = time.monotonic() + wait_s
        while time.monotonic() < end and not self.closing:
            try:
                answer = from_json(socket.recv(timeout=0.2))
            except (TimeoutError, ValueError):
                continue
            if isinstance(answer, dict) and answer.get("requestID") == kind and "messageType" in answer:
                return answer
        raise TimeoutError(f"no answer to {kind} within {wait_s:g} s")

    def heard(self, message: str | bytes) -> None:
        """Errors of what was sent, each told once."""
        try:
            answer = from_json(message)
        except ValueError:
            return
        if isinstance(answer, dict) and answer.get("messageType") == "APIError":
            self.say(f"{self.address}: VTube Studio says: {_reason(answer)}", warn=True)


def _data(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an answer holds; nothing where it is not as VTube Studio's own are."""
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _reason(answer: Mapping[str, Any]) -> str:
    return printable(str(_data(answer).get("message", "no reason given")))[:200]
