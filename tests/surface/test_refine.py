"""The net on solved detail: what it is shown, what becomes of its answer, and that a model set's net is taken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.nets import modelset
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.refine import MIDDLE, OF_NET, OF_SOLVE, PLANES, Refiner, tiled
from realtime3d.types import Image
from tests.helpers.detail_nets import DEPTH_MM, SIZE, add_flat_net
from tests.helpers.faces import make_face
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(480, 480, 22)


@cache
def grooved() -> tuple[FaceState, Image]:
    face = make_face(CAMERA, t=(0, -25, 760), face_model=FaceModel.load(FACE_MODEL))
    return face, photograph(face, groove(head_pixels(face)[0], 0.4, 3.0))


@pytest.fixture(scope="module")
def flat_folder(net_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny nets, with one that answers the same depth everywhere."""
    folder = tmp_path_factory.mktemp("refined") / "nets"
    shutil.copytree(net_folder, folder)
    add_flat_net(folder)
    return folder


class Kept(Refiner):
    """Keeps what it is shown, and answers what was solved."""

    def __init__(self) -> None:
        self.levels = np.zeros((0, 0, PLANES), np.uint8)

    def refined(self, levels: np.ndarray) -> np.ndarray:
        self.levels = levels
        return (levels[..., 6].astype(np.float32) - MIDDLE) * np.float32(0.4 / 127)


def test_it_sees_what_was_solved_and_on_what() -> None:
    face, image = grooved()
    maker, kept = DetailMaker(face.model, 256), Kept()
    plain = maker.relief(face, image)
    maker.refiner = kept
    again = maker.relief(face, image)
    assert plain is not None and again is not None
    assert kept.levels.shape == (*plain.displacement.shape, PLANES)
    sure = plain.part.fade > 0.999
    assert plain.displacement[sure].min() < -0.1
    wanted = (OF_SOLVE + OF_NET) * plain.displacement
    assert np.abs(again.displacement - wanted)[sure].max() < 0.02  # some levels, and what is not skin
    assert (np.abs(kept.levels[sure].astype(int) - MIDDLE)[:, :3].max(axis=0) > 3).all()  # shading and colours
    span = kept.levels[..., PLANES - 1]
    assert span.min() == span.max() == MIDDLE + round((plain.part.mm_per_px - 0.5) * 127)


def test_planes_lie_side_by_side() -> None:
    levels = np.random.default_rng(0).integers(0, 255, (20, 30, PLANES), dtype=np.uint8)
    image = tiled(levels, 64)
    assert image.shape == (64, 64, 3)
    assert (image[:20, 32:62] == levels[..., 3:6]).all() and (image[32:52, 32:62] == levels[..., 9:]).all()
    assert (image[20:32] == MIDDLE).all()


def test_the_answer_fades_where_no_skin_is(flat_folder: Path) -> None:
    face, image = grooved()
    refiner = Refiner.opened(OnnxRuntimeBackend("cpu", 1), modelset.find(str(flat_folder)).more["detail"])
    relief = DetailMaker(face.model, 256, refiner).relief(face, image)
    refiner.close()
    plain = DetailMaker(face.model, 256).relief(face, image)
    assert relief is not None and plain is not None
    skin, more = relief.part.fade, relief.displacement - OF_SOLVE * plain.displacement
    assert more[skin > 0.999].max() == pytest.approx(OF_NET * DEPTH_MM, abs=1e-4)
    assert np.abs(relief.displacement[skin == 0]).max() == 0


def test_coarse_pictures_are_solved_alone() -> None:
    face, kept = make_face(CAMERA, t=(0, -25, 2200), face_model=grooved()[0].model), Kept()
    assert DetailMaker(face.model, 256, kept).relief(face, photograph(face)) is not None
    assert len(kept.levels) == 0


def test_the_tracker_takes_the_net_of_its_set(flat_folder: Path, net_folder: Path) -> None:
    face, image = grooved()
    found = {}
    for folder in (net_folder, flat_folder):
        with r3d.FaceTracker(models=folder, backend="onnxruntime", threads=1) as tracker:
            found[folder] = tracker.detail(image, face).seen_mm
    assert np.median(found[flat_folder][found[flat_folder] != 0]) == pytest.approx(OF_NET * DEPTH_MM, abs=0.02)
    assert abs(np.median(found[net_folder][found[net_folder] != 0])) < 0.01


def test_a_net_of_another_size_is_refused(flat_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nets"
    shutil.copytree(flat_folder, folder)
    add_flat_net(folder, SIZE // 2 + 8)
    spec = modelset.find(str(flat_folder)).more["detail"]
    wrong = replace(spec, file=folder / "detail.onnx")
    with pytest.raises(MissingError, match="take the net of this version"):
        Refiner.opened(OnnxRuntimeBackend("cpu", 1), wrong)
