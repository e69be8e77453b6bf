"""Displacement from shading: skin that tips towards the light is brighter, and hollows are dark.

The logarithm of shading is linear in the displacement d: r = g · grad d + beta (d - d blurred). A weighted least
squares solution is found by conjugate gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from realtime3d.jit import compiled
from realtime3d.surface.light import Light
from realtime3d.surface.lines import along_lines
from realtime3d.surface.portrait import Portrait
from realtime3d.surface.skin import Residual
from realtime3d.surface.vectors import dot, over_metric
from realtime3d.types import FloatArray

HOLLOW_PER_MM, HOLLOW_MM = 0.15, 1.2  # by how much a hollow is darker than what lies within this distance
BEND = 0.015  # mm², weight of small curvature
SMALL = 0.03  # weight of small displacement
STEPS = 40  # of conjugate gradients
ENOUGH = 2e-2  # of the first residual: then it ends
GAIN, GAIN_MM = 3.7, 0.5  # gives back what the weights take from drawn wrinkles; less where a pixel is larger than this
BAND_MM = (0.7, 8.0)  # wavelengths that are kept
SMALLEST_PX = 2.5  # wavelengths below are grain


@dataclass(frozen=True)
class Solved:
    """An answer and what it came from, (h, w)."""

    displacement: FloatArray  # mm along the normal, outward, in the band; it fades towards what is no skin
    before: FloatArray  # the same with what does not run along lines
    across: FloatArray  # by how much log shading grows with the displacement's rise over a pixel across
    down: FloatArray  # and down


def solve(portrait: Portrait, light: Light, shade: FloatArray, residual: Residual) -> Solved:
    """The displacement that explains the shading."""
    span = portrait.mm_per_px
    across, down = _slopes(portrait, light, shade)
    system = _System(across, down, np.ascontiguousarray(residual.weight), span)
    found = band(system.solve(np.ascontiguousarray(residual.shading)), span)
    skin = portrait.fade * residual.bare
    gain = np.float32(GAIN * sharpness(span))
    found = np.asarray(gain * found * skin, np.float32)
    return Solved(np.asarray(along_lines(found, span) * skin, np.float32), found, across, down)


def sharpness(mm_per_px: float) -> float:
    """How much of each wrinkle's depth a picture gives, 0 to 1."""
    return min(1.0, GAIN_MM / mm_per_px)


def band(displacement: FloatArray, mm_per_px: float) -> FloatArray:
    """What is finer than BAND_MM's upper end and coarser than its lower end."""
    finest = max(BAND_MM[0], SMALLEST_PX * mm_per_px)
    fine = cv2.GaussianBlur(displacement, (0, 0), 0.19 * finest / mm_per_px)
    return np.asarray(fine - cv2.GaussianBlur(displacement, (0, 0), 0.19 * BAND_MM[1] / mm_per_px), np.float32)


def _slopes(portrait: Portrait, light: Light, shade: FloatArray) -> tuple[FloatArray, FloatArray]:
    """By how much log shading grows with the displacement's rise over a pixel across, and down."""
    tips = light.log_slope(portrait.normals, shade)
    ways = portrait.x_mm
    u, v = (dot(ways[..., k, :], tips) for k in range(2))
    across, down = over_metric(ways, -u, -v)
    limit = np.float32(6.0 / portrait.mm_per_px)
    return np.clip(across, -limit, limit), np.clip(down, -limit, limit)


