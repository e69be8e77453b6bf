"""Rotations as avatars get them."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.avatar.angles import between, from_yaw_first, mirrored, quaternion, same_sign, yaw_first
from realtime3d.geometry import euler_to_matrix, geodesic_deg

TURNS = [(0, 0, 0), (10, 20, -5), (-60, 150, 80), (0, 180, 0), (89.9, -90, 30), (-15, -179, 179)]


@pytest.mark.parametrize("turn", TURNS)
def test_yaw_first_is_the_order_of_game_engines(turn: tuple[float, float, float]) -> None:
    pitch, yaw, roll = np.radians(turn)
    R = euler_to_matrix(0, yaw, 0) @ euler_to_matrix(pitch, 0, 0) @ euler_to_matrix(0, 0, roll)
    assert from_yaw_first(*turn) == pytest.approx(R, abs=1e-12)
    assert geodesic_deg(from_yaw_first(*yaw_first(R)), R) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("turn", TURNS)
def test_a_mirror_turns_and_tilts_the_other_way(turn: tuple[float, float, float]) -> None:
    pitch, yaw, roll = turn
    flip = np.diag([-1.0, 1.0, 1.0])
    R = from_yaw_first(*turn)
    assert mirrored(R) == pytest.approx(flip @ R @ flip)
    assert geodesic_deg(mirrored(R), from_yaw_first(pitch, -yaw, -roll)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("turn", TURNS)
def test_the_quaternion_is_the_same_rotation(turn: tuple[float, float, float]) -> None:
    R = from_yaw_first(*turn)
    x, y, z, w = quaternion(R)
    assert x * x + y * y + z * z + w * w == pytest.approx(1)
    back = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    assert back == pytest.approx(R, abs=1e-12)


def test_a_quaternion_takes_the_sign_of_the_one_before() -> None:
    q = (0.0, 0.6, 0.0, 0.8)
    assert same_sign(q, None) == q and same_sign(q, q) == q
    assert same_sign(q, (0.0, -0.6, 0.0, -0.8)) == (0.0, -0.6, 0.0, -0.8)


def test_halfway_is_half_the_angle_and_the_ends_are_the_ends() -> None:
    A, B = from_yaw_first(0, 10, 0), from_yaw_first(0, 70, 0)
    assert yaw_first(between(A, B, 0.5)) == pytest.approx((0, 40, 0))
    assert between(A, B, 0.0) is A and between(A, B, 1.0) is B and between(A, B, 2.0) is B
