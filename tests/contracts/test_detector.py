"""What every detector must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from realtime3d.detect.base import Detector
from realtime3d.detect.fixed import FixedBoxes
from realtime3d.detect.mediapipe_box import MediaPipeBoxes
from realtime3d.types import FaceBox, Frame, Image

BOX = np.array([181, 83, 268, 168], np.float32)  # the portrait's face, brows to chin and cheek to cheek
DETECTORS: dict[str, Callable[[], Detector]] = {
    "mediapipe short": lambda: MediaPipeBoxes("short"),
    "mediapipe full": lambda: MediaPipeBoxes("full"),
    "mediapipe both": lambda: MediaPipeBoxes("both"),
    "fixed": lambda: FixedBoxes({0: [FaceBox(BOX)], 1: []}),
}


@pytest.fixture(scope="module")
def portrait() -> Image:
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]()


def test_gives_tight_boxes_best_first(detector: Detector, portrait: Image) -> None:
    before = portrait.copy()
    boxes = detector.detect(Frame(0, 0, portrait))
    detector.close()
    assert len(boxes) == 1
    assert boxes[0].xyxy.dtype == np.float32
    assert boxes[0].xyxy == pytest.approx(BOX, abs=18)
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
    np.testing.assert_array_equal(portrait, before)


def test_gives_no_boxes_where_nobody_is(detector: Detector) -> None:
    assert detector.detect(Frame(1, 0, np.full((120, 160, 3), 127, np.uint8))) == []
    detector.close()


def test_opens_and_closes_any_number_of_times(detector: Detector, portrait: Image) -> None:
    detector.close()
    detector.open()
    detector.open()
    first = detector.detect(Frame(0, 0, portrait))
    detector.close()
    detector.close()
    again = detector.detect(Frame(0, 0, portrait))
    detector.close()
    assert [box.xyxy.tolist() for box in first] == [box.xyxy.tolist() for box in again]
