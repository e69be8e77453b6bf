"""Parts that come together in one folder, each whole or not at all."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from realtime3d.errors import MissingError, OutputError
from realtime3d.importers import model_set
from realtime3d.importers.piece import EXPRESSION, FACE_MODEL, POSE, SHAPE, Piece
from realtime3d.nets import modelset

NET = {"input": "image", "size": 32, "crop": "square"}
PIECES = {
    POSE: Piece(POSE, b"pose", ".onnx", {**NET, "outputs": ["camera_pose"]}, "p"),
    EXPRESSION: Piece(EXPRESSION, b"expression", ".onnx", {**NET, "outputs": ["expression"]}, "e"),
    SHAPE: Piece(SHAPE, b"shape", ".onnx", {**NET, "outputs": ["shape"]}, "s"),
    FACE_MODEL: Piece(FACE_MODEL, b"model", ".npz", {"n_shape": 99, "n_expression": 29}, "m"),
}


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


@pytest.mark.parametrize("order", [list(PIECES), list(reversed(PIECES)), [SHAPE, POSE, FACE_MODEL, EXPRESSION]])
def test_parts_come_in_any_order(order: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "set"
    for i, part in enumerate(order):
        file, missing = model_set.add(folder, PIECES[part], overwrite=False)
        assert file.read_bytes() == PIECES[part].data
        assert set(missing) == set(PIECES) - set(order[: i + 1])
        if missing:
            with pytest.raises(MissingError, match="is not complete: add ") as caught:
                modelset.find(str(folder))
            commands = {"pose": "fpn", "expression": "expnet", "shape": "3dmm", "face_model": "bfm"}
            for other in missing:
                assert f"`realtime3d import {commands[other]} PATH --out {folder}`" in str(caught.value)
    found = modelset.find(str(folder))
    found.check()
    assert (found.name, found.kind, found.notice) == ("imported", "imported", None)
    assert set(found.nets) == {"pose", "expression", "shape"}
    assert found.nets["pose"].outputs == ("camera_pose",)
    assert found.files["pose"].facts["crop"] == "square"
    assert len(files(folder)) == 5


def test_a_part_is_replaced_only_if_told(tmp_path: Path) -> None:
    model_set.add(tmp_path / "set", PIECES[POSE], overwrite=False)
    other = replace(PIECES[POSE], data=b"another")
    before = files(tmp_path / "set")
    with pytest.raises(OutputError, match="has a pose net already: add --overwrite"):
        model_set.add(tmp_path / "set", other, overwrite=False)
    assert files(tmp_path / "set") == before
    file, _ = model_set.add(tmp_path / "set", other, overwrite=True)
    assert set(files(tmp_path / "set")) == {file.name, "models.toml"}
    again, _ = model_set.add(tmp_path / "set", other, overwrite=True)
    assert again == file
    assert file.read_bytes() == b"another"


@pytest.mark.parametrize("failing", ["write_whole", "write_list"])
@pytest.mark.parametrize("there", [[], [EXPRESSION]])
def test_a_failure_leaves_the_set_as_it_was(
    failing: str, there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "set"
    for part in there:
        model_set.add(folder, PIECES[part], overwrite=False)
    before = files(folder)

    def full(*given: object, **named: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(model_set, failing, full)
    with pytest.raises(OutputError, match="disk is full"):
        model_set.add(folder, PIECES[POSE], overwrite=False)
    assert files(folder) == before
    assert folder.exists() == bool(there)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="the disk is full: make room"):
        model_set.add(tmp_path / "set", PIECES[POSE], overwrite=False)
    assert not files(tmp_path / "set")


def test_other_folders_are_refused(net_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds models that were not imported"):
        model_set.add(net_folder, PIECES[POSE], overwrite=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    with pytest.raises(OutputError, match=r"holds a.jpg and is no imported set: name another folder"):
        model_set.check(tmp_path / "photos", POSE, overwrite=True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="is a file or a link: name a folder"):
        model_set.check(tmp_path / "file", POSE, overwrite=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "models.toml").write_text("= nonsense")
    with pytest.raises(MissingError, match=r"cannot be read .* repair or delete it"):
        model_set.check(tmp_path / "broken", POSE, overwrite=False)


def test_what_a_killed_import_left_is_no_hindrance(tmp_path: Path) -> None:
    file, _ = model_set.add(tmp_path / "set", PIECES[POSE], overwrite=False)
    (tmp_path / "set" / "models.toml").unlink()
    draft = file.with_name(f".{file.stem}.4711-0badcafe.onnx")
    draft.write_bytes(b"half")
    model_set.check(tmp_path / "set", POSE, overwrite=False)
    model_set.add(tmp_path / "set", PIECES[POSE], overwrite=False)
    assert set(files(tmp_path / "set")) == {file.name, "models.toml"}


@pytest.mark.parametrize("model_first", [True, False])
def test_nets_and_face_model_must_be_of_one_kind(model_first: bool, tmp_path: Path) -> None:
    model = replace(PIECES[FACE_MODEL], facts={"n_shape": 199, "n_expression": 100})
    first, second = (model, PIECES[SHAPE]) if model_first else (PIECES[SHAPE], model)
    model_set.add(tmp_path / "set", PIECES[POSE], overwrite=False)
    model_set.add(tmp_path / "set", first, overwrite=False)
    before = files(tmp_path / "set")
    with pytest.raises(MissingError, match="199 shapes and 100 expressions does not fit these nets"):
        model_set.add(tmp_path / "set", second, overwrite=False)
    assert files(tmp_path / "set") == before
