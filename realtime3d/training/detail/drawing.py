"""Wrinkles, stains, stubble and light, to be drawn into photographs whose truth is then known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.surface.portrait import Portrait
from realtime3d.surface.skin import BLOOD, MELANIN, levels
from realtime3d.surface.vectors import over_metric, unit
from realtime3d.types import FloatArray, Image

Rng = np.random.Generator
WIDTHS_MM, DEEP_MM = (0.7, 3.5), (0.06, 0.6)  # of wrinkles; none is deeper than STEEP of its width
STEEP = 0.4
FAMILIES, BLOTS, HAIRS = (8, 28), (10, 60), (60, 500)  # a face
CONTRAST = (0.03, 0.4)  # of stains, logarithm: as much as deep wrinkles have
NOISE, QUALITY = (0.6, 1.8), (85, 98)  # levels; of JPEG
DIRT = (1.0, 1.0, 1.0)


def wrinkles(rng: Rng, skin: NDArray[np.bool_], span: float) -> FloatArray:
    """(h, w) mm, below 0 in grooves and a little above beside some: families of bent lines."""
    ys, xs = np.nonzero(skin)
    out = np.zeros(skin.shape, np.float32)
    for _ in range(int(rng.integers(*FAMILIES))):
        at = int(rng.integers(len(ys)))
        wide = max(float(rng.uniform(*WIDTHS_MM)), 1.6 * span)
        lines = _family(rng, skin.shape, (int(xs[at]), int(ys[at])), wide, span)
        sd = wide / 2.355 / span
        groove = cv2.GaussianBlur(lines, (0, 0), sd) * np.float32(sd * np.sqrt(2 * np.pi) * 0.85)
        if rng.random() < 0.3:
            groove -= np.float32(rng.uniform(0.2, 0.5)) * cv2.GaussianBlur(groove, (0, 0), 2 * sd)
        out = np.where(np.abs(groove) > np.abs(out), -groove, out).astype(np.float32)
    return cv2.GaussianBlur(out, (0, 0), 0.5).astype(np.float32)


def _family(rng: Rng, shape: tuple[int, ...], middle: tuple[int, int], wide: float, span: float) -> FloatArray:
    """(h, w) lines side by side, as strong as their grooves are deep."""
    turn, bend = rng.uniform(0, np.pi), rng.normal(0, 0.014)
    length, gap = rng.uniform(8, 45), rng.uniform(2.5, 9)
    lines = np.zeros(shape, np.float32)
    for i in range(int(rng.integers(1, 5))):
        deep = min(rng.uniform(*DEEP_MM), STEEP * wide)
        s = np.linspace(-0.5, 0.5, 30) * length * rng.uniform(0.7, 1)
        off = bend * s * s + gap * i + rng.normal(0, 0.15) * np.sin(s / rng.uniform(2, 6))
        x = middle[0] + (np.cos(turn) * s - np.sin(turn) * off) / span
        y = middle[1] + (np.sin(turn) * s + np.cos(turn) * off) / span
        ends = np.clip((1 - np.abs(np.linspace(-1, 1, 30))) / rng.uniform(0.2, 0.7), 0, 1)
        points = np.rint(np.stack([x, y], axis=1) * 8).astype(np.int32)
        for k in range(29):
            cv2.line(lines, points[k].tolist(), points[k + 1].tolist(), float(deep * ends[k]), 1, cv2.LINE_8, 3)
    return lines


def stains(rng: Rng, skin: NDArray[np.bool_], span: float) -> FloatArray:
    """(h, w, 3) -log of linear colours: spots, blots and streaks of pigments and of dirt."""
    ys, xs = np.nonzero(skin)
    out = np.zeros((*skin.shape, 3), np.float32)
    ways = np.array([MELANIN, BLOOD, DIRT])
    ways /= ways.mean(axis=1, keepdims=True)
    for _ in range(int(rng.integers(1, 4))):
        blots = np.zeros(skin.shape, np.float32)
        wide, long = rng.uniform(0.6, 3.5), rng.uniform(1, 4)
        for _ in range(int(rng.integers(*BLOTS))):
            at, size = int(rng.integers(len(ys))), wide * rng.uniform(0.6, 1.4) / span / 2
            axes = (max(1, round(size * rng.uniform(1, long))), max(1, round(size)))
            turn, dark = float(rng.uniform(0, 180)), float(rng.uniform(0.2, 1))
            cv2.ellipse(blots, (int(xs[at]), int(ys[at])), axes, turn, 0, 360, dark, -1)
        blots = cv2.GaussianBlur(blots, (0, 0), max(0.5, rng.uniform(0.1, 0.35) * wide / span))
        strength = np.exp(rng.uniform(*np.log(CONTRAST)))
        out += (blots * np.float32(strength))[..., None] * (rng.dirichlet((0.35, 0.35, 0.5)) @ ways)
    return out.astype(np.float32)


def stubble(rng: Rng, skin: NDArray[np.bool_], span: float) -> FloatArray:
    """(h, w) -log of light: short dark hairs around one place."""
    ys, xs = np.nonzero(skin)
    out = np.zeros(skin.shape, np.float32)
    at, wide, lean = int(rng.integers(len(ys))), rng.uniform(8, 35) / span, rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(*HAIRS))):
        x, y = rng.normal((xs[at], ys[at]), wide)
        turn, long = lean + rng.normal(0, 0.4), rng.uniform(0.5, 3) / span
        ends = np.rint(np.array([[x, y], [x + long * np.cos(turn), y + long * np.sin(turn)]]) * 8).astype(int)
        cv2.line(out, ends[0].tolist(), ends[1].tolist(), float(rng.uniform(0.3, 1)), 1, cv2.LINE_AA, 3)
    soft = cv2.GaussianBlur(out, (0, 0), max(0.4, 0.12 / span))
    return np.asarray(soft * np.float32(np.exp(rng.uniform(*np.log(CONTRAST)))), np.float32)


def grain(rng: Rng, shape: tuple[int, int], span: float) -> FloatArray:
    """(h, w, 3) logarithm: skin's own fine spots, some paler, some redder."""
    pigment = np.array([MELANIN, BLOOD, DIRT], np.float32)
    out = np.zeros((*shape, 3), np.float32)
    for size in (0.4, 0.8, 1.6):
        noise = cv2.GaussianBlur(rng.standard_normal((*shape, 3), np.float32), (0, 0), max(0.4, 0.5 * size / span))
        out += (noise / noise.std() * rng.uniform(0, 0.012, 3).astype(np.float32)) @ pigment
    return out


