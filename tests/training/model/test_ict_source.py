"""The scans' model read from where a user has it: what is wrong there is said in one line."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.cli import main
from realtime3d.errors import SourceError
from realtime3d.training.model import ict_source
from realtime3d.training.model.ict_source import IctSource, mirrored, symmetric


def wavefront(vertices: int, faces: int) -> str:
    points = "\n".join(f"v {i % 7}.5 {i % 11} {i % 5}" for i in range(vertices))
    quads = "\n".join("f 1/1 2/2 3/3 4/4" for _ in range(faces))
    return f"# a comment\n{points}\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n{quads}\nf 1/1 2/2 3/3\n"


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    (tmp_path / "LICENSE").write_text("MIT")
    return folder


def test_a_folder_without_the_model_is_told_where_to_get_it(tmp_path) -> None:
    with pytest.raises(SourceError, match="name a checkout of https"):
        IctSource.load(tmp_path)


def test_a_checkout_of_something_else_is_refused(checkout) -> None:
    (checkout / "generic_neutral_mesh.obj").write_text(wavefront(100, 10))
    with pytest.raises(SourceError, match="has 100 vertices, not 26719"):
        IctSource.load(checkout.parent)


def test_a_checkout_that_lacks_files_is_refused(checkout) -> None:
    (checkout / "generic_neutral_mesh.obj").write_text(wavefront(26719, 10))
    with pytest.raises(SourceError, match="has no actions"):
        IctSource.load(checkout.parent)
    (checkout / "jawOpen.obj").write_text(wavefront(26719, 10))
    with pytest.raises(SourceError, match=r"identity000\.obj cannot be read"):
        IctSource.load(checkout.parent)


def test_wavefront_files_have_quads_and_triangles(checkout) -> None:
    file = checkout / "generic_neutral_mesh.obj"
    file.write_text(wavefront(26719, 2))
    points, faces, face_uvs, uv = ict_source._read_obj(file)
    assert points[8].tolist() == [1.5, 8, 3]
    assert faces.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, -1]]
    assert (face_uvs == faces).all()
    assert uv.shape == (4, 2)


@pytest.mark.parametrize("damage", ["empty", "not a zip", "other arrays"])
def test_broken_repacked_files_are_one_line(tmp_path, damage, capsys) -> None:
    for name in (ict_source.HEAD_FILE, ict_source.IDENTITY_FILE):
        if damage == "other arrays":
            np.savez(tmp_path / name, something=np.zeros(3))
        else:
            (tmp_path / name).write_bytes(b"" if damage == "empty" else b"not a zip" * 100)
    (tmp_path / "LICENSE").write_text("MIT")
    assert main(["training", "face-model", str(tmp_path), "--model", str(tmp_path / "m.npz")]) == 4
    told = capsys.readouterr().err.strip()
    assert told.count("\n") == 0
    assert "ict_head.npz" in told
    assert not (tmp_path / "m.npz").exists()


def test_a_model_without_its_licence_is_refused(tmp_path) -> None:
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    with pytest.raises(SourceError, match="licence's text has to travel"):
        ict_source._licence(folder)


def test_mirroring_twice_changes_nothing_and_a_mean_is_symmetric() -> None:
    field = np.random.default_rng(0).normal(size=(2, 4, 3))
    partner = np.array([1, 0, 2, 3])
    np.testing.assert_allclose(mirrored(mirrored(field, partner), partner), field)
    both = symmetric(field, partner)
    np.testing.assert_allclose(mirrored(both, partner), both)
    assert np.abs(both[:, 2:, 0]).max() == 0
