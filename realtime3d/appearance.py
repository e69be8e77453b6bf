"""What a face looks like, coarsely: enough to tell two people in one room apart, for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.crop import Crop
from realtime3d.geometry import Camera
from realtime3d.types import Image

GRID = 8  # cells along a side
RIM = 0.18  # of the crop's side that is left out all round: background comes and goes, the face stays
DARK = 16  # grey levels that count as none: the noise of dark cells says nothing
ENOUGH = GRID * GRID // 2  # cells that both must show


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Colours of a crop's cells. Where they lie in the picture is worked out when somebody compares: hardly ever."""

    colours: NDArray[np.uint8]  # (GRID, GRID, 3)
    crop: Crop
    camera: Camera

    @classmethod
    def of(cls, pixels: Image, crop: Crop, camera: Camera) -> Look:
        """The look of a crop that was cut out of a picture of this camera."""
        rim = round(RIM * crop.size)
        face = pixels[rim : crop.size - rim, rim : crop.size - rim]
        return cls(cv2.resize(face, (GRID, GRID), interpolation=cv2.INTER_AREA), crop, camera)

    def inside(self) -> NDArray[np.bool_]:
        """(GRID, GRID) which cells lie in the picture; the others only repeat its edge."""
        rim = round(RIM * self.crop.size)
        middles = rim + (np.arange(GRID) + 0.5) * ((self.crop.size - 2 * rim) / GRID) - 0.5
        x, y = np.meshgrid(middles, middles)
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ self.crop.K_inverse.T @ self.crop.R
        ahead = rays[..., 2] > 0
        xy = self.camera.project(np.where(ahead[..., None], rays, (0.0, 0.0, 1.0)))
        inside: NDArray[np.bool_] = ahead & (xy >= 0).all(-1) & (xy < (self.camera.width, self.camera.height)).all(-1)
        return inside


def unlike(a: Look, b: Look) -> float | None:
    """How far two looks are from each other, whatever the exposure; None where they show too little of the same."""
    both = a.inside() & b.inside()
    if both.sum() < ENOUGH:
        return None
    x, y = (np.log(look.colours[both].astype(np.float32) + DARK) for look in (a, b))
    difference = (x - x.mean()) - (y - y.mean())
    return float(np.sqrt((difference * difference).mean()))
