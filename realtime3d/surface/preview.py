"""A quick look at a face's detail: its relief in the picture's pixels under a lamp, without maps and meshes."""

from __future__ import annotations

import cv2
import numpy as np

from realtime3d.face.model import LIVE
from realtime3d.face.state import FaceState
from realtime3d.surface.portrait import refusal
from realtime3d.surface.relief import Relief, relief_of
from realtime3d.surface.vectors import over_metric, unit
from realtime3d.types import FloatArray, Image

SIDE_PX = 192  # of the longer side of a face: what a stream's pictures show is hardly finer
LAMP = (-0.75, -0.35, -0.55)  # towards it: x right, y down, z away
DEEPER = 4.0  # times as it is: at this size folds would hardly be seen
SKY, SUN = 0.2, 0.85
SKIN = (188, 200, 214)  # BGR
DIM = 0.3  # of the picture where no face is


def preview_of(face: FaceState, image: Image, side_px: int = SIDE_PX) -> Image | None:
    """(h, w, 3) the face's part of a picture with its skin as a relief; None where there is too little of it."""
    if refusal(face):
        return None
    names = np.array(list(face.model.region_names))
    found = relief_of(face, image, face.model.mesh(LIVE), face.vertices(), names, None, side_px)
    return None if found is None else shaded(found)


def shaded(found: Relief) -> Image:
    """The relief under a lamp, everything else of the picture dimmed."""
    part = found.part
    normals = raised(found)
    way = np.array(LAMP, np.float32)
    light = SKY + SUN * np.maximum(normals @ (way / np.linalg.norm(way)), 0)
    skin = np.clip(np.array(SKIN, np.float32) * light[..., None], 0, 255)
    front = cv2.blur(part.front.astype(np.float32), (3, 3))[..., None]
    out = part.image * np.float32(DIM)
    out += (skin - out) * front
    return np.asarray(out, np.uint8)


def raised(found: Relief) -> FloatArray:
    """(h, w, 3) unit normals of the foundation with its displacement, in the camera's frame."""
    part, d = found.part, found.displacement * np.float32(DEEPER)
    across, down = np.gradient(d, axis=1), np.gradient(d, axis=0)
    ways = part.x_mm
    u, v = over_metric(ways, across, down)
    out = part.normals - ways[..., 0, :] * u[..., None] - ways[..., 1, :] * v[..., None]
    return unit(out)
