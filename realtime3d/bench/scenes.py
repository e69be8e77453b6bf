"""The frames that are measured on: the bundled clip, at any size, with any number of faces."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.clock import to_ns
from realtime3d.demo import Truth, clip_path, load_truth
from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame, Image

SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
FPS = 30
LIMIT = 240  # frames taken of a clip
WHOLE = 0.99  # share of the landmarks inside the picture
CALM_MM = 20.0  # from frame to frame: a faster face would leap where an endless clip turns back
TILE = 240  # px of one face's part of the picture with several faces
GRID = (4, 2)


@cache
def clip_frames(path: Path | None = None) -> tuple[Image, ...]:
    """Up to `LIMIT` decoded frames of a clip; None: the longest calm part of the bundled one."""
    first, last = (0, LIMIT) if path else _longest(_calm(load_truth()))
    images: list[Image] = []
    with open_source(path or clip_path()) as source:
        for item in source:
            if not isinstance(item, Gap) and item.index >= first:
                images.append(item.image)
            if len(images) >= min(last - first, LIMIT):
                break
    if not images:
        raise SourceError(f"{path} has no frames: name another video")
    return tuple(images)


def _calm(truth: Truth) -> NDArray[np.bool_]:
    """Frames that show the whole face, and not on its way out."""
    moved = np.linalg.norm(np.diff(truth.t, axis=0, prepend=truth.t[:1]), axis=1)
    return (truth.visible >= WHOLE) & (moved < CALM_MM)


def _longest(wanted: NDArray[np.bool_]) -> tuple[int, int]:
    """The longest stretch of wanted frames: the first, and the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def sized(images: tuple[Image, ...], width: int, height: int) -> tuple[Image, ...]:
    """Each frame scaled to fit and put into the middle; what remains of the picture is grey."""
    return tuple(_fitted(image, width, height) for image in images)


def crowd(images: tuple[Image, ...], faces: int) -> tuple[Image, ...]:
    """Pictures of 960x480 with the middle of the clip in the first `faces` of eight places, at different moments."""
    columns, rows = GRID
    if not 1 <= faces <= columns * rows:
        raise ValueError(f"1 to {columns * rows} faces, not {faces}")
    small = sized(tuple(_middle(image) for image in images), TILE, TILE)
    pictures = []
    for i in range(len(small)):
        picture = np.full((TILE * rows, TILE * columns, 3), 96, dtype=np.uint8)
        for k in range(faces):
            y, x = k // columns * TILE, k % columns * TILE
            picture[y : y + TILE, x : x + TILE] = small[_bounce(i + 7 * k, len(small))]
        pictures.append(picture)
    return tuple(pictures)


def _middle(image: Image) -> Image:
    """The square in the middle that is two thirds of the picture's height: faces of a crowd must not be tiny."""
    height, width = image.shape[:2]
    side = min(height * 2 // 3, width)
    y, x = (height - side) // 2, (width - side) // 2
    return image[y : y + side, x : x + side]


def _fitted(image: Image, width: int, height: int) -> Image:
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    if inner == (width, height) == (image.shape[1], image.shape[0]):
        return image
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    picture = np.full((height, width, 3), 96, dtype=np.uint8)
    x, y = (width - inner[0]) // 2, (height - inner[1]) // 2
    picture[y : y + inner[1], x : x + inner[0]] = small
    return picture


def _bounce(index: int, count: int) -> int:
    """Forwards, backwards, forwards ...: an endless clip without a cut."""
    if count == 1:
        return 0
    step = index % (2 * count - 2)
    return step if step < count else 2 * count - 2 - step


class Endless:
    """Frames for ever, 30 in a second of their own time, from number `first` on."""

    def __init__(self, images: tuple[Image, ...], first: int = 0) -> None:
        self._images = images
        self._index = first

    def next(self, t_ns: int | None = None) -> Frame:
        """The next one, stamped with its own time or with `t_ns`."""
        index, self._index = self._index, self._index + 1
        stamp = to_ns(index / FPS) if t_ns is None else t_ns
        return Frame(index, stamp, self._images[_bounce(index, len(self._images))])
