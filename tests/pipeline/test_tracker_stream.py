"""FaceTracker over time: detector cadence, life cycle, identity, times, failures."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exact_scene import Scene, head

from realtime3d import Config, FaceTracker
from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.fake import FakeBackend, frontal_face
from realtime3d.errors import MissingError, UsageError
from realtime3d.face import FrameResult
from realtime3d.geometry import geodesic_deg

SHAPE = np.random.default_rng(3).normal(size=99).astype(np.float32) * 0.5


@pytest.fixture
def backend(scene: Scene) -> Iterator[FakeBackend]:
    with scene.installed() as installed:
        yield installed


@pytest.fixture
def tracker(scene: Scene, backend: FakeBackend, net_folder: Path) -> Iterator[FaceTracker]:
    with FaceTracker(models=net_folder, backend=backend, boxes=scene) as opened:
        yield opened


def watch(tracker: FaceTracker, scene: Scene, frames: int, start: float = 0.0) -> list[FrameResult]:
    return [tracker.process(scene.image, t=start + i / 30) for i in range(frames)]


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


def test_a_face_that_returns_gets_its_id_back(scene: Scene, tracker: FaceTracker) -> None:
    scene.heads = [head(shape=SHAPE)]
    watch(tracker, scene, 60)
    scene.heads = []
    watch(tracker, scene, 40, start=2)
    scene.heads = [head(x=10, shape=SHAPE)]
    (face,) = tracker.process(scene.image, t=4).faces
    assert (face.id, face.status) == (0, "tracked")


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


class TestLife:
    def test_constructor_opens_nothing_and_close_may_be_called_twice(self) -> None:
        tracker = FaceTracker(models="/nowhere", backend="onnxruntime", boxes="/absent.csv")
        tracker.close()
        tracker.close()
        with pytest.raises(MissingError, match=r"no models\.toml in /nowhere"):
            tracker.open()

    def test_opens_again_after_close(self, scene: Scene, tracker: FaceTracker) -> None:
        scene.heads = [head()]
        tracker.process(scene.image, t=5)
        tracker.close()
        assert tracker.process(scene.image, t=0).faces[0].id == 0

    def test_own_boxes_need_no_detector(self, scene: Scene, backend: FakeBackend, net_folder: Path) -> None:
        class Forbidden:
            def open(self) -> None:
                raise AssertionError

            detect = close = open

        tracker = FaceTracker(models=net_folder, backend=backend, boxes=Forbidden())  # type: ignore[arg-type]
        assert len(tracker.process_boxes(scene.image, [[10, 10, 90, 90]]).faces) == 1
        with pytest.raises(AssertionError):
            tracker.open()

    def test_what_is_in_use_is_told(self, tracker: FaceTracker, net_folder: Path) -> None:
        assert tracker.model_set.name == "tiny"
        assert tracker.backend.name == "fake"
        assert tracker.model.n_shape == 99

    def test_a_closed_tracker_keeps_no_pictures(self, scene: Scene, backend: FakeBackend, net_folder: Path) -> None:
        tracker = FaceTracker(models=net_folder, backend=backend, boxes=scene)
        image = scene.image
        alive = weakref.ref(image)
        tracker.process(image, t=0)
        del image
        tracker.close()
        gc.collect()
        assert alive() is None

    def test_options_override_the_configuration(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text("[track]\nmax_faces = 3\n[camera]\nfov = 70\n", encoding="utf-8")
        tracker = FaceTracker(config=file, max_faces=2, smooth=False)
        assert tracker.config.track.max_faces == 2
        assert tracker.config.camera.fov == 70
        assert not tracker.config.smooth.enabled
        config = replace(Config(), track=replace(Config().track, max_faces=5))
        assert FaceTracker(config=config).config.track.max_faces == 5

    @pytest.mark.parametrize("options", [{"max_faces": 0}, {"fov": -1}, {"threads": "2"}, {"detect_every": -1}])
    def test_wrong_options_are_usage_errors_at_once(self, options: dict[str, object]) -> None:
        with pytest.raises(UsageError):
            FaceTracker(**options)  # type: ignore[arg-type]


class TestProfile:
    def learn(self, scene: Scene, tracker: FaceTracker) -> None:
        for i in range(250):
            scene.heads = [head(yaw=25 * np.sin(i / 15), shape=SHAPE)]
            tracker.process(scene.image, t=i / 30)

    def test_is_written_by_close_and_used_by_the_next(
        self, scene: Scene, backend: FakeBackend, net_folder: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "me.json"
        with FaceTracker(models=net_folder, backend=backend, boxes=scene, profile=file) as tracker:
            self.learn(scene, tracker)
            tracker.reset()  # another stream without the person does not matter
            scene.heads = []
            tracker.process(scene.image, t=0)
            assert not file.exists()
        written = file.read_bytes()
        with FaceTracker(models=net_folder, backend=backend, boxes=scene, profile=file) as tracker:
            for i in range(10):
                scene.heads = [head(shape=SHAPE)]
                (face,) = tracker.process(scene.image, t=i / 30).faces
            assert face.identity.frozen
            assert face.shape == pytest.approx(SHAPE, abs=1e-3)
        assert file.read_bytes() == written

    def test_is_not_written_without_a_frozen_identity(
        self, scene: Scene, backend: FakeBackend, net_folder: Path, tmp_path: Path
    ) -> None:
        scene.heads = [head(shape=SHAPE)]
        with FaceTracker(models=net_folder, backend=backend, boxes=scene, profile=tmp_path / "me.json") as tracker:
            watch(tracker, scene, 3)
        assert list(tmp_path.iterdir()) == []


class TestBrokenNets:
    @pytest.mark.parametrize("name", ["rotation", "presence", "expression", "shape"])
    def test_answers_that_are_no_numbers_end_the_run(self, scene: Scene, net_folder: Path, name: str) -> None:
        warm = {"track": False, "shape": False}

        def respond(spec: NetSpec, images: np.ndarray) -> Answers:
            answers = dict(frontal_face(spec, images))
            part = spec.name.rpartition(".")[2]
            if name in answers and warm[part]:
                answers[name][0, 0] = np.nan
            warm[part] = True
            return answers

        scene.heads = [head()]
        tracker = FaceTracker(models=net_folder, backend=FakeBackend(respond=respond), boxes=scene)
        with pytest.raises(MissingError, match=f"gave no number for '{name}'"):
            tracker.process(scene.image, t=0)

    def test_nets_of_another_face_model_are_refused_when_opened(self, net_folder: Path) -> None:
        def respond(spec: NetSpec, images: np.ndarray) -> Answers:
            return {name: array[:, :28] for name, array in frontal_face(spec, images).items()}

        with pytest.raises(MissingError, match="do not fit the face model: expression"):
            FaceTracker(models=net_folder, backend=FakeBackend(respond=respond)).open()

    def test_a_changed_model_file_is_refused(self, net_folder: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(net_folder, tmp_path / "nets"))
        with open(folder / "track.onnx", "ab") as file:
            file.write(b"\0")
        with pytest.raises(MissingError, match=r"track\.onnx is not the file"):
            FaceTracker(models=folder).open()


def test_with_real_nets_on_a_real_back_end(scene: Scene, net_folder: Path) -> None:
    scene.heads = [head()]
    with FaceTracker(models=net_folder, backend="onnxruntime", boxes=scene) as tracker:
        noise = np.random.default_rng(0).integers(0, 256, scene.image.shape, dtype=np.uint8)
        box = [250, 150, 400, 330]
        (face,) = tracker.process_boxes(noise, [box]).faces
        assert face.vertices().shape == (len(scene.model.mean), 3)
        assert len(face.blendshapes()) == 52
        assert set(tracker.process(noise, t=0).timings) >= {"detect", "track", "crop", "nets", "shape", "smooth"}
