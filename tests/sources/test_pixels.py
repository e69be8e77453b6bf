from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.sources.pixels import to_bgr


def test_what_is_bgr_is_not_copied() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    assert to_bgr(image) is image or np.shares_memory(to_bgr(image), image)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_grey_is_repeated(shape: tuple[int, ...]) -> None:
    image = to_bgr(np.full(shape, 7, np.uint8))
    assert image.shape == (4, 5, 3)
    assert (image == 7).all()
    assert image.flags.c_contiguous


def test_alpha_is_ignored() -> None:
    image = np.zeros((2, 2, 4), np.uint8)
    image[..., :3], image[0, 0, 3] = (1, 2, 3), 255
    assert (to_bgr(image) == (1, 2, 3)).all()


def test_sixteen_bits_keep_their_upper_eight() -> None:
    assert (to_bgr(np.full((2, 2, 3), 0x1280, np.uint16)) == 0x12).all()
    assert (to_bgr(np.full((2, 2), 0xFFFF, np.uint16)) == 255).all()


def test_a_view_that_is_not_contiguous_becomes_so() -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)[:, ::-1]
    assert to_bgr(image).flags.c_contiguous
    assert (to_bgr(image) == image).all()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 5, 3)),
        np.zeros((4, 5, 2), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros(5, np.uint8),
        "x",
        None,
    ],
)
def test_what_is_no_picture_is_refused(picture: Any) -> None:
    with pytest.raises(UsageError):
        to_bgr(picture)
