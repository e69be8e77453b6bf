from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime3d.geometry import ANCHOR_MM, Camera, euler_to_matrix, geodesic_deg
from realtime3d.nets.crop import CROP_MM, crop_from_box, crop_from_pose, pose_from_crop, pose_to_crop, warp
from realtime3d.types import Pose

CAMERA = Camera.from_fov(1280, 720)
RNG = np.random.default_rng(1)


def random_pose() -> Pose:
    z = RNG.uniform(300, 2000)
    t = np.array([RNG.uniform(-0.5, 0.5) * z, RNG.uniform(-0.25, 0.25) * z, z])
    return Pose(euler_to_matrix(*RNG.uniform(-1.2, 1.2, 3)), t)


def back(pose: Pose, crop) -> Pose:
    seen = pose_to_crop(pose, crop)
    return pose_from_crop(seen.R[:, :2].T.ravel(), seen.position, seen.log_scale, crop)


@pytest.mark.parametrize("_", range(20))
def test_outputs_of_perfect_nets_give_the_pose_back(_):
    pose = random_pose()
    for crop in (crop_from_pose(pose, 112), crop_from_box([300, 100, 480, 290], CAMERA, 112, roll=0.4)):
        again = back(pose, crop)
        assert np.allclose(again.R, pose.R)
        assert np.allclose(again.t, pose.t)


def test_a_crop_from_the_pose_is_centred_upright_and_full():
    pose = random_pose()
    seen = pose_to_crop(pose, crop_from_pose(pose, 112))
    assert np.allclose(seen.position, 0)
    assert np.isclose(seen.log_scale, 0)
    assert seen.R[1, 1] > 0 and abs(seen.R[0, 1]) < 1e-9  # the head's y axis points down in the crop


def test_a_head_moved_sideways_keeps_its_rotation():
    """Exact crop-relative outputs in the picture's corner: the ray to the crop is accounted for."""
    R = euler_to_matrix(0.2, -0.5, 0.1)
    for x, y in ((0, 0), (-400, -200), (420, 230)):
        pose = Pose(R, np.array([x, y, 800.0]))
        assert geodesic_deg(back(pose, crop_from_pose(pose, 112)).R, R) < 1e-4


def test_an_appearance_that_stays_the_same_means_a_turn_with_the_ray():
    """A head that always faces the camera's place looks the same in every corner: the nets see the same rotation."""
    seen = []
    for x in (-400.0, 0.0, 400.0):
        anchor = np.array([x, 0, 800.0])
        angle = np.arctan2(x, 800.0)
        R = euler_to_matrix(0, angle, 0)
        pose = Pose(R, anchor - R @ ANCHOR_MM)
        seen.append(pose_to_crop(pose, crop_from_pose(pose, 112)).R)
    assert geodesic_deg(seen[0], seen[1]) < 1e-4 and geodesic_deg(seen[2], seen[1]) < 1e-4


def test_a_head_seen_from_above_has_a_crop_too():
    pose = Pose(euler_to_matrix(np.pi / 2, 0, 0.7), np.array([10.0, 20, 700]))
    crop = crop_from_pose(pose, 112)
    assert np.allclose(crop.R @ crop.R.T, np.eye(3))
    assert np.allclose(back(pose, crop).R, pose.R)


def picture_of_points(points: np.ndarray, camera: Camera) -> np.ndarray:
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    for x, y in camera.project(points):
        cv2.circle(
            image, (round(x * 16), round(y * 16)), round(camera.fx / 60 * 16), (255, 255, 255), -1, cv2.LINE_AA, 4
        )
    return image


@pytest.mark.parametrize("distortion", [(), (-0.15, 0.03, 0.0, 0.0)])
@pytest.mark.parametrize("z", [350.0, 900.0, 3000.0])
def test_pixels_land_where_the_crop_says(z, distortion):
    """Sub-pixel, for large faces that are averaged down and small ones that are enlarged, with and without a lens."""
    camera = Camera(1100, 1100, 639.5, 359.5, 1280, 720, distortion)
    pose = Pose(euler_to_matrix(0.1, 0.3, 0.5), np.array([0.12 * z, -0.06 * z, z]))
    crop = crop_from_pose(pose, 112)
    point = (pose.R @ (ANCHOR_MM + np.array([30, 0, 0])) + pose.t)[None]
    seen = warp(picture_of_points(point, camera), camera, crop)[..., 0].astype(float)
    rows, columns = np.indices(seen.shape)
    centroid = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    inside = crop.R @ point[0]
    expected = inside[:2] / inside[2] * crop.focal + (crop.size - 1) / 2
    assert np.abs(centroid - expected).max() < 0.2


def test_a_crop_beyond_the_border_repeats_the_edge():
    image = np.full((720, 1280, 3), 77, np.uint8)
    crop = crop_from_box([-150, -120, 60, 90], CAMERA, 112)
    assert (warp(image, CAMERA, crop) == 77).all()


def test_crop_side_is_in_millimetres_at_the_heads_depth():
    pose = Pose(np.eye(3), np.array([0.0, 0, 1000]))
    crop = crop_from_pose(pose, 112)
    depth = 1000 + ANCHOR_MM[2]
    assert np.isclose(crop.focal * CROP_MM / np.hypot(depth, ANCHOR_MM[1]), 112)
