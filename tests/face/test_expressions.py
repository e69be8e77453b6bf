"""Action units and emotions of faces whose actions are known exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import MissingError
from realtime3d.face.expressions import ACTION_UNITS, ACTIONS, EMOTIONS, ExpressionHead, file_of, head_of
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from tests.helpers.avatars import tracked
from tests.helpers.paths import FACE_MODEL

OPENFACE = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45"]


def showing(**actions: float) -> FaceState:
    """A face of these actions, both sides where no side is named, as nets without any error would find it."""
    model = FaceModel.load(FACE_MODEL)
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    weights, names = np.zeros(52), list(model.arkit_names)
    for name, value in actions.items():
        for side in [name] if name in names else [f"{name}Left", f"{name}Right"]:
            weights[names.index(side)] = value
    eta, extras = np.split((to_motion @ weights).astype(np.float32), [model.n_expression])
    return replace(tracked(), model=model, expression=eta, extras=extras, weights=None)


def test_the_units_are_openfaces() -> None:
    units = showing().action_units()
    assert list(units) == [f"AU{number}" for number in OPENFACE] == list(ACTION_UNITS)
    assert units["AU23"] is None
    assert all(0 <= value <= 0.6 for value in units.values() if value is not None)


@pytest.mark.parametrize("unit", [unit for unit in ACTIONS if unit not in ("AU14", "AU17")])  # hardly in the 29 numbers
def test_an_action_is_its_own_unit(unit: str) -> None:
    units = showing(**dict.fromkeys(ACTIONS[unit], 0.9)).action_units()
    strengths = {name: value for name, value in units.items() if value is not None and name not in ("AU25", "AU45")}
    assert max(strengths, key=strengths.__getitem__) == unit
    assert strengths[unit] > 2.5


def test_lips_and_lids_are_measured() -> None:
    assert showing(jawOpen=0.8).action_units()["AU25"] > 3
    assert showing(eyeBlink=1.0).action_units()["AU45"] == 5
    assert 1 < showing(eyeBlink=0.6).action_units()["AU45"] < 5
    assert showing(eyeBlink=0.1).action_units()["AU45"] < 0.5


@pytest.mark.parametrize(
    ("emotion", "actions"),
    [
        ("neutral", {}),
        ("neutral", {"eyeBlink": 1.0}),
        ("happiness", {"mouthSmile": 0.8, "cheekSquint": 0.6}),
        ("sadness", {"browInnerUp": 0.8, "mouthFrown": 0.8, "mouthShrugLower": 0.4}),
        ("surprise", {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.6}),
        ("fear", {"browInnerUp": 0.9, "browDown": 0.4, "eyeWide": 0.9, "mouthStretch": 0.8, "jawOpen": 0.2}),
        ("disgust", {"noseSneer": 0.9, "mouthUpperUp": 0.7, "browDown": 0.3}),
        ("anger", {"browDown": 0.9, "mouthPress": 0.6, "eyeSquint": 0.4}),
    ],
)
def test_a_posed_emotion_is_the_likeliest(emotion: str, actions: dict[str, float]) -> None:
    found = showing(**actions).emotions()
    assert tuple(found) == EMOTIONS and sum(found.values()) == pytest.approx(1)
    assert max(found, key=found.__getitem__) == emotion


def test_what_is_neutral_for_somebody_does_not_count() -> None:
    frowns = showing(browDown=0.4)
    rest = {name: value for name, value in frowns.blendshapes().items() if value > 0}
    assert frowns.action_units()["AU04"] > 1
    assert frowns.action_units(neutral=rest)["AU04"] < 0.3
    assert frowns.emotions(neutral=rest)["neutral"] > 0.8


def test_the_net_is_small() -> None:
    assert head_of(FACE_MODEL).size <= 20_000


def test_a_model_without_its_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="training expressions"):
        ExpressionHead.load(file_of(tmp_path / "face_model.npz"))
    broken = tmp_path / "other_expressions.npz"
    broken.write_bytes(b"no zip")
    with pytest.raises(MissingError, match="other_expressions"):
        ExpressionHead.load(broken)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    head = head_of(FACE_MODEL)
    head.save(tmp_path / "a_expressions.npz")
    again = ExpressionHead.load(tmp_path / "a_expressions.npz")
    np.testing.assert_array_equal(again.gains, head.gains)
    assert all(
        np.array_equal(a, b)
        for one, two in zip(again.layers, head.layers, strict=True)
        for a, b in zip(one, two, strict=True)
    )
