"""Light from everywhere: how bright skin is by which way it faces, as spherical harmonics of order 2.

S(n) = sum of c_k H_k(n) with H = 1, x, y, z, xy, yz, zx, x² - y², 3z² - 1, where n = (x, y, z) is the unit normal in
the camera's frame (x right, y down, z away). It is relative: its median over the skin that is seen is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime3d.types import Array, FloatArray

TERMS = ("1", "x", "y", "z", "xy", "yz", "zx", "x2-y2", "3z2-1")
DIMMEST = 0.15  # of the median: order 2 goes negative where hard light comes from the side
STEPS = 6  # of reweighing: brows, beard and cast shadows are no light
OUTLIER = 0.25  # of the median brightness
AROUND, AROUND_WEIGHT = 0.6, 0.1  # what light is where no skin faces, of the median; its weight beside all skin
MOST = 6000  # pixels that are fitted


@dataclass(frozen=True)
class Light:
    """The light of one face."""

    coefficients: FloatArray  # (9,) of TERMS

    def on(self, normals: FloatArray) -> FloatArray:
        """Brightness of surfaces with these normals: (..., 3) gives (...)."""
        return np.maximum(harmonics(normals) @ self.coefficients, np.float32(DIMMEST))

    def log_slope(self, normals: FloatArray, brightness: FloatArray) -> FloatArray:
        """(..., 3) by how much the logarithm of `brightness` (what `on` gave) grows as a normal tips."""
        c = self.coefficients
        x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
        slope = np.stack(
            [
                c[1] + c[4] * y + c[6] * z + 2 * c[7] * x,
                c[2] + c[4] * x + c[5] * z - 2 * c[7] * y,
                c[3] + c[5] * y + c[6] * x + 6 * c[8] * z,
            ],
            axis=-1,
        )
        slope /= brightness[..., None]
        return np.asarray(slope, np.float32)


def harmonics(normals: FloatArray) -> FloatArray:
    """(..., 9) of (..., 3) unit normals."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    parts = [np.ones_like(x), x, y, z, x * y, y * z, z * x, x * x - y * y, 3 * z * z - 1]
    return np.stack(parts, axis=-1).astype(np.float32)


def fit_light(brightness: FloatArray, normals: FloatArray, weight: FloatArray) -> Light:
    """The light that explains the brightness (...) of skin with these normals."""
    chosen = np.flatnonzero(weight.ravel() > 0.5)
    chosen = chosen[:: max(1, len(chosen) // MOST)]
    if len(chosen) < 50:
        return Light(np.eye(9, dtype=np.float32)[0])
    values = brightness.ravel()[chosen].astype(np.float64)
    values /= max(float(np.median(values)), 1e-4)
    basis = harmonics(normals.reshape(-1, 3)[chosen]).astype(np.float64)
    solution = _robust(basis, values)
    level = max(float(np.median(np.maximum(basis @ solution, DIMMEST))), 1e-3)
    return Light((solution / level).astype(np.float32))


def _sphere(count: int) -> FloatArray:
    """Directions evenly all around."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1).astype(np.float32)


_DIRECTIONS = _sphere(64)


def _robust(basis: Array, values: Array) -> Array:
    """Least squares in which what is far off counts less and less."""
    sphere = harmonics(_DIRECTIONS).astype(np.float64)
    share = AROUND_WEIGHT * len(values) / len(sphere)
    calm, pull = share * sphere.T @ sphere, share * AROUND * sphere.sum(axis=0)
    weight = np.ones(len(values))
    solution = np.zeros(basis.shape[1])
    for _ in range(STEPS):
        weighed = basis * weight[:, None]
        solution = np.linalg.solve(weighed.T @ basis + calm, weighed.T @ values + pull)
        weight = 1 / (1 + ((basis @ solution - values) / OUTLIER) ** 2) ** 2
    return solution
