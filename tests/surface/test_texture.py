"""Textures against the truth: a head with known colours is drawn, and its texture is taken from the picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.render.textured import draw_textured
from realtime3d.surface.texture import TexturePainter, spread
from realtime3d.types import Image
from tests.helpers.faces import grey, make_face
from tests.helpers.plain_model import KINDS, model_file

CAMERA = Camera.from_fov(900, 900, 25)


@cache
def painter(name: str) -> TexturePainter:
    return TexturePainter(FaceModel.load(model_file(name)))


def truth(size: int) -> Image:
    """Smooth colours, different everywhere, the halves unlike in the layout."""
    v, u = np.mgrid[0:size, 0:size] / size
    channels = [90 + 70 * np.sin(9 * u + 2), 130 + 60 * np.cos(11 * v), 120 + 50 * np.sin(7 * (u + v))]
    return np.stack(channels, axis=-1).astype(np.uint8)


def face_of(name: str, **changes: object) -> FaceState:
    settings = {"angles_deg": (0, 0, 0), "t": (0, 20, 900), "face_model": painter(name)._model, **changes}
    return make_face(CAMERA, **settings)  # type: ignore[arg-type]


def photograph(face: FaceState, texture: Image) -> Image:
    picture, shown = draw_textured(face.model.mesh(), face.vertices(), texture, face.camera)
    return np.where(shown[..., None], picture, np.uint8(40)).astype(np.uint8)


def psnr(a: Image, b: Image, where: np.ndarray) -> float:
    error = (a[where].astype(float) - b[where].astype(float)) ** 2
    return float(10 * np.log10(255**2 / error.mean()))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("yaw", [0, 35, -60])
def test_what_is_seen_gets_the_pictures_colours(name: str, yaw: float) -> None:
    colours = truth(painter(name).size)
    face = face_of(name, angles_deg=(5, yaw, 3))
    texture = painter(name).paint(face, photograph(face, colours))
    seen = texture.seen > 250
    assert seen.mean() > 0.25
    assert psnr(texture.image, colours, seen) > 27


@pytest.mark.parametrize("name", KINDS)
def test_the_photograph_comes_back_at_its_own_pose(name: str) -> None:
    """The bar: 30 dB inside what is seen, with hair-fine detail in the picture."""
    rng = np.random.default_rng(0)
    size = painter(name).size
    noise = cv2.resize(rng.uniform(-25, 25, (size // 8, size // 8, 3)).astype(np.float32), (size, size))
    face = face_of(name, angles_deg=(0, 10, 0))
    picture = photograph(face, np.clip(truth(size) + noise, 0, 255).astype(np.uint8))
    texture = painter(name).paint(face, picture)
    again = photograph(face, texture.image)
    seen = photograph(face, cv2.merge([texture.seen] * 3))[..., 0] > 250
    assert seen.sum() > 40_000
    assert psnr(again, picture, seen) > 30


def test_the_side_that_is_turned_away_is_not_seen() -> None:
    face = face_of("shipped", angles_deg=(0, 70, 0))
    seen = painter("shipped").paint(face, photograph(face, truth(1024))).seen
    left, right = seen[:800, :512].mean(), seen[:800, 512:].mean()
    assert max(left, right) > 10 * min(left, right)


def test_something_in_front_hides() -> None:
    """The nose hides the cheek behind it: no colour of the nose lands there."""
    face = face_of("shipped", angles_deg=(0, 55, 0))
    head = face.model.mesh()
    nose = face.model.mean[:, 2] < face.model.mean[:, 2].min() + 25
    colours = np.full((1024, 1024, 3), 60, np.uint8)
    inside = nose[head.uv_vertex][head.uv_triangles].any(axis=1)
    cv2.fillPoly(
        colours, [np.round(t * 1024).astype(np.int32) for t in head.uv[head.uv_triangles[inside]]], (60, 60, 255)
    )
    texture = painter("shipped").paint(face, photograph(face, colours))
    near_nose = cv2.dilate(colours, np.ones((9, 9)))[..., 2] > 160
    wrong = (texture.seen > 200) & (texture.image[..., 2] > 160) & ~near_nose
    assert wrong.mean() < 0.002


def test_the_other_half_lends_its_detail() -> None:
    """A mole on the hidden cheek's twin shows on both; light stays that of the side that is seen."""
    size = 1024
    colours = np.full((size, size, 3), 150, np.uint8)
    for u in (0.3, 0.7):
        cv2.circle(colours, (int(u * size), 520), 14, (60, 60, 60), -1)
    face = face_of("shipped", angles_deg=(0, 65, 0))
    texture = painter("shipped").paint(face, photograph(face, colours))
    hidden, shown = sorted((0.3, 0.7), key=lambda u: int(texture.seen[520, int(u * size)]))
    assert texture.seen[520, int(shown * size)] > 200
    assert texture.seen[520, int(hidden * size)] < 20
    assert texture.image[520, int(hidden * size)].mean() < 110
    assert texture.image[470, int(hidden * size)].mean() == pytest.approx(150, abs=12)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("where", [(0, 0, 5), (4000, 0, 900), (0, 0, -500), (300, 0, 900)])
def test_faces_beside_the_picture_and_behind_the_camera(name: str, where: tuple[float, float, float]) -> None:
    texture = painter(name).paint(face_of(name, t=where), grey(64, 48))
    assert texture.image.shape == (1024, 1024, 3)
    assert np.ptp(texture.seen) == texture.seen.max()


def test_teeth_that_nobody_sees_are_no_skin() -> None:
    face = face_of("shipped")
    head = face.model.mesh()
    texture = painter("shipped").paint(face, photograph(face, truth(1024)))
    rows = face.model.region[head.uv_vertex] == list(face.model.region_names).index("teeth")
    at = np.clip((head.uv[rows] * 1024).astype(int), 0, 1023)
    assert np.ptp(texture.image[at[:, 1], at[:, 0]].astype(int).mean(axis=0)) < 40  # nearly grey


def test_spread_keeps_what_is_known_and_invents_no_edges() -> None:
    colour = np.zeros((256, 256, 3), np.float32)
    weight = np.zeros((256, 256), np.float32)
    colour[100:120, 100:120], weight[100:120, 100:120] = 200, 1
    colour[100:120, 200:220], weight[100:120, 200:220] = 100, 1
    out = spread(colour, weight)
    assert out[110, 110] == pytest.approx(200)
    assert out.min() > 95
    assert out.max() < 205
    assert np.abs(np.diff(out[110, 121:199, 0])).max() < 12
