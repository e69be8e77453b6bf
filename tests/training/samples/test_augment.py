"""Changes to pictures: seeded, in place of nothing, same size and type."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.training.samples.augment import Augmenter, Chances, motion_kernel

SIZE = 112


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def only(name: str) -> Chances:
    return Chances(**{field: float(field == name) for field in Chances.__slots__})


@pytest.mark.parametrize("name", Chances.__slots__)
def test_each_change_keeps_size_and_type_leaves_its_input_alone_and_does_something(name):
    image = picture()
    before = image.copy()
    augmenter = Augmenter(SIZE, np.random.default_rng(1), only(name))
    eyes = np.array([56.0, 40.0])
    results = [augmenter(image, eyes, picture(2)) for _ in range(40)]
    assert all(r.shape == image.shape and r.dtype == np.uint8 for r in results)
    assert np.array_equal(image, before)
    assert any(not np.array_equal(r, image) for r in results)


def test_same_seed_same_picture():
    first, second = (Augmenter(SIZE, np.random.default_rng(7)) for _ in range(2))
    for k in range(20):
        assert np.array_equal(first(picture(k)), second(picture(k)))


def test_no_chances_no_change():
    augmenter = Augmenter(SIZE, np.random.default_rng(1), only("none"))
    assert np.array_equal(augmenter(picture()), picture())


def test_other_sizes_and_textures_of_another_size():
    augmenter = Augmenter(65, np.random.default_rng(3), only("occluder"))
    image = np.zeros((65, 65, 3), dtype=np.uint8)
    for _ in range(30):
        assert augmenter(image, None, picture()).shape == (65, 65, 3)


@pytest.mark.parametrize("length", [1, 3, 7.5, 15])
def test_a_motion_kernel_keeps_brightness(length):
    assert motion_kernel(length, 0.7).sum() == pytest.approx(1, abs=1e-5)
