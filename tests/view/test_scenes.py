"""What the 3D viewer shows, without a window."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.geometry import Camera
from realtime3d.sinks.mesh_runs import AnimationSink
from realtime3d.sinks.meshes import write_mesh
from realtime3d.types import Frame
from realtime3d.view.scenes import FileScenes, GlbScenes, TableScenes, scenes_of
from tests.helpers.faces import grey, make_face
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(320, 240)
UP = np.array([1, -1, -1])


@pytest.fixture(scope="module")
def head_model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def smiling(model: FaceModel, amount: float, **more: object):  # type: ignore[no-untyped-def]
    assert model.arkit_to_motion is not None
    weights = np.array([amount * name.startswith("mouthSmile") for name in model.arkit_names])
    return make_face(CAMERA, expression=(model.arkit_to_motion @ weights)[:29], face_model=model, **more)  # type: ignore[arg-type]


def test_a_glb_is_shown_with_its_weights(head_model: FaceModel, tmp_path: Path) -> None:
    face = smiling(head_model, 0.8)
    write_mesh(tmp_path / "a.glb", face, image=grey())
    scenes = scenes_of(tmp_path / "a.glb")
    assert isinstance(scenes, GlbScenes)
    assert scenes.times_s == [0.0]
    surface = scenes.show(0)[0]
    mesh = face.mesh("live")
    assert np.linalg.norm(surface.vertices - mesh.vertices, axis=1).mean() < 0.25
    assert np.array_equal(surface.triangles, mesh.triangles)
    assert surface.uv == pytest.approx(mesh.uv)
    assert surface.texture is not None
    assert cv2.imdecode(np.frombuffer(surface.texture, np.uint8), cv2.IMREAD_COLOR).shape == (1024, 1024, 3)


def test_one_that_moves_is_where_it_was(head_model: FaceModel, tmp_path: Path) -> None:
    faces = [smiling(head_model, 0.4 * i, angles_deg=(0, 20 * i, 0), t=(0, 0, 600 + i)) for i in range(3)]
    with AnimationSink(tmp_path / "a.glb", head_model) as sink:
        for i, face in enumerate(faces):
            sink.write(FrameResult(Frame(i, i * 40_000_000, grey()), (face,)), None)
    scenes = scenes_of(tmp_path / "a.glb")
    assert scenes.times_s == pytest.approx([0, 0.04, 0.08])
    assert "0.08" in scenes.title(2)
    shown = scenes.show(2)[0].vertices  # type: ignore[index]
    truth = (faces[2].vertices() * UP)[head_model.mesh().uv_vertex]
    assert np.linalg.norm(shown - truth, axis=1).mean() < 0.3


def test_folders_of_images_and_of_meshes(head_model: FaceModel, tmp_path: Path) -> None:
    face = smiling(head_model, 0.5)
    for name, files in {"p10": ["p10_posed.ply", "p10.glb"], "p9": ["p9_shape.ply"], "p11": ["p11.json"]}.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        for file in files:
            path = tmp_path / "images" / name / file
            path.write_text("{}") if file.endswith("json") else write_mesh(path, face, level="live")
    scenes = scenes_of(tmp_path / "images")
    assert isinstance(scenes, FileScenes)
    assert [scenes.title(i) for i in range(len(scenes.times_s))] == ["p9_shape.ply", "p10.glb"]
    assert not isinstance(scenes.show(1), Path)
    (tmp_path / "meshes").mkdir()
    for number in (9, 10):
        write_mesh(tmp_path / "meshes" / f"{number}_1.ply", face, level="live")
    assert scenes_of(tmp_path / "meshes").title(0) == "9_1.ply"


def test_a_table_is_shown_in_the_cameras_frame(head_model: FaceModel, tmp_path: Path) -> None:
    face = smiling(head_model, 0.5, id=4, t=(10, 20, 600))
    scenes = scenes_of(tmp_path / "a.csv", [FrameResult(Frame(7, 280_000_000, grey()), (face,))])
    assert isinstance(scenes, TableScenes)
    assert scenes.title(0) == "frame 7, 0.28 s"
    assert scenes.show(0)[4].vertices == pytest.approx(face.vertices() * UP)


@pytest.mark.parametrize("name", ["none.glb", "none", "empty", "text.txt", "broken.glb", "half.glb", "a.csv"])
def test_what_cannot_be_shown(head_model: FaceModel, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "broken.glb").write_bytes(b"glTF" + bytes(40))
    write_mesh(tmp_path / "whole.glb", smiling(head_model, 0.0))
    (tmp_path / "half.glb").write_bytes((tmp_path / "whole.glb").read_bytes()[:200_000])
    with pytest.raises(SourceError, match=r"name a|name one|name another"):
        scenes_of(tmp_path / name)


def test_without_open3d_the_line_that_installs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        import open3d  # noqa: F401
    except ImportError:
        assert cli.main(["view", str(tmp_path)]) in (3, 4)
        (tmp_path / "a.ply").write_text("ply\n")
        assert cli.main(["view", str(tmp_path / "a.ply")]) == 3
        assert "[viewer]" in capsys.readouterr().err
    else:
        pytest.skip("Open3D is installed")


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
def test_the_window_shows_the_pictures_colours(head_model: FaceModel, tmp_path: Path, suffix: str) -> None:
    """A face from a green picture is green in the window."""
    pytest.importorskip("open3d", reason="Open3D is not installed")
    from realtime3d.view.open3d_ import Viewer

    green = np.full((240, 320, 3), (20, 200, 20), np.uint8)
    write_mesh(tmp_path / f"a{suffix}", smiling(head_model, 0.3, t=(0, 0, 400)), image=green)
    viewer = Viewer(scenes_of(tmp_path / f"a{suffix}"))
    viewer.run(tmp_path / "shot.png")
    assert viewer.saved == [tmp_path / "shot.png"]
    shot = cv2.imread(str(tmp_path / "shot.png")).astype(int)
    middle = shot[300:420, 420:540].reshape(-1, 3).mean(axis=0)
    assert middle[1] > 1.5 * middle[0]
    assert middle[1] > 1.5 * middle[2]
    assert os.path.getsize(tmp_path / "shot.png") > 5000
