"""Wrinkles, stains and light drawn into a photograph, by a renderer that shares nothing with what is measured.

Everything is drawn in the picture's pixels on the face that was fitted to it: a point and a normal for each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.types import FloatArray, Image

Rng = np.random.Generator
GRAIN_SD = 0.012  # of the logarithm: skin's own fine spots, where a photograph was enlarged
NOISE_SD, JPEG_QUALITY = 1.0, 95  # levels
REACH = (1, 2, 3, 5, 8, 12)  # px, how far away a ridge can hide the sky
PAINTS = {  # -log of linear B, G, R (Tsumura et al. for the two pigments)
    "brown": (0.837, 0.357, 0.414),
    "red": (0.666, 0.684, 0.299),
    "grey": (1.0, 1.0, 1.0),
}


@dataclass(frozen=True)
class Lamp:
    """A lamp far away and a sky."""

    way: tuple[float, float, float]  # towards it, in the camera's frame: x right, y down, z away
    sky: float  # share of the light that comes from all sides

    def shade(self, normals: FloatArray, open_sky: FloatArray | float = 1.0) -> FloatArray:
        way = np.asarray(self.way, np.float32) / np.linalg.norm(self.way)
        direct = np.clip((normals @ way.astype(np.float32) + 0.1) / 1.1, 0, None)
        sky = (1 - normals[..., 2]) / 2 * open_sky  # what faces the camera sees most of it
        return np.asarray(self.sky * sky + (1 - self.sky) * direct + 0.03, np.float32)


LAMPS = {
    "front": Lamp((0.0, -0.15, -1.0), 0.35),
    "left": Lamp((-0.8, -0.3, -0.6), 0.3),
    "above": Lamp((0.1, -0.85, -0.55), 0.3),
    "right, soft": Lamp((0.6, -0.5, -0.65), 0.55),
}


def wrinkles(rng: Rng, skin: NDArray[np.bool_], mm_per_px: float, widths_mm: tuple[float, float]) -> FloatArray:
    """(H, W) mm, below 0: families of grooves on skin."""
    depth = np.zeros(skin.shape, np.float32)
    ys, xs = np.nonzero(skin)
    for _ in range(9):
        at = int(rng.integers(len(ys)))
        turn, bend = rng.uniform(0, np.pi), rng.normal(0, 0.012)
        length, gap = rng.uniform(14, 40), rng.uniform(4, 9)
        for i in range(int(rng.integers(1, 4))):
            width = rng.uniform(*widths_mm)
            deep = min(rng.uniform(0.08, 0.6), 0.4 * width)
            groove = _groove(skin.shape, (xs[at], ys[at]), turn, bend, length, gap * i, mm_per_px)
            depth = np.minimum(depth, -deep * np.exp(-4 * np.log(2) * (groove[0] / width) ** 2) * groove[1])
    return cv2.GaussianBlur(depth, (0, 0), 0.5)


def _groove(
    shape: tuple[int, ...], middle: tuple[int, int], turn: float, bend: float, length: float, aside: float, span: float
) -> tuple[FloatArray, FloatArray]:
    """How far away each pixel is from a bent line (mm), and how much of the line's strength is left there."""
    s = np.linspace(-length / 2, length / 2, 40)
    x, y = s, bend * s * s + aside
    c, n = np.cos(turn), np.sin(turn)
    px, py = middle[0] + (c * x - n * y) / span, middle[1] + (n * x + c * y) / span
    line = np.full(shape, 255, np.uint8)
    points = np.rint(np.stack([px, py], 1) * 8).astype(np.int32)
    cv2.polylines(line, [points], False, 0, 1, cv2.LINE_8, 3)
    away = cv2.distanceTransform(line, cv2.DIST_L2, 5) * span
    yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    along = np.abs((xx - middle[0]) * c + (yy - middle[1]) * n) * span
    taper = np.clip((length / 2 - along) / (0.3 * length), 0, 1)
    return away.astype(np.float32), taper.astype(np.float32)


def stains(rng: Rng, skin: NDArray[np.bool_], mm_per_px: float, widths_mm: tuple[float, float]) -> FloatArray:
    """(H, W) 0..1: blots and streaks on skin, as wide as wrinkles."""
    out = np.zeros(skin.shape, np.float32)
    ys, xs = np.nonzero(skin)
    for _ in range(60):
        at = int(rng.integers(len(ys)))
        wide = rng.uniform(*widths_mm) / mm_per_px
        long = wide * rng.uniform(1, 3)
        blot = np.zeros_like(out)
        cv2.ellipse(
            blot, (int(xs[at]), int(ys[at])), (max(1, round(long / 2)), max(1, round(wide / 2))),
            float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.3, 1)), -1,
        )  # fmt: skip
        out = np.maximum(out, cv2.GaussianBlur(blot, (0, 0), max(0.5, 0.2 * wide)))
    return out


def raised(points: FloatArray, normals: FloatArray, relief: FloatArray) -> FloatArray:
    """(H, W, 3) normals of a surface that is raised by `relief` mm."""
    flat, high = _crossed(points), _crossed(points + normals * relief[..., None])
    out = normals + np.where(np.isfinite(high - flat), high - flat, 0)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-6), np.float32)


def _crossed(points: FloatArray) -> FloatArray:
    """Unit normals of a grid of points, towards the camera."""
    x, y = np.gradient(points, axis=1), np.gradient(points, axis=0)
    n = -np.cross(x, y)
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-9), np.float32)


def open_sky(relief: FloatArray, mm_per_px: float) -> FloatArray:
    """(H, W) how much of the sky is not hidden by what is higher near by."""
    total = np.zeros_like(relief)
    for turn in np.arange(8) * np.pi / 4:
        steepest = np.zeros_like(relief)
        for reach in REACH:
            dx, dy = np.cos(turn) * reach, np.sin(turn) * reach
            way = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            size = relief.shape[::-1]
            there = cv2.warpAffine(relief, way, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            np.maximum(steepest, (there - relief) / (reach * mm_per_px), out=steepest)
        total += 1 / (1 + steepest**2)  # cos² of the horizon's height
    return total / 8


def photographed(rng: Rng, light: FloatArray) -> Image:
    """Linear light as a camera's JPEG gives it."""
    x = np.clip(light, 0, 1)
    levels = 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    noisy = np.clip(np.rint(levels + rng.normal(0, NOISE_SD, levels.shape)), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def grain(rng: Rng, shape: tuple[int, int], mm_per_px: float) -> FloatArray:
    """(H, W) logarithm: fine spots of skin, 0.5 to 2 mm."""
    out = np.zeros(shape, np.float32)
    for size in (0.5, 1.0, 2.0):
        noise = rng.normal(0, 1, shape).astype(np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), 0.4 * size / mm_per_px)
        out += soft / max(float(soft.std()), 1e-6)
    return out * np.float32(GRAIN_SD / np.sqrt(3))
