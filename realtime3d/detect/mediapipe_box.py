"""MediaPipe's box detectors (BlazeFace short and full range), boxes only: their key points are never read.

`weights.py` knows the files, `tasks.py` MediaPipe's API, `shelf.py` keeps detectors for the next one who opens,
`offline.py` keeps MediaPipe from telling anybody.
"""

from __future__ import annotations

import weakref

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.detect import weights
from realtime3d.detect.shelf import SHELF, Detector
from realtime3d.errors import MissingError, UsageError
from realtime3d.geometry import overlap
from realtime3d.process import is_forked, leave_to_parent, quiet_native_log, when_first_used
from realtime3d.types import FaceBox, Frame

# The tight box around the 68 landmarks as a part of the detector's square: width, height, and how far its middle lies
# below the square's. Medians over 400 labelled photographs of all poses at one and two times their size; spread 0.09
# in size and 0.04 in place. Yaw changes width and height by less than that; full range shifts sideways with it (0.18
# at 45 degrees), which a box cannot tell.
TIGHT = {"short": (0.95, 0.92, 0.034), "full": (0.90, 0.86, 0.082)}
SAME_FACE_IOU = 0.3  # of the two ranges' boxes


class MediaPipeBoxes:
    """Finds faces with one or both of MediaPipe's detectors. `open` loads MediaPipe, else the first `detect` does."""

    def __init__(self, range: str = "both", min_score: float = 0.5, model_file: str = "") -> None:
        """`range` is short (up to about 2 m), full (up to about 5 m) or both."""
        if range not in ("short", "full", "both"):
            raise UsageError(f"detector range must be short, full or both, not {range!r}")
        self._ranges = ("short", "full") if range == "both" else (range,)
        self._min_score = min_score
        self._model_file = model_file
        self._detectors: list[Detector] = []
        leave_to_parent(self)
        weakref.finalize(self, _give_back, self._detectors).atexit = False  # then the system frees them

    def detect(self, frame: Frame) -> list[FaceBox]:
        self.open()
        rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        found: list[FaceBox] = []
        for detector in self._detectors:
            boxes = [FaceBox(tight_box(xyxy, detector.kind), score) for xyxy, score in detector.search(rgb)]
            known = np.array([face.xyxy for face in found], np.float64).reshape(-1, 4)
            own = np.array([box.xyxy for box in boxes], np.float64).reshape(-1, 4)
            apart = np.all(overlap(own, known) < SAME_FACE_IOU, axis=1).tolist()
            found += [box for box, new in zip(boxes, apart, strict=True) if new]
        return sorted(found, key=lambda box: -box.score)

    def open(self) -> None:
        if self._detectors:
            return
        found = weights.read(self._model_file)
        kinds = [kind for kind in self._ranges if kind in found]
        if not kinds:
            raise MissingError(
                f'the face detector\'s file has no {self._ranges[0]} range: take detector.range = "both", '
                "or empty detector.model_file"
            )
        with quiet_native_log(), when_first_used("sounddevice"):
            for kind in kinds:
                self._detectors.append(SHELF.take(kind, found[kind], self._min_score))

    def close(self) -> None:
        _give_back(self._detectors)


def _give_back(detectors: list[Detector]) -> None:
    while detectors and not is_forked():
        SHELF.give_back(detectors.pop())


def tight_box(square: NDArray[np.float64], kind: str) -> NDArray[np.float32]:
    """The box around the 68 landmarks that usually belongs to a detector's square."""
    width, height, down = TIGHT[kind]
    side = square[2] - square[0]
    x, y = (square[0] + square[2]) / 2, (square[1] + square[3]) / 2 + down * (square[3] - square[1])
    w, h = width * side, height * (square[3] - square[1])
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dtype=np.float32)
