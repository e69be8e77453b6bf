"""A texture that no picture gave: skin, lips, eyes, teeth and mouth in plain colours, for heads of nobody."""

from __future__ import annotations

import cv2
import numpy as np

from realtime3d.face.model import FaceModel
from realtime3d.raster import interpolate, rasterize
from realtime3d.render.shading import Topology
from realtime3d.types import Image

SKIN = (185, 202, 221)  # BGR
SIZE = 512  # px of its side
BLEED = 3  # px that colours go on beyond their triangles, so that no seam shows


def drawn_texture(model: FaceModel) -> Image:
    """(SIZE, SIZE, 3) BGR in the live head's layout."""
    shape, head = Topology.of(model), model.mesh()
    colours = np.where(shape.tinted > 0, _over(shape), np.array(SKIN, np.float32))[head.uv_vertex]
    xy = head.uv * np.float32(SIZE) - np.float32(0.5)
    ids, bary, _ = rasterize(xy, np.ones(len(xy)), head.uv_triangles, SIZE, SIZE)
    out = np.zeros((SIZE, SIZE, 3), np.float32)
    interpolate(ids, bary, head.uv_triangles, np.ascontiguousarray(colours, np.float32), out)
    known = (ids >= 0).astype(np.uint8)
    for _ in range(BLEED):
        grown = cv2.dilate(known, np.ones((3, 3), np.uint8))
        out = np.where((known > 0)[..., None], out, cv2.dilate(out, np.ones((3, 3), np.uint8)))
        known = grown
    out[known == 0] = SKIN
    return np.rint(out).astype(np.uint8)


def _over(shape: Topology) -> np.ndarray:
    """(V, 3) BGR: the tint over the skin, as much as covers it."""
    return np.asarray(shape.tinted * shape.tint + (1 - shape.tinted) * np.array(SKIN, np.float32))
