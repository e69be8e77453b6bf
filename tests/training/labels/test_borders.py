"""Mirrored borders are found and filled; pictures without them stay as they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime3d.training.labels.borders import mirrored_width, without_mirrored_borders


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """Soft blobs of colour, nowhere like their own mirror image."""
    rng = np.random.default_rng(3)
    small = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    return cv2.resize(small, (400, 480), interpolation=cv2.INTER_CUBIC)


def test_a_picture_without_mirrored_borders_is_left_alone(scene):
    assert mirrored_width(scene) == 0
    assert np.array_equal(without_mirrored_borders(scene), scene)


@pytest.mark.parametrize("sides", [(0, 0, 90, 0), (0, 0, 0, 70), (60, 0, 0, 0), (0, 110, 0, 0), (40, 100, 80, 60)])
def test_mirrored_borders_are_filled_and_the_rest_is_kept(scene, sides):
    top, _, left, _ = sides
    height, width = scene.shape[:2]
    wide = cv2.copyMakeBorder(scene, *sides, cv2.BORDER_REFLECT)
    filled = without_mirrored_borders(wide)
    assert filled.shape == wide.shape
    inner = np.s_[top + 8 : top + height - 8, left + 8 : left + width - 8]
    assert np.array_equal(filled[inner], wide[inner])
    outside = np.ones(wide.shape[:2], dtype=bool)
    outside[max(top - 8, 0) : top + height + 8, max(left - 8, 0) : left + width + 8] = False
    changed = np.abs(filled.astype(int) - wide.astype(int)).max(axis=-1) > 8
    assert changed[outside].mean() > 0.8


def test_a_wall_without_structure_is_no_mirror():
    assert mirrored_width(np.full((200, 200, 3), 120, dtype=np.uint8)) == 0
