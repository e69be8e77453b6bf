"""Crops that miss keep exact labels: checked against realtime3d.nets.crop and against pixels."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.geometry import ANCHOR_MM, euler_to_matrix, geodesic_deg, rotation_to_ray
from realtime3d.nets.crop import CROP_MM, Crop, pose_from_crop, pose_to_crop
from realtime3d.training.samples.jitter import Views, draw_views, head_roll, look
from realtime3d.training.samples.shards import MARGIN
from realtime3d.types import Pose

STORED, SIZE = 160, 112


def stored_sample(rng: np.random.Generator, n: int = 24):
    """Random heads in random stored crops: labels, poses and crops."""
    crops = [Crop(np.eye(3), rng.uniform(200, 700), int(STORED / MARGIN)) for _ in range(n)]
    poses = []
    for crop in crops:
        R = euler_to_matrix(*rng.uniform(-1.2, 1.2, 3))
        depth = crop.focal * CROP_MM / crop.size * rng.uniform(0.8, 1.2)
        anchor = np.array([*rng.uniform(-20, 20, 2), depth])
        poses.append(Pose(R, anchor - R @ ANCHOR_MM))
    seen = [pose_to_crop(p, c) for p, c in zip(poses, crops, strict=True)]
    labels = {
        "R": np.stack([s.R for s in seen]),
        "position": np.stack([s.position for s in seen]),
        "log_scale": np.array([s.log_scale for s in seen]),
        "focal": np.array([c.focal for c in crops]),
    }
    return labels, poses, crops


def views(rng: np.random.Generator, n: int) -> Views:
    return Views(rng.uniform(-0.2, 0.2, (n, 2)), rng.uniform(-0.3, 0.3, n), rng.uniform(-1.5, 1.5, n))


def test_labels_after_looking_are_those_of_the_turned_camera():
    rng = np.random.default_rng(0)
    labels, poses, crops = stored_sample(rng)
    back, seen = look(labels, STORED, SIZE, views(rng, len(poses)))
    for i, (pose, crop) in enumerate(zip(poses, crops, strict=True)):
        K_old = crop.K + np.array([[0, 0, (STORED - crop.size) / 2], [0, 0, (STORED - crop.size) / 2], [0, 0, 0]])
        focal = float(seen["focal"][i]) * SIZE
        new = Crop(np.linalg.inv(np.linalg.inv(K_old) @ back[i] @ Crop(np.eye(3), focal, SIZE).K), focal, SIZE)
        assert np.allclose(new.R @ new.R.T, np.eye(3), atol=1e-5)
        expected = pose_to_crop(pose, new)
        assert geodesic_deg(seen["R"][i], expected.R) < 0.01
        assert np.allclose(seen["position"][i], expected.position, atol=1e-5)
        assert seen["log_scale"][i] == pytest.approx(expected.log_scale, abs=1e-5)


def test_asked_views_are_met():
    rng = np.random.default_rng(1)
    labels, poses, _ = stored_sample(rng)
    wanted = views(rng, len(poses))
    _, seen = look(labels, STORED, SIZE, wanted)
    assert np.allclose(seen["position"], wanted.position, atol=1e-6)
    assert np.allclose(seen["log_scale"], wanted.log_scale, atol=0.01)  # exact for a head on the crop's axis
    upright = np.hypot(seen["R"][:, 0, 1], seen["R"][:, 1, 1]) > 0.2
    assert np.allclose(head_roll(seen["R"].astype(float))[upright], wanted.roll[upright], atol=1e-5)


def test_a_pose_read_back_from_the_labels_is_the_head_in_the_new_camera():
    rng = np.random.default_rng(2)
    labels, poses, _ = stored_sample(rng)
    _, seen = look(labels, STORED, SIZE, views(rng, len(poses)))
    for i, pose in enumerate(poses):
        crop = Crop(np.eye(3), float(seen["focal"][i]) * SIZE, SIZE)
        six = seen["R"][i].T[:2].ravel()
        found = pose_from_crop(six, seen["position"][i], seen["log_scale"][i], crop)
        distance = np.linalg.norm(pose.R @ ANCHOR_MM + pose.t)
        assert np.linalg.norm(found.R @ ANCHOR_MM + found.t) == pytest.approx(distance, rel=1e-4)


def test_tracked_views_are_close_and_upright_and_first_looks_are_not():
    R = np.tile(np.eye(3), (4000, 1, 1))
    near = draw_views(np.random.default_rng(0), R, tracked_share=1.0)
    far = draw_views(np.random.default_rng(0), R, tracked_share=0.0)
    assert np.abs(near.roll).max() <= np.radians(9.01) and np.abs(near.position).max() <= 0.0701
    assert np.quantile(np.abs(far.roll), 0.5) > np.radians(9) and np.abs(far.roll).max() > np.radians(80)
    assert np.std(far.log_scale) > 2 * np.std(near.log_scale)


def test_a_box_round_a_profile_lies_behind_the_anchor():
    R = np.tile(euler_to_matrix(0, np.radians(80), 0), (2000, 1, 1))
    first = draw_views(np.random.default_rng(0), R, tracked_share=0.0)
    behind = R[0] @ np.array([0, 0, 1.0])
    assert first.position[:, 0].mean() * behind[0] < 0  # the anchor lies on the other side of the middle
    assert np.allclose(rotation_to_ray((0, 0, 1)), np.eye(3))
