"""The Basel model in its layouts: the same face as the originals' programs sum, in our axes."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy.io", reason="SciPy is not installed: pip install '.[test]'")

from realtime3d.errors import MissingError, UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.model import FaceModel
from realtime3d.importers import basel
from realtime3d.importers.piece import FACE_MODEL
from tests.helpers.basel import Egg, write_2017, write_mod, write_mod_h5, write_original

EGG = Egg.make()


def loaded(file: Path, folder: Path) -> FaceModel:
    piece = basel.read(file)
    assert (piece.part, piece.suffix) == (FACE_MODEL, ".npz")
    (folder / "face_model.npz").write_bytes(piece.data)
    return FaceModel.load(folder / "face_model.npz")


def is_the_egg(model: FaceModel) -> None:
    rng = np.random.default_rng(3)
    alpha, eta = rng.normal(size=99), rng.normal(size=29)
    found = model.deform(model.neutral(alpha), eta)
    np.testing.assert_allclose(found * Y_UP, EGG.face(alpha, eta), atol=2e-3)
    np.testing.assert_array_equal(model.triangles, EGG.faces)
    points = model.landmarks("ibug68", found)
    np.testing.assert_allclose(points * Y_UP, EGG.face(alpha, eta)[EGG.landmarks], atol=2e-3)


def test_trimmed(tmp_path: Path) -> None:
    is_the_egg(loaded(write_mod(tmp_path / basel.MOD, EGG), tmp_path))


def test_trimmed_in_hdf5(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed: pip install '.[import]'")
    is_the_egg(loaded(write_mod_h5(tmp_path / basel.MOD_H5, EGG), tmp_path))


def test_the_original_with_its_two_files(tmp_path: Path) -> None:
    is_the_egg(loaded(write_original(tmp_path, EGG), tmp_path))


def test_a_folder_or_checkout(tmp_path: Path) -> None:
    write_original(tmp_path, EGG)
    checkout = tmp_path / "Expression-Net" / "Shape_Model"
    checkout.mkdir(parents=True)
    write_mod(checkout / basel.MOD, EGG)
    for folder in (tmp_path, checkout, checkout.parent):
        is_the_egg(loaded(folder, tmp_path))
    with pytest.raises(MissingError, match=r"has none of BaselFaceModel_mod.mat"):
        basel.read(_empty(tmp_path))


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_the_model_of_2017(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed: pip install '.[import]'")
    model = loaded(write_2017(tmp_path / "model2017-1_bfm_nomouth.h5", EGG), tmp_path)
    assert (model.n_shape, model.n_expression) == (EGG.shape.shape[1], 29)
    alpha, eta = np.zeros(model.n_shape), np.zeros(29)
    alpha[104], eta[3] = 1.5, -2.0
    expected = EGG.mean + EGG.motion_mean + (EGG.shape[:, 104] * EGG.shape_sd[104] * 1.5).reshape(-1, 3)
    expected = expected + (EGG.motion[:, 3] * EGG.motion_sd[3] * -2).reshape(-1, 3)
    np.testing.assert_allclose(model.deform(model.neutral(alpha), eta) * Y_UP, expected, atol=2e-3)
    assert not model.landmark_sets


def test_what_such_a_model_cannot_do_it_says(tmp_path: Path) -> None:
    model = loaded(write_mod(tmp_path / basel.MOD, EGG), tmp_path)
    assert (model.levels, model.has_layout, model.has_actions, model.n_extras) == (("live",), False, False, 0)
    with pytest.raises(MissingError, match="no blendshapes"):
        model.blendshapes(np.zeros(29))
    with pytest.raises(MissingError, match="no blendshapes"):
        model.actions(model.mean)
    with pytest.raises(MissingError, match="no texture coordinates"):
        model.check("layout")
    with pytest.raises(MissingError, match="no eyes that turn"):
        model.check("eyes")
    with pytest.raises(MissingError, match=r"no landmarks mediapipe478 \(it has ibug68\)"):
        model.check_landmarks("mediapipe478")


BAD = {
    "expressions": ({"expPC": None}, "has no expressions .* trimBaselFace.py"),
    "landmarks": ({"outerLandmarkIndex": None}, "has no outerLandmarkIndex"),
    "no_faces": ({"faces": None}, "has no faces"),
    "faces": ({"faces": EGG.faces + 2}, "vertices that it does not have"),
    "few_landmarks": ({"outerLandmarkIndex": np.ones((51, 1))}, "51 landmarks"),
    "components": ({"shapePC": EGG.shape[:, :80]}, r"shapePC of .* 99\) are needed"),
    "rows": ({"expPC": EGG.motion[:-3]}, r"expPC of .* are needed"),
    "deviations": ({"expEV": np.ones((20, 1))}, "20 values in expEV"),
    "nan": ({"shapeMU": np.full((EGG.mean.size, 1), np.nan)}, "values in shapeMU that are no numbers"),
    "text": ({"shapeMU": "words"}, "no shapeMU"),
}


@pytest.mark.parametrize("case", BAD)
def test_another_model_is_refused_by_name(case: str, tmp_path: Path) -> None:
    changes, text = BAD[case]
    with pytest.raises(MissingError, match=text):
        basel.read(write_mod(tmp_path / basel.MOD, EGG, **changes))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        basel.read(tmp_path / "none.mat")
    file = write_original(tmp_path, EGG)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(file, alone)
    with pytest.raises(MissingError, match=r"has no Model_Expression.mat beside it"):
        basel.read(alone)
    shutil.copy(tmp_path / "Model_Expression.mat", alone)
    with pytest.raises(MissingError, match=r"has no mod_struct_expr.mat beside it"):
        basel.read(alone)


def test_foreign_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install '.[import]'")
    path = tmp_path / "model.h5"
    path.write_bytes(b"no HDF5 at all")
    with pytest.raises(MissingError, match=r"model.h5 cannot be read"):
        basel.read(path)
    with h5py.File(path, "w") as file:
        file["something"] = np.zeros(3)
    with pytest.raises(MissingError, match=r"has no shape/model/pcaBasis|has no shape/model/mean"):
        basel.read(path)
    write_2017(path, EGG)
    with h5py.File(path, "a") as file:
        del file["expression"]
    with pytest.raises(MissingError, match="has no expression/model/mean"):
        basel.read(path)
    data = write_2017(tmp_path / "whole.h5", EGG).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MissingError, match=r"model.h5 cannot be read"):
        basel.read(path)


def test_without_h5py_the_line_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(MissingError, match=r"reading model.h5 needs h5py, which .*\[import\]'$"):
        basel.read(tmp_path / "model.h5")


def test_the_file_is_a_plain_archive_of_arrays() -> None:
    with np.load(io.BytesIO(basel._file(Path("x"), _parts())), allow_pickle=False) as data:
        assert int(data["format"]) == 3
        assert data["shape_basis"].dtype == np.float32


def _parts() -> basel.Parts:
    return basel.Parts(EGG.mean.ravel(), EGG.shape, EGG.motion, EGG.faces, None, "egg")
