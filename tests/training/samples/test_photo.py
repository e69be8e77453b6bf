"""A photograph on a head: what it does not show comes from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.samples.photo import HeadParts, build_scene

SKIN, HAIR = (120, 150, 210), (60, 140, 60)  # BGR; the hair is green
SIZE, FOCAL = 300, 1000.0
T = np.array([0, -10, 1000], np.float32)


@pytest.fixture(scope="module")
def top(model: FaceModel) -> HeadParts:
    return HeadParts.of(model)


def on_photo(top: HeadParts, ear_colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """How well ears are seen on a photograph of skin but for what lies over the ears, and their colours."""
    image = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    place = (top.model.mean + T)[top.region["ears"]]
    u = place[:, 0] / place[:, 2] * FOCAL + (SIZE - 1) / 2
    for side in (u < SIZE / 2, u > SIZE / 2):
        image[:, int(u[side].min()) - 3 : int(u[side].max()) + 3] = ear_colour
    photo = FittedPhoto(
        image, np.eye(3, dtype=np.float32), T, FOCAL, np.zeros(99, np.float32), np.zeros(52, np.float32),
        np.zeros(34, np.float32), 0.01, np.array([80, 80, 220, 220], np.float32),
    )  # fmt: skip
    scene = build_scene(top, photo)
    return scene.own[top.region["ears"], 2], scene.colour[top.region["ears"]]


def test_ears_of_skin_are_taken_from_the_photograph(top: HeadParts) -> None:
    seen, _ = on_photo(top, SKIN)
    assert (seen > 0.5).sum() > 20


def test_hair_over_the_ears_does_not_become_the_ears(top: HeadParts) -> None:
    seen, colours = on_photo(top, HAIR)
    assert seen.max() == 0
    assert (colours[:, 2] > colours[:, 1]).mean() > 0.8  # as red as skin
