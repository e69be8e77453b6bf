"""Hair, hats and scarves drawn at random on rendered heads.

A photograph turned to profile shows a bald head or smeared hair, real profiles show neither: without this, nets that
see a curtain of hair know less of where a face looks than they could.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.types import FloatArray

# BGR
COLOURS = ((25, 28, 35), (40, 50, 70), (60, 85, 120), (120, 165, 205), (150, 155, 160), (35, 60, 130))
THICK_MM = (3.0, 28.0)
TOP_MM, BACK_MM = -62.0, 55.0  # the model's hairline: above it on the forehead, behind it at the temples
FADE_MM = 12.0  # over which hair rises from the skin
STREAKS = (0.05, 0.35)  # how much lighter and darker strands are
CELLS = 5  # of the noise that makes its outline uneven


@dataclass(frozen=True)
class Hair:
    """One head of hair: a shell over a part of the head's mesh."""

    rows: NDArray[np.intp]  # vertices of the head that it covers
    triangles: NDArray[np.int32]  # of `rows`
    lift: FloatArray  # (R,) mm along the normals
    colours: FloatArray  # (R, 3) BGR
    streaks: float

    @classmethod
    def draw(cls, model: FaceModel, rng: np.random.Generator) -> Hair:
        """Short or long, with or without a fringe, over the ears or behind them."""
        x, y, z = model.mean.T
        fringe, temple = rng.uniform(-6, 26), rng.uniform(-8, 38)
        wave = np.interp(x, np.linspace(-80, 80, 7), rng.normal(0, 5, 7))
        above = (TOP_MM + fringe + wave) - 0.1 * z - y  # mm by which a vertex lies beyond the hairline
        behind = z - (BACK_MM - temple) - rng.uniform(0, 0.35) * np.abs(y)
        beyond = np.maximum(above, behind)
        end = rng.choice([20.0, 60.0, 120.0, 200.0], p=[0.4, 0.25, 0.2, 0.15])  # how far down it hangs
        covered = (beyond > 0) & (y < end) & ~np.isin(model.region, _unlike_skin(model))
        rows = np.flatnonzero(covered)
        place = np.full(len(y), -1)
        place[rows] = np.arange(len(rows))
        triangles = place[model.triangles[covered[model.triangles].all(axis=1)]]
        thick = rng.uniform(*THICK_MM) * np.exp(0.35 * _noise(model.mean[rows], rng))
        lift = thick * np.clip(beyond[rows] / FADE_MM, 0.08, 1)
        dyed = rng.random() < 0.25  # or a hat, a scarf
        natural = np.array(COLOURS[rng.integers(len(COLOURS))]) * rng.uniform(0.5, 1.3)
        base = rng.uniform(10, 230, 3) if dyed else natural
        shade = 1 + 0.15 * _noise(model.mean[rows], rng)
        colours = np.clip(base * shade[:, None], 3, 250)
        return cls(rows, triangles.astype(np.int32), lift.astype(np.float32), colours.astype(np.float32),
                   float(rng.uniform(*STREAKS)) * (0.2 if dyed else 1.0))  # fmt: skip

    def over(self, head: FloatArray, normals: FloatArray) -> FloatArray:
        """(R, 3) the shell over a posed head."""
        return head[self.rows] + self.lift[:, None] * normals[self.rows]

    def strands(self, size: int, rng: np.random.Generator) -> FloatArray:
        """(size, size, 1) factors of brightness: fine lines in one direction."""
        noise = rng.normal(0, 1, (size, size)).astype(np.float32)
        length = 15
        kernel = np.zeros((length, length), np.float32)
        slope = rng.uniform(-6, 6)
        cv2.line(kernel, (round(length / 2 + slope), 0), (round(length / 2 - slope), length - 1), 1.0)
        lines = cv2.filter2D(noise, -1, kernel / np.sqrt(max(kernel.sum(), 1)))
        return (1 + self.streaks * lines)[..., None].clip(0.3, 1.9)


def _unlike_skin(model: FaceModel) -> list[int]:
    return [i for i, name in enumerate(model.region_names) if name in ("eyes", "mouth_inside", "tongue", "teeth")]


def _noise(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(R,) smooth in space, about -1 to 1."""
    grid = rng.normal(0, 1, (CELLS, CELLS, CELLS))
    at = (points - points.min(axis=0)) / (np.ptp(points, axis=0) + 1e-6) * (CELLS - 1)
    low = np.minimum(at.astype(int), CELLS - 2)
    part = at - low
    out = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        out += weight * grid[tuple((low + corner).T)]
    return out.astype(np.float32)
