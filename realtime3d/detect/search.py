"""Finding every face of one picture, with more patience than a stream has: small, near and turned ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.detect.base import Detector
from realtime3d.geometry import overlap
from realtime3d.types import FaceBox, FloatArray, Frame, Image

LARGE = 0.25  # of the picture's shorter side: where a face is larger, small ones are not looked for
TILE_FROM_PX = 640  # the shorter side from which a quarter of the picture shows the detector more than the whole did
MARGIN = 0.5  # of the longer side, added around: a face that fills the picture is too large for the detector
SAME = 0.3  # intersection over union of two boxes of one face
TURNS = (  # how the picture is turned, and by what angle the faces that are upright then are rolled in it
    (cv2.ROTATE_90_CLOCKWISE, -np.pi / 2),
    (cv2.ROTATE_90_COUNTERCLOCKWISE, np.pi / 2),
    (cv2.ROTATE_180, np.pi),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A box of a face, and how the face is rolled in the picture."""

    xyxy: FloatArray  # (4,) px, tight for the upright face
    score: float
    roll: float = 0.0  # radians, clockwise


def searches(detector: Detector, image: Image, *, patient: bool = True) -> Iterator[list[Found]]:
    """What each way to look gives, the usual one first: whoever is content with it does not ask for the next.

    Without `patient` there is only the first, the detector's own answer to the whole picture.
    """
    found = _detect(detector, image)
    if not patient:
        yield found
        return
    height, width = image.shape[:2]
    largest = max((float((one.xyxy[2:] - one.xyxy[:2]).max()) for one in found), default=0.0)
    if min(height, width) >= TILE_FROM_PX and largest < LARGE * min(height, width):
        found = distinct(found + _in_tiles(detector, image, 2))
    yield found
    yield _with_margin(detector, image)
    yield distinct([one for turn, roll in TURNS for one in _turned(detector, image, turn, roll)])
    if min(height, width) >= 2 * TILE_FROM_PX:
        yield distinct(_in_tiles(detector, image, 4))


def _detect(detector: Detector, image: Image) -> list[Found]:
    boxes: list[FaceBox] = detector.detect(Frame(0, 0, image))
    return [Found(box.xyxy, box.score) for box in boxes]


def distinct(found: list[Found]) -> list[Found]:
    """Each face once, best score first."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: -f.score):
        if not kept or overlap(_boxes([one]), _boxes(kept)).max() < SAME:
            kept.append(one)
    return kept


def _boxes(found: list[Found]) -> NDArray[np.float64]:
    return np.array([one.xyxy for one in found], dtype=np.float64)


def _in_tiles(detector: Detector, image: Image, parts: int) -> list[Found]:
    """Tiles of the picture's size divided by `parts`, half over each other."""
    height, width = -(-image.shape[0] // parts), -(-image.shape[1] // parts)
    found = []
    for y in range(0, image.shape[0] - height // 2, max(height // 2, 1)):
        for x in range(0, image.shape[1] - width // 2, max(width // 2, 1)):
            tile = np.ascontiguousarray(image[y : y + height, x : x + width])
            found += [_moved(one, x, y) for one in _detect(detector, tile) if not _is_cut(one, tile)]
    return found


def _is_cut(one: Found, tile: Image) -> bool:
    """A face at a tile's edge is whole in another tile, or was found in the whole picture."""
    height, width = tile.shape[:2]
    x0, y0, x1, y1 = one.xyxy
    return bool(x0 < 1 or y0 < 1 or x1 > width - 2 or y1 > height - 2)


def _moved(one: Found, x: float, y: float) -> Found:
    return Found((one.xyxy + np.array([x, y, x, y])).astype(np.float32), one.score, one.roll)


def _with_margin(detector: Detector, image: Image) -> list[Found]:
    border = round(MARGIN * max(image.shape[:2]))
    wide = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    return [_moved(one, -border, -border) for one in _detect(detector, wide)]


def _turned(detector: Detector, image: Image, turn: int, roll: float) -> list[Found]:
    height, width = image.shape[:2]
    turned = cv2.rotate(image, turn).astype(np.uint8, copy=False)
    return [Found(_turned_back(one.xyxy, turn, width, height), one.score, roll) for one in _detect(detector, turned)]


def _turned_back(xyxy: FloatArray, turn: int, width: int, height: int) -> FloatArray:
    """A box of the turned picture in the picture itself, of this size."""
    x0, y0, x1, y1 = xyxy.tolist()
    if turn == cv2.ROTATE_90_CLOCKWISE:
        box = (y0, height - 1 - x1, y1, height - 1 - x0)
    elif turn == cv2.ROTATE_90_COUNTERCLOCKWISE:
        box = (width - 1 - y1, x0, width - 1 - y0, x1)
    else:
        box = (width - 1 - x1, height - 1 - y1, width - 1 - x0, height - 1 - y0)
    return np.array(box, dtype=np.float32)
