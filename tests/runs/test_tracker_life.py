"""FaceTracker: its options, its life, profiles, nets that break, and real ones."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d import Config, FaceTracker
from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.fake import FakeBackend, frontal_face
from realtime3d.errors import MissingError, UsageError
from tests.helpers.exact_scene import Scene, head, watch

SHAPE = np.random.default_rng(3).normal(size=99).astype(np.float32) * 0.5


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

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    def test_a_process_forked_from_one_that_tracks_is_refused_and_does_not_hang(self, net_folder: Path) -> None:
        code = (
            "import os, realtime3d as r3d\n"
            f"first, second = (r3d.FaceTracker(models={str(net_folder)!r}, backend='fake') for _ in range(2))\n"
            "first.model\n"
            "child = os.fork()\n"
            "told = []\n"
            "for tracker in (first, second):\n"
            "    try:\n"
            "        tracker.model\n"
            "    except r3d.UsageError as error:\n"
            "        told.append(\"get_context('spawn')\" in str(error))\n"
            "print('parent' if child else 'child', told, flush=True)\n"
            "os.waitpid(child, 0) if child else os._exit(0)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert sorted(done.stdout.splitlines()) == ["child [True, True]", "parent []"], done.stderr

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
        self,
        scene: Scene,
        backend: FakeBackend,
        net_folder: Path,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        scene.heads = [head(shape=SHAPE)]
        with FaceTracker(models=net_folder, backend=backend, boxes=scene, profile=tmp_path / "me.json") as tracker:
            watch(tracker, scene, 3)
        assert list(tmp_path.iterdir()) == []
        assert "me.json is not written" in caplog.text


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
