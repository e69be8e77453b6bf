"""One of MediaPipe's face detectors through its Tasks API: a picture in, squares and scores out.

The API gives whole pixels, and moves a square that begins outside the picture (left or above) to its edge with its size
kept: up to a quarter of a face beside where the face is. Such a picture is looked at once more, moved away from that
edge, and the square is taken from there.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.detect.offline import opened_offline, without_certificates
from realtime3d.errors import SYSTEM_LIBRARIES, MissingError, first_line, require
from realtime3d.types import Image

Square = tuple[NDArray[np.float64], float]  # x0, y0, x1, y1 px; score
Search = Callable[[Image], list[Square]]  # RGB

STEPS = {"short": 128 // 16, "full": 192 // 16}  # a net's input in the coarsest steps of its layers
LEAST = {"short": 0.0, "full": 0.6}  # no lower score counts, whatever is asked for: below, MediaPipe 0.10.21 had none
UPGRADE = "pip install --upgrade 'mediapipe>=1.2'"
SAME = 0.2  # of the side: squares of both looks that are one face's differ less


def opened(kind: str, weights: bytes, min_score: float) -> tuple[Search, Callable[[], None]]:
    """A search with the weights of a range, and what ends it."""
    mediapipe: Any = require("mediapipe", "", "finding faces")
    vision: Any = require("mediapipe.tasks.python.vision", "", "finding faces")
    options = vision.FaceDetectorOptions(
        base_options=without_certificates(mediapipe.tasks.BaseOptions)(model_asset_buffer=weights),
        min_detection_confidence=max(min_score, LEAST[kind]),
    )
    nets: list[Any] = []

    def look(rgb: Image) -> list[Square]:
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
        found = []
        for detection in nets[0].detect(picture).detections:
            box = detection.bounding_box
            xyxy = [box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height]
            found.append((np.array(xyxy, dtype=np.float64), float(detection.categories[0].score)))
        return found

    try:
        nets.append(opened_offline(lambda: vision.FaceDetector.create_from_options(options)))
        look(np.zeros((64, 64, 3), np.uint8))  # the first run logs and is slow
    except (RuntimeError, ValueError, OSError, AttributeError, TypeError) as error:  # each version has its own
        with contextlib.suppress(RuntimeError):  # the same once more
            for net in nets:
                net.close()
        raise MissingError(
            f"mediapipe {mediapipe.__version__} does not run the face detector's {kind} range ({first_line(error)}): "
            f"{SYSTEM_LIBRARIES if isinstance(error, OSError) else UPGRADE}"
        ) from error
    return lambda rgb: _freed(look(rgb), rgb, look, STEPS[kind]), nets[0].close


def _freed(found: list[Square], rgb: Image, look: Search, steps: int) -> list[Square]:
    """What was found, with those squares that the API has moved to the left or upper edge put where they belong."""
    at_edge = [(square[:2] == 0) for square, _ in found]
    if not any(edge.any() for edge in at_edge):
        return found
    height, width = rgb.shape[:2]
    side = max(square[2] - square[0] for (square, _), edge in zip(found, at_edge, strict=True) if edge.any())
    step = max(height, width) / steps  # moved by whole steps the net sees nearly the same
    move = round(math.ceil(side / step) * step)
    right, down = (
        min(move, size - 1) if moved else 0 for size, moved in zip((width, height), np.any(at_edge, 0), strict=True)
    )
    moved = np.zeros_like(rgb)
    moved[down:, right:] = rgb[: height - down, : width - right]
    there = [(square - (right, down, right, down), score) for square, score in look(moved)]
    return [(_twin(square, edge, there), score) for (square, score), edge in zip(found, at_edge, strict=True)]


def _twin(square: NDArray[np.float64], at_edge: NDArray[np.bool_], there: list[Square]) -> NDArray[np.float64]:
    """The square of the second look that is the same face's; the square itself where none is or none is needed."""
    side = square[2] - square[0]

    def distance(other: NDArray[np.float64]) -> float:
        beside = np.where(at_edge, np.maximum(other[:2], 0), np.abs(other[:2] - square[:2]))
        return float(max(*beside, abs(other[2] - other[0] - side))) / side

    nearest = min((other for other, _ in there), key=distance, default=square)
    return nearest if at_edge.any() and distance(nearest) < SAME else square
