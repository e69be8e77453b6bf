"""`realtime3d import`, and what an imported set does and refuses to do."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[import]'")
pytest.importorskip("scipy.io", reason="SciPy is not installed: pip install '.[test]'")

import realtime3d as r3d
from realtime3d.cli import main
from realtime3d.detect.base import Detector
from realtime3d.errors import MissingError
from realtime3d.face.mesh import Y_UP
from realtime3d.importers import facepose
from realtime3d.types import FaceBox, Frame
from tests.helpers import checkpoints, official
from tests.helpers.official import Checkout, thin

BOXES = [[60.0, 40.0, 160.0, 150.0], [150.0, 60.0, 260.0, 180.0]]


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    return cv2.resize(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)


def said(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> str:
    capsys.readouterr()
    assert main(arguments) == code
    out, err = capsys.readouterr()
    lines = (err or out).strip().splitlines()
    assert code == 0 or len(lines) == 1, lines
    return " ".join(lines)


# -- the command ------------------------------------------------------------------------------------------------------


def test_four_imports_make_a_set(checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "official"
    for kind, path, text in (
        ("bfm", checkout.model_file, "add a pose net with `realtime3d import fpn PATH"),
        ("3dmm", checkout.shape_file, "less "),
        ("expnet", checkout.expression_file.with_name("ini_exprNet_model.ckpt.index"), "ini_exprNet_model.ckpt"),
        ("fpn", checkout.pose_file.parent, "the set is complete: `realtime3d images PHOTO --models"),
    ):
        assert text in said(capsys, ["import", kind, str(path), "--out", str(folder)], 0)
    again = said(capsys, ["import", "fpn", str(checkout.pose_file), "--out", str(folder)], 5)
    assert again.endswith("has a pose net already: add --overwrite to replace it, or name another folder")
    said(capsys, ["import", "fpn", str(checkout.pose_file), "--out", str(folder), "--overwrite"], 0)


def test_wrong_input_is_one_line_and_leaves_nothing(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(kind: str, path: Path, code: int = 3, *more: str) -> str:
        text = said(capsys, ["import", kind, str(path), "--out", str(tmp_path / "set"), *more], code)
        assert not (tmp_path / "set").exists()
        return text

    assert "is no checkpoint of ExpNet: it holds shapeCNN/" in refused("expnet", checkout.shape_file)
    assert "is no checkpoint of FacePoseNet" in refused("fpn", checkout.shape_file)
    assert "is no checkpoint of 3DMM-CNN" in refused("3dmm", checkout.expression_file)
    assert "has no checkpoint of ExpNet (ini_ShapeTextureNet_model.ckpt are of other nets)" in refused(
        "expnet", checkout.shape_file.parent
    )
    assert "there is no" in refused("expnet", tmp_path / "none", 2)
    assert "it is no MATLAB file" in refused("bfm", checkout.expression_file.with_name("3DMM_expr_mean.npy"))
    assert "leave it out with bfm" in refused("bfm", checkout.model_file, 2, "--mean", "a.npy")
    labels = checkout.pose_file.with_name(facepose.ALEX_LABELS)
    assert "cannot be read" in refused("expnet", checkout.folder, 3, "--mean", str(labels))
    assert "a mean picture is (3, 224, 224)" in refused("expnet", checkout.folder, 3, "--mean", str(_small(tmp_path)))


def _small(folder: Path) -> Path:
    np.save(folder / "small.npy", np.zeros((3, 10, 10)))
    return folder / "small.npy"


@pytest.mark.parametrize("change", ["missing", "shape", "nan", "widths"])
def test_another_net_is_refused_by_name(
    change: str, checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables, name = dict(checkout.expression), "exprCNN/res4b22_branch2b/weights"
    if change == "missing":
        texts = "lacks 2 of the 522 variables of ExpNet, the first is exprCNN/res4b22_branch2b/weights"
        del variables[name], variables["exprCNN/bn4b22_branch2b/mean"]
    elif change == "shape":
        texts = "has exprCNN/res4b22_branch2b/weights of shape (1, 1, 8, 8), ExpNet has (3, 3, 8, 8)"
        variables[name] = variables[name][:1, :1]
    elif change == "nan":
        texts = "has values in exprCNN/res4b22_branch2b/weights that are no numbers"
        variables[name] = variables[name] * np.float32(np.nan)
    else:
        texts = "has exprCNN/exprCNN_fc1/weights of shape (32, 30), ExpNet has (32, 29)"
        variables.update(checkpoints.head_variables("exprCNN/exprCNN_fc1", 30, 1))
    checkpoints.write_newer(tmp_path / "ini_exprNet_model.ckpt", variables)
    shutil.copy(checkout.expression_file.with_name("3DMM_expr_mean.npy"), tmp_path)
    with thin():
        assert texts in said(capsys, ["import", "expnet", str(tmp_path), "--out", str(tmp_path / "set")], 3)
    assert not (tmp_path / "set").exists()


def test_what_lies_beside_is_asked_for(checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in checkout.pose_file.parent.iterdir():
        if file.name != facepose.ALEX_LABELS:
            shutil.copy(file, tmp_path)
    text = said(capsys, ["import", "fpn", str(tmp_path), "--out", str(tmp_path / "set")], 3)
    assert f"has no {facepose.ALEX_LABELS} beside it, what its answers mean" in text
    shutil.copy(checkout.pose_file.with_name(facepose.ALEX_LABELS), tmp_path)
    np.savez(tmp_path / facepose.ALEX_LABELS, mean_labels=np.zeros(4), std_labels=np.ones(6))
    text = said(capsys, ["import", "fpn", str(tmp_path), "--out", str(tmp_path / "set")], 3)
    assert "has 4 numbers in mean_labels, 6 are needed" in text


def test_several_checkpoints_of_one_net(checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("model_6000.ckpt", "model_16000.ckpt"):
        checkpoints.write_newer(tmp_path / name, checkout.pose)
    text = said(capsys, ["import", "fpn", str(tmp_path), "--out", str(tmp_path / "set")], 2)
    assert text.endswith("has several checkpoints of FacePoseNet: name one of model_16000.ckpt, model_6000.ckpt")


# -- the set ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "torch"])
def test_process_boxes_on_every_back_end(
    backend: str, imported: Path, checkout: Checkout, photo: NDArray[np.uint8]
) -> None:
    pytest.importorskip(backend)
    with r3d.FaceTracker(models=imported, backend=backend, device="cpu") as tracker:
        result = tracker.process_boxes(photo, BOXES)
        alone = tracker.process_boxes(photo, BOXES[1:])
        assert tracker.process_boxes(photo, []).faces == ()
    with r3d.FaceTracker(models=imported, backend="onnxruntime") as tracker:
        expected = tracker.process_boxes(photo, BOXES)
    assert len(result.faces) == 2
    for face, other, box in zip(result.faces, expected.faces, BOXES, strict=True):
        np.testing.assert_allclose(face.expression, other.expression, atol=2e-3)
        np.testing.assert_allclose(face.shape, other.shape, atol=2e-3)
        np.testing.assert_allclose(face.pose.R, other.pose.R, atol=1e-3)
        np.testing.assert_allclose(face.pose.t, other.pose.t, rtol=1e-3, atol=0.5)
        assert (face.status, face.confidence, face.extras.shape) == ("tracked", 1.0, (0,))
        points = face.landmarks("ibug68").mean(axis=0)
        assert box[0] - 40 < points[0] < box[2] + 40
        assert box[1] - 40 < points[1] < box[3] + 40
        head = checkout.egg.face(face.shape, face.expression)
        np.testing.assert_allclose(face.vertices_head() * Y_UP, head, atol=0.01)
        with pytest.raises(MissingError, match="no blendshapes"):
            face.blendshapes()
        with pytest.raises(ValueError, match="no landmark set 'mediapipe478'; known: ibug68"):
            face.landmarks("mediapipe478")
    np.testing.assert_allclose(alone.faces[0].expression, result.faces[1].expression, atol=1e-4)


def test_images_writes_what_there_is(
    imported: Path, checkout: Checkout, photo: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    rows = [f"face{i},photo.png,{x0:g},{y0:g},{x1 - x0:g},{y1 - y0:g}" for i, (x0, y0, x1, y1) in enumerate(BOXES)]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    out = tmp_path / "faces"
    command = ["images", str(tmp_path / "list.csv"), "--models", str(imported), "--out", str(out)]
    said(
        capsys,
        [
            *command,
            "--crops",
            "64",
            "--raw",
            "--landmarks",
            "ibug68",
            "--maps",
            "depth,normals,pncc",
            "--backend",
            "onnxruntime",
        ],
        0,
    )
    names = {file.name for file in (out / "face1").iterdir()}
    kinds = ("shape.ply", "expression.ply", "posed.ply", "overlay.jpg", "crop.jpg")
    kinds += ("map_depth.png", "map_normals.png", "map_pncc.png")
    assert names == {"face1.obj", "face1.json", *(f"face1_{kind}" for kind in kinds)}
    text = (out / "face1" / "face1.obj").read_text()
    assert "vt " not in text
    assert text.count("\nf ") == len(checkout.egg.faces)
    facts = json.loads((out / "face1" / "face1.json").read_text())
    assert (facts["blendshapes"], facts["extras"], len(facts["exp"]), len(facts["id_shape"])) == ({}, {}, 29, 99)
    with open(out / "faces.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["id"] for row in table] == ["face0", "face1"]
    assert None not in table[0]
    assert table[0]["raw_presence"] == table[0]["raw_pose_sigma_deg"] == ""
    assert float(table[1]["exp_5"]) == pytest.approx(facts["exp"][5], abs=1e-4)
    assert table[1]["raw_exp_5"] == table[1]["exp_5"]
    for more, reason in (
        (["--blendshapes"], "no blendshapes"),
        (["--formats", "ply,glb"], "no GLB files"),
        (["--views"], "no texture coordinates"),
        (["--maps", "depth,uv"], "no texture coordinates"),
        (["--detail"], "no texture coordinates"),
        (["--layout", "extreme-3d"], "no texture coordinates"),
        (["--gaze"], "no eyes that turn"),
        (["--landmarks", "mediapipe478"], "no landmarks mediapipe478"),
    ):
        text = said(capsys, [*command[:-1], str(tmp_path / "no"), "--backend", "onnxruntime", *more], 3)
        assert reason in text
        assert not list((tmp_path / "no").glob("face*"))


class Twice(Detector):
    """Finds the two boxes, the smaller one less surely."""

    def detect(self, frame: Frame) -> list[FaceBox]:
        return [FaceBox(np.array(box, np.float32), score) for box, score in zip(BOXES, (0.6, 0.9), strict=True)]

    def open(self) -> None:
        return

    def close(self) -> None:
        return


def test_a_picture_by_itself_takes_the_detectors_word(imported: Path, photo: NDArray[np.uint8]) -> None:
    with r3d.FaceTracker(models=imported, backend="onnxruntime", boxes=Twice()) as tracker:
        faces = tracker.process_picture(photo).faces
        boxed = tracker.process_boxes(photo, BOXES).faces
        assert [round(face.confidence, 3) for face in faces] == [0.9, 0.6]  # the larger one first
        np.testing.assert_allclose(faces[0].expression, boxed[1].expression, atol=1e-5)
    with r3d.FaceTracker(models=imported, backend="onnxruntime", boxes=Twice(), max_faces=1) as tracker:
        assert len(tracker.process_picture(photo).faces) == 1


def test_meshes_and_textures_in_python(imported: Path, photo: NDArray[np.uint8], tmp_path: Path) -> None:
    with r3d.FaceTracker(models=imported, backend="onnxruntime") as tracker:
        face = tracker.process_boxes(photo, BOXES).faces[0]
        with pytest.raises(MissingError, match="no texture coordinates"):
            tracker.detail(photo, face)
    with pytest.raises(MissingError, match="no eyes that turn"):
        face.gaze_deg()
    assert r3d.write_mesh(tmp_path / "a.ply", face) == [tmp_path / "a.ply"]
    assert r3d.write_mesh(tmp_path / "a.obj", face, kind="posed") == [tmp_path / "a.obj"]
    for name, image, reason in (("a.glb", None, "no GLB"), ("b.obj", photo, "no texture coordinates")):
        with pytest.raises(MissingError, match=reason):
            r3d.write_mesh(tmp_path / name, face, image=image)
        assert not (tmp_path / name).exists()


def test_streams_are_refused_in_one_line(
    imported: Path, photo: NDArray[np.uint8], net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "imported nets do not say whether there is a face, so they cannot follow one"
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    (tmp_path / "boxes.csv").write_text("frame,box_x,box_y,box_w,box_h\n0,60,40,100,110\n")
    files = ["--csv", str(tmp_path / "a.csv"), "--boxes", str(tmp_path / "boxes.csv")]
    command = ["video", str(tmp_path / "photo.png"), "--models", str(imported), "--backend", "onnxruntime", *files]
    assert why in said(capsys, command, 3)
    assert not list(tmp_path.glob("a.*"))
    assert why in said(capsys, ["serve", "--no-open", "--port", "0", "--models", str(imported)], 3)
    with r3d.FaceTracker(models=imported, backend="onnxruntime", boxes=Twice()) as tracker:
        with pytest.raises(MissingError, match=why):
            tracker.process(photo, 0.0)
        assert len(tracker.process_boxes(photo, BOXES).faces) == 2  # it is as good as before
    with r3d.FaceTracker(models=net_folder, backend="onnxruntime", boxes=Twice()) as tracker:
        tracker.process(photo, 0.0)
        to_imported = tracker.config.with_options({"models": str(imported)})
        with pytest.raises(MissingError, match=why):
            tracker.use(to_imported)
        assert tracker.model_set.name == "tiny"
        tracker.process(photo, 0.1)
        tracker.reset()
        tracker.use(to_imported)
        assert len(tracker.process_boxes(photo, BOXES).faces) == 2


def test_labels_reach_the_pose(imported: Path, photo: NDArray[np.uint8]) -> None:
    """The thin nets' answers lie around the labels' mean, a head that looks at the camera from 2.25 m."""
    with r3d.FaceTracker(models=imported, backend="onnxruntime", fov=5) as tracker:
        for face in tracker.process_boxes(photo, BOXES).faces:
            assert face.pose.t[2] > 1000
            assert np.abs(face.euler_deg()).max() < 90
    assert official.LABEL_MEAN[5] == 2250
