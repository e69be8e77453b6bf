from __future__ import annotations

import numpy as np
import pytest

from realtime3d.geometry import (
    Camera,
    euler_to_matrix,
    geodesic_deg,
    head_angles_to_matrix,
    matrix_to_euler,
    matrix_to_head_angles,
    matrix_to_rotvec,
    rotation_from_6d,
    rotation_to_ray,
    rotvec_to_matrix,
)
from realtime3d.types import Pose

RNG = np.random.default_rng(0)
ANGLES = RNG.uniform(-1.5, 1.5, (50, 3))
NOSE = np.array([0, 0, -1.0])


@pytest.mark.parametrize(
    ("angles", "axis", "sign"),
    [((0.3, 0, 0), 1, 1), ((-0.3, 0, 0), 1, -1), ((0, 0.3, 0), 0, -1), ((0, -0.3, 0), 0, 1)],
)
def test_the_nose_moves_as_the_conventions_say(angles, axis, sign):
    """Pitch positive looks down (y down), yaw positive turns to the person's own right (the picture's left)."""
    assert np.sign((euler_to_matrix(*angles) @ NOSE)[axis]) == sign


def test_roll_turns_clockwise_in_the_picture():
    crown = euler_to_matrix(0, 0, 0.3) @ np.array([0, -1.0, 0])
    assert crown[0] > 0.2  # the top of the head moves to the picture's right


@pytest.mark.parametrize("angles", ANGLES)
def test_euler_round_trip(angles):
    assert np.allclose(matrix_to_euler(euler_to_matrix(*angles)), angles)


@pytest.mark.parametrize("yaw", [np.pi / 2, -np.pi / 2])
def test_euler_at_a_full_profile_gives_the_same_rotation(yaw):
    R = euler_to_matrix(0.3, yaw, 0.4)
    assert np.allclose(euler_to_matrix(*matrix_to_euler(R)), R, atol=1e-6)


@pytest.mark.parametrize("length", [0.0, 1e-10, 1e-4, 1.0, 3.0, np.pi - 1e-8, np.pi])
def test_rotation_vectors_round_trip(length):
    axis = np.array([0.6, -0.48, 0.64])
    R = rotvec_to_matrix(axis * length)
    assert np.allclose(R @ R.T, np.eye(3))
    assert np.allclose(rotvec_to_matrix(matrix_to_rotvec(R)), R, atol=1e-7)
    assert np.isclose(np.linalg.norm(matrix_to_rotvec(R)), length, atol=1e-7)


def test_geodesic_distance_is_the_angle_between():
    for angle in (0.0, 1e-5, 0.5, 3.0):
        A = euler_to_matrix(0.2, -0.7, 0.1)
        assert np.isclose(geodesic_deg(A, A @ rotvec_to_matrix([0, angle, 0])), np.degrees(angle), atol=1e-6)


def test_6d_gives_rotations_even_from_crooked_input():
    R = np.array([rotation_from_6d(six) for six in RNG.normal(size=(20, 6))])
    assert np.allclose(R @ np.swapaxes(R, 1, 2), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(R), 1)
    exact = euler_to_matrix(0.3, 0.2, -0.4)
    assert np.allclose(rotation_from_6d(exact[:, :2].T.ravel()), exact)


def test_rotation_to_ray_turns_the_axis_onto_the_ray():
    for ray in RNG.normal(size=(20, 3)) + np.array([0, 0, 3]):
        R = rotation_to_ray(ray)
        assert np.allclose(R @ [0, 0, 1], ray / np.linalg.norm(ray))
        assert np.isclose(geodesic_deg(R, np.eye(3)), np.degrees(np.arccos(ray[2] / np.linalg.norm(ray))))


def test_camera_spans_its_field_of_view_on_the_longer_side():
    for width, height in ((640, 480), (480, 640)):
        camera = Camera.from_fov(width, height, 60)
        left, right = camera.rays([[-0.5, camera.cy], [width - 0.5, camera.cy]])
        top, bottom = camera.rays([[camera.cx, -0.5], [camera.cx, height - 0.5]])
        span = max(np.arctan(right[0]) - np.arctan(left[0]), np.arctan(bottom[1]) - np.arctan(top[1]))
        assert np.isclose(np.degrees(span), 60)


@pytest.mark.parametrize("distortion", [(), (-0.2, 0.05, 0.001, -0.002)])
def test_projecting_rays_comes_back_to_the_pixels(distortion):
    camera = Camera(500, 510, 320, 240, 640, 480, distortion)
    pixels = RNG.uniform([100, 80], [540, 400], (30, 2))
    assert np.allclose(camera.project(camera.rays(pixels) * 700), pixels, atol=0.05 if distortion else 1e-9)


@pytest.mark.parametrize("yaw", [-180, -120, -90, -45, 0, 30, 89.9, 90, 135])
@pytest.mark.parametrize("pitch", [-60, 0, 25, 80])
@pytest.mark.parametrize("roll", [-170, 0, 40])
def test_head_angles_come_back_at_any_yaw(yaw, pitch, roll):
    R = head_angles_to_matrix(*np.radians([pitch, yaw, roll]))
    found = np.degrees(matrix_to_head_angles(R))
    assert np.allclose((found - [pitch, yaw, roll] + 180) % 360 - 180, 0, atol=1e-6)
    assert np.allclose(head_angles_to_matrix(*np.radians(found)), R)


@pytest.mark.parametrize("pitch", [-90, 90])
def test_head_angles_straight_down_and_up_give_the_same_rotation(pitch):
    R = head_angles_to_matrix(*np.radians([pitch, 30, 20]))
    angles = matrix_to_head_angles(R)
    assert angles[2] == 0 and np.allclose(head_angles_to_matrix(*angles), R, atol=1e-8)


def test_one_turn_alone_has_the_same_angle_in_both_orders():
    for k in range(3):
        angles = np.radians([25.0 if k == i else 0.0 for i in range(3)])
        assert np.allclose(matrix_to_head_angles(euler_to_matrix(*angles)), angles)


def test_a_profile_that_looks_down_reads_as_that():
    """OpenFace's order has its pole there: pitch and roll of such a head are large and jump."""
    R = head_angles_to_matrix(*np.radians([20, -80, 0]))
    assert np.allclose(np.degrees(matrix_to_head_angles(R)), [20, -80, 0])
    assert abs(np.degrees(matrix_to_euler(R))[0]) > 60


def test_quaternions_turn_as_their_matrices_do():
    rng = np.random.default_rng(0)
    turns = [head_angles_to_matrix(*rng.uniform(-np.pi, np.pi, 3)) for _ in range(200)]
    half_turns = [np.diag([1.0, -1, -1]), np.diag([-1.0, 1, -1]), np.diag([-1.0, -1, 1])]
    for R in [*turns, *half_turns, np.eye(3)]:
        w, x, y, z = q = Pose(R, np.zeros(3)).quaternion()
        assert w >= 0 and np.isclose(np.linalg.norm(q), 1)
        turned = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        assert np.allclose(turned, R)
