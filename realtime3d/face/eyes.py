"""Eyeballs that turn as balls do: in a linear model an eye that looks aside would swell through its lids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.fits import floats
from realtime3d.face.linear import combined
from realtime3d.types import FloatArray

SIDES = ("left", "right")  # the person's; extras are yaw and pitch of each in this order, then the tongue


@dataclass(frozen=True)
class Eyeballs:
    """Both balls of a head at one level of detail."""

    rows: tuple[NDArray[np.int32], NDArray[np.int32]]  # vertices of the left and of the right ball
    anchors: tuple[NDArray[np.int32], NDArray[np.int32]]  # vertices whose weighted sum is a ball's middle
    weights: tuple[FloatArray, FloatArray]  # of the anchors, sum 1
    sine: float  # of the angle by which a look of weight 1 turns

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray], mean: FloatArray, region_names: Sequence[str]) -> Eyeballs:
        """From the arrays of a face model's file."""
        rows = ball_rows(mean, arrays["region"], region_names)
        left, right = (floats(arrays[f"eye_weights_{side}"]) for side in SIDES)
        return cls(rows, rows, (left, right), float(arrays["eye_sine"]))

    def middle(self, side: int, vertices: NDArray) -> NDArray:
        """(..., V, 3) -> (..., 3): where a ball's middle is in a resting head."""
        return np.einsum("k,...kc->...c", self.weights[side], vertices[..., self.anchors[side], :])

    def turned(self, side: int, points: NDArray, middle: NDArray, extras: NDArray) -> NDArray:
        """(..., P, 3) resting points on a ball, looking where `extras` (..., 5) say."""
        yaw, pitch = (self._turn(extras[..., 2 * side + k, None]) for k in range(2))
        x, y, z = np.moveaxis(points - middle[..., None, :], -1, 0)
        x, z = x * yaw[1] - z * yaw[0], z * yaw[1] + x * yaw[0]
        y, z = y * pitch[1] - z * pitch[0], z * pitch[1] + y * pitch[0]
        return np.stack([x, y, z], axis=-1) + middle[..., None, :]

    def turn(self, out: NDArray, neutral: NDArray, extras: NDArray) -> None:
        """Put both balls of `out` (..., V, 3) where they look; they rest as in `neutral`."""
        for side, rows in enumerate(self.rows):
            out[..., rows, :] = self.turned(side, neutral[..., rows, :], self.middle(side, neutral), extras)

    def _turn(self, look: NDArray) -> tuple[NDArray, NDArray]:
        """Sine and cosine. The sine is linear in the weight: seen from the front, so is the iris's way."""
        sine = np.clip(self.sine * look, -0.95, 0.95)
        return sine, np.sqrt(1 - sine * sine)

    def with_rows(self, rows: tuple[NDArray[np.int32], NDArray[np.int32]]) -> Eyeballs:
        """The same balls where more vertices make them."""
        return Eyeballs(rows, self.anchors, self.weights, self.sine)

    def iris_points(self, corners: NDArray[np.int32], mean: NDArray, shape_basis: NDArray) -> tuple[IrisPoints, ...]:
        """What of surface points with these `corners` (P, 3) lies on the balls; `mean` (P, 3) and `shape_basis`
        (99, P, 3) are of the points, and end in both balls' middles."""
        found = []
        for side, rows in enumerate(self.rows):
            mine = np.flatnonzero(np.isin(corners, rows).all(axis=1))
            if len(mine):
                use = np.append(mine, len(mean) - len(SIDES) + side)
                found.append(IrisPoints(self, side, mine, mean[use], shape_basis[:, use].reshape(len(shape_basis), -1)))
        return tuple(found)


@dataclass(frozen=True)
class IrisPoints:
    """Landmarks on one ball, moved without the mesh."""

    balls: Eyeballs
    side: int
    rows: NDArray[np.intp]  # (n,) numbers of the landmarks
    mean: FloatArray  # (n + 1, 3) at rest; the last one is the ball's middle
    shape_rows: FloatArray  # (99, (n + 1) * 3)

    def turned(self, alpha: FloatArray, extras: FloatArray) -> NDArray:
        """(n, 3) where one face looks."""
        at = self.mean + combined(alpha, self.shape_rows).reshape(-1, 3)
        return self.balls.turned(self.side, at[:-1], at[-1], extras)


def ball_rows(
    mean: FloatArray, region: NDArray, region_names: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Vertices of the left and of the right ball."""
    eyes = region == list(region_names).index("eyes")
    left, right = (np.flatnonzero(eyes & (side * mean[:, 0] > 0)).astype(np.int32) for side in (1, -1))
    return left, right
