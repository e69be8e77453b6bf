"""MediaPipe's box detectors (BlazeFace short and full range), boxes only: their key points are never read.

MediaPipe up to 0.10.21 carries the weights in its wheel. From 0.10.30 on there is only the Tasks API without weights:
then a file is named by `detector.model_file` or the environment variable REALTIME3D_DETECTOR_MODEL, known by its hash.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError, UsageError, require
from realtime3d.process import is_forked, leave_to_parent, quiet_native_log, when_first_used
from realtime3d.types import FaceBox, Frame, Image

MODEL_VARIABLE = "REALTIME3D_DETECTOR_MODEL"
KNOWN_FILES = {  # sha256 -> range
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8": "short",  # in the wheel of 0.10.21
    "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f": "short",  # Google's blaze_face_short_range
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1": "full",  # sparse, in the wheel of 0.10.21
}
# The tight box around the 68 landmarks as a part of the detector's square: width, height, and how far its middle lies
# below the square's. Medians over 400 labelled photographs of all poses at one and two times their size; spread 0.09
# in size and 0.04 in place. Yaw changes width and height by less than that; full range shifts sideways with it (0.18
# at 45 degrees), which a box cannot tell.
TIGHT = {"short": (0.95, 0.92, 0.034), "full": (0.90, 0.86, 0.082)}
SAME_FACE_IOU = 0.3  # of the two ranges' boxes

Search = Callable[[Image], "list[tuple[NDArray[np.float64], float]]"]  # RGB picture -> (x0, y0, x1, y1) px, score


class MediaPipeBoxes:
    """Finds faces with one or both of MediaPipe's detectors. `open` loads MediaPipe, else the first `detect` does."""

    def __init__(self, range: str = "both", min_score: float = 0.5, model_file: str = "") -> None:
        """`range` is short (up to about 2 m), full (up to about 5 m) or both."""
        if range not in ("short", "full", "both"):
            raise UsageError(f"detector range must be short, full or both, not {range!r}")
        self._ranges = ("short", "full") if range == "both" else (range,)
        self._min_score = min_score
        self._model_file = model_file
        self._searches: dict[str, Search] = {}
        self._closers: list[Callable[[], None]] = []
        leave_to_parent(self)
        weakref.finalize(self, _close_all, self._closers)  # MediaPipe complains when the interpreter ends before it

    def detect(self, frame: Frame) -> list[FaceBox]:
        self.open()
        rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        found: list[FaceBox] = []
        for kind, search in self._searches.items():
            boxes = [FaceBox(tight_box(xyxy, kind), score) for xyxy, score in search(rgb)]
            found += [box for box in boxes if all(_iou(box.xyxy, known.xyxy) < SAME_FACE_IOU for known in found)]
        return sorted(found, key=lambda box: -box.score)

    def open(self) -> None:
        if self._searches:
            return
        with quiet_native_log(), when_first_used("sounddevice"):
            make = _solutions() or _tasks(self._model_file)
            for kind in self._ranges:
                opened = make(kind, self._min_score)
                if opened is None:  # the one model file there is has the other range
                    continue
                self._searches[kind], close = opened
                self._closers.append(close)
                self._searches[kind](np.zeros((64, 64, 3), np.uint8))  # the first run logs and is slow
        if not self._searches:
            raise MissingError(
                f'the face detector\'s model file has no {self._ranges[0]} range: take detector.range = "both", '
                f"or the {self._ranges[0]} range's file from the wheel of mediapipe 0.10.21"
            )

    def close(self) -> None:
        _close_all(self._closers)
        self._searches.clear()


def _close_all(closers: list[Callable[[], None]]) -> None:
    while closers and not is_forked():
        closers.pop()()


def tight_box(square: NDArray[np.float64], kind: str) -> NDArray[np.float32]:
    """The box around the 68 landmarks that usually belongs to a detector's square."""
    width, height, down = TIGHT[kind]
    side = square[2] - square[0]
    x, y = (square[0] + square[2]) / 2, (square[1] + square[3]) / 2 + down * (square[3] - square[1])
    w, h = width * side, height * (square[3] - square[1])
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dtype=np.float32)


def _iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = max(float(width), 0.0) * max(float(height), 0.0)
    return common / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common)


Opened = tuple[Search, Callable[[], None]]


def _solutions() -> Callable[[str, float], Opened] | None:
    """MediaPipe up to 0.10.21, with the weights of its wheel."""
    require("mediapipe", "", "finding faces")
    try:
        from mediapipe.python.solutions.face_detection import FaceDetection
    except ImportError:
        return None

    def make(kind: str, min_score: float) -> Opened:
        net = FaceDetection(min_score, model_selection=("short", "full").index(kind))

        def search(rgb: Image) -> list[tuple[NDArray[np.float64], float]]:
            height, width = rgb.shape[:2]
            found = []
            for detection in net.process(rgb).detections or ():
                box = detection.location_data.relative_bounding_box
                x0, y0, w, h = box.xmin * width, box.ymin * height, box.width * width, box.height * height
                found.append((np.array([x0, y0, x0 + w, y0 + h]), float(detection.score[0])))
            return found

        return search, net.close

    return make


def _tasks(model_file: str) -> Callable[[str, float], Opened | None]:
    """MediaPipe from 0.10.30 on, with a model file of the user's."""
    vision: Any = require("mediapipe.tasks.python.vision", "", "finding faces")
    mediapipe: Any = require("mediapipe", "", "finding faces")
    path = Path(model_file or os.environ.get(MODEL_VARIABLE, ""))
    file_kind = _kind_of(path)

    def make(kind: str, min_score: float) -> Opened | None:
        if kind != file_kind:
            return None
        options = vision.FaceDetectorOptions(
            base_options=mediapipe.tasks.BaseOptions(model_asset_buffer=path.read_bytes()),
            min_detection_confidence=min_score,
        )
        net = vision.FaceDetector.create_from_options(options)

        def search(rgb: Image) -> list[tuple[NDArray[np.float64], float]]:
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            found = []
            for detection in net.detect(picture).detections:
                box = detection.bounding_box
                xyxy = [box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height]
                found.append((np.array(xyxy, dtype=np.float64), float(detection.categories[0].score)))
            return found

        return search, net.close

    return make


def _kind_of(path: Path) -> str:
    """The range of a detector file, known by its hash."""
    if not path.is_file():
        raise MissingError(
            f"this MediaPipe has no face detector in its wheel{f' and {path} is no file' if path.name else ''}: "
            f"pip install mediapipe==0.10.21, or name a BlazeFace .tflite by detector.model_file or {MODEL_VARIABLE}"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest not in KNOWN_FILES:
        raise MissingError(
            f"{path} is none of the known face detectors (sha256 {digest[:12]}...): take Google's "
            "blaze_face_short_range.tflite, or face_detection_*.tflite from the wheel of mediapipe 0.10.21"
        )
    return KNOWN_FILES[digest]
