"""The detail of the newest face in a corner of the live window, made by a thread of its own.

The thread takes the newest picture whenever it is ready for another: it never waits for the tracker and never makes it
wait. What it left out is counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from realtime3d.face.state import FaceState, FrameResult
from realtime3d.sources.latest import Closed, Latest
from realtime3d.surface.preview import preview_of
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

MOST_FPS = 20.0  # more is no smoother to look at, and takes from the tracker
SHARE = 0.32  # of the picture's height that the corner takes
GAP_PX = 10
POLL_S, GOODBYE_S = 0.1, 2.0

Preview = Callable[[FaceState, Image], Image | None]


class LiveDetail:
    """`see` hands over a result, `draw` puts the newest look into a corner. Both are quick."""

    def __init__(self, preview: Preview = preview_of, most_fps: float = MOST_FPS) -> None:
        self._preview, self._pause_s = preview, 1 / most_fps
        self._mailbox: Latest[tuple[FaceState, Image]] = Latest()
        self._newest: Image | None = None
        self._bug: BaseException | None = None
        self._made, self._since = 0, 0.0
        self._thread = threading.Thread(target=self._work, name="realtime3d-detail", daemon=True)

    def __enter__(self) -> Self:
        self._since = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._mailbox.close()
        self._thread.join(GOODBYE_S)

    @property
    def made(self) -> int:
        """Looks that were made so far."""
        return self._made

    @property
    def fps(self) -> float:
        """Looks a second since it began."""
        return self._made / max(time.perf_counter() - self._since, 1e-6)

    def see(self, result: FrameResult) -> None:
        """The newest faces: the largest one that was seen now is looked at. Never waits."""
        if self._bug is not None:
            raise self._bug
        faces = [face for face in result.faces if face.status == "tracked"]
        if faces:
            self._mailbox.put((max(faces, key=_size), result.frame.image))
        elif not result.faces:
            self._newest = None

    def draw(self, picture: Image) -> None:
        """Put the newest look into the lower right corner of a picture that may be written to."""
        look = self._newest
        if look is None:
            return
        height, width = picture.shape[:2]
        scale = min(SHARE * height / look.shape[0], 0.5 * width / look.shape[1])
        size = (int(look.shape[1] * scale), int(look.shape[0] * scale))
        if min(size) < 8 or size[0] + GAP_PX > width or size[1] + GAP_PX > height:
            return
        y, x = height - GAP_PX - size[1], width - GAP_PX - size[0]
        picture[y : y + size[1], x : x + size[0]] = cv2.resize(look, size, interpolation=cv2.INTER_LINEAR)

    def _work(self) -> None:
        try:
            while True:
                item = self._mailbox.get(POLL_S)
                if item is None:
                    continue
                start = time.perf_counter()
                look = self._preview(*item)
                if look is not None:
                    self._newest = look
                    self._made += 1
                time.sleep(max(0.0, self._pause_s - (time.perf_counter() - start)))
        except Closed:
            return
        except BaseException as error:  # raised where results are given
            self._bug = error


def _size(face: FaceState) -> float:
    box = np.asarray(face.box, np.float64)
    return float((box[2] - box[0]) * (box[3] - box[1]))
