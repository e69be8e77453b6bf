"""A face's relief in the pixels of its picture: the light, the fine shading, and the displacement that explains it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from realtime3d.errors import UsageError
from realtime3d.face.mesh import HeadMesh
from realtime3d.face.state import FaceState
from realtime3d.surface.light import Light, fit_light
from realtime3d.surface.portrait import SIDE_PX, Portrait, facing_weight, portrait_of
from realtime3d.surface.refine import COARSEST_MM, Refiner, planes, sum_of_both
from realtime3d.surface.skin import linear, split
from realtime3d.surface.solve import solve
from realtime3d.types import FloatArray, Image


@dataclass(frozen=True)
class Relief:
    """What was solved for, (h, w) px of `part`."""

    part: Portrait
    light: Light
    shade: FloatArray  # the light on the foundation
    weight: FloatArray  # 0..1 how much the picture says of each pixel
    displacement: FloatArray  # mm along the normal, outward
    colour: bool  # False: the picture is grey


def relief_of(
    face: FaceState, image: Image, head: HeadMesh, vertices: FloatArray, names: ArrayLike, skin: FloatArray | None,
    side_px: int = SIDE_PX, refiner: Refiner | None = None,
) -> Relief | None:  # fmt: skip
    """The relief of a face; None where the picture does not show it. `skin` (H, W) of the picture, 0 to 1."""
    part = portrait_of(face, image, head, vertices, np.asarray(names), side_px)
    if part is None:
        return None
    weight = part.fade * facing_weight(part.facing)
    if skin is not None:
        weight = weight * _cut_out(skin, part)
    light = fit_light(linear(part.image).mean(axis=-1), part.normals, weight)
    shade = np.where(part.front, light.on(part.normals), np.float32(1))
    residual = split(part.image, shade, weight, part.mm_per_px)
    solved = solve(part, light, shade, residual)
    displacement = solved.displacement
    if refiner is not None and part.mm_per_px <= COARSEST_MM:
        levels = planes(residual, solved, shade, part.fade, part.mm_per_px)
        displacement = sum_of_both(displacement, refiner.refined(levels) * part.fade * residual.bare)
    return Relief(part, light, shade, residual.weight, displacement, residual.colour)


def checked_mask(mask: ArrayLike, image: Image) -> FloatArray:
    """A caller's mask as (H, W) float32 from 0 to 1."""
    array = np.asarray(mask)
    if array.shape != image.shape[:2]:
        raise UsageError(f"a mask is as large as its picture, {image.shape[:2]}, not {array.shape}")
    scale = 255.0 if array.dtype == np.uint8 and array.max(initial=0) > 1 else 1.0
    return np.clip(array.astype(np.float32) / np.float32(scale), 0, 1)


def _cut_out(skin: FloatArray, part: Portrait) -> FloatArray:
    """A mask of the picture as one of its part."""
    height, width = part.fade.shape
    scale = 1 / part.scale
    offset = [0.5 * scale - 0.5 + corner for corner in part.origin]
    way = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(skin, way, (width, height), flags=flags), np.float32)
