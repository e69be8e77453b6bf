"""The detail net that ships, on a rendered head with a groove that is not in its mesh."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.nets import modelset
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.refine import Refiner
from realtime3d.types import FloatArray
from tests.helpers.faces import make_face
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(560, 560, 22)


@pytest.fixture(scope="module")
def refiner() -> Iterator[Refiner]:
    opened = Refiner.opened(OnnxRuntimeBackend("cpu", 1), modelset.find("default").more["detail"])
    yield opened
    opened.close()


def displaced(refiner: Refiner, depth_mm: float, noise: float) -> tuple[FloatArray, FloatArray]:
    """What was drawn and what is found, where bare skin is."""
    face = make_face(CAMERA, t=(0, -25, 640), face_model=FaceModel.load(FACE_MODEL))
    truth = groove(head_pixels(face)[0], depth_mm, 2.5)
    relief = DetailMaker(face.model, 256, refiner).relief(face, photograph(face, truth, noise=noise))
    assert relief is not None and relief.part.scale == 1.0
    x, y = map(int, relief.part.origin)
    height, width = relief.displacement.shape
    skin = relief.part.fade > 0.99
    return truth[y : y + height, x : x + width][skin], relief.displacement[skin]


def test_each_set_that_ships_has_it_and_it_is_small() -> None:
    for name in ("compact", "accurate"):
        found = modelset.find(name)
        assert found.more["detail"].file.stat().st_size < 2_500_000
        assert found.files["detail"].facts["licence"]


def test_a_groove_comes_back(refiner: Refiner) -> None:
    truth, found = displaced(refiner, 0.4, 0.5)
    deep = truth < -0.2
    assert found[deep].mean() < -0.06
    assert abs(found[truth == 0].mean()) < 0.02


def test_smooth_skin_stays_smooth(refiner: Refiner) -> None:
    _, found = displaced(refiner, 0.0, 2.0)
    assert np.sqrt((found**2).mean()) < 0.05
