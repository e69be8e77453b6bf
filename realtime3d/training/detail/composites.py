"""Wrinkles, stains and light drawn into photographs, with the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.state import FaceState
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.light import fit_light
from realtime3d.surface.portrait import Portrait, facing_weight
from realtime3d.surface.refine import planes
from realtime3d.surface.skin import BLOOD, MELANIN, levels, linear, split
from realtime3d.surface.solve import band, slopes, solve
from realtime3d.surface.vectors import over_metric, unit
from realtime3d.types import FloatArray, Image

Rng = np.random.Generator
WIDTHS_MM, DEEP_MM = (0.7, 3.5), (0.06, 0.6)  # of wrinkles; none is deeper than STEEP of its width
STEEP = 0.4
FAMILIES, STAINS = (10, 26), (30, 160)  # a face
CONTRAST = (0.02, 0.16)  # of stains, logarithm
KEPT = 0.7  # of the photograph's own fine detail at most: what it is nobody knows, and it counts as flat
NOISE, QUALITY = (0.6, 1.6), (86, 98)  # levels; of JPEG


@dataclass(frozen=True)
class Composite:
    """One picture as the net sees it."""

    levels: NDArray[np.uint8]  # (h, w, PLANES)
    truth: FloatArray  # (h, w) mm that was drawn, in the band
    counts: FloatArray  # (h, w) 0..1


def composite(rng: Rng, maker: DetailMaker, face: FaceState, image: Image) -> Composite | None:
    """A photograph with what was drawn into it."""
    plain = maker.relief(face, image)
    if plain is None:
        return None
    part, span = plain.part, plain.part.mm_per_px
    skin = part.fade > 0.5
    if skin.sum() < 5000:
        return None
    even = _even(rng, part, plain.shade, plain.weight)
    truth = wrinkles(rng, skin, span) * (part.fade > 0)
    lit = even * _lit(rng, part, truth)[..., None] * np.exp(-stains(rng, skin, span))
    lit *= np.float32(rng.uniform(0.12, 0.4) / max(float(np.median(lit[skin])), 1e-6))
    picture = photographed(rng, lit)
    # From here on as for any picture; the foundation is the same.
    weight = part.fade * facing_weight(part.facing)
    light = fit_light(linear(picture).mean(axis=-1), part.normals, weight)
    shade = np.where(part.front, light.on(part.normals), np.float32(1))
    residual = split(picture, shade, weight, span)
    seen = planes(residual, *slopes(part, light, shade), solve(part, light, shade, residual), part.fade, span)
    return Composite(seen, band(truth, span), part.fade * (part.facing > 0.4))


def _even(rng: Rng, part: Portrait, shade: FloatArray, weight: FloatArray) -> FloatArray:
    """(h, w, 3) the photograph without light, with some of its fine detail, as sharp as it is or as if enlarged."""
    span = part.mm_per_px
    light = linear(part.image)
    if rng.random() < 0.5:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 1.2) / span)
    log = np.log(np.maximum(light, 1e-3)) - np.log(np.clip(shade, 0.4, 2.5))[..., None]
    coarse = cv2.GaussianBlur(log, (0, 0), 2.0 / span)
    out = coarse + (log - coarse) * np.float32(rng.uniform(0, KEPT))
    pigment = np.array([MELANIN, BLOOD, (1.0, 1.0, 1.0)], np.float32)
    for size in (0.4, 0.8, 1.6):
        noise = cv2.GaussianBlur(rng.normal(0, 1, (*shade.shape, 3)).astype(np.float32), (0, 0), 0.5 * size / span)
        out += (noise / noise.std() * rng.uniform(0, 0.012, 3).astype(np.float32)) @ pigment
    return np.asarray(np.exp(out), np.float32)


def wrinkles(rng: Rng, skin: NDArray[np.bool_], span: float) -> FloatArray:
    """(h, w) mm, below 0 in grooves and a little above beside some: families of bent lines."""
    ys, xs = np.nonzero(skin)
    out = np.zeros(skin.shape, np.float32)
    for _ in range(int(rng.integers(*FAMILIES))):
        at = int(rng.integers(len(ys)))
        turn, bend = rng.uniform(0, np.pi), rng.normal(0, 0.014)
        length, gap, wide = rng.uniform(8, 45), rng.uniform(2.5, 9), rng.uniform(*WIDTHS_MM)
        lines = np.zeros_like(out)
        for i in range(int(rng.integers(1, 5))):
            deep = min(rng.uniform(*DEEP_MM), STEEP * wide)
            s = np.linspace(-0.5, 0.5, 30) * length * rng.uniform(0.7, 1)
            off = bend * s * s + gap * i + rng.normal(0, 0.15) * np.sin(s / rng.uniform(2, 6))
            x = xs[at] + (np.cos(turn) * s - np.sin(turn) * off) / span
            y = ys[at] + (np.sin(turn) * s + np.cos(turn) * off) / span
            ends = np.clip((1 - np.abs(np.linspace(-1, 1, 30))) / rng.uniform(0.2, 0.7), 0, 1)
            points = np.rint(np.stack([x, y], axis=1) * 8).astype(np.int32)
            for k in range(29):
                cv2.line(lines, points[k].tolist(), points[k + 1].tolist(), float(deep * ends[k]), 1, cv2.LINE_8, 3)
        sd = wide / 2.355 / span
        groove = cv2.GaussianBlur(lines, (0, 0), sd) * np.float32(sd * np.sqrt(2 * np.pi) * 0.85)
        if rng.random() < 0.4:
            groove -= np.float32(rng.uniform(0.2, 0.5)) * cv2.GaussianBlur(groove, (0, 0), 2 * sd)
        out = np.where(np.abs(groove) > np.abs(out), -groove, out).astype(np.float32)
    return cv2.GaussianBlur(out, (0, 0), 0.5).astype(np.float32)


def stains(rng: Rng, skin: NDArray[np.bool_], span: float) -> FloatArray:
    """(h, w, 3) -log of linear colours: spots, blots and streaks of pigments and of dirt."""
    ys, xs = np.nonzero(skin)
    out = np.zeros((*skin.shape, 3), np.float32)
    ways = np.array([MELANIN, BLOOD, (1.0, 1.0, 1.0)])
    ways /= ways.mean(axis=1, keepdims=True)
    for _ in range(3):
        blots = np.zeros(skin.shape, np.float32)
        wide = rng.uniform(0.6, 3.5)
        for _ in range(int(rng.integers(*STAINS)) // 3):
            at, size = int(rng.integers(len(ys))), wide * rng.uniform(0.6, 1.4) / span
            axes = (max(1, round(size * rng.uniform(0.5, 1.7))), max(1, round(size / 2)))
            cv2.ellipse(
                blots, (int(xs[at]), int(ys[at])), axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.2, 1)), -1
            )  # fmt: skip
        blots = cv2.GaussianBlur(blots, (0, 0), max(0.5, rng.uniform(0.1, 0.35) * wide / span))
        out += (blots * np.float32(rng.uniform(*CONTRAST)))[..., None] * (rng.dirichlet((0.4, 0.4, 0.6)) @ ways)
    return out.astype(np.float32)


def _lit(rng: Rng, part: Portrait, relief: FloatArray) -> FloatArray:
    """(h, w) light of a lamp and a sky on the raised surface."""
    ways, span = part.x_mm, np.float32(part.mm_per_px)
    dx, dy = (np.gradient(relief, axis=axis).astype(np.float32) for axis in (1, 0))
    u, v = over_metric(ways, dx, dy)
    normals = unit(part.normals - ways[..., 0, :] * u[..., None] - ways[..., 1, :] * v[..., None])
    way = np.array([rng.normal(0, 0.6), rng.normal(-0.4, 0.5), -rng.uniform(0.4, 1.2)], np.float32)
    way /= np.linalg.norm(way)
    sky, wrap = rng.uniform(0.15, 0.6), rng.uniform(0, 0.2)
    direct = np.clip((normals @ way + wrap) / (1 + wrap), 0, None)
    hidden = np.zeros_like(relief)
    for reach in (0.5, 1.2, 2.5):
        below = np.maximum(cv2.GaussianBlur(relief, (0, 0), reach / span) - relief, 0) / np.float32(reach)
        hidden = np.maximum(hidden, below)
    open_sky = 1 / (1 + (1.3 * hidden) ** 2)
    return np.asarray(sky * (1 - normals[..., 2]) / 2 * open_sky + (1 - sky) * direct + 0.03, np.float32)


def photographed(rng: Rng, light: FloatArray) -> Image:
    """Linear light as a camera's JPEG gives it."""
    noisy = levels(np.clip(light, 0, 1)).astype(np.float32) + rng.normal(0, rng.uniform(*NOISE), light.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*QUALITY))]
    _, data = cv2.imencode(".jpg", np.clip(np.rint(noisy), 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
