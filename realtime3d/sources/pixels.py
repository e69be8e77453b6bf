"""Any usual picture to the one kind that travels through the pipeline: (H, W, 3) uint8 BGR."""

from __future__ import annotations

from typing import Any

import numpy as np

from realtime3d.errors import UsageError
from realtime3d.types import Image


def to_bgr(picture: Any) -> Image:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16, to contiguous (H, W, 3) uint8 BGR.

    Grey is repeated over the channels; the alpha channel is ignored; 16 bits keep their upper 8 (the full range
    0..65535 is assumed). What is BGR uint8 already is returned without a copy where it is contiguous.
    """
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise UsageError(f"a picture is (H, W) or (H, W, 1, 3 or 4) in BGR order, not {np.shape(picture)}")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.dtype != np.uint8:
        raise UsageError(f"a picture's numbers are uint8 or uint16, not {array.dtype}: scale to 0..255 and convert it")
    if array.shape[2] == 1:
        array = np.broadcast_to(array, (*array.shape[:2], 3))
    return np.ascontiguousarray(array[..., :3])


def flipped(image: Image) -> Image:
    """Left to right, as in a mirror."""
    return np.ascontiguousarray(image[:, ::-1])
