"""What is learned of a person from two seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.avatar.calibration import Calibration
from realtime3d.avatar.learning import Learner, learned, sample
from realtime3d.avatar.shaping import Shaper
from realtime3d.errors import UsageError
from tests.helpers.avatars import tracked
from tests.helpers.faults import fault

REST = {"browInnerUp": 0.2, "eyeBlinkLeft": 0.3, "eyeBlinkRight": 0.25, "mouthPucker": 0.15, "eyeLookUpLeft": 0.3}


def at_rest(count: int = 60):  # type: ignore[no-untyped-def]
    """Two seconds of a calm face that blinks twice, says a word and glances aside."""
    rng = np.random.default_rng(0)
    faces = []
    for i in range(count):
        weights = {name: max(0.0, value + rng.normal(0, 0.01)) for name, value in REST.items()}
        if i % 30 in (10, 11, 12):
            weights |= {"eyeBlinkLeft": 0.95, "eyeBlinkRight": 0.95}
        if 40 <= i < 50:
            weights |= {"jawOpen": 0.5, "mouthPucker": 0.6}
        faces.append(tracked(weights, turn=(8 + rng.normal(0, 0.2), -15, 2), t=(40, -30, 720)))
    return faces


def test_the_neutral_face_becomes_zero_and_blinks_stay_whole() -> None:
    rules = learned("neutral", [sample(face) for face in at_rest()], Calibration())
    shaper = Shaper(rules)
    rest = shaper.step(0.0, 0, tracked(REST, turn=(8, -15, 2), t=(40, -30, 720)))
    assert all(value < 0.03 for name, value in rest.weights.items() if name != "eyeLookUpLeft")
    assert rest.head_deg == pytest.approx((0, 0, 0), abs=0.3) and rest.position_mm == pytest.approx((0, 0, 0), abs=1)
    blink = Shaper(rules).step(0.0, 0, tracked({**REST, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}))
    assert blink.weights["eyeBlinkLeft"] == blink.weights["eyeBlinkRight"] == 1.0
    assert rest.weights["eyeLookUpLeft"] == pytest.approx(0.3)  # gaze has no neutral


def test_closed_eyes_and_an_open_mouth_become_one() -> None:
    rules = learned("neutral", [sample(face) for face in at_rest()], Calibration())
    shut = [sample(tracked({**REST, "eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.6})) for _ in range(30)]
    rules = learned("closed-eyes", shut, rules)
    rules = learned("open-mouth", [sample(tracked({"jawOpen": 0.55})) for _ in range(30)], rules)
    frame = Shaper(rules).step(0.0, 0, tracked({"eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.6, "jawOpen": 0.55}))
    assert frame.weights["eyeBlinkLeft"] == frame.weights["eyeBlinkRight"] == frame.weights["jawOpen"] == 1.0
    again = learned("neutral", [sample(face) for face in at_rest()], rules)
    assert again.weights["jawOpen"]["full"] == rules.weights["jawOpen"]["full"]  # another neutral keeps the ends
    assert Shaper(again).step(0.0, 0, tracked({"eyeBlinkLeft": 0.7})).weights["eyeBlinkLeft"] == 1.0


def test_learning_again_forgets_the_old_neutral() -> None:
    first = learned("neutral", [sample(tracked({"cheekPuff": 0.4})) for _ in range(30)], Calibration())
    second = learned("neutral", [sample(tracked({"browInnerUp": 0.1})) for _ in range(30)], first)
    assert set(second.weights) == {"browInnerUp"}


def test_recentring_changes_only_the_head() -> None:
    rules = Calibration.preset("lively")
    centred = learned("head", [sample(face) for face in at_rest()], rules)
    assert centred.head.neutral_yaw == pytest.approx(-15, abs=0.1) and centred.head.neutral_z == 720
    assert centred.weights == rules.weights and centred.head.yaw_gain == 1.2


@pytest.mark.parametrize(
    ("what", "weights", "line"),
    [
        ("closed-eyes", {"eyeBlinkLeft": 0.1}, "eyeBlinkLeft was hardly held"),
        ("open-mouth", {}, "jawOpen was hardly held"),
        ("neutral", {"jawOpen": 0.9}, "no neutral face .jawOpen held."),
    ],
)
def test_what_was_not_shown_is_not_learned(what, weights, line: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=line):
        learned(what, [sample(tracked(weights)) for _ in range(30)], Calibration())


def test_too_few_frames_teach_nothing() -> None:
    with pytest.raises(UsageError, match="only 3 frames"):
        learned("neutral", [sample(tracked())] * 3, Calibration())


def test_a_learner_takes_two_seconds_from_when_it_was_asked_and_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "me.toml"
    learner = Learner(Calibration(), path)
    faces = at_rest(90)
    for i in range(30):
        learner.see(i / 30, faces[i])
    assert learner.calibration == Calibration()
    learner.learn("neutral")
    for i in range(30, 90):
        learner.see(i / 30, faces[i])
        learner.see(i / 30, faces[i])  # another target shows the same moment
    assert learner.learning == "neutral"
    learner.see(3.01, faces[0])
    assert learner.learning is None and "learned: neutral" in learner.message
    assert Calibration.read(path) == learner.calibration != Calibration()


def test_a_source_that_ends_early_teaches_what_it_showed() -> None:
    learner = Learner(Calibration())
    learner.learn("neutral")
    for i in range(30):
        learner.see(i / 30, at_rest()[i])
    learner.end()
    assert learner.learning is None and learner.calibration.weights
    learner.end()  # nothing more


@fault("avatars", "nobody is seen while a calibration is learned", "the old one stays, a warning says so")
def test_a_learner_that_saw_nobody_keeps_the_old_rules(caplog: pytest.LogCaptureFixture) -> None:
    learner = Learner(Calibration())
    learner.learn("neutral", 0.5)
    for i in range(30):
        learner.see(i / 30, None)
    assert learner.calibration == Calibration()
    assert "only 0 frames with a face" in learner.message and learner.message in caplog.text
