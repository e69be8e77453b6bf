"""Maps of a face against its mesh: what a pixel says is what the point there is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.render.maps import DEPTH_STEP_MM, MAPS, Maps
from realtime3d.render.textured import draw_textured
from tests.helpers.faces import make_face, speckled
from tests.helpers.plain_model import KINDS, model_file

CAMERA = Camera.from_fov(400, 360, 40)


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> FaceModel:
    return FaceModel.load(model_file(request.param))


def face_in(camera: Camera, model: FaceModel) -> FaceState:
    return make_face(camera, (8, 25, -10), (30, 10, 700), face_model=model)


def seen_vertices(face: FaceState, maps: Maps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of vertices that the picture shows well inside the head, and their nearest pixels."""
    vertices = face.vertices()
    x, y = np.rint(face.camera.project(vertices)).astype(int).T
    inside = (x > 2) & (y > 2) & (x < face.camera.width - 3) & (y < face.camera.height - 3)
    depth = maps.image("depth").astype(np.float64)
    z = np.full(len(vertices), np.inf)
    z[inside] = maps.near_mm + DEPTH_STEP_MM * (depth[y[inside], x[inside]] - 1)
    shown = np.flatnonzero(inside & (np.abs(z - vertices[:, 2]) < 1.5))
    return shown, x[shown], y[shown]


@pytest.mark.parametrize("distortion", [(), (-0.2, 0.05, 0.0, 0.0)])
def test_depth_normals_and_pncc_are_those_of_the_vertices_there(
    model: FaceModel, distortion: tuple[float, ...]
) -> None:
    face = face_in(replace(CAMERA, distortion=distortion), model)
    maps = Maps(face)
    shown, x, y = seen_vertices(face, maps)
    assert len(shown) > 0.3 * len(face.vertices())
    mean = model.mesh().mean * Y_UP
    code = (mean - mean.min(axis=0)) / np.ptp(mean, axis=0)
    found = maps.image("pncc")[y, x, ::-1] / 255
    assert np.median(np.abs(found - code[shown]).max(axis=1)) < 0.02
    normals = maps.image("normals")[y, x, ::-1] / 255 * 2 - 1
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 0.03
    assert np.percentile(normals[:, 2], 5) > 0  # what is seen faces the viewer


def test_the_nose_points_where_the_face_looks(model: FaceModel) -> None:
    face = make_face(CAMERA, (0, 30, 0), (0, 0, 700), face_model=model)  # to the person's own right: picture's left
    x, y = np.rint(face.landmarks("ibug68")[29]).astype(int)
    normal = Maps(face).image("normals")[y, x, ::-1] / 255 * 2 - 1
    assert normal[0] < -0.2 and normal[2] > 0.5


def test_texture_coordinates_give_the_textured_head(model: FaceModel) -> None:
    face, texture = face_in(CAMERA, model), speckled(512, 512)
    uv = Maps(face).image("uv").astype(np.float32)[..., ::-1] / 65535
    at = np.ascontiguousarray(uv[..., :2] * 512 - np.float32(0.5))
    drawn, shown = draw_textured(model.mesh(), face.vertices(), texture, CAMERA)
    np.testing.assert_array_equal(uv[..., 2] > 0.5, shown)
    again = cv2.remap(texture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(again[shown].astype(int) - drawn[shown]).max() <= 2


def test_a_head_beside_the_picture_gives_black_maps() -> None:
    maps = Maps(make_face(CAMERA, t=(3000, 0, 700)))
    assert maps.near_mm == 0
    assert not any(maps.image(name).any() for name in MAPS)
    with pytest.raises(UsageError, match="no map albedo; choose from depth, normals, pncc, uv"):
        maps.image("albedo")
