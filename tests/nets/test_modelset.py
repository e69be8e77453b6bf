"""models.toml: which nets there are, and that they are the listed ones."""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path

import pytest

from realtime3d.errors import MissingError
from realtime3d.nets import modelset
from tests.helpers.plain_model import plain_model_file
from tests.helpers.tiny_nets import write_list


@pytest.fixture
def folder(net_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(net_folder, tmp_path / "nets"))


def test_reads_a_folder(folder: Path) -> None:
    found = modelset.find(str(folder))
    assert (found.name, found.status, found.folder) == ("tiny", "preview", folder)
    assert found.nets["track"].file == folder / "track.onnx"
    assert found.nets["track"].size == 32
    assert "presence" in found.nets["track"].outputs
    assert found.nets["shape"].outputs == ("shape",)
    found.check()
    assert found.load_face_model().n_expression == 29
    assert modelset.names(folder) == ["tiny"]


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    file = folder / "shape.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(MissingError, match=r"shape\.onnx is not the file .* reinstall"):
        modelset.find(str(folder)).check()


def test_missing_net_is_named(folder: Path) -> None:
    (folder / "track.onnx").unlink()
    with pytest.raises(MissingError, match=r"track\.onnx"):
        modelset.find(str(folder)).check()


def test_folder_without_face_model_uses_the_one_that_ships(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "models.toml").read_text(encoding="utf-8")
    start, end = text.index("[face_model]"), text.index("[tiny]\n")
    shipped = Path(shutil.copytree(folder, tmp_path / "shipped"))
    (folder / "models.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    monkeypatch.setattr(modelset, "default_folder", lambda: shipped)
    assert modelset.find(str(folder)).files["face_model"].path == shipped / "face_model.npz"


def test_unknown_set_names_those_there_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelset, "default_folder", lambda: folder)
    assert modelset.find().name == "tiny"
    assert modelset.find("tiny").name == "tiny"
    with pytest.raises(MissingError, match=r"'accurate'.*there is tiny; or name a folder"):
        modelset.find("accurate")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 7", "format 7"),
        ("size = 32", "", "no 'size'"),
        ("size = 32", 'size = "x"', "size in px"),
        ('outputs = ["shape"]', "outputs = 3", "list of outputs"),
        ("[tiny.shape]", "[tiny.form]", "no 'shape'"),
        ('default = "tiny"', 'default = "big"', "'big'"),
        ("format = 1", "format =", "cannot be read"),
    ],
)
def test_broken_lists_say_what_is_wrong(folder: Path, old: str, new: str, message: str) -> None:
    file = folder / "models.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(MissingError, match=message):
        modelset.find(str(folder))


def test_preview_is_said_once(folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelset, "_said", set())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            modelset.find(str(folder)).say_notice()
    assert [r.getMessage() for r in caplog.records] == [modelset.find(str(folder)).notice]
    assert "preview" in caplog.text
    write_list(folder, status="released")
    assert modelset.find(str(folder)).notice is None


def test_an_installed_wheel_has_its_own_copy(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "realtime3d"
    package.mkdir(parents=True)
    monkeypatch.setattr(modelset, "__file__", str(package / "nets" / "modelset.py"))
    with pytest.raises(MissingError, match=r"no models\.toml .*_models: reinstall"):
        modelset.find()
    checkout = Path(shutil.copytree(folder, package.parent / "models"))
    assert modelset.find().folder == checkout
    installed = Path(shutil.copytree(folder, package / "_models"))
    assert modelset.find("tiny").folder == installed


def test_a_set_may_have_a_face_model_of_its_own(folder: Path) -> None:
    """Sets whose nets know different faces stand side by side."""
    shutil.copy(plain_model_file(), folder / "own.npz")
    digest = hashlib.sha256(plain_model_file().read_bytes()).hexdigest()
    file = folder / "models.toml"
    own = f'[tiny.face_model]\nfile = "own.npz"\nsha256 = "{digest}"\n'
    file.write_text(file.read_text(encoding="utf-8") + own, encoding="utf-8")
    found = modelset.find(str(folder))
    found.check()
    assert found.load_face_model().levels == ("live",)
    assert {net.face_model for net in found.nets.values()} == {folder / "own.npz"}
