"""The mask net that ships, on the bundled clip's face with things in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.demo import clip_path
from realtime3d.face.state import FaceState
from realtime3d.nets import modelset
from realtime3d.surface.mask import GLASSES, OCCLUDER, SKIN
from realtime3d.types import Image


@pytest.fixture(scope="module")
def tracker() -> Iterator[r3d.FaceTracker]:
    with r3d.FaceTracker(backend="onnxruntime", threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def seen(tracker: r3d.FaceTracker) -> tuple[Image, FaceState]:
    with r3d.open_source(clip_path()) as source:
        image = next(iter(source)).image
    return image, tracker.process_picture(image).faces[0]


def face_pixels(face: FaceState, shape: tuple[int, int]) -> np.ndarray:
    """The inside of the 68 points' hull."""
    out = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(out, cv2.convexHull(np.rint(face.landmarks("ibug68")).astype(np.int32)), 1)
    return cv2.erode(out, np.ones((9, 9))) > 0


def test_each_set_that_ships_has_it_and_it_is_small() -> None:
    for name in ("compact", "accurate"):
        found = modelset.find(name)
        assert found.more["mask"].file.stat().st_size < 2_000_000
        assert found.files["mask"].facts["licence"]


def test_a_clear_face_hides_nothing(tracker: r3d.FaceTracker, seen: tuple[Image, FaceState]) -> None:
    image, face = seen
    labels = tracker.mask(image, face).labels[face_pixels(face, image.shape[:2])]
    assert np.isin(labels, (OCCLUDER, GLASSES)).mean() < 0.03
    assert (labels == SKIN).mean() > 0.6


@pytest.mark.parametrize("colour", [(60, 140, 60), (40, 40, 45), (200, 170, 120)])
def test_something_held_before_the_chin_is_found(
    tracker: r3d.FaceTracker, seen: tuple[Image, FaceState], colour: tuple[int, int, int]
) -> None:
    image, face = seen
    points = face.landmarks("ibug68")
    middle, wide = points[66], float(np.ptp(points[:17, 0]))
    box = ((float(middle[0]), float(middle[1])), (0.6 * wide, 0.45 * wide), 12.0)
    truth = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(truth, np.rint(cv2.boxPoints(box)).astype(np.int32), 1)
    inner = cv2.erode(truth, np.ones((5, 5)))
    covered = image.copy()
    covered[truth > 0] = np.array(colour) * 0.8
    covered[inner > 0] = colour
    found = tracker.mask(covered, face).labels == OCCLUDER
    where = face_pixels(face, truth.shape) | (truth > 0)
    union = (found | (truth > 0)) & where
    assert (found & (truth > 0)).sum() / union.sum() > 0.7
