"""What lies before the faces of a picture, vertex by vertex, for pages that show the mask."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.face.state import FrameResult

if TYPE_CHECKING:
    from realtime3d.surface.mask import LazyMasker
    from realtime3d.tracker import FaceTracker


class Hidden:
    """Asks the mask's net when a viewer wants to know. Frames are made by more than one thread: one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._masker: LazyMasker | None = None

    def use(self, tracker: FaceTracker) -> None:
        """The net of this tracker's set from now on; nothing is hidden where the set has none."""
        with self._lock:
            self._close()
            self._masker = tracker.masker()

    def parts(self, result: FrameResult) -> dict[str, bytes]:
        """`hidden_ID`: (V) uint8, 255 where something lies before the face."""
        with self._lock:
            if self._masker is None:
                return {}
            image, found = result.frame.image, {}
            limit = np.array(image.shape[1::-1]) - 1
            for face in result.faces:
                before = self._masker.mask(image, face).before_mesh
                places = np.nan_to_num(face.camera.project(face.vertices()))  # a vertex beside the camera has none
                x, y = np.round(places).clip(0, limit).astype(np.intp).T
                found[f"hidden_{face.id}"] = np.round(255 * before[y, x]).astype(np.uint8).tobytes()
            return found

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        known, self._masker = self._masker, None
        if known is not None:
            known.close()
