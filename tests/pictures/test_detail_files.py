"""What `realtime3d images --detail` writes, read by other people's programs."""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.demo import clip_path
from realtime3d.sources.choose import open_source
from tests.helpers.faults import fault
from tests.helpers.peers import khronos_report

MESHES = ("foundation", "withBump", "sparseFull", "final")
MAPS = ("displacement", "normal", "albedo", "texture", "seen")
Images = Callable[..., int]


@pytest.fixture
def images(net_folder: Path, tmp_path: Path) -> Images:
    """Runs `realtime3d images` with nets that answer a frontal face everywhere."""
    nets = ["--models", str(net_folder), "--backend", "fake", "-q"]
    return lambda *words: cli.main(["images", *map(str, words), "--out", str(tmp_path / "out"), *nets])


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A picture with a large box and one with a box of 20 px."""
    with open_source(clip_path()) as source:
        cv2.imwrite(str(tmp_path / "photo.png"), next(iter(source)).image)
    path = tmp_path / "list.csv"
    path.write_text("ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\nnear,photo.png,160,40,230,260\n")
    return path


def test_every_file_is_there_and_they_agree(images: Images, listed: Path, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    assert images(listed, "--detail") == 0
    folder = tmp_path / "out" / "near"
    facts = json.loads((folder / "near.json").read_text(encoding="utf-8"))["detail"]
    counts = {}
    for mesh in MESHES:
        for pose in ("frontal", "aligned"):
            loaded = trimesh.load(folder / f"near_{mesh}_{pose}.ply", process=False)
            counts[mesh, pose] = len(loaded.vertices)
            assert np.isfinite(loaded.vertices).all()
            assert np.abs(np.linalg.norm(loaded.vertex_normals, axis=1) - 1).max() < 1e-3
    assert counts["foundation", "frontal"] == counts["sparseFull", "aligned"] == facts["vertices"]["foundation"]
    assert counts["withBump", "frontal"] == counts["final", "aligned"] == facts["vertices"]["final"]
    sizes = {name: cv2.imread(str(folder / f"near_{name}.png"), cv2.IMREAD_UNCHANGED) for name in MAPS}
    assert len({image.shape[:2] for image in sizes.values()}) == 1
    assert sizes["displacement"].dtype == np.uint16
    assert facts["displacement"]["range_mm"] == 4.0
    assert 0 < facts["seen_share"] <= 1
    assert cv2.imread(str(folder / "near_sheet.jpg")) is not None
    material = (folder / "near.mtl").read_text()
    assert "map_Kd near_texture.png\nnorm near_normal.png\ndisp near_displacement.png" in material
    assert trimesh.load(folder / "near.obj", process=False).vertices.shape[1] == 3
    assert not [name for name in folder.iterdir() if name.name.startswith(".")]


def test_the_glb_has_a_normal_map_and_nothing_to_complain_about(images: Images, listed: Path, tmp_path: Path) -> None:
    assert images(listed, "--detail", "--formats", "glb") == 0
    path = tmp_path / "out" / "near" / "near.glb"
    data = path.read_bytes()
    content = json.loads(data[20 : 20 + struct.unpack("<I", data[12:16])[0]])
    assert content["materials"][0]["normalTexture"] == {"index": 1}
    assert "extensionsUsed" not in content
    primitive = content["meshes"][0]["primitives"][0]
    assert {"POSITION", "NORMAL", "TANGENT", "TEXCOORD_0"} == set(primitive["attributes"])
    issues = khronos_report(path)["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


@fault("detail", "a small face among pictures", "its foundation is written, with the reason that there is no more")
def test_a_small_face_has_a_foundation_and_a_reason(images: Images, listed: Path, tmp_path: Path) -> None:
    listed.write_text(listed.read_text().replace("160,40,230,260", "250,120,30,34"))
    assert images(listed, "--detail") == 0
    folder = tmp_path / "out" / "near"
    assert "detail needs" in json.loads((folder / "near.json").read_text(encoding="utf-8"))["detail"]["refused"]
    assert sorted(path.name for path in folder.glob("*_foundation_*")) == [
        "near_foundation_aligned.ply",
        "near_foundation_frontal.ply",
    ]
    assert not (folder / "near_displacement.png").exists()
    with open(tmp_path / "out" / "errors.csv", newline="") as file:
        assert [row["problem"][:11] for row in csv.DictReader(file)] == ["no detail: "]


def test_names_of_extreme_3d_faces(images: Images, listed: Path, tmp_path: Path) -> None:
    """A text list with a path a line, and all meshes in one folder."""
    text = tmp_path / "pictures.txt"
    text.write_text("photo.png\n")
    assert images(text, "--layout", "extreme-3d") == 0
    out = tmp_path / "out"
    wanted = {f"photo_{mesh}_{pose}.ply" for mesh in MESHES for pose in ("frontal", "aligned")}
    assert {path.name for path in out.glob("photo_*")} == wanted
    assert not (out / "photo").exists()
    assert images(text, "--layout", "extreme-3d") == 5  # they are there already


def test_names_of_facial_details(images: Images, listed: Path, tmp_path: Path) -> None:
    assert images(listed, "--layout", "facial-details") == 0
    folder = tmp_path / "out" / "near"
    assert {path.name for path in folder.iterdir()} == {
        "result.obj", "result.mtl", "result.isomap.png", "result.displacementmap.png", "result.normalmap.png",
    }  # fmt: skip
    assert "result.isomap.png" in (folder / "result.mtl").read_text()
