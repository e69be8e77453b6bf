"""Novel views against heads whose colours are known, and crops against known poses."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.render.textured import draw_textured
from realtime3d.render.views import PLAIN, Views, upright_crop, view_name
from realtime3d.surface.texture import Texture, TexturePainter
from realtime3d.types import Image
from tests.helpers.faces import grey, make_face
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(1000, 1000, 25)


@cache
def painter() -> TexturePainter:
    return TexturePainter(FaceModel.load(FACE_MODEL))


@cache
def skin() -> Image:
    """A symmetric face of spots, in light from one side."""
    size = painter().size
    rng = np.random.default_rng(5)
    spots = cv2.resize(rng.uniform(-28, 28, (40, 20, 1)).astype(np.float32), (size // 2, size))
    half = np.dstack([spots + tone for tone in (110, 135, 180)])
    light = np.linspace(0.85, 1.15, size)[None, :, None]
    return np.clip(np.concatenate([half, half[:, ::-1]], axis=1) * light, 0, 255).astype(np.uint8)


def face_at(yaw: float, **changes: object) -> FaceState:
    settings = {"t": (0, 20, 900), "face_model": painter()._model, **changes}
    return make_face(CAMERA, (0, yaw, 0), **settings)  # type: ignore[arg-type]


def photograph(face: FaceState) -> Image:
    picture, shown = draw_textured(face.model.mesh(), face.vertices(), skin(), face.camera)
    return np.where(shown[..., None], picture, np.uint8(60)).astype(np.uint8)


def psnr(a: Image, b: Image, where: np.ndarray) -> float:
    error = ((a[where].astype(float) - b[where].astype(float)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("yaw", [-35.0, 5.0])
def test_a_head_seen_from_40_degrees_is_near_the_truth(yaw: float) -> None:
    """The bar: 22 dB on the side that the picture shows, 18 on the other."""
    face = face_at(yaw)
    texture = painter().paint(face, photograph(face))
    truth = Texture(skin(), np.full(skin().shape[:2], 255, np.uint8))
    for turned in (-40.0, 40.0):
        drawn = Views(face, grey(), texture, background=False).draw(turned)
        right = Views(face, grey(), truth, background=False).draw(turned)
        as_seen = Texture(cv2.merge([texture.seen] * 3), texture.seen)
        known = Views(face, grey(), as_seen, background=False).draw(turned)[..., 0]
        skin_only = Texture(cv2.merge([(painter()._skin * 255).astype(np.uint8)] * 3), texture.seen)
        on_skin = Views(face, grey(), skin_only, background=False).draw(turned)[..., 0] > 250
        shown = on_skin & (right != PLAIN).any(axis=2)
        assert psnr(drawn, right, shown & (known > 250)) > 22
        hidden = shown & (known < 5)
        assert hidden.sum() > 1000
        assert psnr(drawn, right, hidden) > 18


def test_positive_yaw_turns_to_the_persons_own_right() -> None:
    """The picture's left: the nose is left of the head's middle."""
    face = face_at(0)
    nose = np.argmin(face.model.mean[:, 2])
    marked = np.full_like(skin(), 60)
    rows = face.model.mesh().uv[face.model.mesh().uv_vertex == nose]
    for u, v in (rows * painter().size).astype(int):
        cv2.circle(marked, (int(u), int(v)), 12, (0, 0, 255), -1)
    views = Views(face, grey(), Texture(marked, np.zeros(skin().shape[:2], np.uint8)), background=False)
    for yaw, side in ((40.0, -1), (-40.0, 1)):
        red = (views.draw(yaw)[..., 2] > 180).nonzero()[1]
        assert (red.mean() - 256) * side > 20


@pytest.mark.parametrize(("yaw", "name"), [(0, "-00"), (-0.2, "-00"), (-22, "-22"), (75, "+75"), (-5, "-05")])
def test_names_are_those_of_the_originals(yaw: float, name: str) -> None:
    assert view_name("subject10_a", yaw) == f"subject10_a_rendered_aug_{name}_00_10.jpg"


def test_the_side_that_is_seen_is_turned_to_the_viewer() -> None:
    face = face_at(30)
    texture = painter().paint(face, photograph(face))
    assert Views(face, photograph(face), texture).yaws() == (0, 22, 40, 55, 75)
    assert Views(face_at(-30), grey(), texture).yaws() == (0, -22, -40, -55, -75)
    assert np.signbit(Views(face_at(-30), grey(), texture).yaws()[1])


def test_the_background_goes_along_and_plain_has_none() -> None:
    face = face_at(10)
    picture = photograph(face)
    picture[:, :150] = (0, 200, 0)
    texture = painter().paint(face, picture)
    kept = Views(face, picture, texture).draw(0)
    plain = Views(face, picture, texture, background=False).draw(0)
    corner = (slice(None, 40), slice(None, 40))
    assert (plain[corner] == PLAIN).all()
    assert not (kept[corner] == PLAIN).all()
    head = cv2.erode((plain != PLAIN).any(axis=2).astype(np.uint8), np.ones((9, 9))) > 0
    assert psnr(kept, plain, head) > 40


@pytest.mark.parametrize("t", [(0, 0, 300), (3000, 0, 900), (0, -400, 900), (0, 0, 40)])
def test_faces_at_the_edge_beside_and_too_near(t: tuple[float, float, float]) -> None:
    face = face_at(20, t=t)
    image = grey(100, 60)
    views = Views(face, image, painter().paint(face, image))
    assert views.draw(-75, 64).shape == (64, 64, 3)


@pytest.mark.parametrize("roll", [0, 30, -80, 170])
@pytest.mark.parametrize("z", [500, 2500])
def test_crops_are_upright(roll: float, z: float) -> None:
    """Eyes lie level and at the same place, however the head is rolled and how large it is."""
    face = make_face(CAMERA, (0, 0, roll), (60, -40, z), face_model=FaceModel.load(FACE_MODEL))
    image = grey(1000, 1000, 40)
    points = face.landmarks("ibug68")
    for eye, colour in ((points[36:42].mean(0), (255, 0, 0)), (points[42:48].mean(0), (0, 0, 255))):
        cv2.circle(image, np.round(eye).astype(int).tolist(), max(2, int(6000 / z)), colour, -1)
    crop = upright_crop(face, image, 112)
    assert crop.shape == (112, 112, 3)
    (y1, x1), (y2, x2) = ((crop[..., k] > 150).nonzero() for k in (0, 2))
    assert x1.mean() < 56 < x2.mean()
    assert abs(y1.mean() - y2.mean()) < 1.5
    assert x2.mean() - x1.mean() == pytest.approx(112 * 62 / 200, rel=0.12)
