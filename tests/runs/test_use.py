"""`FaceTracker.use`: other settings between two pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d import FaceTracker, MissingError, UsageError
from realtime3d.backends.fake import FakeBackend
from tests.helpers.exact_scene import Scene, head


def two_heads(scene: Scene) -> None:
    scene.heads = [head(x=-120), head(x=120, z=900)]


def follow(tracker: FaceTracker, scene: Scene, start: int, count: int = 8) -> list[int]:
    """Ids of the faces in the last of `count` pictures."""
    result = None
    for index in range(start, start + count):
        result = tracker.process(scene.image, t=index / 30)
    assert result is not None
    return [face.id for face in result.faces]


def test_settings_change_between_two_pictures_and_faces_stay(scene: Scene, tracker: FaceTracker) -> None:
    two_heads(scene)
    assert follow(tracker, scene, 0) == [0, 1]
    tracker.use(tracker.config.with_options({"smooth": False, "detect_every": 3}))
    assert follow(tracker, scene, 8) == [0, 1]
    result = tracker.process(scene.image, t=1.0)
    for face in result.faces:
        np.testing.assert_array_equal(face.expression, face.raw.expression)
    tracker.use(tracker.config.with_options({"smooth": True}))
    assert follow(tracker, scene, 31) == [0, 1]


def test_room_for_fewer_faces_keeps_the_nearest_and_more_room_brings_them_back(
    scene: Scene, tracker: FaceTracker
) -> None:
    two_heads(scene)
    follow(tracker, scene, 0)
    nearest = min(tracker.process(scene.image, t=0.5).faces, key=lambda face: face.pose.t[2]).id
    tracker.use(tracker.config.with_options({"max_faces": 1}))
    result = tracker.process(scene.image, t=0.6)
    assert [face.id for face in result.faces] == [nearest]
    assert set(result.lost) == {0, 1} - {nearest}
    tracker.use(tracker.config.with_options({"max_faces": 2}))
    assert len(follow(tracker, scene, 20)) == 2


def test_before_the_first_picture_it_is_what_is_opened(scene: Scene, net_folder: Path, backend: FakeBackend) -> None:
    two_heads(scene)
    with_one = FaceTracker(models=net_folder, backend=backend, boxes=scene)
    with_one.use(with_one.config.with_options({"max_faces": 1}))
    with with_one as tracker:
        assert len(follow(tracker, scene, 0)) == 1


def test_another_camera_counts_from_the_next_picture(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head()]
    follow(tracker, scene, 0)
    tracker.use(tracker.config.with_options({"fov": 40.0}))
    result = tracker.process(scene.image, t=1.0)
    assert result.camera is not None
    assert result.camera.fx == pytest.approx(max(scene.image.shape[:2]) / 2 / np.tan(np.radians(20)), rel=1e-6)


def test_a_mirror_starts_the_stream_anew_with_other_ids(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head()]
    assert follow(tracker, scene, 0) == [0]
    tracker.use(tracker.config.with_options({"mirror": True}))
    assert follow(tracker, scene, 8) == [1]


def test_other_nets_are_opened_and_the_old_ones_closed(scene: Scene, tracker: FaceTracker, tmp_path: Path) -> None:
    scene.heads = [head()]
    follow(tracker, scene, 0)
    before = tracker.model_set
    tracker.use(tracker.config.with_options({"models": "compact"}))
    assert tracker.model_set.name == "compact" and tracker.model_set != before
    assert follow(tracker, scene, 8) == [0]  # the face model is the same


def test_what_cannot_be_loaded_changes_nothing(scene: Scene, tracker: FaceTracker, tmp_path: Path) -> None:
    scene.heads = [head()]
    follow(tracker, scene, 0)
    before = tracker.config, tracker.model_set
    with pytest.raises(MissingError):
        tracker.use(tracker.config.with_options({"models": str(tmp_path / "none")}))
    with pytest.raises(UsageError):
        tracker.use(tmp_path / "none.toml")
    assert (tracker.config, tracker.model_set) == before
    assert follow(tracker, scene, 8) == [0]
