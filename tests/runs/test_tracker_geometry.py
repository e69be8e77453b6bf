"""FaceTracker on scenes with known truth: with exact nets every pose comes back exactly, wherever the face is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.errors import UsageError
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera, geodesic_deg, matrix_to_head_angles
from tests.helpers.exact_scene import Head, Scene, head

POSES = {
    "middle": head(),
    "corner": head(x=300, y=-210, z=620),
    "nod": head(x=-80, y=40, z=900, pitch=35),
    "profile": head(x=100, z=700, yaw=-55),
    "lying": head(y=100, z=500, roll=80),
    "all": head(x=-200, y=150, z=700, pitch=-20, yaw=40, roll=-30),
    "far": head(x=400, y=300, z=4000, yaw=20),
    "at the border": head(x=330, z=600),
    "larger than the picture": head(z=160),
}


@pytest.fixture
def tracker(scene: Scene, net_folder: object) -> Iterator[FaceTracker]:
    with (
        scene.installed() as backend,
        FaceTracker(models=str(net_folder), backend=backend, boxes=scene, fov=60, smooth=False) as opened,
    ):
        yield opened


def assert_is(face: FaceState, truth: Head, mm: float = 1e-3) -> None:
    assert geodesic_deg(face.pose.R, truth.pose.R) < 1e-4
    assert np.abs(face.pose.t - truth.pose.t).max() < mm
    assert face.expression == pytest.approx(truth.expression)
    assert face.shape == pytest.approx(truth.shape)


@pytest.mark.parametrize("name", POSES)
def test_first_frame_gives_the_exact_pose(scene: Scene, tracker: FaceTracker, name: str) -> None:
    scene.heads = [POSES[name]]
    (face,) = tracker.process(scene.image, t=0).faces
    assert (face.id, face.status) == (0, "tracked")
    assert face.confidence == pytest.approx(1 / (1 + np.exp(-6)))
    assert_is(face, POSES[name])


def test_rotation_does_not_depend_on_the_place_in_the_picture(scene: Scene, tracker: FaceTracker) -> None:
    for i, x in enumerate(np.linspace(-250, 250, 21)):
        scene.heads = [head(x=x, y=-x / 2, yaw=15, pitch=5, roll=10)]
        (face,) = tracker.process(scene.image, t=i / 30).faces
        assert geodesic_deg(face.pose.R, scene.heads[0].pose.R) < 0.1
        expected = np.degrees(matrix_to_head_angles(scene.heads[0].pose.R))
        assert face.euler_deg() == pytest.approx(tuple(expected), abs=0.1)


def test_moving_head_keeps_its_id_and_its_pose(scene: Scene, tracker: FaceTracker) -> None:
    for i in range(90):
        t = i / 30
        scene.heads = [head(x=150 * np.sin(2 * t), z=600 + 100 * np.cos(t), yaw=45 * np.sin(3 * t), roll=20 * t)]
        (face,) = tracker.process(scene.image, t).faces
        assert face.id == 0
        assert_is(face, scene.heads[0])


def test_intrinsics_of_another_size_and_a_picture_that_changes_size(scene: Scene, tracker: FaceTracker) -> None:
    for i, (width, height) in enumerate([(640, 480), (1280, 960), (300, 500), (640, 480)]):
        scene.camera = Camera.from_fov(width, height)
        scene.heads = [head(x=20 + i, z=800)]
        result = tracker.process(scene.image, t=i / 30)
        assert result.camera == scene.camera
        assert [face.id for face in result.faces] == [0]
        assert_is(result.faces[0], scene.heads[0])


def test_fov_option(scene: Scene, net_folder: object) -> None:
    scene.camera = Camera.from_fov(640, 480, 90)
    scene.heads = [head(x=-100, yaw=20)]
    with scene.installed() as backend:
        tracker = FaceTracker(models=str(net_folder), backend=backend, boxes=scene, fov=90, smooth=False)
        assert_is(tracker.process(scene.image, t=0).faces[0], scene.heads[0])


def test_vertices_landmarks_and_box_agree_with_the_truth(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [POSES["all"]]
    (face,) = tracker.process(scene.image, t=0).faces
    pose = scene.heads[0].pose
    vertices = scene.model.mean @ pose.R.T + pose.t
    assert np.abs(face.vertices() - vertices).max() < 1e-2
    assert face.vertices().dtype == np.float32
    expected = scene.camera.project(scene.model.landmarks("ibug68", vertices))
    assert np.abs(face.landmarks("ibug68") - expected).max() < 1e-2
    assert face.landmarks("mediapipe478").shape == (478, 2)
    assert face.box == pytest.approx([*expected.min(0), *expected.max(0)], abs=1e-2)


class TestProcessBoxes:
    def boxes(self, scene: Scene) -> np.ndarray:
        scene.blind_beyond_deg = 90.0
        return np.array([box.xyxy for box in scene.detect(None)])  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", sorted(set(POSES) - {"larger than the picture"}))
    @pytest.mark.parametrize("change", ["tight", "shifted", "large", "small"])
    def test_any_usual_box_gives_the_same_face(
        self, scene: Scene, tracker: FaceTracker, name: str, change: str
    ) -> None:
        scene.heads = [POSES[name]]
        x0, y0, x1, y1 = self.boxes(scene)[0]
        w, h = x1 - x0, y1 - y0
        grow = {"tight": 0.0, "shifted": 0.0, "large": 0.3, "small": -0.15}[change]
        dx = 0.15 * w if change == "shifted" else 0
        box = [x0 - grow * w + dx, y0 - grow * h, x1 + grow * w + dx, y1 + grow * h]
        (face,) = tracker.process_boxes(scene.image, [box]).faces
        assert_is(face, POSES[name])

    def test_one_face_for_each_box_in_order_none_dropped(self, scene: Scene, tracker: FaceTracker) -> None:
        scene.heads = [head(x=-150), head(x=150, yaw=30)]
        a, b = self.boxes(scene)
        nowhere = [3, 3, 40, 40]
        result = tracker.process_boxes(scene.image, [b, nowhere, a, a, b])
        assert [face.id for face in result.faces] == [0, 1, 2, 3, 4]
        for face, truth in zip(result.faces, [1, None, 0, 0, 1], strict=True):
            if truth is None:
                assert face.confidence < 0.01
            else:
                assert_is(face, scene.heads[truth])

    def test_all_nets_run_and_nothing_is_remembered(self, scene: Scene, tracker: FaceTracker) -> None:
        shape = np.random.default_rng(0).normal(size=99).astype(np.float32)
        scene.heads = [head(shape=shape)]
        boxes = self.boxes(scene)
        for i in range(3):
            tracker.process(scene.image, t=i)
        before = tracker.process_boxes(scene.image, boxes).faces[0]
        scene.heads = [head(x=5, shape=-shape)]
        after = tracker.process_boxes(scene.image, boxes).faces[0]
        assert after.shape == pytest.approx(-before.shape)
        assert after.pose.t[0] == pytest.approx(5, abs=1e-3)
        scene.heads = [head(x=1, shape=shape)]
        assert [face.id for face in tracker.process(scene.image, t=3).faces] == [0]  # the stream goes on

    def test_no_boxes_no_faces(self, scene: Scene, tracker: FaceTracker) -> None:
        assert tracker.process_boxes(scene.image, []).faces == ()

    @pytest.mark.parametrize(
        "boxes",
        [[[1, 2, 3]], [[0, 0, 10, float("nan")]], [[10, 0, 5, 5]], [[0, 0, 0, 9]], [1, 2, 3, 4], "face", [["a"] * 4]],
    )
    def test_what_is_no_box_is_a_value_error(self, scene: Scene, tracker: FaceTracker, boxes: object) -> None:
        with pytest.raises(ValueError, match="box"):
            tracker.process_boxes(scene.image, boxes)  # type: ignore[arg-type]

    def test_grey_and_tiny_pictures(self, scene: Scene, tracker: FaceTracker) -> None:
        assert len(tracker.process_boxes(np.zeros((8, 8), np.uint8), [[1, 1, 6, 6]]).faces) == 1
        with pytest.raises(UsageError, match="float64"):
            tracker.process_boxes(np.zeros((8, 8)), [[1, 1, 6, 6]])


def test_mirror_describes_the_flipped_picture(scene: Scene, net_folder: object) -> None:
    scene.heads = [head(x=-100, yaw=25, roll=10)]  # as the flipped picture shows it
    with scene.installed() as backend:
        tracker = FaceTracker(models=str(net_folder), backend=backend, boxes=scene, fov=60, mirror=True, smooth=False)
        image = scene.image
        image[:, :10] = 255
        result = tracker.process(image, t=0)
        assert result.frame.image[:, -10:].min() == 255
        assert_is(result.faces[0], scene.heads[0])
        x0, y0, x1, y1 = result.faces[0].box
        (face,) = tracker.process_boxes(image, [[639 - x1, y0, 639 - x0, y1]]).faces
        assert_is(face, scene.heads[0])
