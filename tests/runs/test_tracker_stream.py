"""FaceTracker over time: detector cadence, life cycle, identity, times, failures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.backends.fake import FakeBackend
from realtime3d.geometry import geodesic_deg
from realtime3d.tracking.life import TELLING_FRAMES
from tests.helpers.exact_scene import Scene, head, watch

SHAPE = np.random.default_rng(3).normal(size=99).astype(np.float32) * 0.5


def test_nobody_in_the_picture(scene: Scene, tracker: FaceTracker) -> None:
    results = watch(tracker, scene, 10)
    assert all(result.faces == () and result.lost == () for result in results)
    assert scene.detections == 10  # nothing to follow: it looks in every frame


def test_detector_rests_while_a_face_is_followed(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head()]
    watch(tracker, scene, 61)
    every = tracker.config.track.detect_every
    assert scene.detections <= 1 + 61 // every
    assert scene.detections >= 61 // every


def test_detector_rests_while_no_more_faces_are_wanted_and_finds_the_one_again_at_once(
    scene: Scene, backend: FakeBackend, net_folder: Path
) -> None:
    with FaceTracker(models=net_folder, backend=backend, boxes=scene, max_faces=1) as tracker:
        scene.heads = [head(x=-150)]
        watch(tracker, scene, 61)
        assert scene.detections == 1
        scene.heads = [head(x=150)]
        statuses = [[face.status for face in result.faces] for result in watch(tracker, scene, 2, start=61 / 30)]
    assert statuses == [["held"], ["tracked"]]
    assert scene.detections == 2


def test_a_face_that_the_detector_cannot_see_lives_while_the_nets_see_it(scene: Scene, tracker: FaceTracker) -> None:
    for i in range(300):
        scene.heads = [head(yaw=min(i * 2.0, 80.0), x=40 * np.sin(i / 20))]
        (face,) = tracker.process(scene.image, t=i / 30).faces
        assert (face.id, face.status) == (0, "tracked")


def test_new_faces_are_found_while_others_are_followed(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head(x=-120)]
    watch(tracker, scene, 5)
    scene.heads = [head(x=-120), head(x=120)]
    results = watch(tracker, scene, tracker.config.track.detect_every + 1, start=1)
    assert [face.id for face in results[-1].faces] == [0, 1]


def test_an_unseen_face_is_held_then_lost(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head(shape=SHAPE)]
    last = watch(tracker, scene, 30)[-1].faces[0]
    scene.heads = []
    results = watch(tracker, scene, 60, start=1)
    held = [result.faces[0] for result in results if result.faces]
    assert {face.status for face in held} == {"held"}
    assert 10 <= len(held) <= 20  # half a second
    assert held[-1].confidence < held[0].confidence < last.confidence
    assert held[-1].shape == pytest.approx(last.shape, abs=1e-5)
    assert [result.lost for result in results if result.lost] == [(0,)]


def test_an_answer_that_knows_to_be_wrong_moves_no_face_and_starts_none(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head(yaw=20)]
    watch(tracker, scene, 3)
    scene.heads = [head(x=10, yaw=-150, seen=2.0, sigma_deg=60.0)]
    (face,) = tracker.process(scene.image, t=0.2).faces
    assert face.status == "held"
    assert geodesic_deg(face.raw.pose.R, head(yaw=20).pose.R) < 1e-4
    tracker.reset()
    scene.heads = [head(seen=2.0, sigma_deg=60.0)]
    assert tracker.process(scene.image, t=0).faces == ()


def test_a_face_that_is_not_where_it_was_expected_is_looked_at_again(
    scene: Scene, backend: FakeBackend, tracker: FaceTracker
) -> None:
    scene.heads = [head(), head(x=200)]
    tracker.process(scene.image, t=0)
    calls = backend.calls["track"]
    before = len(calls)
    scene.heads = [head(x=8, roll=5), head(x=235)]  # the second by a sixth of its crop
    faces = tracker.process(scene.image, t=0.1).faces
    assert calls[before:] == [2, 1]
    assert sorted(round(face.raw.pose.t[0]) for face in faces) == [8, 235]
    scene.heads = [head(x=14, roll=5), head(x=265)]
    tracker.process(scene.image, t=0.2)
    assert calls[before + 2 :] == [2]  # its motion is known now


def test_a_face_that_returns_gets_its_id_back_when_some_frames_agree(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head(shape=SHAPE)]
    watch(tracker, scene, 60)
    scene.heads = []
    watch(tracker, scene, 40, start=2)
    scene.heads = [head(x=10, shape=SHAPE)]
    results = [tracker.process(scene.image, t=4 + n / 30) for n in range(TELLING_FRAMES)]
    assert [[face.id for face in result.faces] for result in results] == [[1]] * (TELLING_FRAMES - 1) + [[0]]
    assert results[-1].faces[0].status == "tracked" and results[-1].lost == (1,)


def test_shape_net_stops_when_the_identity_is_frozen(scene: Scene, backend: FakeBackend, tracker: FaceTracker) -> None:
    frozen_at = None
    for i in range(300):
        scene.heads = [head(yaw=25 * np.sin(i / 15), shape=SHAPE)]
        (face,) = tracker.process(scene.image, t=i / 30).faces
        assert face.shape.shape == (99,)
        if face.identity.frozen and frozen_at is None:
            frozen_at = i
            calls = len(backend.calls["shape"])
            neutral = face.neutral
    assert frozen_at is not None
    assert len(backend.calls["shape"]) == calls
    assert len(backend.calls["track"]) > 299
    assert face.neutral is neutral  # the cached mesh
    assert face.shape == pytest.approx(SHAPE, abs=1e-3)
    assert face.identity.frozen_at_ns == round(frozen_at / 30 * 1e9)


def test_identity_is_learned_again_when_asked(scene: Scene, tracker: FaceTracker) -> None:
    for i in range(250):
        scene.heads = [head(yaw=25 * np.sin(i / 15), shape=SHAPE)]
        tracker.process(scene.image, t=i / 30)
    assert tracker.identities()[0].frozen
    tracker.relearn_identity()
    scene.heads = [head(shape=-SHAPE)]
    (face,) = tracker.process(scene.image, t=20).faces
    assert not face.identity.frozen
    assert face.shape == pytest.approx(-SHAPE, abs=1e-3)


def test_one_batched_call_for_each_net_and_frame(scene: Scene, backend: FakeBackend, tracker: FaceTracker) -> None:
    scene.heads = [head(x=-150), head(), head(x=150)]
    tracker.process(scene.image, t=0)
    warm_up = 1
    assert backend.calls["track"][warm_up:] == [3, 3]  # where the detector says, and again where the nets say
    assert backend.calls["shape"][warm_up:] == [3]
    tracker.process(scene.image, t=0.1)
    assert backend.calls["track"][warm_up:] == [3, 3, 3]
    assert backend.calls["shape"][warm_up:] == [3, 3]


def test_a_hundred_faces(scene: Scene, backend: FakeBackend, net_folder: Path) -> None:
    scene.heads = [head(x=300 * (i % 10) - 1350, y=230 * (i // 10) - 1035, z=3000) for i in range(100)]
    with FaceTracker(models=net_folder, backend=backend, boxes=scene, max_faces=100, fov=60) as tracker:
        results = watch(tracker, scene, 3)
    assert [len(result.faces) for result in results] == [100, 100, 100]
    assert len({face.id for result in results for face in result.faces}) == 100


def test_max_faces_keeps_the_largest(scene: Scene, backend: FakeBackend, net_folder: Path) -> None:
    scene.heads = [head(x=-200, z=900), head(x=0, z=500), head(x=250, z=700)]
    with FaceTracker(models=net_folder, backend=backend, boxes=scene, max_faces=2) as tracker:
        result = watch(tracker, scene, 1)[0]
    assert [round(face.pose.t[2]) for face in result.faces] == [500, 700]


class TestTimes:
    @pytest.mark.parametrize("t", [1.0, 0.5, -1])
    def test_times_that_do_not_rise_are_refused(self, scene: Scene, tracker: FaceTracker, t: float) -> None:
        scene.heads = [head()]
        tracker.process(scene.image, t=1.0)
        with pytest.raises(ValueError, match="t must rise"):
            tracker.process(scene.image, t=t)
        assert tracker.process(scene.image, t=1.1).faces[0].id == 0  # nothing was broken

    @pytest.mark.parametrize("t", [float("nan"), float("inf"), None, "now"])
    def test_what_is_no_time_is_refused(self, scene: Scene, tracker: FaceTracker, t: float) -> None:
        with pytest.raises(ValueError, match="t must be"):
            tracker.process(scene.image, t=t)

    def test_frames_are_counted_and_times_kept(self, scene: Scene, tracker: FaceTracker) -> None:
        results = [tracker.process(scene.image, t=t) for t in (-5.0, 0.0, 0.0333)]
        assert [(r.frame.index, r.frame.t_ns) for r in results] == [(0, -5_000_000_000), (1, 0), (2, 33_300_000)]

    def test_reset_starts_a_new_stream(self, scene: Scene, tracker: FaceTracker) -> None:
        scene.heads = [head(x=-100), head(x=100)]
        tracker.process(scene.image, t=100)
        tracker.reset()
        scene.heads = [head(x=100)]
        result = tracker.process(scene.image, t=0)
        assert [face.id for face in result.faces] == [0]
        assert result.frame.index == 0

    def test_a_gap_without_pictures_holds_then_loses(self, scene: Scene, tracker: FaceTracker) -> None:
        assert tracker.miss(0) is None
        scene.heads = [head()]
        tracker.process(scene.image, t=0)
        held = tracker.miss(200_000_000)
        assert held is not None
        assert [face.status for face in held.faces] == ["held"]
        lost = tracker.miss(2_000_000_000)
        assert lost is not None
        assert (lost.faces, lost.lost) == ((), (0,))
        assert [face.id for face in tracker.process(scene.image, t=2.1).faces] == [0]


class TestPictures:
    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((480, 640), np.uint8),
            np.zeros((480, 640, 1), np.uint8),
            np.zeros((480, 640, 4), np.uint8),
            np.zeros((480, 640, 3), np.uint16),
            np.zeros((960, 1280, 3), np.uint8)[::2, ::2],
            np.zeros((480, 640, 3), np.uint8)[::-1],
        ],
        ids=["grey", "one channel", "alpha", "16 bit", "strided", "upside down"],
    )
    def test_usual_pictures_are_taken(self, scene: Scene, tracker: FaceTracker, image: np.ndarray) -> None:
        scene.heads = [head()]
        result = tracker.process(image, t=0)
        assert len(result.faces) == 1
        assert (result.frame.image.shape, result.frame.image.dtype) == ((480, 640, 3), np.uint8)

    @pytest.mark.parametrize(
        "image",
        [np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros(9), None, "a.png"],
    )
    def test_what_is_no_picture_is_a_value_error(self, tracker: FaceTracker, image: object) -> None:
        with pytest.raises(ValueError, match="picture"):
            tracker.process(image, t=0)  # type: ignore[arg-type]

    def test_the_picture_is_not_changed(self, scene: Scene, tracker: FaceTracker) -> None:
        image = np.random.default_rng(0).integers(0, 256, scene.image.shape, dtype=np.uint8)
        before = image.copy()
        scene.heads = [head()]
        tracker.process(image, t=0)
        np.testing.assert_array_equal(image, before)
