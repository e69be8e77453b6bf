"""Things that people hold in front of their faces, drawn at random: cups, telephones, microphones, shapes, strands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.surface.mask import HAIR, OCCLUDER, SPAN_MM
from realtime3d.types import FloatArray, Image

FINE = 2  # times the size at which outlines are drawn
HAIR_BGR = ((25, 28, 35), (40, 50, 70), (60, 85, 120), (120, 165, 205), (150, 155, 160), (35, 60, 130))


@dataclass(frozen=True)
class Layer:
    """Something to paste: (S, S)."""

    colour: FloatArray  # (S, S, 3) BGR levels
    alpha: FloatArray  # 0..1
    label: int  # of the pixels that it covers by more than half
    labels: NDArray[np.uint8] | None = None  # where it is not the same everywhere


class Brush:
    """Draws layers of one size; `textures` are pictures whose parts things are coloured with."""

    def __init__(self, size: int, rng: np.random.Generator, textures: Sequence[Image] = ()) -> None:
        self.size, self.rng, self.textures = size, rng, textures
        self.mm = size / SPAN_MM  # px

    def blank(self) -> NDArray[np.uint8]:
        """A drawing surface for outlines."""
        return np.zeros((self.size * FINE,) * 2, np.uint8)

    def alpha(self, drawn: NDArray[np.uint8]) -> FloatArray:
        size = (self.size, self.size)
        return np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)

    def polygon(self, drawn: NDArray[np.uint8], points: ArrayLike, value: int = 255) -> None:
        """Fill a polygon whose points are px of the layer."""
        cv2.fillPoly(drawn, [np.rint(np.asarray(points) * FINE * 16).astype(np.int32)], value, cv2.LINE_AA, 4)

    def line(self, drawn: NDArray[np.uint8], points: ArrayLike, width: float, value: int = 255) -> None:
        row = np.rint(np.asarray(points) * FINE * 16).astype(np.int32)
        cv2.polylines(drawn, [row], False, value, max(1, round(width * FINE)), cv2.LINE_AA, 4)

    def texture(self) -> FloatArray:
        """(S, S, 3) one colour, a pattern, or a part of some picture; with light from a side."""
        rng, s = self.rng, self.size
        kind = rng.random()
        if kind < 0.4 and self.textures:
            picture = self.textures[int(rng.integers(len(self.textures)))]
            span = int(min(picture.shape[:2]) * rng.uniform(0.15, 0.9))
            y, x = (int(rng.integers(0, side - span + 1)) for side in picture.shape[:2])
            out = cv2.resize(picture[y : y + span, x : x + span], (s, s)).astype(np.float32)
            out = np.rot90(out, int(rng.integers(4))) * rng.uniform(0.5, 1.3)
        else:
            out = np.tile(rng.uniform(5, 250, 3).astype(np.float32), (s, s, 1))
            if rng.random() < 0.3:
                out[:] = out.mean()  # black, white and grey things are the commonest
            if kind > 0.7:
                out += self._pattern()[..., None] * rng.normal(0, 55, 3)
        y, x = np.mgrid[:s, :s] / s - 0.5
        angle = rng.uniform(0, 2 * np.pi)
        light = 1 + rng.uniform(0, 0.7) * (np.cos(angle) * x + np.sin(angle) * y)
        return np.clip(out * light[..., None], 0, 255).astype(np.float32)

    def _pattern(self) -> NDArray[np.float64]:
        rng, s = self.rng, self.size
        y, x = np.mgrid[:s, :s] / s
        a, b = rng.uniform(0, np.pi), rng.uniform(3, 25)
        along, across = np.cos(a) * x + np.sin(a) * y, -np.sin(a) * x + np.cos(a) * y
        kind = rng.integers(4)
        if kind == 0:
            return np.sign(np.sin(2 * np.pi * b * along))
        if kind == 1:
            return np.sign(np.sin(2 * np.pi * b * along) * np.sin(2 * np.pi * b * across))
        if kind == 2:
            cells = int(b)
            return np.asarray(cv2.resize(rng.normal(0, 0.7, (cells, cells)), (s, s), interpolation=cv2.INTER_CUBIC))
        return (np.sin(2 * np.pi * b * along) * np.sin(2 * np.pi * b * across) > 0.6) * 1.0

    def place(self, low: float = 0.15, high: float = 0.9) -> NDArray[np.float64]:
        """Somewhere in the crop."""
        return self.rng.uniform(low, high, 2) * self.size

    def turned(self, points: ArrayLike, degrees: float, at: ArrayLike, squeeze: float = 1.0) -> NDArray[np.float64]:
        """Points in mm about (0, 0), y down, turned and put at a place in px."""
        a = np.radians(degrees)
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        return np.asarray(points) * (squeeze, 1) * self.mm @ turn.T + np.asarray(at)


def shape(brush: Brush) -> Layer:
    """A blob, a polygon, a bar, or everything beyond a wavy line."""
    rng, drawn, s = brush.rng, brush.blank(), brush.size
    kind = rng.random()
    if kind < 0.45:
        n = int(rng.integers(8, 20))
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        waves = sum(rng.normal(0, 0.25 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 4))
        radius = rng.uniform(12, 55) * np.clip(1 + waves, 0.3, 2)
        ring = np.column_stack([np.cos(angle) * rng.uniform(0.5, 1.3), np.sin(angle)]) * radius[:, None]
        brush.polygon(drawn, brush.turned(ring, rng.uniform(0, 360), brush.place(0.05, 0.95)))
    elif kind < 0.7:
        n = int(rng.integers(3, 7))
        angle = np.sort(rng.uniform(0, 2 * np.pi, n))
        ring = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(15, 65)
        brush.polygon(drawn, brush.turned(ring, 0, brush.place(0.05, 0.95)))
    elif kind < 0.8:
        ends = brush.place(-0.1, 1.1), brush.place(-0.1, 1.1)
        brush.line(drawn, ends, rng.uniform(3, 22) * brush.mm)
    else:
        side, t = rng.uniform(0, 360), np.linspace(-1.2, 1.2, 12)
        wave = rng.normal(0, 6, 12).cumsum() * 0.4
        edge = np.column_stack([t * 150, wave + rng.uniform(-5, 75)])
        brush.polygon(drawn, brush.turned(np.concatenate([edge, [[300, 400], [-300, 400]]]), side, (s / 2, s / 2)))
    return Layer(brush.texture(), brush.alpha(drawn), OCCLUDER)


def cup(brush: Brush) -> Layer:
    """A mug, a glass or a paper cup, near the mouth."""
    rng, drawn = brush.rng, brush.blank()
    wide, tall, narrow = rng.uniform(55, 95), rng.uniform(70, 130), rng.uniform(0.6, 1.0)
    degrees, at = rng.normal(0, 25), np.array([0.5, 0.72]) * brush.size + rng.normal(0, 0.12, 2) * brush.size
    rim = rng.uniform(0.1, 0.45) * wide / 2
    angle = np.linspace(0, np.pi, 16)
    below = np.column_stack([np.cos(angle) * wide / 2 * narrow, tall / 2 + np.sin(angle) * rim * narrow])
    above = np.column_stack([-np.cos(angle) * wide / 2, -tall / 2 - np.sin(angle) * rim])
    brush.polygon(drawn, brush.turned(np.concatenate([below, above]), degrees, at))
    if rng.random() < 0.6:
        side = rng.choice([-1, 1])
        arc = np.linspace(-1.3, 1.3, 12)
        handle = np.column_stack([side * (wide / 2 * 0.9 + np.cos(arc) * 26), np.sin(arc) * tall * 0.3])
        brush.line(drawn, brush.turned(handle, degrees, at), rng.uniform(7, 12) * brush.mm)
    colour = brush.texture()
    hole = brush.blank()
    whole = np.linspace(0, 2 * np.pi, 24)
    ring = np.column_stack([np.cos(whole) * wide / 2 * 0.94, -tall / 2 + np.sin(whole) * rim * 0.94])
    brush.polygon(hole, brush.turned(ring, degrees, at))
    inner = brush.alpha(hole)[..., None]
    colour = colour * (1 - inner) + inner * (colour.mean(axis=(0, 1)) * rng.uniform(0.3, 1.1)).clip(0, 255)
    x = np.linspace(-1, 1, brush.size, dtype=np.float32)[None, :, None]
    colour = colour * (1 - rng.uniform(0, 0.5) * np.roll(x, int(rng.integers(brush.size)), 1) ** 2)  # round
    return Layer(colour.astype(np.float32), brush.alpha(drawn), OCCLUDER)


def phone(brush: Brush) -> Layer:
    """A telephone, from the back, from the front, or from its edge."""
    rng, drawn = brush.rng, brush.blank()
    w, h, r = rng.uniform(66, 80) / 2, rng.uniform(135, 165) / 2, rng.uniform(5, 13)
    corners = [(sx * (w - r), sy * (h - r), sx, sy) for sx, sy in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    start = {(1, 1): 0, (-1, 1): 90, (-1, -1): 180, (1, -1): 270}
    ring = []
    for x, y, sx, sy in corners:
        a = np.radians(start[sx, sy] + np.linspace(0, 90, 6))
        ring.append(np.column_stack([x + r * np.cos(a), y + r * np.sin(a)]))
    squeeze = rng.choice([1.0, rng.uniform(0.12, 1.0)])
    degrees, at = rng.uniform(0, 360) if rng.random() < 0.3 else rng.normal(0, 25), brush.place(0.1, 0.9)
    outline = brush.turned(np.concatenate(ring), degrees, at, squeeze)
    brush.polygon(drawn, outline)
    plain = np.tile(
        (np.full(3, rng.choice([20, 40, 225])) + rng.normal(0, 12, 3)).clip(0, 255), (brush.size, brush.size, 1)
    )
    colour = plain.astype(np.float32) if rng.random() < 0.6 else brush.texture()
    if rng.random() < 0.5:  # cameras
        spots = brush.blank()
        for k in range(int(rng.integers(1, 4))):
            centre = brush.turned([[w - 15 - 16 * (k % 2), -h + 15 + 16 * k]], degrees, at, squeeze)[0]
            cv2.circle(spots, tuple(int(v * FINE) for v in centre), max(1, int(5 * brush.mm * FINE)), 255, -1)
        share = brush.alpha(spots)[..., None]
        colour = colour * (1 - share) + share * 15
    if rng.random() < 0.4:  # a reflection
        shine = brush.blank()
        brush.line(
            shine,
            brush.turned([(-w, -h), (w * rng.uniform(-1, 1), h)], degrees, at, squeeze),
            rng.uniform(8, 30) * brush.mm,
        )
        colour = colour + brush.alpha(shine)[..., None] * rng.uniform(20, 90)
    return Layer(colour.clip(0, 255).astype(np.float32), brush.alpha(drawn), OCCLUDER)


def microphone(brush: Brush) -> Layer:
    """A ball of mesh or foam on a stick, or a headset's boom."""
    rng, drawn = brush.rng, brush.blank()
    at = np.array([0.5, 0.7]) * brush.size + rng.normal(0, 0.1, 2) * brush.size
    colour = np.tile(
        (np.full(3, rng.uniform(10, 130)) + rng.normal(0, 10, 3)).clip(0, 255), (brush.size, brush.size, 1)
    )
    degrees = rng.normal(0, 35)
    if rng.random() < 0.25:
        bow = np.array([[rng.choice([-1, 1]) * 75, -40], [0, -10], [rng.uniform(-20, 20), 0]])
        t = np.linspace(0, 1, 14)[:, None]
        curve = (1 - t) ** 2 * bow[0] + 2 * t * (1 - t) * (bow[0] * 0.8 + (0, 45)) + t**2 * bow[2]
        brush.line(drawn, brush.turned(curve, 0, at), rng.uniform(2.5, 5) * brush.mm)
        radius = rng.uniform(6, 11)
    else:
        radius = rng.uniform(20, 34)
        stick = [(-radius * 0.45, 0), (radius * 0.45, 0), (radius * 0.38, 220), (-radius * 0.38, 220)]
        brush.polygon(drawn, brush.turned(stick, degrees, at))
    head = brush.blank()
    angle = np.linspace(0, 2 * np.pi, 24)
    ball = np.column_stack([np.cos(angle), np.sin(angle) * rng.uniform(0.9, 1.3)]) * radius
    brush.polygon(head, brush.turned(ball, degrees, at))
    grain = rng.normal(0, rng.uniform(5, 30), (brush.size, brush.size, 1))
    share = brush.alpha(head)[..., None]
    y, x = np.mgrid[: brush.size, : brush.size]
    round_ = 1.25 - 0.7 * np.hypot(x - at[0], y - at[1]) / max(radius * brush.mm, 1)
    tint = rng.uniform(0.5, 2.0)
    colour = colour * (1 - share) + share * ((colour * tint + grain) * np.clip(round_, 0.3, 1.3)[..., None])
    if rng.random() < 0.3:
        colour = colour * (rng.uniform(30, 250, 3) / 128)
    return Layer(colour.clip(0, 255).astype(np.float32), brush.alpha(np.maximum(drawn, head)), OCCLUDER)


