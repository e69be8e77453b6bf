"""What happens to values before they are sent: each step for itself, then one face over time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from realtime3d.avatar.angles import from_yaw_first, yaw_first
from realtime3d.avatar.base import NEUTRAL
from realtime3d.avatar.calibration import Calibration, EyeRules, HeadRules, Rule
from realtime3d.avatar.shaping import (
    Shaper,
    by_rules,
    closed_lips,
    copied_gaze,
    gaze_of,
    linked_eyes,
    rested_head,
    seen_gaze,
    swapped,
)
from realtime3d.face.arkit import GROUPS, NAMES
from tests.helpers.avatars import counted, tracked

LAST = gaze_of(NEUTRAL)


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (Rule(), 0.4, 0.4),
        (Rule(neutral=0.2), 0.2, 0.0),
        (Rule(neutral=0.2), 0.1, 0.0),
        (Rule(neutral=0.2), 1.0, 1.0),
        (Rule(neutral=0.2, full=0.7), 0.7, 1.0),
        (Rule(dead_zone=0.1), 0.1, 0.0),
        (Rule(dead_zone=0.1), 1.0, 1.0),
        (Rule(curve=0.5), 0.25, 0.5),
        (Rule(gain=2.0), 0.3, 0.6),
        (Rule(gain=2.0), 0.9, 1.0),
        (Rule(low=0.1, high=0.5), 0.0, 0.1),
        (Rule(low=0.1, high=0.5), 0.9, 0.5),
    ],
)
def test_a_rule(rule: Rule, value: float, expected: float) -> None:
    assert rule(value) == pytest.approx(expected)


def test_a_neutral_face_does_not_kill_blinks() -> None:
    """Lids go from their own open to their own closed, however narrow the eyes are at rest."""
    rule = Rule(neutral=0.35, full=0.8)
    assert rule(0.35) == 0 and rule(0.8) == 1 and rule(0.6) == pytest.approx(0.5556, abs=1e-3)


def test_weights_without_a_rule_stay_within_their_range() -> None:
    shaped = by_rules({**NEUTRAL, "jawOpen": 1.7, "browInnerUp": -0.2}, {})
    assert shaped["jawOpen"] == 1.0 and shaped["browInnerUp"] == 0.0


def test_in_a_wink_gaze_is_the_open_eyes() -> None:
    weights = {**NEUTRAL, "eyeBlinkLeft": 0.9, "eyeLookOutRight": 0.6, "eyeLookInLeft": 0.1, "eyeLookUpLeft": 0.4}
    seen = seen_gaze(weights, EyeRules(), LAST)
    assert seen["eyeLookInLeft"] == 0.6 and seen["eyeLookOutLeft"] == 0 and seen["eyeLookUpLeft"] == 0
    assert seen["eyeLookOutRight"] == 0.6
    assert seen_gaze(weights, EyeRules(wink=False), LAST)["eyeLookInLeft"] == 0.1


def test_in_a_blink_gaze_stays() -> None:
    before = {**LAST, "eyeLookUpLeft": 0.3, "eyeLookUpRight": 0.3}
    shut = {**NEUTRAL, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0, "eyeLookDownLeft": 0.8, "eyeLookDownRight": 0.8}
    seen = seen_gaze(shut, EyeRules(), before)
    assert seen["eyeLookUpLeft"] == 0.3 and seen["eyeLookDownLeft"] == 0
    assert seen_gaze(shut, EyeRules(hold=False), before)["eyeLookDownLeft"] == 0.8


def test_copied_gaze_looks_the_same_way() -> None:
    both = copied_gaze({**NEUTRAL, "eyeLookOutLeft": 0.5, "eyeLookDownLeft": 0.2}, "Left")
    assert both["eyeLookInRight"] == 0.5 and both["eyeLookOutRight"] == 0 and both["eyeLookDownRight"] == 0.2


def test_eyes_can_be_linked_and_locked() -> None:
    weights = {**NEUTRAL, "eyeBlinkLeft": 1.0, "eyeLookInLeft": 0.4, "eyeLookUpRight": 0.2}
    linked = linked_eyes(weights, EyeRules(link_blinks=True, link_gaze=True))
    assert linked["eyeBlinkLeft"] == linked["eyeBlinkRight"] == 0.5
    assert linked["eyeLookInLeft"] == linked["eyeLookOutRight"] == pytest.approx(0.2)
    assert linked["eyeLookUpLeft"] == linked["eyeLookUpRight"] == pytest.approx(0.1)
    assert linked["eyeLookOutLeft"] == linked["eyeLookInRight"] == 0
    locked = linked_eyes(weights, EyeRules(lock="horizontal"))
    assert locked["eyeLookInLeft"] == 0 and locked["eyeLookUpRight"] == 0.2
    assert linked_eyes(weights, EyeRules(lock="both"))["eyeLookUpRight"] == 0
    assert linked_eyes(weights, EyeRules()) == weights


def test_lips_never_close_more_than_the_jaw_opens() -> None:
    assert closed_lips({**NEUTRAL, "jawOpen": 0.3, "mouthClose": 0.5})["mouthClose"] == 0.3
    assert closed_lips({**NEUTRAL, "jawOpen": 0.3, "mouthClose": 0.1})["mouthClose"] == 0.1


def test_sides_swap_all_pairs_and_swap_back() -> None:
    weights = counted()
    other = swapped(weights)
    assert other["eyeBlinkLeft"] == weights["eyeBlinkRight"] and other["jawLeft"] == weights["jawRight"]
    assert other["jawOpen"] == weights["jawOpen"] and swapped(other) == weights and set(other) == set(NAMES)


def test_the_head_rests_where_it_was_learned_to() -> None:
    """A camera at the side: who leans forward goes forward, and does not drift aside."""
    rules = HeadRules(neutral_yaw=40.0, neutral_pitch=-10.0, neutral_x=100.0, neutral_y=-50.0, neutral_z=700.0)
    rest = from_yaw_first(-10.0, 40.0, 0.0)
    turn, place = rested_head(rest, np.array([100.0, -50.0, 700.0]), rules)
    assert yaw_first(turn) == pytest.approx((0, 0, 0), abs=1e-9) and place == pytest.approx((0, 0, 0))
    forward = np.array([100.0, -50.0, 700.0]) + rest @ (0, 0, -80.0)
    assert rested_head(rest, forward, rules)[1] == pytest.approx((0, 0, -80))
    turn, _ = rested_head(rest @ from_yaw_first(5, 20, 0), forward, rules)
    assert yaw_first(turn) == pytest.approx((5, 20, 0), abs=1e-9)


def test_head_gains_offsets_and_standing_still() -> None:
    turn, place = rested_head(
        from_yaw_first(10, 20, 5),
        np.array([50.0, 0, 600]),
        HeadRules(pitch_gain=0.5, yaw_gain=-1.0, roll=3.0, move=False),
    )
    assert yaw_first(turn) == pytest.approx((5, -20, 8)) and place == (0, 0, 0)
    steep, _ = rested_head(from_yaw_first(60, 0, 0), np.zeros(3), HeadRules(pitch_gain=5.0))
    assert yaw_first(steep)[0] == pytest.approx(90)


# One face over time


def test_a_face_passes_as_it_is_by_default() -> None:
    shaper = Shaper(Calibration())
    frame = shaper.step(0.0, 0, tracked({"jawOpen": 0.4}, turn=(3, 4, 5), t=(10, 20, 650)))
    assert frame.present and frame.weights["jawOpen"] == 0.4
    assert frame.head_deg == pytest.approx((3, 4, 5)) and frame.position_mm == pytest.approx((10, 20, 50))


def test_swapped_sides_mirror_everything() -> None:
    shaper = Shaper(Calibration().updated({"send": {"swap_sides": True}}))
    frame = shaper.step(0.0, 0, tracked({"mouthSmileLeft": 0.7}, turn=(3, 4, 5), t=(10, 20, 650)))
    assert frame.weights["mouthSmileRight"] == 0.7 and frame.weights["mouthSmileLeft"] == 0
    assert frame.head_deg == pytest.approx((3, -4, -5)) and frame.position_mm == pytest.approx((-10, 20, 50))


def test_only_what_is_to_be_sent_is_there() -> None:
    rules = Calibration().updated({"send": {"without": ["gaze", "tongueOut"]}})
    shaper = Shaper(rules, only=frozenset(GROUPS["mouth"]))
    frame = shaper.step(0.0, 0, tracked(counted()))
    assert set(frame.weights) == set(GROUPS["mouth"]) - {"tongueOut"}
    assert len(frame.all_weights) == 52 and frame.all_weights["eyeBlinkLeft"] == 0


def test_who_leaves_is_held_then_eased_to_neutral_and_eased_in_again() -> None:
    shaper = Shaper(Calibration().updated({"lost": {"hold_s": 0.3, "ease_s": 0.6}}))
    here = tracked({"jawOpen": 0.8}, turn=(0, 40, 0))
    jaw, yaw, present = [], [], []
    for i in range(90):  # 1 s there, 1.2 s away, 0.8 s there, at 30 a second
        t = i / 30
        frame = shaper.step(t, i, here if t < 1.0 or t >= 2.2 else None)
        jaw.append(frame.weights["jawOpen"])
        yaw.append(frame.head_deg[1])
        present.append(frame.present)
        assert frame.face_id == 0
    assert jaw[:38] == [0.8] * 38  # held for 0.3 s
    assert jaw[60] == 0 and yaw[60] == pytest.approx(0) and not present[60]
    assert shaper.resting is False  # back again
    assert jaw[-1] == pytest.approx(0.8) and yaw[-1] == pytest.approx(40)
    steps = [abs(b - a) for a, b in itertools.pairwise(jaw)]
    assert max(steps) < 0.8 / 0.6 / 30 * 1.5  # never a jump


def test_nobody_yet_is_a_resting_face() -> None:
    frame = Shaper(Calibration()).step(0.0, 0, None)
    assert frame.gone and frame.face_id == -1 and frame.weights == NEUTRAL


def test_another_face_takes_over_without_a_jump() -> None:
    shaper = Shaper(Calibration())
    shaper.step(0.0, 0, tracked({"jawOpen": 1.0}, face_id=0))
    values = [shaper.step(0.033 * i, i, tracked(face_id=3)).weights["jawOpen"] for i in range(1, 40)]
    assert values[0] > 0.8 and values[-1] == 0
    assert max(abs(b - a) for a, b in itertools.pairwise(values)) < 0.1


def test_smoothing_is_by_group_and_in_seconds() -> None:
    def settled(rate: float) -> tuple[float, float]:
        shaper = Shaper(Calibration().updated({"smooth": {"brows": 0.2}}))
        shaper.step(0.0, 0, tracked())
        for i in range(1, round(0.2 * rate) + 1):
            frame = shaper.step(i / rate, i, tracked({"browInnerUp": 1.0, "jawOpen": 1.0}))
        return frame.weights["browInnerUp"], frame.weights["jawOpen"]

    assert settled(30) == (pytest.approx(0.632, abs=0.01), 1.0)
    assert settled(120)[0] == pytest.approx(settled(30)[0], abs=0.005)


def test_a_blink_does_not_pull_the_head() -> None:
    """Lids that close for a sixth of a second and a head that is read 4 degrees lower meanwhile."""

    def lowest(blink_s: float) -> float:
        shaper = Shaper(Calibration().updated({"head": {"blink_s": blink_s}}))
        found = []
        for i in range(60):
            shut = 30 <= i < 35
            lids = {"eyeBlinkLeft": float(shut), "eyeBlinkRight": float(shut)}
            found.append(shaper.step(i / 30, i, tracked(lids, turn=(4.0 * shut, 0, 0))).head_deg[0])
        assert found[-1] == pytest.approx(0, abs=1e-6)
        return max(found)

    assert lowest(0.0) == pytest.approx(4.0)
    assert lowest(0.15) < 2.8


def test_closed_eyes_for_long_let_the_head_go() -> None:
    shaper = Shaper(Calibration())
    lids = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    for i in range(60):
        frame = shaper.step(i / 30, i, tracked(lids, turn=(0, i, 0)))
    assert frame.head_deg[1] == pytest.approx(59)


def test_time_that_goes_back_starts_afresh() -> None:
    shaper = Shaper(Calibration().updated({"smooth": {"mouth": 5.0}}))
    for i in range(10):
        shaper.step(100 + i / 30, i, tracked({"jawOpen": 1.0}))
    assert shaper.step(0.0, 0, tracked({"jawOpen": 0.2})).weights["jawOpen"] == pytest.approx(0.2)


def test_odd_numbers_do_no_harm() -> None:
    shaper = Shaper(Calibration.preset("lively"))
    for i, value in enumerate((0.0, 1.0, 1e-300, 0.5)):
        frame = shaper.step(float(i) * 1e6, i, tracked(dict.fromkeys(NAMES, value), t=(1e9, -1e9, 1e-9)))
        assert all(0 <= v <= 1 for v in frame.weights.values()) and np.isfinite(frame.R).all()
