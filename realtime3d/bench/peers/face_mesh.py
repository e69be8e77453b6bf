"""MediaPipe's face mesh with attention (478 refined points), on the same frames: what we are compared with.

It follows 2D and relative 3D points of a face; it gives no metric pose, identity or expression coefficients.
"""

from __future__ import annotations

import cv2

from realtime3d.errors import MissingError, require
from realtime3d.types import Image

NAME = "MediaPipe face mesh, refined landmarks, video mode"


class FaceMesh:
    """The peer as its own users run it; `close` frees it."""

    def __init__(self, max_faces: int) -> None:
        module = require("mediapipe", "", "the comparison")
        solutions = getattr(module, "solutions", None)
        if solutions is None:
            raise MissingError(f"mediapipe {module.__version__} has no face mesh solution: install mediapipe 0.10.21")
        self._mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=max_faces, refine_landmarks=True
        )

    def faces(self, image: Image) -> int:
        """Follow the faces of the next picture (BGR); how many there are."""
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        rgb.flags.writeable = False  # as its documentation advises: it then takes the picture without a copy
        found = self._mesh.process(rgb).multi_face_landmarks
        return len(found or ())

    def close(self) -> None:
        self._mesh.close()