class _System:
    """The normal equations, applied without being written down."""

    def __init__(self, across: FloatArray, down: FloatArray, weight: FloatArray, span: float) -> None:
        self._across, self._down = (np.ascontiguousarray(a, dtype=np.float32) for a in (across, down))
        self._weight = weight
        self._bend, self._small = np.float32(BEND / span**4), np.float32(SMALL)
        width = 2 * round((6 * (HOLLOW_MM / span) ** 2 + 1) ** 0.5 / 2 - 0.5) + 1  # twice this box is nearly that Gauss
        self._box = (max(3, width),) * 2
        self._a, self._b = np.zeros_like(weight), np.zeros_like(weight)

    def _blur(self, values: FloatArray) -> FloatArray:
        """Symmetric: beyond the edge is nothing."""
        once = cv2.blur(values, self._box, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(cv2.blur(once, self._box, borderType=cv2.BORDER_CONSTANT), np.float32)

    def _back(self, weighed: FloatArray) -> FloatArray:
        """From weighed residuals to displacements."""
        out = np.empty_like(weighed)
        _transposed(weighed, self._blur(weighed), self._across, self._down, np.float32(HOLLOW_PER_MM), out)
        return out

    def _apply(self, d: FloatArray) -> FloatArray:
        seen, bent = np.empty_like(d), np.empty_like(d)
        _forward(d, self._blur(d), self._across, self._down, self._weight, np.float32(HOLLOW_PER_MM), seen, bent)
        out = self._back(seen)
        _add_bend(bent, d, self._bend, self._small, out)
        return out

    def solve(self, shading: FloatArray) -> FloatArray:
        left = self._back(shading * self._weight)
        found, way = np.zeros_like(left), left.copy()
        norm = first = float(np.vdot(left, left))
        for _ in range(STEPS):
            if norm <= ENOUGH**2 * first or norm == 0:
                break
            applied = self._apply(way)
            length = np.float32(norm / max(float(np.vdot(way, applied)), 1e-20))
            found += length * way
            left -= length * applied
            before, norm = norm, float(np.vdot(left, left))
            way *= np.float32(norm / before)
            way += left
        return found


@compiled("void(f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4, f4[:,::1], f4[:,::1])")
def _forward(d, blurred, across, down, weight, hollow, seen, bent):  # type: ignore[no-untyped-def]
    """Weighed shading of a displacement, and its Laplacian; beyond the edge it goes on as it is."""
    height, width = d.shape
    half = np.float32(0.5)
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            bent[y, x] = d[above, x] + d[below, x] + d[y, left] + d[y, right] - np.float32(4) * d[y, x]
            if weight[y, x] == 0:
                seen[y, x] = np.float32(0)
                continue
            shading = across[y, x] * (d[y, right] - d[y, left]) * half + down[y, x] * (d[below, x] - d[above, x]) * half
            seen[y, x] = weight[y, x] * (shading + hollow * (d[y, x] - blurred[y, x]))


@compiled("void(f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4, f4[:,::1])")
def _transposed(seen, blurred, across, down, hollow, out):  # type: ignore[no-untyped-def]
    """The transpose of `_forward` without weights."""
    height, width = seen.shape
    half = np.float32(0.5)
    for y in range(height):
        for x in range(width):
            value = hollow * (seen[y, x] - blurred[y, x])
            if x > 0:
                value += half * across[y, x - 1] * seen[y, x - 1]
            else:
                value -= half * across[y, x] * seen[y, x]
            if x < width - 1:
                value -= half * across[y, x + 1] * seen[y, x + 1]
            else:
                value += half * across[y, x] * seen[y, x]
            if y > 0:
                value += half * down[y - 1, x] * seen[y - 1, x]
            else:
                value -= half * down[y, x] * seen[y, x]
            if y < height - 1:
                value -= half * down[y + 1, x] * seen[y + 1, x]
            else:
                value += half * down[y, x] * seen[y, x]
            out[y, x] = value


@compiled("void(f4[:,::1], f4[:,::1], f4, f4, f4[:,::1])")
def _add_bend(bent, d, bend, small, out):  # type: ignore[no-untyped-def]
    """What keeps the displacement smooth and small."""
    height, width = d.shape
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            twice = bent[above, x] + bent[below, x] + bent[y, left] + bent[y, right] - np.float32(4) * bent[y, x]
            out[y, x] += bend * twice + small * d[y, x]
