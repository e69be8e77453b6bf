"""VTube Studio's side of its plugin API, as its documentation says: for tests without the program."""

from __future__ import annotations

import json
import threading
from typing import Any

from websockets.sync.server import ServerConnection, serve

DEFAULTS = ("FaceAngleX", "FaceAngleY", "FaceAngleZ", "FacePositionX", "FacePositionY", "FacePositionZ", "MouthSmile",
            "MouthOpen", "MouthX", "Brows", "BrowLeftY", "BrowRightY", "EyeOpenLeft", "EyeOpenRight", "EyeLeftX",
            "EyeLeftY", "EyeRightX", "EyeRightY", "CheekPuff", "TongueOut")  # fmt: skip


class VtsServer:
    """Answers each request; remembers what was asked. `allow`: what the user clicks."""

    def __init__(self, *, allow: bool = True, port: int = 0) -> None:
        self.allow = allow
        self.asked: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.parameters: set[str] = set(DEFAULTS)
        self.values: dict[str, float] = {}
        self.face_found: list[bool] = []
        self._open: list[ServerConnection] = []
        self._server = serve(self._talk, "127.0.0.1", port, compression=None)
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> VtsServer:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        for socket in self._open:  # older versions of websockets leave them open
            socket.close()
        self._thread.join(5)

    def kinds(self) -> list[str]:
        return [request["messageType"] for request in self.asked]

    def _talk(self, socket: ServerConnection) -> None:
        self._open.append(socket)
        session = {"authenticated": False}
        for text in socket:
            request = json.loads(text)
            self.asked.append(request)
            kind, data = self._answer(request, session)
            answer = {
                "apiName": "VTubeStudioPublicAPI",
                "apiVersion": "1.0",
                "timestamp": 1625405710728,
                "requestID": request.get("requestID", ""),
                "messageType": kind,
                "data": data,
            }
            socket.send(json.dumps(answer))

    def _answer(self, request: dict[str, Any], session: dict[str, bool]) -> tuple[str, dict[str, Any]]:
        kind, data = request["messageType"], request.get("data", {})
        if request["apiName"] != "VTubeStudioPublicAPI" or not 1 <= len(request["requestID"]) <= 64:
            return error(1, "no request of the API")
        if kind == "APIStateRequest":
            return "APIStateResponse", {
                "active": True, "vTubeStudioVersion": "1.9.0", "currentSessionAuthenticated": session["authenticated"]
            }  # fmt: skip
        if kind == "AuthenticationTokenRequest":
            if not (3 <= len(data["pluginName"]) <= 32 and 3 <= len(data["pluginDeveloper"]) <= 32):
                return error(52, "plugin name or developer has the wrong length")
            if not self.allow:
                return error(50, "User has denied API access for your plugin.")
            self.tokens.add(token := f"token-{len(self.tokens)}")
            return "AuthenticationTokenResponse", {"authenticationToken": token}
        if kind == "AuthenticationRequest":
            session["authenticated"] = data["authenticationToken"] in self.tokens
            reason = "Token valid." if session["authenticated"] else "Token invalid or has been revoked by user."
            return "AuthenticationResponse", {"authenticated": session["authenticated"], "reason": reason}
        if not session["authenticated"]:
            return error(8, "request requires authentication")
        if kind == "ParameterCreationRequest":
            name = data["parameterName"]
            if not (4 <= len(name) <= 32 and name.isalnum() and data["min"] < data["max"]):
                return error(350, f"{name} is no name for a parameter")
            if name in DEFAULTS:
                return error(352, "Cannot create a default parameter")
            self.parameters.add(name)
            return "ParameterCreationResponse", {"parameterName": name}
        if kind == "InjectParameterDataRequest":
            return self._inject(data)
        return error(3, f"unknown request {kind}")

    def _inject(self, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        for value in data["parameterValues"]:
            if value["id"] not in self.parameters:
                return error(453, f"parameter {value['id']} does not exist")
            self.values[value["id"]] = value["value"]
        self.face_found.append(data.get("faceFound", False))
        return "InjectParameterDataResponse", {}


def error(number: int, message: str) -> tuple[str, dict[str, Any]]:
    return "APIError", {"errorID": number, "message": message}
