"""The seam between the tracker and whatever finds faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.errors import UsageError
from realtime3d.types import FaceBox, FloatArray, Frame


class Detector(Protocol):
    """Finds faces in a picture. The constructor is cheap."""

    def open(self) -> None:
        """Load what is needed now instead of with the first `detect`. May be called again."""
        ...

    def detect(self, frame: Frame) -> list[FaceBox]:
        """Tight face boxes (brows to chin, cheek to cheek, as around the 68 landmarks), best first.

        The tracker decides when it is called. It gets the frame and not only its image, so that boxes may come from a
        list by frame number.
        """
        ...

    def close(self) -> None:
        """Free what is held. May be called twice; a later `detect` opens again."""
        ...


def flipped_box(xyxy: FloatArray, width: int) -> FloatArray:
    """Boxes (..., 4) of a picture, in the picture flipped left to right."""
    x0, y0, x1, y1 = np.moveaxis(xyxy, -1, 0)
    return np.stack([width - 1 - x1, y0, width - 1 - x0, y1], axis=-1).astype(np.float32)


def checked_boxes(boxes: ArrayLike | Sequence[ArrayLike]) -> FloatArray:
    """A caller's boxes as (N, 4) float32; what has no area or is no number is refused."""
    try:
        array = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"boxes are [[x0, y0, x1, y1], ...] in px, not {boxes!r:.80}") from error
    if array.size == 0:
        return np.zeros((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise UsageError(f"boxes are (N, 4): [[x0, y0, x1, y1], ...] in px, not {array.shape}")
    bad = ~np.isfinite(array).all(1) | (array[:, 2] <= array[:, 0]) | (array[:, 3] <= array[:, 1])
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise UsageError(f"box {first} is {array[first].tolist()}: it must be finite with x0 < x1 and y0 < y1")
    return array
