"""Profiles: what was stored comes back, what does not fit is refused with a line that helps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import OutputError, UsageError
from realtime3d.tracking.profile import load_profile, save_profile
from realtime3d.types import IdentityState
from tests.helpers.identity_scene import small_model

MODEL = small_model()
SHAPE = np.random.default_rng(0).normal(size=MODEL.n_shape).astype(np.float32)
IDENTITY = IdentityState(SHAPE, True, 40, 5)


def test_round_trip_and_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "új mappa" / "én.json"
    assert load_profile(path, MODEL) is None
    save_profile(path, replace(IDENTITY, shape=SHAPE * 0), MODEL)
    save_profile(path, IDENTITY, MODEL)
    assert load_profile(path, MODEL) == pytest.approx(SHAPE, abs=1e-5)
    assert [file.name for file in path.parent.iterdir()] == ["én.json"]


def test_a_profile_of_another_face_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    save_profile(path, IDENTITY, MODEL)
    other = replace(MODEL, mean=MODEL.mean + 1)
    with pytest.raises(UsageError, match="of another model set"):
        load_profile(path, other)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"shape": 3}', '{"shape": ["x"], "format": 1, "face_model": ""}', "\x00"],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "me.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"me\.json is no identity profile .*: name another file") as caught:
        load_profile(path, MODEL)
    assert "\n" not in str(caught.value)


def test_later_formats_and_broken_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    save_profile(path, IDENTITY, MODEL)
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"format": 2}))
    with pytest.raises(UsageError, match="format 2"):
        load_profile(path, MODEL)
    path.write_text(json.dumps(data | {"shape": [float("nan")] * MODEL.n_shape}))
    with pytest.raises(UsageError):
        load_profile(path, MODEL)


def test_a_folder_is_no_profile_and_no_place_for_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load_profile(tmp_path, MODEL)
    with pytest.raises(OutputError, match="is a folder"):
        save_profile(tmp_path, IDENTITY, MODEL)
    assert list(tmp_path.iterdir()) == []
