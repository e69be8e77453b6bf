"""Prediction of a head's pose: constant velocity, damped, in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.geometry import geodesic_deg
from realtime3d.tracking.motion import DAMPING_S, Motion, place_of, pose_at
from tests.helpers.track_scene import MS, head


def moving(fps: float, seconds: float = 1.0) -> Motion:
    """A head that moved 150 mm/s sideways and turned 60 degrees a second."""
    motion = Motion(head(0, yaw=-30), 0)
    for n in range(1, round(seconds * fps) + 1):
        motion.observe(head(150 * n / fps, yaw=-30 + 60 * n / fps), round(n * 1e9 / fps))
    return motion


def test_place_and_pose_agree() -> None:
    pose = head(120, -40, 800, 10, -30, 5)
    assert pose_at(place_of(pose), pose.R).t == pytest.approx(pose.t)


def test_a_head_behind_the_camera_has_no_place() -> None:
    assert place_of(head(0, z=-500))[2] == -np.inf


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_prediction_counts_in_seconds(fps: float) -> None:
    ahead = moving(fps).predict(1000 * MS + 100 * MS)
    travelled = DAMPING_S * (1 - np.exp(-0.1 / DAMPING_S))
    assert ahead.t[0] == pytest.approx(150 + 150 * travelled, abs=1.0)
    assert geodesic_deg(ahead.R, head(0, yaw=30 + 60 * travelled).R) < 0.5


def test_a_head_out_of_sight_slows_down_and_a_gap_forgets_its_velocity() -> None:
    motion = moving(30)
    reach = [motion.predict((1000 + ms) * MS).t[0] for ms in (100, 200, 300, 400, 501)]
    steps = np.diff(reach)
    assert (steps[:3] > 0).all() and (np.diff(steps[:3]) < 0).all()
    assert reach[-1] == pytest.approx(150)
    motion.observe(head(500), 3000 * MS)
    assert motion.predict(3033 * MS).t == pytest.approx(head(500).t)
