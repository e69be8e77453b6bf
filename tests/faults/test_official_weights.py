"""Official weights that are damaged, foreign or hostile, and what imported nets are not for."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime3d import cli
from tests.faults.conftest import Answer
from tests.helpers.checkpoints import write_newer
from tests.helpers.faults import cases, fault

ONE_LINE = "one line that names it, exit code 3; no set is written"
CHECKPOINT = "ini_exprNet_model.ckpt"


class _Hostile:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch was_here",)


def _checkpoint(folder: Path) -> Path:
    write_newer(folder / CHECKPOINT, {"exprCNN/conv1/weights": np.zeros((7, 7, 3, 64), np.float32)})
    np.save(folder / "3DMM_expr_mean.npy", np.zeros((3, 224, 224)))
    return folder / f"{CHECKPOINT}.index"


def _cut(folder: Path) -> list[object]:
    index = _checkpoint(folder)
    index.write_bytes(index.read_bytes()[:-9])
    return ["expnet", folder]


def _without_numbers(folder: Path) -> list[object]:
    _checkpoint(folder)
    (folder / f"{CHECKPOINT}.data-00000-of-00001").unlink()
    return ["expnet", folder]


def _other_net(folder: Path) -> list[object]:
    return ["expnet", _checkpoint(folder)]


def _hostile(folder: Path) -> list[object]:
    start = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, _Hostile()]
    (folder / "shape_model.pth").write_bytes(b"".join(pickle.dumps(part, 2) for part in start))
    return ["3dmm", folder / "shape_model.pth"]


def _no_expressions(folder: Path) -> list[object]:
    savemat = pytest.importorskip("scipy.io").savemat
    savemat(folder / "BaselFaceModel_mod.mat", {"BFM": {"shapeMU": np.zeros((9, 1)), "faces": [[1, 2, 3]]}})
    return ["bfm", folder]


def _no_matlab(folder: Path) -> list[object]:
    (folder / "BaselFaceModel_mod.mat").write_bytes(b"<html>not found</html>")
    return ["bfm", folder]


@pytest.mark.parametrize(
    ("make", "says"),
    cases(
        "models",
        ONE_LINE,
        {
            "official weights: a checkpoint that is cut off": (_cut, "copy or download it again"),
            "official weights: a checkpoint without its numbers": (_without_numbers, "a checkpoint is both files"),
            "official weights: another net": (_other_net, "lacks 521 of the 522 variables of ExpNet"),
            "official weights: a pickle that would run a program": (_hostile, "asks to call"),
            "official weights: a Basel model without expressions": (_no_expressions, "has no expressions"),
            "official weights: a web page in place of a file": (_no_matlab, "it is no MATLAB file"),
        },
    ),
)
def test_a_wrong_file_is_one_line(
    make: Callable[[Path], list[object]],
    says: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["import", *map(str, make(tmp_path)), "--out", str(tmp_path / "set")]
    capfd.readouterr()
    Answer(cli.main(words), *capfd.readouterr()).is_one_line(3, *says.split())
    assert not (tmp_path / "set").exists()
    assert not (tmp_path / "was_here").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@fault("models", "official weights: an import is killed while it writes", "the set is as it was; import again")
def test_a_killed_import(tmp_path: Path) -> None:
    program = """
import os, sys, time
from pathlib import Path
from realtime3d import files
from realtime3d.importers import model_set
from realtime3d.importers.piece import Piece
def hang(*paths):
    print("here", flush=True)
    time.sleep(600)
if sys.argv[2] == "hang":
    os.replace = hang
model_set.add(Path(sys.argv[1]), Piece("pose", b"weights", ".onnx", {}, ""), overwrite=False)
"""
    folder = tmp_path / "set"
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen([*command, "hang"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert not (folder / "models.toml").exists()
    subprocess.run([*command, "go on"], check=True, timeout=120)
    assert sorted(file.suffix for file in folder.iterdir()) == [".onnx", ".toml"]
