"""Looking for faces in one picture: in tiles, with a margin, turned."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime3d.detect.search import Found, searches
from realtime3d.types import FaceBox, Frame

GREEN, RED = (0, 255, 0), (0, 0, 255)


class TwoColours:
    """Finds rectangles whose upper half is green and whose lower half is red, if they are neither small nor large."""

    def __init__(self, smallest: float = 0.0, largest: float = 1.0) -> None:
        self._limits = (smallest, largest)
        self.asked = 0

    def open(self) -> None:
        """Nothing to load."""

    def detect(self, frame: Frame) -> list[FaceBox]:
        self.asked += 1
        image = frame.image
        greens, reds = (
            cv2.connectedComponentsWithStats((image == colour).all(axis=2).astype(np.uint8)) for colour in (GREEN, RED)
        )
        found = []
        for x, y, w, h, _ in greens[2][1:]:
            below = [r for r in reds[2][1:] if r[1] == y + h and r[0] == x]
            size = 2 * h / min(image.shape[:2])
            if below and self._limits[0] <= size <= self._limits[1]:
                found.append(FaceBox(np.array([x, y, x + w, y + 2 * h], np.float32), 0.9))
        return found

    def close(self) -> None:
        """Nothing is held."""


def picture(width: int, height: int, *corners: tuple[int, int, int]) -> np.ndarray:
    """Faces of (x, y, size)."""
    image = np.full((height, width, 3), 90, np.uint8)
    for x, y, size in corners:
        image[y : y + size // 2, x : x + size] = GREEN
        image[y + size // 2 : y + size, x : x + size] = RED
    return image


def first(detector: TwoColours, image: np.ndarray) -> list[Found]:
    return next((found for found in searches(detector, image) if found), [])


def test_an_ordinary_face_takes_one_look() -> None:
    detector = TwoColours()
    (one,) = first(detector, picture(800, 700, (300, 200, 300)))
    assert one.xyxy.tolist() == [300, 200, 600, 500]
    assert one.roll == 0
    assert detector.asked == 1


@pytest.mark.parametrize(("size", "smallest"), [(100, 0.2), (60, 0.17)])
def test_small_faces_are_found_in_tiles(size: int, smallest: float) -> None:
    places = [(30, 40, size), (700, 500, size), (1300, 1100, size)]
    found = first(TwoColours(smallest=smallest), picture(1500, 1300, *places))
    assert sorted(one.xyxy[:2].tolist() for one in found) == sorted([x, y] for x, y, _ in places)
    assert all(one.xyxy[2] - one.xyxy[0] == size for one in found)


def test_a_face_that_fills_the_picture_is_found_with_a_margin() -> None:
    (one,) = first(TwoColours(largest=0.8), picture(400, 400, (10, 10, 380)))
    assert one.xyxy.tolist() == [10, 10, 390, 390]


@pytest.mark.parametrize(
    ("turn", "roll"),
    [(cv2.ROTATE_90_CLOCKWISE, 90), (cv2.ROTATE_90_COUNTERCLOCKWISE, -90), (cv2.ROTATE_180, 180)],
)
def test_turned_faces_are_found_with_their_roll(turn: int, roll: float) -> None:
    image = picture(640, 480, (100, 50, 200))
    marked = cv2.rotate(image, turn)
    ys, xs = np.nonzero((marked != 90).any(axis=2))
    (one,) = first(TwoColours(), marked)
    assert one.xyxy == pytest.approx([xs.min(), ys.min(), xs.max(), ys.max()], abs=1)
    assert np.degrees(one.roll) == pytest.approx(roll)


def test_a_detector_of_the_callers_is_asked_once() -> None:
    detector = TwoColours(smallest=0.9)
    assert list(searches(detector, picture(2000, 2000, (5, 5, 100)), patient=False)) == [[]]
    assert detector.asked == 1


def test_a_face_at_a_tiles_edge_is_found_once() -> None:
    found = first(TwoColours(smallest=0.2), picture(1500, 1300, (650, 550, 160)))
    assert [one.xyxy.tolist() for one in found] == [[650, 550, 810, 710]]


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3)])
def test_odd_pictures_hold_no_face(size: tuple[int, int]) -> None:
    assert first(TwoColours(), picture(*size)) == []