def lit(rng: Rng, part: Portrait, relief: FloatArray) -> FloatArray:
    """(h, w) light of a lamp and a sky on the raised surface."""
    ways, span = part.x_mm, np.float32(part.mm_per_px)
    dx, dy = (np.gradient(relief, axis=axis).astype(np.float32) for axis in (1, 0))
    u, v = over_metric(ways, dx, dy)
    normals = unit(part.normals - ways[..., 0, :] * u[..., None] - ways[..., 1, :] * v[..., None])
    way = np.array([rng.normal(0, 0.6), rng.normal(-0.4, 0.5), -rng.uniform(0.4, 1.2)], np.float32)
    way /= np.linalg.norm(way)
    sky, wrap = rng.uniform(0.15, 0.65), rng.uniform(0, 0.2)
    direct = np.clip((normals @ way + wrap) / (1 + wrap), 0, None)
    hidden = np.zeros_like(relief)
    for reach in (0.5, 1.2, 2.5):
        below = np.maximum(cv2.GaussianBlur(relief, (0, 0), reach / span) - relief, 0) / np.float32(reach)
        hidden = np.maximum(hidden, below)
    open_sky = 1 / (1 + (rng.uniform(0.8, 1.8) * hidden) ** 2)
    return np.asarray(sky * (1 - normals[..., 2]) / 2 * open_sky + (1 - sky) * direct + 0.03, np.float32)


def photographed(rng: Rng, light: FloatArray) -> Image:
    """Linear light as a camera's JPEG gives it."""
    noise = rng.standard_normal(light.shape, np.float32) * np.float32(rng.uniform(*NOISE))
    noisy = levels(np.clip(light, 0, 1)).astype(np.float32) + noise
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*QUALITY))]
    _, data = cv2.imencode(".jpg", np.clip(np.rint(noisy), 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
