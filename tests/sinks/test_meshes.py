"""Mesh files, read back by other people's programs: trimesh, Open3D, the Khronos validator."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.errors import OutputError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.sinks.meshes import SUFFIXES, MeshWriter, write_mesh
from realtime3d.view.surfaces import read_obj
from tests.helpers.faces import make_face
from tests.helpers.glb_reader import Glb, rotation
from tests.helpers.peers import khronos_report
from tests.helpers.plain_model import KINDS, model_file

CAMERA = Camera.from_fov(640, 480)
UP = np.array([1, -1, -1])
SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.4, "eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}


@cache
def model(name: str) -> FaceModel:
    return FaceModel.load(model_file(name))


def smiling(name: str, **changes: object) -> FaceState:
    """A person who smiles, turned to the side, as far as the model's 29 components can show it."""
    m = model(name)
    weights = np.array([SMILE.get(str(action), 0) for action in m.arkit_names])
    assert m.arkit_to_motion is not None
    motion = m.arkit_to_motion @ weights
    shape = np.random.default_rng(3).normal(0, 0.8, m.n_shape)
    settings = {"angles_deg": (8, 30, -5), "t": (40, -20, 550), "shape": shape, **changes}
    return make_face(CAMERA, expression=motion[:29], extras=motion[29:], face_model=m, **settings)  # type: ignore[arg-type]


@cache
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)


def level_of(face: FaceState) -> str:
    return "full" if "full" in face.model.levels else "live"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kind", ["shape", "expression", "posed"])
