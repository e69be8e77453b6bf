"""process_picture: every face of one picture, with nets and detector that answer exactly."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.geometry import geodesic_deg
from tests.helpers.exact_scene import Scene, head


def test_faces_are_found_largest_first_and_nothing_is_remembered(scene: Scene) -> None:
    scene.heads = [head(x=-200, z=900), head(x=150, z=600, yaw=20)]
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=scene, fov=60) as tracker:
        for _ in range(2):
            near, far = tracker.process_picture(scene.image).faces
            assert (near.id, far.id) == (0, 1)
            assert geodesic_deg(near.pose.R, scene.heads[1].pose.R) < 1.0
            assert near.box[2] - near.box[0] > far.box[2] - far.box[0]
        tracker.process(scene.image, t=5.0)
        tracker.process_picture(scene.image)
        assert [face.id for face in tracker.process(scene.image, t=5.1).faces] == [0, 1]


def test_at_most_so_many_and_only_faces(scene: Scene) -> None:
    scene.heads = [head(x=-150, z=600), head(x=150, z=800), head(y=-100, z=1500, seen=-3.0)]
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=scene, fov=60, max_faces=1) as tracker:
        (only,) = tracker.process_picture(scene.image).faces
        assert only.pose.t[0] < 0
        tracker.use(tracker.config.with_options({"max_faces": 8}))
        assert len(tracker.process_picture(scene.image).faces) == 2


def test_a_picture_without_a_face_has_a_camera(scene: Scene) -> None:
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=scene, fov=60) as tracker:
        result = tracker.process_picture(scene.image)
    assert result.faces == ()
    assert result.camera is not None
    assert result.camera.width == 640


def test_one_face_found_twice_is_one(scene: Scene) -> None:
    class Twice:
        def open(self) -> None: ...
        def close(self) -> None: ...
        def detect(self, frame: object) -> list:
            return [box for box in scene.detect(frame) for _ in range(2)]  # type: ignore[arg-type]

    scene.heads = [head(z=700)]
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=Twice(), fov=60) as tracker:
        assert len(tracker.process_picture(scene.image).faces) == 1


def test_mirrored_pictures_are_mirrored_first(scene: Scene) -> None:
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=scene, mirror=True) as tracker:
        image = scene.image
        image[:, :100] = 200
        assert (tracker.process_picture(image).frame.image[:, -100:] == 200).all()


def test_pictures_of_no_kind_are_refused(scene: Scene) -> None:
    with (
        scene.installed() as backend,
        FaceTracker(backend=backend, boxes=scene, fov=60) as tracker,
        pytest.raises(ValueError),
    ):
        tracker.process_picture(np.zeros((4, 4, 7), np.uint8))
