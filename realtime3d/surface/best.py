"""The texture of each face in a stream, from the frame that showed it best so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.surface.texture import Texture, TexturePainter, vertex_colours
from realtime3d.types import Image

BETTER = 1.05  # times as good: then a frame takes the place of the one that the colours come from
LARGE_PX = 300.0  # of a face: larger ones show no more that a texture could hold
SIZE = 512  # px of a texture: enough for what is drawn over a picture


def worth(face: FaceState) -> float:
    """How much a frame shows of a face: sure, from the front, large."""
    left, top, right, bottom = map(float, face.box)
    size = min(max(right - left, bottom - top) / LARGE_PX, 1.0)
    return face.confidence * max(float(face.pose.R[2, 2]), 0.0) ** 2 * size


class BestTextures:
    """Textures by face id."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._painter: tuple[FaceModel, TexturePainter] | None = None
        self._known: dict[int, tuple[float, Texture]] = {}

    def see(self, result: FrameResult, image: Image) -> None:
        """Take the faces of a frame; who ended is forgotten. `image`: without anything drawn over it."""
        for face_id in result.lost:
            self._known.pop(face_id, None)
        for face in result.faces:
            best = self._known[face.id][0] if face.id in self._known else None
            value = worth(face) if face.status == "tracked" else 0.0
            if best is None or value > best * BETTER:
                self._known[face.id] = value, self._of(face.model).paint(face, image)

    def of(self, face: FaceState) -> Image:
        """(S, S, 3) BGR of a face that was seen."""
        return self._known[face.id][1].image

    def at_vertices(self, face: FaceState) -> NDArray[np.uint8]:
        """(V, 3) RGB of the same face's vertices."""
        head = face.model.mesh()
        return vertex_colours(self._known[face.id][1], head.uv, head.uv_vertex)

    def clear(self) -> None:
        self._known.clear()
        self._painter = None

    def _of(self, model: FaceModel) -> TexturePainter:
        if self._painter is None or self._painter[0] is not model:
            self._painter = model, TexturePainter(model, self._size)
        return self._painter[1]
