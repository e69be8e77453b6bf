"""Meshes of a run: folders of PLY files, and GLB files that move."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera
from realtime3d.sinks.mesh_runs import AnimationSink, MeshFolderSink
from realtime3d.types import Frame
from tests.helpers.faces import grey, make_face
from tests.helpers.glb_reader import Glb, rotation
from tests.helpers.paths import FACE_MODEL
from tests.helpers.peers import khronos_report

CAMERA = Camera.from_fov(640, 480)
UP = np.array([1, -1, -1])
NS = 1_000_000_000


@pytest.fixture(scope="module")
def head_model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def turning(model: FaceModel, i: int, face_id: int = 1, **more: object) -> FaceState:
    """Frame i of somebody who turns right round, nods, and opens the jaw."""
    assert model.arkit_to_motion is not None
    jaw = model.arkit_to_motion[:29, list(model.arkit_names).index("jawOpen")] * (i / 20)
    return make_face(
        CAMERA, (5 * np.sin(i), i * 18.0, 3), (i, 0, 600), id=face_id, expression=jaw, face_model=model, **more
    )  # type: ignore[arg-type]


def result(index: int, t_s: float, *faces: FaceState, value: int = 128) -> FrameResult:
    return FrameResult(Frame(index, round(t_s * NS), grey(640, 480, value)), faces)


TIMES = [7.0 + 0.04 * i + 0.011 * (i % 3) for i in range(20)]  # a variable frame rate, and not from 0


def test_the_head_moves_as_it_did(head_model: FaceModel, tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    faces = [turning(head_model, i) for i in range(20)]
    with AnimationSink(path, head_model) as sink:
        for i, face in enumerate(faces):
            sink.write(result(i, TIMES[i], face), None)
    glb = Glb.read(path)
    times, turns = glb.track("rotation")
    _, moves = glb.track("translation")
    _, weights = glb.track("weights")
    assert times == pytest.approx(np.array(TIMES) - TIMES[0], abs=1e-6)
    assert (np.sum(turns[1:] * turns[:-1], axis=1) > 0).all()  # never the long way round
    assert np.linalg.norm(turns, axis=1) == pytest.approx(1, abs=1e-6)
    owner = head_model.mesh().uv_vertex
    for i in (0, 7, 19):
        shown = glb.positions(weights[i]) @ rotation(turns[i]).T + moves[i]
        error = np.linalg.norm(shown * UP * 1000 - faces[i].vertices()[owner], axis=1)
        assert error.mean() < 0.3
    report = khronos_report(path)
    assert report["issues"]["numErrors"] == report["issues"]["numWarnings"] == 0, report["issues"]["messages"]


def test_the_texture_is_of_the_best_frame(head_model: FaceModel, tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    with AnimationSink(path, head_model) as sink:
        for i, (yaw, value) in enumerate([(60, 30), (2, 200), (40, 90)]):
            sink.write(result(i, i / 30, make_face(CAMERA, (0, yaw, 0), face_model=head_model), value=value), None)
    import cv2

    texture = cv2.imdecode(np.frombuffer(Glb.read(path).image(), np.uint8), cv2.IMREAD_COLOR)
    assert texture[400, 512] == pytest.approx(200, abs=3)


def test_each_face_has_a_file_and_gaps_are_no_frames(head_model: FaceModel, tmp_path: Path) -> None:
    with AnimationSink(tmp_path / "a.glb", head_model) as sink:
        sink.write(result(0, 0.0), None)
        sink.write(result(1, 0.1, turning(head_model, 0, 3), turning(head_model, 1, 5)), None)
        sink.write(result(2, 0.2, turning(head_model, 0, 3, status="held")), None)
        sink.write(result(3, 0.3, turning(head_model, 0, 3), turning(head_model, 1, 8)), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.glb", "a_5.glb", "a_8.glb"]
    assert Glb.read(tmp_path / "a.glb").track("weights")[0] == pytest.approx([0.1, 0.3])
    assert Glb.read(tmp_path / "a_8.glb").track("weights")[0] == pytest.approx([0.3])


def test_nobody_gives_no_file_and_a_line(
    head_model: FaceModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("realtime3d").propagate = True
    with AnimationSink(tmp_path / "a.glb", head_model) as sink:
        sink.write(result(0, 0.0), None)
    assert not list(tmp_path.iterdir())
    assert "no face was seen" in caplog.text


def test_a_failure_leaves_what_was_seen(head_model: FaceModel, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), AnimationSink(tmp_path / "a.glb", head_model) as sink:
        sink.write(result(0, 0.0, turning(head_model, 0)), None)
        raise RuntimeError
    assert len(Glb.read(tmp_path / "a.glb").track("weights")[0]) == 1


def test_ten_minutes_stay_small(head_model: FaceModel, tmp_path: Path) -> None:
    """240 bytes a frame."""
    face = turning(head_model, 0)
    sizes = []
    for count in (2, 302):
        with AnimationSink(tmp_path / f"{count}.glb", head_model) as sink:
            for i in range(count):
                sink.write(result(i, i / 30, face), None)
        sizes.append((tmp_path / f"{count}.glb").stat().st_size)
    assert (sizes[1] - sizes[0]) / 300 == pytest.approx(240, abs=2)


def test_a_folder_of_meshes(head_model: FaceModel, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    folder = tmp_path / "deep" / "meshes"
    with MeshFolderSink(folder, head_model, every=2, level="live") as sink:
        for i in range(100, 105):
            sink.write(result(i, i / 30, turning(head_model, i, 2), turning(head_model, i, 7)), None)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{i:06d}_{face}.ply" for i in (100, 102, 104) for face in (2, 7)]
    read = trimesh.load(folder / "000102_7.ply", process=False)
    assert read.vertices == pytest.approx(turning(head_model, 102).vertices() * UP, abs=1e-3)
