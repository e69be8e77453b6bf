"""VMC against its specification."""

from __future__ import annotations

import math
import struct

import pytest

from realtime3d.avatar.osc import message
from realtime3d.avatar.vmc import Vmc, presets
from realtime3d.face.arkit import NAMES, PASCAL
from tests.avatar.test_osc import split
from tests.helpers.avatars import counted, frame


def sent(face, **options):  # type: ignore[no-untyped-def]
    packets = Vmc(**options).packets([face])
    assert all(len(packet) <= 1500 for packet in packets)
    return [one for packet in packets for one in split(packet)]


def test_the_messages_and_their_order() -> None:
    messages = sent(frame(counted()))
    assert messages[0] == message("/VMC/Ext/OK", 1, 3, 0, 1)
    assert messages[1] == message("/VMC/Ext/T", 1.5)
    assert messages[-1] == message("/VMC/Ext/Blend/Apply")
    values = [one for one in messages if one.startswith(b"/VMC/Ext/Blend/Val\0")]
    assert messages[5:-1] == values
    expected = [message("/VMC/Ext/Blend/Val", PASCAL[name], counted()[name]) for name in NAMES]
    assert values[:52] == expected
    assert len(values) == 52 + 7


def test_nobody_is_a_bad_tracking_status() -> None:
    assert sent(frame(present=False))[0] == message("/VMC/Ext/OK", 1, 3, 0, 0)


def bone(messages: list[bytes], name: str) -> tuple[float, ...]:
    start = message("/VMC/Ext/Bone/Pos", name, *[0.0] * 7)[:-28]
    (found,) = [one for one in messages if one.startswith(start)]
    return struct.unpack(">7f", found[-28:])


@pytest.mark.parametrize(
    ("turn", "axis", "sign"),
    [((20, 0, 0), 0, 1), ((0, 20, 0), 1, 1), ((0, 0, 20), 2, 1), ((-20, 0, 0), 0, -1)],
)
def test_the_head_turns_as_in_unity(turn: tuple[float, float, float], axis: int, sign: int) -> None:
    """Unity's x is the avatar's right, y up, z forward, left-handed: +x looks down, +y turns to the right."""
    *place, x, y, z, w = bone(sent(frame(turn=turn)), "Head")
    expected = [0.0, 0.0, 0.0]
    expected[axis] = sign * math.sin(math.radians(10))
    assert (x, y, z) == pytest.approx(expected, abs=1e-6)
    assert w == pytest.approx(math.cos(math.radians(10)))
    assert place == [0, 0, 0]


def test_a_head_that_looks_right_points_unitys_forward_to_the_right() -> None:
    *_, x, y, z, w = bone(sent(frame(turn=(0, 30, 0))), "Head")
    forward = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
    assert forward == pytest.approx((0.5, 0, math.cos(math.radians(30))), abs=1e-6)  # +x is the avatar's right


def test_the_eyes_follow_their_weights() -> None:
    messages = sent(frame({"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5, "eyeLookDownLeft": 0.2}))
    left, right = bone(messages, "LeftEye"), bone(messages, "RightEye")
    assert left[4] > 0.1 and right[4] > 0.1  # both to the person's right
    assert left[3] > 0.01 and right[3] == pytest.approx(0)  # the left one down


def test_the_quaternion_keeps_its_sign() -> None:
    vmc, before = Vmc(), None
    for degrees in range(0, 400, 10):
        *_, x, y, z, w = bone([m for p in vmc.packets([frame(turn=(0, degrees, 0))]) for m in split(p)], "Head")
        assert math.hypot(x, y, z, w) == pytest.approx(1, abs=1e-6)
        if before is not None:
            assert sum(a * b for a, b in zip(before, (x, y, z, w), strict=True)) > 0.99
        before = (x, y, z, w)


def test_names_presets_and_bones_can_be_chosen() -> None:
    camel = sent(frame(counted()), names="camel", vrm="vrm1", bones="head")
    assert message("/VMC/Ext/Blend/Val", "jawOpen", counted()["jawOpen"]) in camel
    assert any(b"blinkLeft\0" in one for one in camel) and not any(b"Blink_L\0" in one for one in camel)
    assert not any(b"LeftEye" in one for one in camel)
    assert len(sent(frame(counted()), vrm="none", bones="none")) == 2 + 52 + 1


def test_vowels_share_the_open_jaw() -> None:
    assert presets(frame({"jawOpen": 0.8}), "vrm0")["A"] == pytest.approx(0.8)
    round_ = presets(frame({"jawOpen": 0.8, "mouthFunnel": 1.0}), "vrm0")
    assert round_["O"] == pytest.approx(0.8) and round_["A"] == 0
    assert presets(frame({"mouthPucker": 0.9}), "vrm0")["U"] == pytest.approx(0.9)
    assert not any(presets(frame(), "vrm0").values())


def test_what_is_not_to_be_sent_has_no_preset_either() -> None:
    face = frame()
    lids = {name: 0.0 for name in face.weights if not name.startswith("eyeBlink")}
    assert "Blink_L" not in presets(frame(turn=(0, 0, 0)).__class__(**{**vars(face), "weights": lids}), "vrm0")


def test_the_last_packet_is_a_resting_face() -> None:
    vmc = Vmc()
    last = [one for packet in vmc.goodbye(2.0) for one in split(packet)]
    assert last[0] == message("/VMC/Ext/OK", 1, 3, 0, 0)
    assert message("/VMC/Ext/Blend/Val", "JawOpen", 0.0) in last
