"""MediaPipe's mesh finds eyes on a plain head only when they are painted."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.face.model import FaceModel
from realtime3d.training.learning.losses import region_mask
from realtime3d.training.model.plain_render import DISTANCE_MM, FOCAL_PX, RENDER_PX, render_plain
from realtime3d.training.model.solutions import FaceMesh
from tests.helpers.face_mesh import needs_face_mesh
from tests.helpers.paths import FACE_MODEL

IRISES = (468, 473)  # right and left


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def iris_error_mm(model, painted: bool) -> float:
    """How far MediaPipe sees the irises from the middle of the balls, in the picture's plane."""
    eyes = region_mask(model, ("eyes",))
    balls = np.where(eyes, np.where(model.mean[:, 0] > 0, 2, 1), 0)
    ahead = np.array([0.0, 0, -1])
    vertices = model.mean.astype(np.float64)
    image, _, xyz = render_plain(vertices, model.triangles, np.eye(3), balls if painted else None, ahead)
    with FaceMesh() as mesh:
        found = mesh.points(image[..., ::-1])
    assert found is not None
    seen = found[list(IRISES)] * RENDER_PX
    true = np.array([(xyz[balls == k, :2].min(axis=0) + xyz[balls == k, :2].max(axis=0)) / 2 for k in (1, 2)])
    return float(np.linalg.norm(seen - true, axis=1).mean() * DISTANCE_MM / FOCAL_PX)


@needs_face_mesh
def test_painted_irises_are_found_where_they_are(model):
    assert iris_error_mm(model, painted=True) < 1.5
    assert iris_error_mm(model, painted=False) > 3.0


def test_painting_changes_eyes_and_nothing_else(model):
    eyes = region_mask(model, ("eyes",))
    balls = np.where(eyes, np.where(model.mean[:, 0] > 0, 2, 1), 0)
    vertices = model.mean.astype(np.float64)
    plain, canvas, _ = render_plain(vertices, model.triangles, np.eye(3))
    painted, _, _ = render_plain(vertices, model.triangles, np.eye(3), balls, np.array([0.0, 0, -1]))
    changed = (plain != painted).any(axis=2)
    owner = model.triangles[canvas.owner[changed], 0]
    assert changed.sum() > 100 and (canvas.owner[changed] >= 0).all() and eyes[owner].all()
