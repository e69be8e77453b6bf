"""What is worn on a face: surgical masks from pictures with alpha, and drawn glasses."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.surface.mask import GLASSES, OCCLUDER
from realtime3d.training.mask.things import Brush, Layer
from realtime3d.types import Image

RIM = {"left": (127, 177, 172), "middle": (197, 13, 152), "right": (356, 401, 397)}  # of the face, from above
EYES_AT = ((33, 133), (362, 263))  # corners
UNTOUCHED = 254  # in a layer's labels: stays what it was


def face_mask(brush: Brush, picture: Image, points: NDArray[np.float32]) -> Layer:
    """A mask (H, W, 4) laid over nose, mouth and chin: its left and its right half each fit their corners."""
    rng = brush.rng
    opaque = picture[..., 3] > 128
    columns, rows = np.flatnonzero(opaque.any(0)), np.flatnonzero(opaque.any(1))
    x0, x1, y0, y1 = float(columns[0]), float(columns[-1]), float(rows[0]), float(rows[-1])
    wobble = rng.normal(0, 3 * brush.mm, (3, 2))
    drop = rng.uniform(-2, 10) * brush.mm  # how far the nose is bare
    out = np.zeros((brush.size, brush.size, 4), np.float32)
    corner = {name: points[list(row)] for name, row in RIM.items()}
    middle = corner["middle"] + wobble
    middle[0, 1] += drop
    middle[2] += (middle[2] - middle[1]) * 0.12
    for k, side in enumerate(("left", "right")):
        edge = corner[side] + wobble[::-1]
        edge = edge + (edge - middle) * 0.06
        a, b = (x0, (x0 + x1) / 2) if k == 0 else (x1, (x0 + x1) / 2)
        high, low = y0 + 0.16 * (y1 - y0), y1 - 0.2 * (y1 - y0)
        source = np.array([[a, high], [b, y0], [b, y1], [a, low]], np.float32)
        target = np.array([edge[0], middle[0], middle[2], edge[2]], np.float32)
        way = cv2.getPerspectiveTransform(source, target)
        half = picture.copy()
        cut = int((x0 + x1) / 2)
        half[:, (slice(cut + 1, None) if k == 0 else slice(None, cut)), 3] = 0
        warped = cv2.warpPerspective(half, way, (brush.size, brush.size), flags=cv2.INTER_AREA).astype(np.float32)
        out = np.where(warped[..., 3:] > out[..., 3:], warped, out)
    tint = 1.0 if rng.random() < 0.4 else rng.uniform(0.3, 1.1, 3)
    colour = out[..., :3] * tint * rng.uniform(0.6, 1.1)
    return Layer(colour.clip(0, 255).astype(np.float32), (out[..., 3] / 255).astype(np.float32), OCCLUDER)


def glasses(brush: Brush, points: NDArray[np.float32]) -> Layer:
    """Two lenses, clear or dark, with or without frames, a bridge and temples."""
    rng = brush.rng
    right, left = (points[list(pair)].mean(axis=0) for pair in EYES_AT)
    across = left - right
    apart = float(np.linalg.norm(across))
    if apart < 4:
        return Layer(
            np.zeros((brush.size, brush.size, 3), np.float32), np.zeros((brush.size,) * 2, np.float32), GLASSES
        )
    along = across / apart
    down = np.array([-along[1], along[0]])
    wide, tall = rng.uniform(0.33, 0.47) * apart, rng.uniform(0.22, 0.42) * apart
    power = rng.choice([2.0, 2.6, 4.0, 8.0])  # round to square
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    drop = 0.05 + rng.normal(0, 0.04)
    frame, lens = brush.blank(), brush.blank()
    thick = rng.uniform(1.2, 6.5) * brush.mm
    rims = rng.random() < 0.85
    taper = rng.uniform(-0.25, 0.1)
    for sign, eye in ((-1, right), (1, left)):
        x = np.sign(c) * np.abs(c) ** (2 / power) * wide
        y = np.sign(s) * np.abs(s) ** (2 / power) * tall * (1 + taper * s)
        middle = eye + along * sign * 0.03 * apart + down * drop * apart
        ring = middle + x[:, None] * along + y[:, None] * down
        brush.polygon(lens, ring)
        if rims:
            brush.line(frame, np.concatenate([ring, ring[:1]]), thick)
        hinge = middle + along * sign * wide * 0.97 - down * tall * 0.4
        ear = points[127] if sign < 0 else points[356]
        brush.line(frame, [hinge, hinge + (ear - hinge) * rng.uniform(0.5, 1.0)], max(thick * 0.7, 1.0))
    inner = [right + along * wide * 0.97 + down * drop * apart, left - along * wide * 0.97 + down * drop * apart]
    brush.line(frame, [inner[0], (inner[0] + inner[1]) / 2 - down * 0.05 * apart, inner[1]], thick)
    rim, glass = brush.alpha(frame), brush.alpha(lens)
    dark = rng.random() < 0.45
    strength = rng.uniform(0.62, 0.97) if dark else rng.uniform(0.0, 0.15)
    tint = rng.uniform(5, 70, 3) if dark else rng.uniform(150, 255, 3)
    ink = np.full(3, rng.uniform(5, 60)) if rng.random() < 0.6 else rng.uniform(10, 230, 3)
    sheen = brush.blank()
    if rng.random() < 0.5:
        brush.line(sheen, [brush.place(), brush.place()], rng.uniform(5, 25) * brush.mm)
    gleam = brush.alpha(sheen) * glass * rng.uniform(0.1, 0.7)
    colour = np.tile(tint.astype(np.float32), (brush.size, brush.size, 1))
    colour += (rng.uniform(170, 255) - colour) * (gleam / np.maximum(gleam + strength * glass, 1e-3))[..., None]
    alpha = np.maximum(glass * strength, gleam)
    colour += (ink - colour) * rim[..., None]
    alpha = np.maximum(alpha, rim)
    labels = np.where((rim > 0.5) | (dark & (glass > 0.5)), GLASSES, UNTOUCHED).astype(np.uint8)
    return Layer(colour.clip(0, 255).astype(np.float32), alpha.astype(np.float32), GLASSES, labels)
