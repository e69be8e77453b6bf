"""The bundled clip and its truth: small, complete, and what is said of a frame is what the frame shows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from realtime3d.demo import clip_path, load_truth
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix, matrix_to_euler
from realtime3d.types import Pose
from tests.helpers.face_mesh import needs_face_mesh
from tests.helpers.paths import FACE_MODEL
from tools.demo_clip.motion import FPS, SECONDS, moments, value_at


@pytest.fixture(scope="module")
def frames() -> list[tuple[float, np.ndarray]]:
    with av.open(str(clip_path())) as container:
        return [(float(f.pts * f.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def test_the_clip_is_small_and_the_truth_has_a_row_for_each_frame(frames: list[tuple[float, np.ndarray]]) -> None:
    assert clip_path().stat().st_size <= 1_000_000
    truth = load_truth()
    assert len(frames) == len(truth.time) == len(truth.R) == len(truth.t) == len(truth.expression) == 210
    np.testing.assert_allclose([time for time, _ in frames], truth.time, atol=1e-4)
    assert frames[0][1].shape == (truth.camera.height, truth.camera.width, 3)


def test_the_truth_is_valid_and_covers_what_a_demo_shows() -> None:
    truth, model = load_truth(), FaceModel.load(FACE_MODEL)
    assert truth.expression.shape[1] == model.n_expression and truth.extras.shape[1] == model.n_extras
    assert truth.shape.shape == (model.n_shape,)
    np.testing.assert_allclose(
        truth.R @ truth.R.transpose(0, 2, 1), np.tile(np.eye(3), (len(truth.R), 1, 1)), atol=1e-6
    )
    pitch, yaw, roll = np.degrees([matrix_to_euler(R) for R in truth.R]).T
    assert np.ptp(yaw) > 50 and np.ptp(pitch) > 20 and np.ptp(roll) > 20
    assert truth.visible.max() == 1 and truth.visible.min() == 0  # the face leaves the picture, too
    weights = [model.blendshapes(e, x) for e, x in zip(truth.expression[::5], truth.extras[::5], strict=True)]
    for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "browInnerUp"):
        assert np.ptp([w[name] for w in weights]) > 0.25, name


@needs_face_mesh
def test_the_truth_is_what_the_frames_show(frames: list[tuple[float, np.ndarray]]) -> None:
    """MediaPipe's landmarks in the pictures against the truth's mesh: the median within 5 % of the eyes' distance."""
    from realtime3d.training.model.solutions import FaceMesh

    truth, model = load_truth(), FaceModel.load(FACE_MODEL)
    with FaceMesh() as mesh:
        for index in (0, 75, 112, 123, 150):
            picture = frames[index][1]
            found = mesh.points(picture)
            assert found is not None, f"no face found in frame {index}"
            seen = found * picture.shape[1::-1] - 0.5
            head = model.deform(model.neutral(truth.shape), truth.expression[index], truth.extras[index])
            points = model.landmarks("mediapipe478", head) @ truth.R[index].T + truth.t[index]
            error = np.linalg.norm(truth.camera.project(points) - seen, axis=1)
            assert np.median(error) < 0.05 * np.linalg.norm(seen[33] - seen[263]), index


def test_a_missing_truth_is_said() -> None:
    with pytest.raises(FileNotFoundError):
        load_truth(Path("no such file.npz"))


def test_a_damaged_install_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("realtime3d.demo._FOLDER", tmp_path)
    with pytest.raises(MissingError, match="reinstall"):
        clip_path()


def test_the_screenplay_is_smooth_and_starts_at_rest() -> None:
    start = Pose(euler_to_matrix(0.1, 0, 0), np.array([0, -80.0, 500]))
    scenes = moments(start)
    assert len(scenes) == round(FPS * SECONDS)
    np.testing.assert_allclose(scenes[0].pose.t, start.t, atol=1e-9)
    np.testing.assert_allclose(scenes[-1].pose.R, start.R, atol=1e-9)
    steps = [np.degrees(np.arccos(np.clip((np.trace(a.pose.R.T @ b.pose.R) - 1) / 2, -1, 1)))
             for a, b in pairwise(scenes)]  # fmt: skip
    assert max(steps) < 8  # degrees a frame
    assert value_at(((0.0, 1.0), (1.0, 3.0)), 0.5) == pytest.approx(2.0)
