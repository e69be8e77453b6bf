"""The usual detail of faces: what is learned from photographs, and that it comes back from its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.usual import SIZE, Usual, file_of, usual_of
from realtime3d.training.detail.usual import Learner
from tests.helpers.faces import make_face
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(560, 560, 22)


def test_what_many_photographs_show_is_usual_on_both_sides(tmp_path: Path) -> None:
    maker = DetailMaker(FaceModel.load(FACE_MODEL), SIZE)
    face = make_face(CAMERA, t=(0, -25, 640), face_model=maker.model)
    points = head_pixels(face)[0]
    one_side = groove(points, 0.4, 3.0) * (np.nan_to_num(points[..., 0]) < 0)
    image, learner = photograph(face, one_side), Learner(maker)
    for _ in range(6):
        assert learner.add(face, image, np.ones(image.shape[:2], np.float32))
    usual = learner.learned()
    layout = maker.layout
    at, found = layout.on_front(face.vertices_at(layout.level)), usual.of(face, layout)
    line = layout.inside & (np.abs(at[..., 1] + 42) < 1.0) & (np.abs(at[..., 0]) > 12) & (np.abs(at[..., 0]) < 30)
    left, right = found[line & (at[..., 0] < 0)].mean(), found[line & (at[..., 0] > 0)].mean()
    assert left == pytest.approx(right, rel=0.1)
    assert left < -0.02
    usual.save(tmp_path / "a_usual.npz")
    again = Usual.load(tmp_path / "a_usual.npz")
    assert np.abs(again.maps - usual.maps).max() < 0.003


def test_turned_faces_teach_nothing() -> None:
    maker = DetailMaker(FaceModel.load(FACE_MODEL), SIZE)
    face = make_face(CAMERA, t=(0, -25, 640), face_model=maker.model, angles_deg=(0, 40, 0))
    image = photograph(face)
    learner = Learner(maker)
    assert not learner.add(face, image, np.ones(image.shape[:2], np.float32))
    assert learner.count == 0


def test_the_file_that_ships_is_symmetric_and_small() -> None:
    model = FaceModel.load(FACE_MODEL)
    usual, layout = usual_of(model), DetailMaker(model, SIZE).layout
    assert usual is not None and file_of(model.path).stat().st_size < 3e6
    rest = np.ascontiguousarray(usual.maps[0][layout.window])
    inner = layout.inside & (layout.mirrored(layout.inside.astype(np.float32)) > 0.999)
    apart = np.abs(rest - layout.mirrored(rest))[inner]
    assert 0.005 < rest[inner].std() < 0.1
    assert np.percentile(apart, 95) < 0.02


def test_a_broken_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a_usual.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(MissingError, match="realtime3d training usual"):
        Usual.load(path)
    np.savez(path, format=0, levels=np.zeros((1, 2, 2), np.int8), activations=np.array(["x"]))
    with pytest.raises(MissingError, match="another version"):
        Usual.load(path)
