"""PNG files with a palette: each pixel is the number of a class, and viewers show it in a colour."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from realtime3d.sinks.png import chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
INDEXED = 3  # PNG's colour type


def palette_png(
    labels: NDArray[np.uint8], colours: Sequence[tuple[int, int, int]], text: Mapping[str, str] | None = None
) -> bytes:
    """(H, W) numbers of `colours` (RGB) as a PNG, with lines of text (Latin-1) in it."""
    height, width = labels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # a filter number of 0 before each row
    rows[:, 1:] = labels
    chunks = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, INDEXED, 0, 0, 0)),
        *(chunk(b"tEXt", f"{key}\0{value}".encode("latin-1")) for key, value in (text or {}).items()),
        chunk(b"PLTE", np.array(colours, np.uint8).tobytes()),
        chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
        chunk(b"IEND", b""),
    ]
    return SIGNATURE + b"".join(chunks)
