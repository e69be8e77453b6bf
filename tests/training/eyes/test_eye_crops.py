"""Eyes that are moved and shut by moving pixels, samples of them, and a net that learns."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.errors import SourceError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.seats import Seats
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.nets import modelset
from realtime3d.training.eyes.change import Change, Eye, draw
from realtime3d.training.eyes.crops import INNER, IRIS, LEFT, OUTER, POINTS, RIGHT, SIDE, EyeCrops, Poses, cut
from realtime3d.training.eyes.learn import EyeConfig, train
from realtime3d.training.eyes.release import add_to_sets
from realtime3d.training.eyes.samples import SIZE, Samples
from realtime3d.types import Pose
from tests.helpers.paths import FACE_MODEL

SKIN, WHITE, DARK = (120, 150, 190), (235, 235, 235), (20, 30, 40)


def drawn_eye(aside: float = 0.0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A painted eye and its points; the iris `aside` of the middle, in the distance of the corners."""
    inner, outer, middle = np.array([18.0, 42.0]), np.array([66.0, 42.0]), np.array([42.0, 42.0])
    width = 48.0
    t = np.linspace(-1, 1, 9)[1:-1]
    upper = np.stack([42 + 24 * t, 42 - 9 * (1 - t**2)], axis=1)
    lower = np.stack([42 + 24 * t, 42 + 5 * (1 - t**2)], axis=1)
    iris = middle + np.array([aside * width, -2.0])
    image = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    ring = np.concatenate([[inner], upper, [outer], lower[::-1]])
    hole = cv2.fillPoly(np.zeros((SIDE, SIDE), np.uint8), [np.round(ring).astype(np.int32)], 1) > 0
    ball = np.full_like(image, WHITE)
    cv2.circle(ball, tuple((iris * 16).astype(int).tolist()), 9 * 16, DARK, -1, cv2.LINE_AA, 4)
    image[hole] = ball[hole]
    rim = iris + 9 * np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])
    points = np.concatenate([[outer, inner], upper[::-1], lower[::-1], [iris], rim])
    assert len(points) == POINTS
    return image, points.astype(np.float32)


GRID = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(float)


def changed(image: NDArray[np.uint8], eye: Eye, change: Change) -> NDArray[np.uint8]:
    at = eye.sources(GRID, change)
    return cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def dark_place(image: NDArray[np.uint8]) -> float:
    """Column of the iris's middle."""
    dark = image[..., 1] < 90
    return float(np.nonzero(dark)[1].mean())


def test_no_change_changes_nothing() -> None:
    image, points = drawn_eye()
    np.testing.assert_array_equal(changed(image, Eye.of(points), Change()), image)


@pytest.mark.parametrize("aside", [-0.1, 0.05, 0.1])
def test_the_iris_lies_where_the_label_says(aside: float) -> None:
    image, points = drawn_eye(0.05)
    eye = Eye.of(points)
    label = eye.label(Change(aside=aside))
    assert label.gaze[0] == pytest.approx(0.05 + aside, abs=1e-6)
    assert dark_place(changed(image, eye, Change(aside=aside))) == pytest.approx(42 + 48 * label.gaze[0], abs=1.0)


def test_a_shut_eye_shows_no_ball_and_its_label_no_opening() -> None:
    image, points = drawn_eye()
    eye = Eye.of(points)
    shut = changed(image, eye, Change(shut=1.0))
    before, after = ((picture.astype(int) - SKIN).any(axis=-1).sum() for picture in (image, shut))
    assert after < 0.2 * before
    assert sum(eye.label(Change(shut=1.0)).lids) == pytest.approx(0, abs=1e-3)
    assert sum(eye.label(Change()).lids) > 0.2


def test_lids_follow_a_look_and_the_opening_says_so() -> None:
    image, points = drawn_eye()
    eye = Eye.of(points)
    plain, down, half = (eye.label(c) for c in (Change(), Change(down=0.1), Change(shut=0.5)))
    assert down.lids[0] < plain.lids[0] - 0.05
    assert down.lids[1] > plain.lids[1]
    assert sum(half.lids) == pytest.approx(0.5 * sum(plain.lids), rel=0.15)
    opening = [
        (changed(image, eye, c)[:, 42].astype(int) != SKIN).any(axis=-1).sum() / 48
        for c in (Change(), Change(shut=0.5))
    ]
    assert opening[1] == pytest.approx(sum(half.lids), abs=0.08)
    assert opening[0] > 1.6 * opening[1]


def test_eyes_that_are_shut_already_are_left_alone() -> None:
    _, points = drawn_eye()
    points[2:16, 1] = 42.0
    rng = np.random.default_rng(0)
    assert all(draw(Eye.of(points), rng) == Change() for _ in range(50))


