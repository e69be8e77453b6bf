"""Heads of a net in the words of another face model, without a sample: a linear map from coefficients to coefficients.

Both models are compared at MediaPipe's 478 points: what moves them alike is the same movement, or differs alike from
the usual face. The usual face of one, which its calibration knows, is the usual face of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from realtime3d.face.model import FaceModel
from realtime3d.training.labels.calibration import Calibration, calibration_file
from realtime3d.training.learning.nets import ShapeNet, TrackNet

FIRST_IRIS = 468
IRIS_WEIGHT = 5.0  # gaze moves ten points only
MOTION_PRICE, SHAPE_PRICE = 0.02, 2.0  # mm^2 over all points for a coefficient of 1: keeps them as small as labels are

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Translation:
    """new = matrix @ old + constant, for motion (eta and extras) and for identity."""

    motion: Array  # (34, 34)
    shape: Array  # (99, 99)
    shape_constant: Array  # (99,)

    @classmethod
    def between(cls, old: Path, new: Path) -> Translation:
        """From one face model's file to another's."""
        models = FaceModel.load(old), FaceModel.load(new)
        motion, shape = ([side[k] for side in map(_at_points, models)] for k in range(2))
        weight = np.ones((motion[0].shape[1], 1))
        weight[FIRST_IRIS:] = IRIS_WEIGHT
        moved = _solve(_flat(motion[0] * weight), _flat(motion[1] * weight), MOTION_PRICE)
        still = ~np.abs(motion[1]).sum(axis=(1, 2)).astype(bool) & ~np.abs(motion[0]).sum(axis=(1, 2)).astype(bool)
        moved[still, still] = 1.0  # what no landmark shows, the tongue, keeps its number
        face = slice(FIRST_IRIS)
        means = [model.landmarks("mediapipe478", model.mean)[face].astype(np.float64) for model in models]
        old_shape, new_shape = (_without_similarity(s[:, face], m) for s, m in zip(shape, means, strict=True))
        matrix = _solve(_flat(old_shape), _flat(new_shape), SHAPE_PRICE)
        usual = [Calibration.load(calibration_file(path)).alpha.astype(np.float64) for path in (old, new)]
        return cls(moved, matrix, usual[1] - matrix @ usual[0])

    def apply(self, net: TrackNet | ShapeNet) -> None:
        """Change the net's heads in place; pose, presence and both uncertainties stay."""
        with torch.no_grad():
            shape, constant = torch.from_numpy(self.shape).float(), torch.from_numpy(self.shape_constant).float()
            _compose(net.shape, list(range(len(shape))), shape, constant)
            if isinstance(net, TrackNet):
                n = net.config.n_expression
                rows = [*range(n), *range(n + 1, n + 1 + net.config.n_extras)]
                _compose(net.expression, rows, torch.from_numpy(self.motion).float(), torch.zeros(len(rows)))


def _at_points(model: FaceModel) -> tuple[Array, Array]:
    """Motion (34, 478, 3) and shape (99, 478, 3) in mm at MediaPipe's points."""
    on = model.landmark_sets["mediapipe478"].on
    motion = on(np.concatenate([model.expression_basis, model.extra_basis]))
    return motion.astype(np.float64), on(model.shape_basis).astype(np.float64)


def _flat(basis: Array) -> Array:
    return basis.reshape(len(basis), -1)


def _solve(old: Array, new: Array, price: float) -> Array:
    """(K_new, K_old) the least squares coefficients of the old rows in terms of the new ones, kept small."""
    return np.linalg.solve(new @ new.T + price * np.eye(len(new)), new @ old.T)


def _without_similarity(rows: Array, mean: Array) -> Array:
    """Displacements without what moving, turning and scaling all points explains: the pose knows that."""
    moves = [np.broadcast_to(axis, mean.shape) for axis in np.eye(3)] + [np.cross(axis, mean) for axis in np.eye(3)]
    A = np.stack([*moves, mean]).reshape(7, -1)
    flat = _flat(rows)
    return (flat - np.linalg.lstsq(A.T, flat.T, rcond=None)[0].T @ A).reshape(rows.shape)


def _compose(layer: nn.Linear, rows: list[int], matrix: torch.Tensor, constant: torch.Tensor) -> None:
    layer.weight[rows] = matrix @ layer.weight[rows]
    layer.bias[rows] = matrix @ layer.bias[rows] + constant
