"""Negatives of every kind are pictures, seeded, and hair from behind lies in the middle of them."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.training.samples.faceless import hair_from_behind
from realtime3d.training.samples.negatives import KINDS, draw_negative
from realtime3d.training.samples.photo import HeadParts
from tests.helpers.paths import FACE_MODEL
from tests.training.samples.test_pack_and_render import spotted_photo

SIZE = 96


@pytest.fixture(scope="module")
def top() -> HeadParts:
    return HeadParts.of(FaceModel.load(FACE_MODEL))


@pytest.fixture(scope="module")
def photo(top):
    return spotted_photo(top.model, file=FACE_MODEL)


def test_shares_of_kinds_sum_to_one():
    assert sum(KINDS.values()) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_picture_and_seeded(top, photo, kind):
    first, again, other = (draw_negative(top, photo, SIZE, np.random.default_rng(n), kind) for n in (1, 1, 2))
    assert first.shape == (SIZE, SIZE, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_hair_covers_the_middle_and_leaves_the_corners(photo):
    backdrop = np.full((SIZE, SIZE, 3), (255, 0, 255), np.uint8)
    for seed in range(8):
        image = hair_from_behind(photo, backdrop, SIZE, np.random.default_rng(seed)).astype(int)
        foreign = np.abs(image - backdrop).sum(axis=-1) > 60
        middle = foreign[SIZE // 3 : SIZE // 2, 2 * SIZE // 5 : 3 * SIZE // 5]
        assert middle.mean() > 0.9 and not foreign[:4, :4].any()


def test_a_photograph_that_shows_nothing_but_a_face_still_gives_negatives(top, photo):
    from dataclasses import replace

    height, width = photo.image.shape[:2]
    full = replace(photo, box=np.array([0, 0, width, height], np.float32))
    for kind in ("hair from behind", "hair", "limb", "ear", "cloth", "beside"):
        assert draw_negative(top, full, SIZE, np.random.default_rng(0), kind).shape == (SIZE, SIZE, 3)
