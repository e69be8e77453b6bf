"""Tables and profiles of another face model: coefficients would mean other faces, so one line says what to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import realtime3d as r3d
from realtime3d import cli
from realtime3d.errors import SourceError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.sinks.made_for import check_made_for
from realtime3d.tracking.likeness import CALIBRATIONS, same_person
from realtime3d.tracking.profile import load_profile
from tests.helpers.paths import FACE_MODEL

EARLIER_FILE = "4b9129802ae09daff306251b32560f723550bfcb3838c34e03771bd5d2a064a9"  # models/face_model.npz of 1.0
EARLIER_MODEL = "a373cb96de488f94"  # its fingerprint


def table(folder: Path, digest: str | None) -> Path:
    """A table with the file that lies beside it."""
    path = folder / "clip.csv"
    path.write_text("frame,face_id,timestamp\n0,-1,0\n1,-1,0.04\n")
    files = {} if digest is None else {"face_model": {"file": "face_model.npz", "sha256": digest}}
    facts = {"format": 1, "frames": {"read": 2, "dropped": 0}, "models": {"set": "compact", "files": files}}
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


def test_a_table_of_the_model_before_is_refused(tmp_path: Path, net_folder: Path) -> None:
    path = table(tmp_path, EARLIER_FILE)
    with pytest.raises(SourceError, match=r"clip\.csv .*of realtime3d 1\.0: make it again .*--models DIR") as caught:
        r3d.read_table(path, models=str(net_folder))
    assert "\n" not in str(caught.value)


def test_the_command_says_so_in_one_line(tmp_path: Path, net_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["replay", str(table(tmp_path, EARLIER_FILE)), "--send", "-", "--models", str(net_folder)])
    said = capsys.readouterr()
    assert code == SourceError.exit_code and not said.out
    assert said.err.count("\n") == 1 and "realtime3d 1.0" in said.err


def test_a_table_of_somebodys_own_model_is_refused_where_another_one_reads_it(tmp_path: Path, model: FaceModel) -> None:
    with pytest.raises(SourceError, match="of another model set"):
        check_made_for(table(tmp_path, "0" * 64), model)


def test_a_table_is_read_by_the_model_that_it_was_made_with(tmp_path: Path, net_folder: Path) -> None:
    path = table(tmp_path, hashlib.sha256(FACE_MODEL.read_bytes()).hexdigest())
    assert len(list(r3d.read_table(path, models=str(net_folder)))) == 2


@pytest.mark.parametrize("beside", [None, "", "[]", '{"models": {"files": {"face_model": {"sha256": 3}}}}'])
def test_a_table_that_does_not_say_is_read(tmp_path: Path, model: FaceModel, beside: str | None) -> None:
    path = table(tmp_path, None)
    if beside is None:
        path.with_suffix(".json").unlink()
    else:
        path.with_suffix(".json").write_text(beside)
    check_made_for(path, model)


def profile(folder: Path) -> Path:
    path = folder / "me.json"
    shape = [0.1 * k for k in range(99)]
    path.write_text(json.dumps({"format": 1, "face_model": EARLIER_MODEL, "frames": 40, "shape": shape}))
    return path


def test_a_profile_of_the_model_before_is_refused(tmp_path: Path, model: FaceModel) -> None:
    with pytest.raises(UsageError, match=r"me\.json .*of realtime3d 1\.0: delete it to learn the person again"):
        load_profile(profile(tmp_path), model)


def test_profiles_of_the_model_before_are_still_compared_with_each_other(tmp_path: Path) -> None:
    path = profile(tmp_path)
    assert EARLIER_MODEL in CALIBRATIONS
    assert same_person(path, path).same
