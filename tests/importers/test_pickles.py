"""Files of PyTorch: both formats of `torch.save`, whole models and state dicts; none of them runs anything."""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime3d.errors import MissingError
from realtime3d.importers import pickles


class Calls:
    """What a hostile file would do."""

    def __init__(self, target: Any, *given: Any) -> None:
        self._made = target, given

    def __reduce__(self) -> Any:
        return self._made


def old_file(content: bytes) -> bytes:
    parts = [pickles.OLD_MAGIC, pickles.OLD_PROTOCOL, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in parts) + content + pickle.dumps([], 2)


def zip_file(content: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return data.getvalue()


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")

    class KitModel(torch.nn.Module):  # the name that the converter of the originals gives it
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = torch.nn.Conv2d(3, 4, 7, 2, bias=False)
            self.bn_conv1 = torch.nn.BatchNorm2d(4, eps=1e-4)
            self.fc = torch.nn.Linear(4, 5)

    KitModel.__module__, KitModel.__qualname__ = "MainModel", "KitModel"  # as their program loads its file
    home = types.ModuleType("MainModel")
    home.KitModel = KitModel  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "MainModel", home)
        torch.manual_seed(2)
        yield KitModel()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("what", ["model", "state", "nested"])
def test_reads_what_pytorch_writes(model: Any, zipped: bool, what: str, tmp_path: Path) -> None:
    import torch

    state = model.state_dict()
    path = tmp_path / "shape_model.pth"
    content = {"model": model, "state": state, "nested": {"epoch": 3, "state_dict": state}}[what]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the class has no source file
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    loaded, tensors = pickles.load(path)
    assert set(tensors) == set(state)
    for name, values in state.items():
        np.testing.assert_array_equal(tensors[name], values.numpy())
    if what == "model":
        assert loaded.get("_modules")["bn_conv1"].get("eps") == 1e-4


def test_views_of_one_storage(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    whole = torch.arange(24.0).reshape(4, 6)
    torch.save({"part": whole[1:3, ::2].T, "all": whole}, tmp_path / "a.pth")
    _, tensors = pickles.load(tmp_path / "a.pth")
    np.testing.assert_array_equal(tensors["part"], whole[1:3, ::2].T.numpy())


@pytest.mark.parametrize("wrap", [old_file, zip_file])
@pytest.mark.parametrize(
    "hostile",
    [
        Calls(os.system, "touch was_here"),
        Calls(eval, "open('was_here', 'w')"),
        Calls(getattr, dict, "clear"),
        Calls(__import__, "os"),
        Calls(Path, "was_here"),
    ],
    ids=["system", "eval", "getattr", "import", "path"],
)
def test_what_would_run_code_is_refused(
    hostile: Any, wrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for protocol in (0, 2, 4):
        Path("shape_model.pth").write_bytes(wrap(pickle.dumps({"weights": hostile}, protocol)))
        with pytest.raises(MissingError, match=r"asks to call [\w.]+, which no weights need: it is refused"):
            pickles.load(Path("shape_model.pth"))
    assert not Path("was_here").exists()


def test_damaged_and_foreign_files(model: Any, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "shape_model.pth"
    for zipped in (True, False):
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=zipped)
        data = path.read_bytes()
        for size in (0, 10, len(data) // 2, len(data) - 30):
            path.write_bytes(data[:size])
            with pytest.raises(MissingError, match=r"shape_model.pth cannot be read .*copy or download it again"):
                pickles.load(path)
    for foreign in (b"text", pickle.dumps({"a": 1}), zip_file(b"no pickle"), old_file(b"")):
        path.write_bytes(foreign)
        with pytest.raises(MissingError, match="it is no file of PyTorch"):
            pickles.load(path)
    with pytest.raises(MissingError, match="No such file"):
        pickles.load(tmp_path / "none.pth")


def test_tensors_beyond_their_storage_are_refused() -> None:
    storage = pickles.Storage("<f4", 4, np.zeros(4, np.float32))
    for offset, shape, strides in ((3, (2,), (1,)), (0, (1 << 40,), (0,)), (-1, (1,), (1,)), (0, (2, 2), (4, 1))):
        with pytest.raises(ValueError, match="beyond"):
            pickles.Tensor(storage, offset, shape, strides).array()
