"""A film of people who come, stay and go, long enough that a run over it can be killed many times."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from realtime3d.demo import clip_path

FPS = 25
EMPTY = 100  # frames without anybody: longer than the tracker remembers


def write_long_film(path: Path, rounds: int = 2) -> int:
    """The bundled clip forwards and backwards, then nobody, `rounds` times; in the second half two people. Frames."""
    with av.open(str(clip_path())) as container:
        clip = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    there = [*clip, *reversed(clip)]
    nobody = np.full_like(clip[0], 128)
    pictures = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 2 * clip[0].shape[1], clip[0].shape[0], "yuv420p"
        for turn in range(rounds):
            for number, left in enumerate([*there, *[nobody] * EMPTY]):
                comes = turn > 0 and 137 <= number < 400  # somebody else, for a part of the time
                right = there[(number * 2) % len(there)] if comes else nobody
                picture = np.ascontiguousarray(np.concatenate([left, right[:, ::-1]], axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
                pictures += 1
        container.mux(stream.encode())
    return pictures
