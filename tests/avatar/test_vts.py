"""VTube Studio: values, and the conversation with a server that follows its documentation."""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from pathlib import Path

import pytest

from realtime3d.avatar.tokens import load_token, save_token
from realtime3d.avatar.vts import CUSTOM, Vts, VtsLine, parameters, request
from tests.helpers.avatars import counted, frame, until
from tests.helpers.faults import fault
from tests.helpers.vts_server import DEFAULTS, VtsServer


def test_the_envelope_is_the_apis() -> None:
    message = json.loads(request("APIStateRequest"))
    assert message["apiName"] == "VTubeStudioPublicAPI" and message["apiVersion"] == "1.0"
    assert message["messageType"] == "APIStateRequest" and 1 <= len(message["requestID"]) <= 64
    assert set(message) == {"apiName", "apiVersion", "requestID", "messageType"}


def test_values_of_a_turned_smiling_face() -> None:
    values = parameters(
        frame(
            {"jawOpen": 0.6, "mouthClose": 0.1, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "eyeBlinkLeft": 0.8,
             "eyeLookOutRight": 0.5, "eyeLookInLeft": 0.5, "eyeLookUpLeft": 0.5, "browDownRight": 1.0,
             "mouthRight": 0.3},
            turn=(10, 20, -5), place=(30, -40, 50),
        )
    )  # fmt: skip
    assert (values["FaceAngleX"], values["FaceAngleY"], values["FaceAngleZ"]) == pytest.approx((20, -10, 5))
    assert (values["FacePositionX"], values["FacePositionY"], values["FacePositionZ"]) == (-3, 4, 5)
    assert values["MouthOpen"] == pytest.approx(0.5) and values["MouthSmile"] == 1.0 and values["MouthX"] == 0.3
    assert values["EyeOpenLeft"] == pytest.approx(0.2) and values["EyeOpenRight"] == 1
    assert values["EyeRightX"] == values["EyeLeftX"] == 0.5 and values["EyeLeftY"] == 0.5  # to the right, up
    assert values["BrowRightY"] == 0 and values["BrowLeftY"] == 0.5
    assert values["JawOpen"] == 0.6
    assert set(values) == set(DEFAULTS) | set(CUSTOM)


def test_a_face_at_rest_rests() -> None:
    values = parameters(frame())
    assert values["MouthSmile"] == values["Brows"] == 0.5 and values["EyeOpenLeft"] == 1
    assert parameters(frame(place=(1e4, 0, -1e4)))["FacePositionZ"] == -10  # within what VTube Studio takes


def test_it_asks_once_keeps_the_token_creates_what_is_missing_and_sends(own_tokens: Path) -> None:
    with VtsServer() as server:
        for turn in range(2):
            line = VtsLine("127.0.0.1", server.port)
            line.open()
            line.send(Vts().packets([frame(counted())]))
            assert until(lambda: server.values.get("JawOpen") == pytest.approx(counted()["jawOpen"], abs=1e-4))
            line.close()
            assert server.kinds().count("AuthenticationTokenRequest") == 1, turn
        assert set(CUSTOM) <= server.parameters and "CheekPuff" in server.values
        assert server.face_found[-1] is True
        assert load_token(f"127.0.0.1:{server.port}") in server.tokens
    if os.name == "posix":
        assert stat.S_IMODE((own_tokens / "tokens.json").stat().st_mode) == 0o600


def test_data_goes_on_when_no_new_one_comes() -> None:
    """A parameter that is not sent for a second is lost."""
    with VtsServer() as server:
        line = VtsLine("127.0.0.1", server.port)
        line.open()
        line.send(Vts().packets([frame()]))
        assert until(lambda: len(server.face_found) >= 1)
        start = len(server.face_found)
        assert until(lambda: len(server.face_found) >= start + 2)
        line.close()


@fault("avatars", "VTube Studio has revoked the token", "it is asked for again")
def test_a_revoked_token_is_asked_for_again() -> None:
    with VtsServer() as server:
        save_token(f"127.0.0.1:{server.port}", "revoked")
        line = VtsLine("127.0.0.1", server.port)
        line.open()
        line.send(Vts().packets([frame()]))
        assert until(lambda: server.face_found)
        line.close()
        assert load_token(f"127.0.0.1:{server.port}") != "revoked"


@fault("avatars", "the user of VTube Studio says no", "asked once, told in one line; the run goes on")
def test_a_user_who_says_no_is_asked_once_and_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with VtsServer(allow=False) as server:
        line = VtsLine("127.0.0.1", server.port)
        line.open()
        assert until(lambda: "says no" in line.status)
        for i in range(20):  # tracking goes on
            line.send(Vts().packets([frame(index=i)]))
            time.sleep(0.01)
        time.sleep(0.7)
        line.close()
        assert server.kinds().count("AuthenticationTokenRequest") == 1
    said = [record.message for record in caplog.records if "says no" in record.message]
    assert len(said) == 1 and "\n" not in said[0] and "allow the plugin" in said[0]


def test_a_token_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with VtsServer() as server:
        save_token(f"127.0.0.1:{server.port}", "very-secret")
        line = VtsLine("127.0.0.1", server.port)
        line.open()
        line.send(Vts().packets([frame()]))
        assert until(lambda: server.face_found)
        line.close()
        secrets = [*server.tokens, "very-secret"]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("realtime3d")]
    assert ours and not any(secret in text for text in ours for secret in secrets)


@fault("avatars", "VTube Studio is closed and started again", "it gets data again")
def test_a_server_that_restarts_gets_data_again() -> None:
    server = VtsServer()
    line = VtsLine("127.0.0.1", server.port)
    line.open()
    line.send(Vts().packets([frame()]))
    assert until(lambda: server.face_found)
    server.close()
    again = VtsServer(port=server.port)
    again.tokens |= server.tokens
    try:
        assert until(lambda: line.send(Vts().packets([frame()])) or again.face_found)
    finally:
        line.close()
        again.close()


@fault("avatars", "the folder of the tokens cannot be made", "a warning without the token; it is asked for next time")
def test_what_cannot_be_kept_is_asked_again(own_tokens: Path, caplog: pytest.LogCaptureFixture) -> None:
    own_tokens.write_text("a file where the folder should be")
    save_token("x:1", "secret")
    assert load_token("x:1") is None
    assert "cannot be kept" in caplog.text and "secret" not in caplog.text
