"""Masks and hands before rendered heads."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix
from realtime3d.training.model.plain_render import DISTANCE_MM, FOCAL_PX, render_plain
from realtime3d.training.samples.covers import Covers, hand_before, mask_over
from realtime3d.training.samples.hands import FINGERS, Hand
from tests.helpers.paths import FACE_MODEL

PLACE = np.array([0, -25, DISTANCE_MM])
GREEN = (0, 255, 0, 255)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def write_hand(path: Path) -> None:
    """A GLB hand: a wrist and four joints a finger along -y, with one small triangle at each joint."""
    names, places = ["wrist"], [(0.0, 0.06, 0.0)]
    for f, finger in enumerate(FINGERS):
        for k in range(4):
            names.append(f"{finger}-{k}")
            places.append((0.02 * (2 - f), 0.03 - 0.03 * k, 0.004 * (k == 3)))
    joints = np.array(places, np.float32)
    points = (joints[:, None] + 0.005 * np.eye(3, dtype=np.float32)).reshape(-1, 3).astype(np.float32)
    of = np.zeros((len(points), 4), np.uint8)
    of[:, 0] = np.repeat(np.arange(len(joints)), 3)
    share = np.tile(np.array([1, 0, 0, 0], np.float32), (len(points), 1))
    faces = np.arange(len(points), dtype=np.uint16)
    parts = [(points, 5126, "VEC3"), (of, 5121, "VEC4"), (share, 5126, "VEC4"), (faces, 5123, "SCALAR")]
    blob, views, accessors = b"", [], []
    for array, kind, width in parts:
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": array.nbytes})
        accessors.append({"bufferView": len(views) - 1, "componentType": kind, "count": len(array), "type": width})
        blob += array.tobytes() + b"\0" * (-array.nbytes % 4)
    nodes = [{"name": n, "translation": list(map(float, p))} for n, p in zip(names, places, strict=True)]
    head = {
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "JOINTS_0": 1, "WEIGHTS_0": 2}, "indices": 3}]}],
        "skins": [{"joints": list(range(len(nodes)))}], "nodes": nodes, "accessors": accessors, "bufferViews": views,
    }  # fmt: skip
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    total = 28 + len(text) + len(blob)
    path.write_bytes(
        struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON") + text
        + struct.pack("<I4s", len(blob), b"BIN\0") + blob
    )  # fmt: skip


def test_a_mask_hides_mouth_and_nose_and_nothing_else(model):
    picture = np.full((60, 80, 4), GREEN, np.uint8)
    image, canvas, xyz = render_plain(model.mean, model.triangles, np.eye(3))
    cover = mask_over(model, model.mean.astype(np.float32), picture, 140.0, np.random.default_rng(0))
    covered = cover.lay_over(image, canvas.depth, np.eye(3), PLACE, FOCAL_PX)
    changed = (covered != image).any(axis=-1)
    marks = model.landmark_sets["mediapipe478"].on(xyz).round().astype(int)[:, :2]
    assert changed[marks[[13, 4, 17], 1], marks[[13, 4, 17], 0]].all()  # lips and the nose's tip
    assert not changed[marks[[10, 33, 263], 1], marks[[10, 33, 263], 0]].any()  # forehead, eyes


def test_what_is_behind_the_head_is_not_drawn(model):
    picture = np.full((60, 80, 4), GREEN, np.uint8)
    away = euler_to_matrix(0, np.pi, 0)
    image, canvas, _ = render_plain(model.mean, model.triangles, away)
    cover = mask_over(model, model.mean.astype(np.float32), picture, 140.0, np.random.default_rng(0))
    assert (cover.lay_over(image, canvas.depth, away, PLACE, FOCAL_PX) != image).any(axis=-1).mean() < 0.001


def test_fingers_bend_towards_the_palm_and_the_wrist_stays(tmp_path):
    write_hand(tmp_path / "hand.glb")
    hand = Hand.load(tmp_path / "hand.glb")
    assert hand.joints[0, 1] < hand.joints[9:, 1].min()  # fingers point to +y
    tip, wrist = slice(12 * 3, 13 * 3), slice(0, 3)
    for seed in range(5):
        moved = hand.bent(np.random.default_rng(seed)) - hand.points
        assert np.abs(moved[wrist]).max() < 1e-4
        assert np.isfinite(moved).all()
    bends = [hand.bent(np.random.default_rng(seed))[tip].mean(axis=0) for seed in range(20)]
    rest = hand.points[tip].mean(axis=0)
    assert np.mean([tip[2] < rest[2] for tip in bends]) > 0.7  # the palm is at -z
    assert np.ptp([tip[2] for tip in bends]) > 5


def test_a_hand_lies_before_the_face(model, tmp_path):
    write_hand(tmp_path / "hand.glb")
    hand, head = Hand.load(tmp_path / "hand.glb"), model.mean.astype(np.float32)
    for seed in range(10):
        cover = hand_before(model, head, hand, np.array([140, 160, 200.0]), np.random.default_rng(seed))
        on = cover.points[: hand.count]
        assert np.linalg.norm(on - head.mean(axis=0), axis=1).max() < 450
        assert on[:, 2].min() < head[:, 2].max()


def test_a_folder_of_assets_is_read_and_a_wrong_one_refused(tmp_path):
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), np.full((20, 30, 4), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "masks" / "a_left.png"), np.full((20, 30, 4), 200, np.uint8))
    write_hand(tmp_path / "hands" / "right.glb")
    covers = Covers.load(tmp_path)
    assert (len(covers.masks), len(covers.hands)) == (1, 1)
    with pytest.raises(SourceError, match="neither"):
        Covers.load(tmp_path / "masks")
    cv2.imwrite(str(tmp_path / "masks" / "b.png"), np.full((20, 30, 3), 200, np.uint8))
    with pytest.raises(SourceError, match="alpha"):
        Covers.load(tmp_path)
    (tmp_path / "hands" / "right.glb").write_bytes(b"no hand")
    (tmp_path / "masks" / "b.png").unlink()
    with pytest.raises(SourceError, match="rigged hand"):
        Covers.load(tmp_path)
