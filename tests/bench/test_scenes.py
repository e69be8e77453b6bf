"""The frames that are measured on."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.bench import scenes
from realtime3d.demo import load_truth


def pictures(count: int, width: int = 64, height: int = 48) -> tuple[np.ndarray, ...]:
    return tuple(np.full((height, width, 3), 10 * i, np.uint8) for i in range(count))


def test_an_endless_clip_goes_back_and_forth_and_its_time_rises() -> None:
    frames = scenes.Endless(pictures(3))
    shown = [frames.next() for _ in range(9)]
    assert [int(f.image[0, 0, 0]) // 10 for f in shown] == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert [f.index for f in shown] == list(range(9))
    assert np.diff([f.t_ns for f in shown]).min() > 33e6
    assert frames.next(7).t_ns == 7
    assert [scenes.Endless(pictures(1)).next().index for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("size", [(64, 48), (128, 72), (30, 100), (16, 12)])
def test_pictures_are_fitted_into_the_middle(size: tuple[int, int]) -> None:
    (picture,) = scenes.sized((np.full((48, 64, 3), 200, np.uint8),), *size)
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
    ys, xs = np.nonzero(picture[..., 0] == 200)
    assert abs((xs.min() + xs.max()) / 2 - (size[0] - 1) / 2) <= 0.5
    assert abs((ys.min() + ys.max()) / 2 - (size[1] - 1) / 2) <= 0.5
    assert np.ptp(xs) + 1 == size[0] or np.ptp(ys) + 1 == size[1]


@pytest.mark.parametrize("faces", [1, 3, 8])
def test_a_crowd_has_as_many_faces_as_asked(faces: int) -> None:
    crowd = scenes.crowd(tuple(np.full((48, 64, 3), 200, np.uint8) for _ in range(5)), faces)
    assert len(crowd) == 5 and crowd[0].shape == (480, 960, 3)
    tiles = crowd[0].reshape(2, 240, 4, 240, 3).swapaxes(1, 2).reshape(8, -1)
    assert [(tile == 200).all() for tile in tiles] == [i < faces for i in range(8)]


@pytest.mark.parametrize("faces", [0, 9])
def test_crowds_have_limits(faces: int) -> None:
    with pytest.raises(ValueError, match="1 to 8 faces"):
        scenes.crowd(pictures(2), faces)


def test_the_bundled_clip_shows_its_face_in_every_frame() -> None:
    frames = scenes.clip_frames()
    truth = load_truth()
    assert 100 <= len(frames) <= len(truth.visible)
    first, last = scenes._longest(scenes._calm(truth))
    assert last - first == len(frames) and truth.visible[first:last].min() >= scenes.WHOLE
    assert np.linalg.norm(np.diff(truth.t[first:last], axis=0), axis=1).max() < scenes.CALM_MM


@pytest.mark.parametrize(
    ("wanted", "expected"), [([0, 1, 1, 0, 1], (1, 3)), ([1, 1, 1], (0, 3)), ([0, 0, 1], (2, 3)), ([1, 0, 1], (0, 1))]
)
def test_the_longest_stretch(wanted: list[int], expected: tuple[int, int]) -> None:
    assert scenes._longest(np.array(wanted, bool)) == expected
