"""MediaPipe's face mesh and person mask, which newer MediaPipe lacks: asked for in an environment of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d import guest
from realtime3d.training.model import solutions_worker

PICTURE_S = 60.0  # one picture takes no longer


class Solution:
    """One of MediaPipe's `solutions` at work in its own process; pictures are handed over in a file."""

    def __init__(self, title: str, *words: object) -> None:
        python = guest.python_of(guest.face_mesh_environment())
        advice = f"its environment {python} needs {guest.FACE_MESH_PACKAGE}"
        self._guest = guest.Guest(title, python, solutions_worker.__file__, words, advice)
        self._folder = tempfile.TemporaryDirectory(prefix="realtime3d-solutions-")
        self._file = Path(self._folder.name) / "picture.npy"

    def _asked(self, rgb: NDArray[np.uint8]) -> dict[str, Any]:
        np.save(self._file, rgb)
        return self._guest.ask({"picture": str(self._file)}, PICTURE_S)

    def close(self) -> None:
        self._guest.close()
        self._folder.cleanup()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class FaceMesh(Solution):
    """The 478 points of a face in single pictures."""

    def __init__(self, least_confidence: float = 0.5) -> None:
        super().__init__("MediaPipe's face mesh", "face-mesh", least_confidence)

    def __enter__(self) -> FaceMesh:
        return self

    def points(self, rgb: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """(478, 2) of the picture's width and height, None where there is no face."""
        found = self._asked(rgb)["points"]
        return None if found is None else np.array(found)


class PersonMask(Solution):
    """How much of each pixel is a person."""

    def __init__(self) -> None:
        super().__init__("MediaPipe's person mask", "person")

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._asked(rgb)
        mask: NDArray[np.float32] = np.load(self._file)
        return mask
