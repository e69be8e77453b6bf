"""Face models and weights of somebody else: read, or refused in one line. Most of these were found by fuzzing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.errors import MissingError, UsageError
from realtime3d.face.expressions import ExpressionHead
from realtime3d.face.model import FaceModel
from realtime3d.face.prior import Prior
from realtime3d.importers import caffe, pickles
from realtime3d.importers.tensorflow_ import open_checkpoint
from realtime3d.surface.film_file import load_film
from realtime3d.surface.usual import Usual
from tests.fuzz import model_seeds
from tests.fuzz.models import PERSON_OF, small_layout
from tests.helpers import checkpoints
from tests.helpers.faults import ONE_LINE, cases, fault, refused


def _arrays(data: bytes, path: Path, change: dict[str, NDArray | None]) -> Path:
    path.write_bytes(data)
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files} | change
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})  # type: ignore[arg-type]
    return path


BROKEN_TEXT = np.array([0x7FFFFFFF], np.uint32).view("<U1")
MODELS: dict[str, dict[str, NDArray | None]] = {
    "a corner that is not there": {"triangles": np.array([[0, 1, 6], [3, 4, 5]])},
    "a corner below 0": {"triangles": np.array([[0, 1, -1], [3, 4, 5]])},
    "a landmark that is not there": {"landmarks_ibug68_vertices": np.full((68, 3), 99)},
    "a texture of other vertices": {"uv_vertex": np.arange(6) + 1},
    "a basis of another head": {"shape_basis": np.zeros((99, 5, 3))},
    "actions of another model": {"retarget_cross": np.zeros((52, 30))},
    "a region that has no name": {"region": np.array([0, 0, 0, 0, 1, 2], np.uint8)},
    "corners that are fractions": {"triangles": np.array([[0, 1, 2.5], [3, 4, 5]])},
    "values that are no numbers": {"mean": np.full((6, 3), np.nan, np.float32)},
    "numbers that are words": {"mean": np.array([["a"] * 3] * 6)},
    "a name of characters that cannot be": {"arkit_names": np.repeat(BROKEN_TEXT, 52)},
    "eyes of another size": {"eye_weights_left": np.ones(3, np.float32)},
    "no regions": {"region": None},
}


@pytest.mark.parametrize(
    "change", cases("models", ONE_LINE, {f"a face model with {name}": change for name, change in MODELS.items()})
)
def test_a_face_model_whose_arrays_do_not_fit(change: dict[str, NDArray | None], tmp_path: Path) -> None:
    path = _arrays(model_seeds.face_model_file(), tmp_path / "a.npz", {})
    assert FaceModel.load(path).n_shape == 99
    refused(lambda: FaceModel.load(_arrays(path.read_bytes(), path, change)), MissingError, "a.npz")


PARTS: dict[str, tuple[int, Any, dict[str, NDArray | None]]] = {
    "a prior of another size": (0, Prior.load, {"spread": np.zeros((30, 30), np.float32)}),
    "a prior with values that are no numbers": (0, Prior.load, {"mean": np.full(29, np.nan, np.float32)}),
    "a net of emotions whose layers do not fit": (1, ExpressionHead.load, {"matrix_1": np.zeros((3, 7), np.float32)}),
    "a net of emotions whose layers are no matrices": (1, ExpressionHead.load, {"matrix_0": np.zeros((), np.float32)}),
    "a usual skin that is words": (2, Usual.load, {"levels": np.array(["a"] * 7)}),
}


@pytest.mark.parametrize(("part", "read", "change"), cases("models", ONE_LINE, PARTS))
def test_a_part_of_a_face_model(part: int, read: Any, change: dict[str, NDArray | None], tmp_path: Path) -> None:
    data = list(model_seeds.parts())[part][1:]
    path = _arrays(data, tmp_path / "a.npz", {})
    read(path)
    refused(lambda: read(_arrays(data, path, change)), MissingError, "a.npz")


@fault("models", "a person's skin whose colours are cut off", ONE_LINE)
def test_a_person_without_colours(tmp_path: Path) -> None:
    path = _arrays(model_seeds.person_file(), tmp_path / "a.npz", {})
    assert load_film(path, small_layout(), PERSON_OF) is not None
    _arrays(path.read_bytes(), path, {"albedo": np.zeros(0, np.uint8)})
    refused(lambda: load_film(path, small_layout(), PERSON_OF), UsageError, "a.npz")


@fault("models", "a Caffe net with a layer of another shape", ONE_LINE)
def test_a_caffe_net_of_another_shape(tmp_path: Path) -> None:
    layers = {"fc": ("InnerProduct", [np.zeros((2, 1, 1, 3))])}  # it has to end in the two sizes
    checkpoints.write_caffe(tmp_path / "a.caffemodel", layers)
    refused(lambda: caffe.weights(tmp_path / "a.caffemodel"), MissingError, "a.caffemodel")


@fault("models", "a Caffe net that announces 2^60 numbers", ONE_LINE)
def test_a_caffe_net_of_impossible_size(tmp_path: Path) -> None:
    blob = checkpoints.field(7, checkpoints.field(1, checkpoints.varint(1 << 60) + b"\0")) + checkpoints.field(5, b"")
    layer = checkpoints.field(1, b"fc") + checkpoints.field(2, b"Convolution") + checkpoints.field(7, blob)
    (tmp_path / "a.caffemodel").write_bytes(checkpoints.field(100, layer))
    refused(lambda: caffe.weights(tmp_path / "a.caffemodel"), MissingError, "a.caffemodel")


@fault("models", "a checkpoint whose numbers lie behind its end", ONE_LINE)
def test_a_checkpoint_that_points_behind_its_end(tmp_path: Path) -> None:
    field, varint = checkpoints.field, checkpoints.varint
    place = field(1, 1) + field(2, checkpoints.shape_message((1,))) + field(4, 1 << 63) + field(5, 4)
    entries = {b"": field(1, 1) + field(2, 0), b"w": place + varint(6 << 3 | 5) + bytes(4)}
    (tmp_path / "a.index").write_bytes(checkpoints.table(entries))
    (tmp_path / "a.data-00000-of-00001").write_bytes(bytes(4))
    refused(lambda: open_checkpoint(tmp_path / "a").read("w"), MissingError, "a.data-00000-of-00001")


@fault("models", "PyTorch's file with a damaged block", ONE_LINE)
def test_a_pickle_with_a_damaged_block(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(io.BytesIO(list(model_seeds.weights())[1])) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    assert pickles.load(path)[1]["w"].shape == (2, 2)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        info = packed.getinfo("net/data.pkl")
    start = info.header_offset + 30 + len(info.filename)
    data[start : start + 4] = b"\xff" * 4  # where its compressed bytes begin
    path.write_bytes(data)
    refused(lambda: pickles.load(path), MissingError, "a.pt")
