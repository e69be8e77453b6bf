"""Properties of faces in pictures whose properties are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime3d.training.limits import GROUPS, by_group, draw, properties

POINTS = np.column_stack([np.tile(np.linspace(40, 160, 17), 4), np.repeat(np.linspace(30, 170, 4), 17)])


def test_light_and_its_side():
    image = np.full((200, 200, 3), 90, dtype=np.uint8)
    assert properties(image, POINTS)["light"] == pytest.approx(90, abs=1)
    assert properties(image, POINTS)["side light"] < 0.01
    image[:, 100:] = 180
    assert properties(image, POINTS)["side light"] == pytest.approx(1 / 3, abs=0.02)


def test_a_blurred_picture_is_less_sharp_and_size_is_the_box_s():
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(image, (0, 0), 4)
    assert properties(soft, POINTS)["sharpness"] < properties(image, POINTS)["sharpness"] - 1
    assert properties(image, POINTS)["size"] == pytest.approx(np.sqrt(120 * 140))


def test_skin_tone_orders_light_before_dark_and_grey_has_none():
    def tone(bgr: tuple[int, int, int]) -> float:
        return properties(np.full((200, 200, 3), bgr, dtype=np.uint8), POINTS)["skin tone"]

    assert tone((170, 195, 235)) > 40 > tone((110, 150, 200)) > tone((40, 60, 90))
    assert np.isnan(tone((128, 128, 128)))


def test_bins_hold_their_mean_and_small_ones_are_left_out(tmp_path):
    values = {group.name: np.full(30, (group.edges[0] + group.edges[1]) / 2) for group in GROUPS}
    values["yaw"] = np.array([5.0] * 20 + [20.0] * 10)
    values["pitch"][0] = 20.0
    found = by_group(values, np.array([2.0] * 20 + [8.0] * 10))
    assert [(b["pictures"], b["error"]) for b in found["yaw"]] == [(20, 2), (10, 8)]
    assert len(found["pitch"]) == 1
    draw(found, tmp_path / "limits.png")
    assert cv2.imread(str(tmp_path / "limits.png")).shape[1] > 500
