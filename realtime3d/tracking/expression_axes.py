"""Directions of expression space, ordered by what they move: eyelids, then lips, then the rest of the face.

The coefficients of the model mix regions: closing the eyes takes seven of them, opening the jaw five. Along these axes
a blink is one number and spoken sounds are a few, so that a filter can let them pass while it calms the brows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.face.model import FaceModel
from realtime3d.tracking.per_model import per_model
from realtime3d.types import Array

PARTS = (("eyelids", 0.15), ("lips", 0.35))  # region and its share of the axes
NOISE_SD = (0.2, 0.4)  # usual noise of a frame, standard deviations: of coefficients that move most and least


@dataclass(frozen=True, slots=True)
class ExpressionAxes:
    """Coefficients eta (K,) are `inward @ z` of axis values z, and z is `outward @ eta`; noise is 1 along each axis."""

    outward: Array  # (K, K)
    inward: Array  # (K, K)
    sizes: tuple[int, ...]  # axes of eyelids, of lips, of the rest

    @classmethod
    def of_noise(cls, noise_sd: ArrayLike) -> ExpressionAxes:
        """The coefficients themselves as axes, where it is not known what they move."""
        noise = np.asarray(noise_sd, dtype=np.float64)
        return cls(np.diag(1 / noise), np.diag(noise), (noise.size,))

    @classmethod
    def for_model(cls, model: FaceModel) -> ExpressionAxes:
        """Computed once for each model."""
        return _axes(model)

    @classmethod
    def _of(cls, model: FaceModel) -> ExpressionAxes:
        basis = model.expression_basis.astype(np.float64)
        noise = usual_noise(basis)
        rest, chosen, sizes = np.eye(len(noise)), [], []
        for name, share in PARTS:
            if name in model.region_names:
                moved = basis[:, model.region == list(model.region_names).index(name)].reshape(len(noise), -1)
                strength = rest.T * noise @ moved  # (axes left, 3 V) mm per usual noise
                turn = np.linalg.eigh(strength @ strength.T)[1][:, ::-1]
                rest = rest @ turn
                count = min(round(share * len(noise)), rest.shape[1])
                chosen.append(rest[:, :count])
                sizes.append(count)
                rest = rest[:, count:]
        axes = np.concatenate([*chosen, rest], axis=1)
        return cls(axes.T / noise, noise[:, None] * axes, tuple(n for n in (*sizes, rest.shape[1]) if n))


@per_model
def _axes(model: FaceModel) -> ExpressionAxes:
    return ExpressionAxes._of(model)


def usual_noise(basis: Array) -> Array:
    """What regressors err from frame to frame, in standard deviations: less where the face moves more (K, V, 3)."""
    mm = np.linalg.norm(basis, axis=-1).max(-1, initial=0.0)
    share = np.sqrt(mm / max(float(mm.max(initial=0.0)), 1e-9))
    return NOISE_SD[1] + (NOISE_SD[0] - NOISE_SD[1]) * share