def crops(count: int = 24) -> EyeCrops:
    rng = np.random.default_rng(1)
    made = [drawn_eye(float(rng.uniform(-0.1, 0.1))) for _ in range(count)]
    return EyeCrops(np.stack([i for i, _ in made]), np.stack([p for _, p in made]), np.arange(count) % 4 == 0)


def test_samples_are_seeded_and_labels_belong_to_the_pictures() -> None:
    first, second = (Samples(crops(), np.random.default_rng(3)).draw(16) for _ in range(2))
    np.testing.assert_array_equal(first.images, second.images)
    plain = Samples(crops(), np.random.default_rng(3), changed=True, spoilt=False).batch(np.arange(24))
    open_eyes = plain.lids.sum(axis=1) > 0.15
    seen = np.array([dark_place(image) for image in plain.images[open_eyes]])
    wanted = (SIZE - 1) / 2 + plain.gaze[open_eyes, 0] * 48 / (SIDE / 1.4) * SIZE
    assert open_eyes.sum() > 5
    np.testing.assert_allclose(seen, wanted, atol=2.5)


def test_renders_are_not_changed_since_their_truth_is_exact() -> None:
    found = Samples(crops(), np.random.default_rng(3), changed=True, spoilt=False).batch(np.arange(0, 24, 4))
    np.testing.assert_allclose(found.gaze[:, 0], [Eye.of(p).iris[0] for p in crops().points[::4]], atol=1e-6)


def test_points_of_both_eyes_lie_in_their_crops_as_left_ones() -> None:
    model = FaceModel.load(FACE_MODEL)
    camera, pose = Camera.from_fov(640, 480), Pose(euler_to_matrix(0.1, 0.3, 0.2), np.array([20.0, 10, 400]))
    points = camera.project(model.landmarks("mediapipe478", model.mean) @ pose.R.T + pose.t)
    image = np.zeros((480, 640, 3), np.uint8)
    for number in (LEFT[IRIS], RIGHT[IRIS]):
        cv2.circle(image, tuple((points[number] * 16).astype(int).tolist()), 40, (255,) * 3, -1, shift=4)
    found = list(cut(image, camera, pose, Seats.of(model).mean, points))
    assert len(found) == 2
    for crop, own in found:
        assert own[OUTER, 0] > own[INNER, 0] + 30  # outwards is to the right
        np.testing.assert_allclose((own[OUTER] + own[INNER]) / 2, (SIDE - 1) / 2, atol=0.5)
        rows, columns = np.nonzero(crop[..., 0] > 100)
        np.testing.assert_allclose((columns.mean(), rows.mean()), own[IRIS], atol=1.0)


def test_poses_come_from_landmarks_and_nonsense_has_none() -> None:
    model = FaceModel.load(FACE_MODEL)
    camera, true = Camera.from_fov(640, 480), Pose(euler_to_matrix(0.1, -0.4, 0.2), np.array([20.0, 10, 500]))
    points = camera.project(model.landmarks("mediapipe478", model.mean) @ true.R.T + true.t)
    poses = Poses(model)
    found = poses(points, 640, 480)
    assert found is not None
    np.testing.assert_allclose(found[1].R, true.R, atol=1e-3)
    assert poses(np.random.default_rng(0).uniform(0, 400, (478, 2)), 640, 480) is None


def test_crops_are_written_and_read_and_other_files_refused(tmp_path: Path) -> None:
    crops(8).save(tmp_path / "c.npz")
    found = EyeCrops.load(tmp_path / "c.npz")
    np.testing.assert_array_equal(found.images, crops(8).images)
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="eye-crops"):
        EyeCrops.load(tmp_path / "no.npz")


def test_a_net_learns_is_exported_and_listed(tmp_path: Path, net_folder: Path) -> None:
    crops(64).save(tmp_path / "c.npz")
    config = EyeConfig((tmp_path / "c.npz",), tmp_path / "run.pt", minutes=0.1, validation=tmp_path / "c.npz")
    figures = train(config)
    assert figures["aside"] < 0.5
    folder = tmp_path / "set"
    shutil.copytree(net_folder, folder)
    before = modelset.find(str(folder))
    assert modelset.EYES not in before.nets
    add_to_sets(tmp_path / "run.pt", folder, ["tiny"], "a test", figures)
    after = modelset.find(str(folder))
    after.check()
    spec = after.nets[modelset.EYES]
    assert (spec.size, spec.outputs) == (SIZE, ("gaze", "lids", "gaze_log_sigma"))
    assert (folder / "eyes.onnx").stat().st_size < 600_000
    with pytest.raises(UsageError, match="nobody"):
        add_to_sets(tmp_path / "run.pt", folder, ["nobody"], "", {})