def strands(brush: Brush, points: NDArray[np.float32], hair: ArrayLike | None = None) -> Layer:
    """A fringe or locks that fall from the forehead's rim or a side over the face."""
    rng, drawn, s = brush.rng, brush.blank(), brush.size
    base = np.asarray(hair if hair is not None and rng.random() < 0.7 else HAIR_BGR[rng.integers(len(HAIR_BGR))], float)
    base = base * rng.uniform(0.7, 1.3)
    top, chin = points[10], points[152]
    left, right = points[234], points[454]
    tone = np.zeros((s * FINE, s * FINE), np.uint8)
    down = (chin - top) / max(float(np.linalg.norm(chin - top)), 1e-6)
    for _ in range(int(rng.integers(1, 5))):
        share = rng.uniform(-0.05, 1.05)
        root = (1 - share) * left + share * right
        root = root + (top - root) * max(0.0, 1 - abs(2 * share - 1)) ** 0.5 - down * rng.uniform(5, 35) * brush.mm
        length = rng.uniform(25, 130) * brush.mm
        bend = rng.normal(0, 0.35, 2)
        spread = rng.uniform(2, 20) * brush.mm
        for _ in range(int(rng.integers(6, 45))):
            t = np.linspace(0, 1, 9)[:, None]
            start = root + rng.normal(0, 1, 2) * spread * 0.6
            way = down + bend * t + rng.normal(0, 0.06, 2)
            hairs = start + way * length * rng.uniform(0.6, 1.1) * t
            width = rng.uniform(0.6, 2.6) * brush.mm
            brush.line(drawn, hairs, width)
            brush.line(tone, hairs, width, int(rng.integers(60, 255)))
    light = 0.55 + 0.75 * brush.alpha(tone)
    return Layer((base * light[..., None]).clip(0, 255).astype(np.float32), brush.alpha(drawn), HAIR)


DRAWN = {"shape": shape, "cup": cup, "phone": phone, "microphone": microphone}
