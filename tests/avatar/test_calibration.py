"""The calibration file: what it may say, what it must not, and that it is read as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.avatar.calibration import PRESETS, Calibration, chosen_weights
from realtime3d.errors import OutputError, UsageError
from realtime3d.face.arkit import GROUPS, NAMES
from tests.helpers.faults import fault


def read(tmp_path: Path, text: str) -> Calibration:
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    return Calibration.read(path)


def test_rules_go_from_the_group_over_the_pair_to_one_side(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        format = 1
        [weights.lids]
        gain = 1.5
        [weights.eyeBlink]
        neutral = 0.1
        [weights.eyeBlinkLeft]
        gain = 1.0
        full = 0.8
        """,
    ).rules()
    left, right, wide = found["eyeBlinkLeft"], found["eyeBlinkRight"], found["eyeWideLeft"]
    assert (left.gain, left.neutral, left.full) == (1.0, 0.1, 0.8)
    assert (right.gain, right.neutral, right.full) == (1.5, 0.1, 1.0)
    assert (wide.gain, wide.neutral) == (1.5, 0.0)
    assert set(found) == set(GROUPS["lids"])


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    made = Calibration.preset("lively").updated(
        {
            "head": {"neutral_yaw": 12.5, "move": False},
            "eyes": {"lock": "vertical"},
            "send": {"swap_sides": True, "without": ["gaze", "tongueOut"], "targets": ["vmc://127.0.0.1:39539"]},
            "weights": {"jawOpen": {"full": 0.7}},
        }
    )
    path = tmp_path / "new folder" / "me.toml"
    made.save(path)
    assert Calibration.read(path) == made


def test_a_preset_in_the_file_lies_below_it(tmp_path: Path) -> None:
    found = read(tmp_path, 'preset = "lively"\n[weights.brows]\ngain = 1.0\n')
    assert found.rules()["browInnerUp"].gain == 1.0
    assert found.rules()["browInnerUp"].dead_zone == PRESETS["lively"]["weights"]["brows"]["dead_zone"]
    assert found.head.yaw_gain == 1.2


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name: str) -> None:
    Calibration.preset(name).rules()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[heads]\n", r"unknown section \[heads\]; the nearest there is: head"),
        ("[head]\nyawgain = 2\n", "unknown key 'yawgain' in .head.; the nearest there is: yaw_gain"),
        ("[head]\nyaw_gain = 9\n", "head.yaw_gain must lie between -5 and 5, not 9"),
        ("[weights.jawOpn]\ngain = 2\n", "unknown weight .weights.jawOpn.; the nearest there is: jawOpen"),
        ("[weights.jawOpen]\ngian = 2\n", "unknown key 'gian' in .weights.jawOpen."),
        ("[weights]\njawOpen = 2\n", "weights.jawOpen is a section"),
        ("[weights.jawOpen]\nneutral = 0.5\nfull = 0.5\n", "full must be larger than neutral"),
        ("[weights.jaw]\n", "unknown weight"),
        ("[weights.lids]\nneutral = 0.5\n[weights.eyeBlinkLeft]\nfull = 0.4\n", "eyeBlinkLeft: full must be larger"),
        ("[weights.jawOpen]\nlow = 0.5\nhigh = 0.4\n", "low must not be larger than high"),
        ("[send]\nonly = ['lid']\n", "knows no weight 'lid'; the nearest there is: lids"),
        ("[send]\nonly = 'lids'\n", "send.only must be a list of texts"),
        ("[eyes]\nlock = 'up'\n", "eyes.lock must be one of none, vertical"),
        ("preset = 'livly'\n", "no calibration preset 'livly'; the nearest there is: lively"),
        ("format = 2\n", "format 2, this version reads 1"),
        ("head = 3\n", "head is a section"),
        ("[head\n", "is not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


@fault("avatars", "a calibration that is not there, or cannot be written", "one line")
def test_a_missing_file_and_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the calibration"):
        Calibration.read(tmp_path / "none.toml")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        Calibration().save(tmp_path / "file" / "c.toml")


def test_lists_of_weights() -> None:
    assert chosen_weights((), ()) == set(NAMES)
    assert chosen_weights(("eyeBlink", "jawOpen"), ()) == {"eyeBlinkLeft", "eyeBlinkRight", "jawOpen"}
    assert chosen_weights(("mouth",), ("mouthLeft",)) == set(GROUPS["mouth"]) - {"mouthLeft"}


def test_groups_are_all_weights_once() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == list(NAMES)
