"""Landmarks: points fixed to the surface of a face model, and each set of them as a linear model of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.eyes import SIDES, IrisPoints
from realtime3d.face.linear import combined
from realtime3d.types import FloatArray

if TYPE_CHECKING:
    from realtime3d.face.model import FaceModel


@dataclass(frozen=True)
class SurfacePoints:
    """Points fixed to the surface: a triangle and barycentric weights each."""

    vertices: NDArray[np.int32]  # (P, 3) vertex indices of the triangle
    weights: FloatArray  # (P, 3), rows sum to 1

    def on(self, vertices: NDArray) -> NDArray:
        """(..., V, 3) -> (..., P, 3)."""
        return np.einsum("pk,...pkc->...pc", self.weights, vertices[..., self.vertices, :])


@dataclass(frozen=True)
class LandmarkBasis:
    """One set of landmarks as a linear model of its own."""

    mean: FloatArray  # (P, 3)
    rows: FloatArray  # (99 + 29 + 5, P * 3)
    irises: tuple[IrisPoints, ...]

    @classmethod
    def of(cls, model: FaceModel, points: SurfacePoints, bases: FloatArray) -> LandmarkBasis:
        mean, rows = points.on(model.mean), points.on(bases)
        irises: tuple[IrisPoints, ...] = ()
        if model.balls is not None:
            sides = range(len(SIDES))
            middles = [np.stack([model.balls.middle(s, v) for s in sides], -2) for v in (model.mean, model.shape_basis)]
            with_middles = np.concatenate([mean, middles[0]])
            shape = np.concatenate([rows[: model.n_shape], middles[1]], axis=1)
            irises = model.balls.iris_points(points.vertices, with_middles, shape)
        return cls(mean, rows.reshape(len(bases), -1), irises)

    def face(self, alpha: FloatArray, eta: FloatArray, extras: FloatArray) -> FloatArray:
        points = self.mean + combined(np.concatenate([alpha, eta, extras]), self.rows).reshape(-1, 3)
        for iris in self.irises:
            points[iris.rows] = iris.turned(alpha, extras)
        return points
