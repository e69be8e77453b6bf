"""What hides a face: from the net's crop back to the picture, to maps, and to the overlay."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.nets import modelset
from realtime3d.render.base import MASK_LIGHT, OverlayStyle
from realtime3d.render.choose import create_renderer
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.mask import BACKGROUND, OCCLUDER, SKIN, LazyMasker, Masker
from realtime3d.surface.texture import TexturePainter
from realtime3d.types import Image
from tests.helpers.faces import make_face, result_of
from tests.helpers.mask_nets import GREEN, SIZE, add_green_net
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(480, 480, 30)


@pytest.fixture(scope="module")
def green_folder(net_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny nets, with one for masks."""
    folder = tmp_path_factory.mktemp("masked") / "nets"
    shutil.copytree(net_folder, folder)
    add_green_net(folder)
    return folder


@pytest.fixture(scope="module")
def masker(green_folder: Path) -> Iterator[Masker]:
    opened = Masker.opened(OnnxRuntimeBackend("cpu", 1), modelset.find(str(green_folder)).more["mask"])
    yield opened
    opened.close()


def half_hidden(face: FaceState) -> tuple[Image, np.ndarray]:
    """A grey picture with a green bar over the face's lower half, and where it is."""
    image = np.full((480, 480, 3), 150, np.uint8)
    x0, y0, x1, y1 = face.box
    where = np.zeros(image.shape[:2], bool)
    where[int((y0 + y1) / 2) : int(y1) - 10, int(x0) + 10 : int(x1) - 10] = True
    image[where] = GREEN
    return image, where


def turned() -> FaceState:
    return make_face(CAMERA, (6, 15, 20), (30, -20, 700), face_model=FaceModel.load(FACE_MODEL))


def test_what_lies_in_front_is_found_where_it_is_in_the_picture(masker: Masker) -> None:
    face = turned()
    image, where = half_hidden(face)
    mask = masker.mask(image, face)
    found = mask.labels == OCCLUDER
    pixel = 230 / SIZE * face.camera.fx / 700  # of the net, in those of the picture
    sure = cv2.erode(where.astype(np.uint8), np.ones((int(2 * pixel),) * 2)) > 0
    near = cv2.dilate(where.astype(np.uint8), np.ones((int(2 * pixel),) * 2)) > 0
    assert sure.sum() > 1000
    assert found[sure].all() and not found[~near].any()
    assert (mask.labels[0] == BACKGROUND).all()  # the net did not look there
    assert mask.skin[0, 0] == 1 and mask.hidden[0, 0] == 0
    middle = tuple(np.array(face.landmarks("ibug68")[27], int)[::-1])
    assert mask.labels[middle] == SKIN and mask.skin[middle] > 0.9


def test_a_face_beyond_the_rim_has_a_mask_of_what_is_there(masker: Masker) -> None:
    image = np.full((480, 480, 3), 150, np.uint8)
    image[:, :40] = GREEN
    face = make_face(CAMERA, (0, 0, 0), (-190, 0, 700))
    found = masker.mask(image, face).labels
    assert (found[200:300, :20] == OCCLUDER).all()
    beside = make_face(CAMERA, (0, 0, 0), (-900, 0, 700))
    assert not masker.mask(image, beside).labels.any()


def test_colours_of_what_is_in_front_are_no_texture(masker: Masker) -> None:
    face = turned()
    image, _ = half_hidden(face)
    painter = TexturePainter(face.model, 256)
    plain, masked = painter.paint(face, image), painter.paint(face, image, masker.mask(image, face))

    def green(texture: Image) -> float:
        return float(((texture[..., 1].astype(int) - texture[..., 2]) > 60).mean())

    assert green(plain.image) > 0.02
    assert green(masked.image) < 0.1 * green(plain.image)
    lost = (plain.seen > 200) & (masked.seen == 0)
    assert lost.sum() > 300
    assert (masked.seen[~lost] > 0).any()


def test_detail_is_guessed_behind_what_is_in_front(masker: Masker) -> None:
    face = turned()
    image, _ = half_hidden(face)
    maker = DetailMaker(face.model, 512)
    mask = masker.mask(image, face)
    shown, hidden = maker.make(face, image), maker.make(face, image, mask)
    before, after = (int((d.seen > 128).sum()) for d in (shown, hidden))
    assert after < 0.8 * before
    assert np.abs(hidden.seen_mm[hidden.seen == 0]).max() < 0.005
    assert (hidden.texture[..., 1].astype(int) - hidden.texture[..., 2] > 60).mean() < 0.005


def test_the_overlay_leaves_out_what_is_in_front(masker: Masker) -> None:
    face = turned()
    image, where = half_hidden(face)
    style = OverlayStyle(mode="mask", box=False, label=False, axes=False, bars=False)
    plain = create_renderer(style=style).draw(image, result_of(image, face))
    drawn = create_renderer(style=style, masker=LazyMasker(lambda: masker)).draw(image, result_of(image, face))
    inner = cv2.erode(where.astype(np.uint8), np.ones((15, 15))) > 0
    dark = np.array(GREEN) * MASK_LIGHT
    assert np.abs(plain[inner] - np.array(GREEN)).mean() < 30  # today's: the bar belongs to the face
    assert np.abs(drawn[inner] - dark).max() < 4
    forehead = tuple(np.array(face.landmarks("ibug68")[27], int)[::-1])
    assert abs(int(drawn[forehead][0]) - 150) < 4


def test_the_tracker_asks_the_net_of_its_set(green_folder: Path, net_folder: Path) -> None:
    image, _ = half_hidden(turned())
    with r3d.FaceTracker(models=green_folder, backend="onnxruntime", threads=1) as tracker:
        face = tracker.process_boxes(image, [[100, 100, 380, 400]]).faces[0]
        assert tracker.has_mask
        assert (tracker.mask(image, face).labels == OCCLUDER).any()
    with r3d.FaceTracker(models=net_folder, backend="onnxruntime", threads=1) as tracker:
        face = tracker.process_boxes(image, [[100, 100, 380, 400]]).faces[0]
        assert not tracker.has_mask and tracker.masker() is None
        with pytest.raises(MissingError, match="no net for masks"):
            tracker.mask(image, face)


def test_a_net_of_other_classes_is_refused(green_folder: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    folder = tmp_path / "nets"
    shutil.copytree(green_folder, folder)
    net = onnx.load(str(folder / "mask.onnx"))
    spec = modelset.find(str(folder)).more["mask"]
    for tensor in net.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)[:5]
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
    net.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(net, str(folder / "mask.onnx"))
    with pytest.raises(MissingError, match="take the net of this version"):
        Masker.opened(OnnxRuntimeBackend("cpu", 1), spec)
