"""Clips for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

FRAMES = 24
FPS = 24
SIZE = (320, 240)


def write_clip(path: Path, frames: int = FRAMES) -> Path:
    """A grey clip that gets brighter from frame to frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = np.full((SIZE[1], SIZE[0], 3), (60 + 5 * number) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path
