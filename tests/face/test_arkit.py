"""ARKit's names, as other programs write them."""

from __future__ import annotations

import pytest

from realtime3d.face.arkit import GROUPS, LIVE_LINK, NAMES, PASCAL, gaze_deg, live_link_angles, other_side, sided
from realtime3d.face.model import FaceModel


def test_there_are_52_and_the_face_model_has_the_same(model: FaceModel) -> None:
    assert len(NAMES) == len(set(LIVE_LINK)) == 52
    assert tuple(model.arkit_names) == NAMES


def test_live_link_counts_places() -> None:
    """EARFaceBlendShape's places that are easily mistaken."""
    places = {0: "eyeBlinkLeft", 7: "eyeBlinkRight", 14: "jawForward", 15: "jawLeft", 16: "jawRight", 17: "jawOpen"}
    places |= {18: "mouthClose", 21: "mouthLeft", 22: "mouthRight", 43: "browInnerUp", 46: "cheekPuff", 51: "tongueOut"}
    assert {place: LIVE_LINK[place] for place in places} == places


@pytest.mark.parametrize(
    ("name", "short", "other"),
    [
        ("eyeBlinkLeft", "eyeBlink_L", "eyeBlinkRight"),
        ("mouthSmileRight", "mouthSmile_R", "mouthSmileLeft"),
        ("jawLeft", "jawLeft", "jawRight"),
        ("mouthRight", "mouthRight", "mouthLeft"),
        ("jawOpen", "jawOpen", "jawOpen"),
        ("browInnerUp", "browInnerUp", "browInnerUp"),
    ],
)
def test_sides(name: str, short: str, other: str) -> None:
    assert sided(name, "_L", "_R") == short and other_side(name) == other
    assert PASCAL[name] == name[0].upper() + name[1:]


def test_every_name_is_in_one_group() -> None:
    assert sorted(name for part in GROUPS.values() for name in part) == list(NAMES)


def test_both_eyes_look_the_same_way() -> None:
    weights = dict.fromkeys(NAMES, 0.0) | {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5, "eyeLookUpLeft": 0.2}
    (left_pitch, left_yaw), (right_pitch, right_yaw) = gaze_deg(weights)
    assert left_yaw == right_yaw == 20 and left_pitch == pytest.approx(-7) and right_pitch == 0


def test_live_links_angles_are_yaw_pitch_roll_in_radians() -> None:
    angles = live_link_angles((10, 20, 30), ((1, 2), (3, 4)))
    assert angles == pytest.approx([a * 0.017453292 for a in (20, 10, 30, 2, 1, 0, 4, 3, 0)])
