"""Albedo and texture: the picture's colours without their light, completed, and lit again."""

from __future__ import annotations

import cv2
import numpy as np

from realtime3d.surface.complete import joined
from realtime3d.surface.layout import Layout
from realtime3d.surface.light import Light
from realtime3d.surface.skin import levels, linear
from realtime3d.surface.vectors import unit
from realtime3d.types import FloatArray, Image

COARSE_MM = 5.0  # radius over which both sides are compared
DARKEST, BRIGHTEST = 0.35, 1.8  # light of which skin is cleared: beyond, order 2 exaggerates


def albedo_and_texture(
    layout: Layout,
    painted: Image,
    own_colours: FloatArray,
    light: Light,
    normals: FloatArray,
    seen: FloatArray,
) -> tuple[Image, Image]:
    """Albedo and texture (S, S, 3) of a face.

    `painted` are the picture's colours in the layout with a plain guess for what it does not show; `own_colours`
    (h, w, 3) those of the window as the picture has them, with `normals` (h, w, 3) and `seen` (h, w). On the face's
    front, what is not seen gets the other side's albedo.
    """
    shade = np.where(layout.inside, light.on(unit(normals)), np.float32(1))[..., None]
    shade = np.clip(shade, DARKEST, BRIGHTEST)
    inner = painted[layout.window]
    shown = cv2.convertScaleAbs(inner + (own_colours - inner) * seen[..., None])
    lit = linear(shown)
    own = np.log(np.clip(lit / shade, 1e-4, 1.0))
    own -= one_sided(layout, own.mean(axis=-1), seen)[..., None]
    other = layout.mirrored(np.ascontiguousarray(own * seen[..., None]))
    other_seen = layout.mirrored(seen)[..., None]
    lent = np.where(other_seen > 0.05, other / np.maximum(other_seen, 0.05), own)
    guess = own + (lent - own) * np.minimum(1, other_seen)
    guess += joined(own - guess, seen, layout.inside, layout.texel_mm)
    bare = np.exp(own * seen[..., None] + guess * (1 - seen[..., None])).astype(np.float32)
    rim = _rim(layout)[..., None]
    albedo, texture = painted.copy(), painted.copy()
    albedo[layout.window] = _mixed(inner, levels(bare), rim)
    sure = np.maximum(seen[..., None], 1 - rim)
    texture[layout.window] = _mixed(shown, levels(bare * shade), 1 - sure)
    return albedo, texture


def one_sided(layout: Layout, brightness: FloatArray, seen: FloatArray) -> FloatArray:
    """(h, w) light that is left in an albedo's logarithm: what is coarse and not alike on both sides is no paint."""
    both = seen * layout.mirrored(seen)
    apart = (brightness - layout.mirrored(brightness)) * both / 2
    size = (2 * round(COARSE_MM / layout.texel_mm) + 1,) * 2
    for _ in range(2):
        apart, both = cv2.blur(apart, size), cv2.blur(both, size)
    return np.asarray(apart / (both + 0.1), np.float32)


def _mixed(a: Image, b: Image, share: FloatArray) -> Image:
    out = a.astype(np.float32)
    out += (b - out) * share
    return cv2.convertScaleAbs(out).astype(np.uint8, copy=False)


def _rim(layout: Layout) -> FloatArray:
    """1 on the front, falling to 0 where the rest of the head begins: there the light is not taken out."""
    away = cv2.distanceTransform(np.pad(layout.inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.clip(away * np.float32(layout.texel_mm) / 4, 0, 1).astype(np.float32)