@pytest.mark.parametrize("coloured", [False, True])
def test_ply_holds_the_full_mesh_in_mm(name: str, kind: str, coloured: bool, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    face = smiling(name)
    path = tmp_path / "a.ply"
    assert write_mesh(path, face, kind=kind, image=picture() if coloured else None) == [path]  # type: ignore[arg-type]
    head = face.model.solid(level_of(face))
    read = trimesh.load(path, process=False)
    assert np.array_equal(read.faces, head.triangles)
    truth = head.neutral(face.shape) if kind == "shape" else face.vertices_at(level_of(face))
    if kind == "posed":
        truth = truth @ face.pose.R.T + face.pose.t
    assert read.vertices == pytest.approx(truth * UP, abs=1e-3)
    assert (read.visual.kind == "vertex") == coloured


@pytest.mark.parametrize("name", KINDS)
def test_the_face_looks_at_the_viewer_and_its_outside_is_outside(name: str, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    face = smiling(name, angles_deg=(0, 0, 0))
    write_mesh(tmp_path / "a.ply", face)
    read = trimesh.load(tmp_path / "a.ply", process=False)
    nose = int(read.vertices[:, 2].argmax())
    chin, brow = (face.landmarks("ibug68")[i, 1] for i in (8, 24))
    assert chin > brow  # in the picture, y down
    assert read.vertices[nose, 2] > 0
    touching = (read.faces == nose).any(axis=1)
    assert read.face_normals[touching][:, 2].mean() > 0.5
    top, bottom = np.percentile(read.vertices[:, 1], [99, 1])
    assert top > 0 > bottom


@pytest.mark.parametrize("name", KINDS)
def test_obj_has_a_layout_a_material_and_the_picture(name: str, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    face = smiling(name)
    files = write_mesh(tmp_path / "a.obj", face, image=picture())
    assert [path.name for path in files] == ["a.obj", "a.mtl", "a_texture.png"]
    head = face.model.solid(level_of(face))
    lines = (tmp_path / "a.obj").read_text().splitlines()
    counts = {start: sum(line.startswith(f"{start} ") for line in lines) for start in ("v", "vt", "f", "mtllib")}
    assert counts == {"v": len(head.mean), "vt": len(head.uv), "f": len(head.triangles), "mtllib": 1}
    read = trimesh.load(tmp_path / "a.obj", process=False)
    assert len(read.faces) == len(head.triangles)
    texture = cv2.imread(str(tmp_path / "a_texture.png"))
    assert np.array_equal(np.asarray(read.visual.material.image)[..., ::-1], texture)
    places = head.uv * (1, -1) + (0, 1)  # v up
    points = face.vertices_at(level_of(face)) * UP
    truth = np.concatenate([points[head.triangles], places[head.uv_triangles]], axis=-1)
    assert np.column_stack([read.vertices, read.visual.uv])[read.faces] == pytest.approx(truth, abs=1e-3)


def test_obj_without_a_picture_names_no_material(tmp_path: Path) -> None:
    assert [path.name for path in write_mesh(tmp_path / "a.obj", smiling("shipped"), level="live")] == ["a.obj"]
    assert "mtl" not in (tmp_path / "a.obj").read_text()


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")
def test_obj_with_bytes_that_are_no_text_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / b"latin-\xe9.obj".decode("utf-8", "surrogateescape")
    write_mesh(path, smiling("shipped"), image=picture(), level="live")
    assert read_obj(path).texture == path.with_name(f"{path.stem}_texture.png").read_bytes()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize("level", ["live", "full"])
def test_glb_is_valid_and_shows_the_face(name: str, coloured: bool, level: str, tmp_path: Path) -> None:
    face = smiling(name)
    path = tmp_path / "a.glb"
    write_mesh(path, face, image=picture() if coloured else None, level=level)
    glb = Glb.read(path)
    assert glb.mesh["extras"]["targetNames"] == list(face.model.arkit_names)
    used = level if level in face.model.levels else "live"
    head = face.model.solid(used)
    assert np.array_equal(glb.array(glb.primitive["indices"]), head.uv_triangles.ravel())
    shown = glb.positions() * 1000 * UP
    truth = face.vertices_at(used)[head.uv_vertex]
    moved = np.linalg.norm(truth - face.model.mesh(used).neutral(face.shape)[head.uv_vertex], axis=1)
    missed = np.linalg.norm(shown - truth, axis=1)
    assert missed.max() < 0.2 * moved.max()  # the price of an action, and lids that only bend
    assert missed.mean() < 0.25
    if coloured:
        assert glb.array(glb.primitive["attributes"]["TEXCOORD_0"]) == pytest.approx(head.uv)
        colours = cv2.imdecode(np.frombuffer(glb.image(), np.uint8), cv2.IMREAD_COLOR)
        assert colours.shape == (1024, 1024, 3)
    report = khronos_report(path)
    assert report["issues"]["numErrors"] == report["issues"]["numWarnings"] == 0, report["issues"]["messages"]
    assert report["issues"]["numInfos"] == 0, report["issues"]["messages"]


def test_each_target_is_its_action(tmp_path: Path) -> None:
    face = make_face(CAMERA, face_model=model("shipped"))
    write_mesh(tmp_path / "a.glb", face)
    glb, m = Glb.read(tmp_path / "a.glb"), face.model
    rest = glb.positions(np.zeros(52)) * 1000
    names = list(m.arkit_names)

    def moved(name: str) -> np.ndarray:
        return glb.positions(np.eye(52)[names.index(name)]) * 1000 - rest

    region = np.array(list(m.region_names))[m.region][m.mesh().uv_vertex]
    assert moved("jawOpen")[region == "lips"][:, 1].min() < -15
    right_eye = (region == "eyes") & (rest[:, 0] < 0) & (rest[:, 2] > rest[region == "eyes"][:, 2].max() - 2)
    assert moved("eyeLookOutRight")[right_eye][:, 0].mean() < -3
    smile = np.linalg.norm(moved("mouthSmileLeft"), axis=1)
    assert rest[smile.argmax(), 0] > 15  # the person's left is on the right of who looks at them


def test_a_posed_glb_stands_where_the_camera_saw_it(tmp_path: Path) -> None:
    face = smiling("shipped")
    write_mesh(tmp_path / "a.glb", face, kind="posed")
    glb = Glb.read(tmp_path / "a.glb")
    node = glb.content["nodes"][0]
    placed = glb.positions() @ rotation(node["rotation"]).T + node["translation"]
    owner = face.model.mesh().uv_vertex
    error = np.linalg.norm(placed * UP * 1000 - face.vertices()[owner], axis=1)
    assert error.mean() < 0.25
    lens = glb.content["cameras"][0]["perspective"]
    # what a viewer with that camera draws in the middle of its upper edge is our picture's
    assert np.tan(lens["yfov"] / 2) * CAMERA.fy == pytest.approx(CAMERA.height / 2)
    assert lens["aspectRatio"] == pytest.approx(CAMERA.width / CAMERA.height)


def test_shape_is_the_person_at_rest(tmp_path: Path) -> None:
    face = smiling("shipped")
    write_mesh(tmp_path / "a.glb", face, kind="shape")
    glb = Glb.read(tmp_path / "a.glb")
    assert not any(glb.mesh["weights"])
    rest = face.model.neutral(face.shape)[face.model.mesh().uv_vertex]
    assert glb.positions() * 1000 * UP == pytest.approx(rest, abs=1e-2)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_open3d_reads_the_same_counts(name: str, suffix: str, tmp_path: Path) -> None:
    o3d = pytest.importorskip("open3d", reason="Open3D is not installed")
    face = smiling(name)
    path = tmp_path / f"a{suffix}"
    write_mesh(path, face, image=picture())
    head = face.model.solid("live" if suffix == ".glb" else level_of(face))
    read = o3d.io.read_triangle_mesh(str(path))
    assert len(read.triangles) == len(head.triangles)
    assert 0.9 * len(head.mean) < len(read.vertices) <= len(head.uv)  # it joins those that are alike


@pytest.mark.parametrize("name", KINDS)
def test_face_mesh_is_what_the_files_hold(name: str) -> None:
    face = smiling(name)
    for level in face.model.levels:
        mesh, head = face.mesh(level), face.model.solid(level)
        assert mesh.vertices == pytest.approx((face.vertices_at(level) * UP)[head.uv_vertex])
        assert len(mesh.uv) == len(mesh.vertices)
        assert np.array_equal(head.uv_vertex[mesh.triangles], head.triangles)


def test_no_triangle_of_a_plain_layout_smears_over_the_texture() -> None:
    head = model("plain").mesh()
    corners = head.uv[head.uv_triangles]
    assert np.ptp(corners, axis=1).max() < 0.15


def test_wrong_names_kinds_and_places(tmp_path: Path) -> None:
    face = smiling("shipped")
    for wrong in ({"path": "a.stl"}, {"path": "a"}, {"kind": "smiling"}, {"level": "huge"}):
        arguments = {"path": str(tmp_path / "a.ply"), **wrong}
        path = tmp_path / str(arguments.pop("path"))
        with pytest.raises(ValueError, match=r"choose|written as"):
            write_mesh(path, face, **arguments)  # type: ignore[arg-type]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write_mesh(tmp_path / "file" / "a.ply", face)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_it_is_a_public_name(tmp_path: Path) -> None:
    assert r3d.write_mesh is write_mesh
    writer = MeshWriter(model("shipped"))
    assert writer.level(".glb") == "live"
    assert writer.level(".obj") == "full"
