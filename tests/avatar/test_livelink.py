"""Live Link Face to the byte, and as pylivelinkface reads it."""

from __future__ import annotations

import importlib.util
import math
import struct

import pytest

from realtime3d.avatar.livelink import LiveLink, device_id, encode
from realtime3d.face.arkit import LIVE_LINK
from tests.helpers.avatars import counted, frame


def test_the_datagram_byte_by_byte() -> None:
    values = [i / 100 for i in range(61)]
    data = encode("Someone", "0" * 36, 3600.0125, values)
    expected = (
        b"\x06"
        + b"\0\0\0\x24"
        + b"0" * 36
        + b"\0\0\0\x07Someone"
        + struct.pack(">ifii", 216000, 0.75, 60, 1)
        + b"\x3d"
        + struct.pack(">61f", *values)
    )
    assert data[: len(expected) - 244 - 13] == expected[: len(expected) - 244 - 13]
    assert struct.unpack(">ifii", data[52:68]) == (216000, pytest.approx(0.75, abs=1e-4), 60, 1)
    assert data[68:] == expected[68:]
    assert len(encode("x" * 19, "0" * 36, 0, values)) == 325  # as measured of the app's own


def test_nobody_ends_behind_the_frame_time() -> None:
    assert len(encode("Someone", "0" * 36, 0.0, None)) == 1 + 40 + 11 + 16


def test_the_device_id_is_stable_and_of_the_length_that_receivers_want() -> None:
    assert device_id("a") == device_id("a") != device_id("b")
    assert len(device_id("a")) == 36


def test_weights_and_angles_have_their_places() -> None:
    (data,) = LiveLink("ME").packets([frame(counted(), turn=(10, 20, -5))])
    values = struct.unpack(">61f", data[-244:])
    assert values[:52] == pytest.approx([counted()[name] for name in LIVE_LINK])
    assert values[52:55] == pytest.approx([math.radians(a) for a in (20, 10, -5)], abs=1e-6)  # yaw, pitch, roll
    assert LIVE_LINK[15:17] == ("jawLeft", "jawRight") and LIVE_LINK[21:23] == ("mouthLeft", "mouthRight")


def test_eyes_that_look_right_and_down_have_positive_angles() -> None:
    looks = {"eyeLookOutRight": 0.5, "eyeLookInLeft": 0.5, "eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5}
    (data,) = LiveLink("ME").packets([frame(looks)])
    left_yaw, left_pitch, left_roll, right_yaw, right_pitch, right_roll = struct.unpack(">6f", data[-24:])
    assert left_yaw == right_yaw > 0.2 and left_pitch == right_pitch > 0.2 and left_roll == right_roll == 0


def test_a_face_that_is_gone_and_the_end_say_so() -> None:
    protocol = LiveLink("ME")
    assert len(protocol.packets([frame(counted(), present=False)])[0]) > 200  # still easing
    assert len(protocol.packets([frame(present=False)])[0]) < 100
    assert [len(p) for p in protocol.goodbye(1.0)] == [len(encode("ME", "0" * 36, 0, None))]


def test_each_face_has_a_subject() -> None:
    packets = LiveLink("ME", each=True).packets([frame(face_id=0), frame(face_id=2)])
    first, third = packets
    assert first[41:47] == b"\0\0\0\x02ME" and third[41:49] == b"\0\0\0\x04ME-3"
    assert len({packet[5:41] for packet in packets}) == 2  # and a device


def test_pylivelinkface_reads_it() -> None:
    if importlib.util.find_spec("pylivelinkface") is None:
        pytest.skip("pylivelinkface is not installed: pip install --no-deps pylivelinkface timecode")
    from pylivelinkface import FaceBlendShape, PyLiveLinkFace

    (data,) = LiveLink("Someone").packets([frame(counted(), turn=(10, 20, -5), clock_s=12.5)])
    success, face = PyLiveLinkFace.decode(data)
    assert success and face.name == "Someone" and face.fps == 60
    read = [face.get_blendshape(shape) for shape in list(FaceBlendShape)[:52]]
    assert read == pytest.approx([counted()[name] for name in LIVE_LINK])
    names = [shape.name[0].lower() + shape.name[1:] for shape in list(FaceBlendShape)[:52]]
    assert names == list(LIVE_LINK)
    assert face.get_blendshape(FaceBlendShape.HeadYaw) == pytest.approx(math.radians(20), abs=1e-6)
    assert face.get_blendshape(FaceBlendShape.HeadPitch) == pytest.approx(math.radians(10), abs=1e-6)
