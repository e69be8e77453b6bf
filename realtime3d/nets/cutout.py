"""The originals' crop: a square of the picture around a face box, black where there is no picture.

Their boxes grow by 25 % to each side; nets that were trained with boxes around landmarks take more of the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from realtime3d.errors import MissingError
from realtime3d.geometry import Camera, Matrix, rotation_to_ray
from realtime3d.types import Array, Image, Pose

MARGINS = {  # from the box's middle to the left, up, to the right and down, in half sides of the box
    "square": (1.5, 1.5, 1.5, 1.5),
    "landmarks": (1.9255, 2.2591, 1.9423, 1.6087),
}
UNITS = 224.0  # of the originals' cameras: a crop's side, whatever the net's input
LARGEST_PX = 1 << 13  # the side up to which a crop is cut out before it is resized


@dataclass(frozen=True, slots=True)
class Cutout:
    """Whole pixels of the picture; they may lie outside it."""

    left: int
    top: int
    side: int

    @classmethod
    def around(cls, xyxy: ArrayLike, margins: str) -> Cutout:
        """The square that the originals cut out for a face box."""
        if margins not in MARGINS:
            raise MissingError(
                f"there is no crop {margins!r}, this version knows {' and '.join(MARGINS)}: import again"
            )
        x0, y0, x1, y1 = np.asarray(xyxy, dtype=np.float64).tolist()
        half = max(x1 - x0, y1 - y0) / 2
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        before, behind = np.reshape(MARGINS[margins], (2, 2))
        low = np.ceil((middle - half * before).astype(np.float32)).astype(int)
        high = np.ceil((middle + half * behind).astype(np.float32)).astype(int)
        return cls(int(low[0]), int(low[1]), max(int((high - low).max()), 1))

    def pixels(self, image: Image, size: int) -> Image:
        """(size, size, 3)."""
        if self.side > LARGEST_PX:
            step = self.side / size
            at = np.array([[step, 0, self.left + (step - 1) / 2], [0, step, self.top + (step - 1) / 2]])
            return cv2.warpAffine(image, at, (size, size), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        height, width = image.shape[:2]
        x0, y0 = max(self.left, 0), max(self.top, 0)
        x1, y1 = min(self.left + self.side, width), min(self.top + self.side, height)
        cut = np.zeros((self.side, self.side, 3), np.uint8)
        if x1 > x0 and y1 > y0:
            cut[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left] = image[y0:y1, x0:x1]
        return cv2.resize(cut, (size, size), interpolation=cv2.INTER_CUBIC)

    def pose(self, R: Matrix, anchor: Array, uv: ArrayLike, per_mm: float, camera: Camera) -> Pose:
        """The pose in the real camera of a head whose point `anchor` (mm, in the head's frame) is seen at `uv` (UNITS
        to a side), `per_mm` UNITS a millimetre large; `R` is relative to the ray there."""
        step = self.side / UNITS
        corner = np.array([self.left, self.top])
        ray = camera.rays(corner + (np.asarray(uv, dtype=np.float64) + 0.5) * step - 0.5)
        length = float(np.linalg.norm(ray))
        distance = camera.fx * length / max(per_mm * step, 1e-9)
        turned = rotation_to_ray(ray) @ R
        return Pose(turned, ray / length * distance - turned @ anchor)
