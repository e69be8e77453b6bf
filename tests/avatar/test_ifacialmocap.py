"""iFacialMocap's text: the form of its developer page, both versions, and the way in which a receiver asks for it."""

from __future__ import annotations

import re
import socket

import pytest

from realtime3d.avatar.ifacialmocap import HANDSHAKE, VERSION_2, AnsweringLine, IFacialMocap, encode
from realtime3d.errors import OutputError
from tests.helpers.avatars import counted, frame, receiver, until
from tests.helpers.faults import fault

EXAMPLE = "mouthSmile_R-0|eyeLookOut_L-0|mouthLeft-1|=head#-21.48,-6.03,-6.6,-0.03,-0.10,-0.65|rightEye#6.0,2.4,0.2|"


def read(text: str, mark: str) -> tuple[dict[str, int], dict[str, list[float]]]:
    """A reader after the developer page: parts between |, weights before and turns behind the = sign."""
    shapes, _, turns = text.partition("=")
    weights = {}
    for part in filter(None, shapes.split("|")):
        name, value = part.split(mark)  # exactly two: nothing may be negative or written with an exponent
        weights[name] = int(value)
    angles = {}
    for part in filter(None, turns.split("|")):
        name, values = part.split("#")
        angles[name] = [float(value) for value in values.split(",")]
    return weights, angles


def test_the_reader_reads_the_pages_example() -> None:
    weights, angles = read(EXAMPLE, "-")
    assert weights["mouthLeft"] == 1 and angles["head"][3:] == [-0.03, -0.10, -0.65]


@pytest.mark.parametrize(("version", "mark"), [(1, "-"), (2, "&")])
def test_the_whole_message(version: int, mark: str) -> None:
    face = frame({"jawOpen": 0.256, "eyeBlinkLeft": 1.0}, turn=(10, -20, 5), place=(30, -40, 50))
    text = encode(face, version)
    weights, angles = read(text, mark)
    assert len(weights) == 52
    assert weights["jawOpen"] == 26 and weights["eyeBlink_L"] == 100 and weights["eyeBlink_R"] == 0
    assert {"mouthLeft", "jawRight", "mouthSmile_L", "browInnerUp"} <= set(weights)
    assert angles["head"] == pytest.approx([10, 20, -5, 0.03, 0.04, -0.65])
    assert set(angles) == {"head", "rightEye", "leftEye"}
    assert text.endswith("|")


def test_every_weight_keeps_its_side() -> None:
    weights, _ = read(encode(frame(counted()), 1), "-")
    assert sum(name.endswith("_L") for name in weights) == sum(name.endswith("_R") for name in weights) == 18
    assert weights["browDown_L"] == round(100 * counted()["browDownLeft"])
    assert weights["browDown_R"] == round(100 * counted()["browDownRight"])


def test_eyes_turn_as_in_the_pages_example() -> None:
    """There both eyes look at a near phone: eyeLookIn of 6 and 4 %, at angles of +2.44 (right eye) and -1.67 (left)."""
    looks = {"eyeLookInRight": 0.06, "eyeLookInLeft": 0.04, "eyeLookDownRight": 0.17, "eyeLookDownLeft": 0.17}
    _, angles = read(encode(frame(looks), 1), "-")
    assert angles["rightEye"][:2] == pytest.approx([6.03, 2.44], abs=0.15)
    assert angles["leftEye"][:2] == pytest.approx([6.03, -1.67], abs=0.15)


def test_tiny_numbers_are_written_out() -> None:
    text = encode(frame({"jawOpen": 1e-7}, turn=(1e-6, 1e-6, 0)), 1)
    assert not re.search(r"\de", text)
    assert "jawOpen-0|" in text and "=head#0.000001," in text


def test_a_receiver_that_asks_is_answered_in_its_version() -> None:
    with receiver() as asking:
        protocol = IFacialMocap()
        line = AnsweringLine(0, protocol, reply_port=asking.port)
        line.open()
        try:
            port = line._socket.getsockname()[1]  # type: ignore[union-attr]
            line.send(protocol.packets([frame()]))
            assert asking.packets() == [] and "waiting" in line.status
            asking.socket.sendto(b"\xff\0garbage", ("127.0.0.1", port))
            line.send(protocol.packets([frame()]))
            assert asking.packets() == []
            asking.socket.sendto(HANDSHAKE + VERSION_2, ("127.0.0.1", port))
            assert until(lambda: line.send(protocol.packets([frame()])) or protocol.version == 2)
            asking.packets()
            line.send(protocol.packets([frame({"jawOpen": 0.5})]))
            assert b"jawOpen&50|" in asking.packets(1)[-1]
            assert str(asking.port) in line.status
        finally:
            line.close()


@fault("avatars", "iFacialMocap's port is taken", "one line")
def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        line = AnsweringLine(taken.getsockname()[1], IFacialMocap())
        with pytest.raises(OutputError, match=r"cannot listen on port .* name it instead"):
            line.open()
