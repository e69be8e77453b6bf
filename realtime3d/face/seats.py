"""Where the eyes sit in a head, and by how much they turn for what is seen of them.

The net on the eyes' pixels says where an iris lies between the corners of its eye. This is the way from there to the
extras that turn the face model's eyeballs, for any pose of the head: the iris is on the line of sight through the point
where it is seen, and on the ball.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.eyes import SIDES
from realtime3d.face.linear import combined
from realtime3d.types import Array, FloatArray

if TYPE_CHECKING:
    from realtime3d.face.model import FaceModel

CORNERS: dict[str, tuple[int, ...]] = {"left": (45, 42), "right": (36, 39)}  # outer, inner of the 68 points
IRIS = {"left": 473, "right": 468}  # of MediaPipe's 478
# Where MediaPipe sees irises of people who look ahead, outwards and down from where face models have them, in the
# distance of the corners: what calibrations of both models say (`realtime3d training calibrate`).
HABIT = (0.033, 0.012)
FARTHEST = 2.0  # the largest look that is given


@dataclass(frozen=True)
class Seats:
    """Both eyes of a face model at rest."""

    mean: Array  # (2 sides, 4, 3) mm in the head's frame: outer and inner corner, iris, middle of the ball
    shape_rows: FloatArray  # (99, 2 * 4 * 3)
    linear: Array  # (2 sides, 2, 3) mm by which an iris moves for a look of 1 to the side and down, where no ball turns
    sine: float  # of the angle by which a ball turns for a look of 1; 0: irises move linearly

    @classmethod
    def of(cls, model: FaceModel) -> Seats:
        """Where they are in a face model that has eyes and landmarks."""
        turns = model.eye_turns
        at: dict[str, dict[str, tuple[int, ...]]] = {
            "ibug68": dict(CORNERS),
            "mediapipe478": {side: (number,) for side, number in IRIS.items()},
        }
        rows = [(name, numbers[side]) for side in SIDES for name, numbers in at.items()]
        linear = np.zeros((len(SIDES), 2, 3))
        if model.balls is None:
            for side, number in enumerate(IRIS[name] for name in SIDES):
                moved = model.landmark_sets["mediapipe478"].on(model.extra_basis)[:, number]
                linear[side] = moved[list(turns.columns[side])]

        def seats(vertices: NDArray) -> NDArray:
            """(..., V, 3) -> (..., 2 * 4, 3)."""
            points = [model.landmark_sets[name].on(vertices)[..., list(numbers), :] for name, numbers in rows]
            for side in range(len(SIDES)):
                ball = points[2 * side + 1] if model.balls is None else model.balls.middle(side, vertices)[..., None, :]
                points[2 * side + 1] = np.concatenate([points[2 * side + 1], ball], axis=-2)
            return np.concatenate(points, axis=-2)

        mean = seats(model.mean).astype(np.float64).reshape(len(SIDES), 4, 3)
        shape = seats(model.shape_basis).reshape(model.n_shape, -1).astype(np.float32)
        return cls(mean, shape, linear, model.balls.sine if model.balls else 0.0)

    def of_face(self, alpha: FloatArray) -> Array:
        """(2, 4, 3) of one face."""
        moved: Array = self.mean + combined(alpha, self.shape_rows).reshape(self.mean.shape)
        return moved

    def look(self, side: int, seat: Array, offset: NDArray, sight: Array) -> Array:
        """(2,) extras of one eye, to the side and down.

        `offset` (2,) is the iris's place from the middle between the corners as they are seen, in their distance:
        outwards along them, and down, as MediaPipe would see it. `sight` (3,) is any vector along the line of sight, in
        the head's frame.
        """
        outer, inner, iris, ball = seat.tolist()
        a, b = float(sight[0] / sight[2]), float(sight[1] / sight[2])
        z0 = (outer[2] + inner[2]) / 2

        def seen(point: list[float]) -> tuple[float, float]:
            """On the plane through the corners' middle."""
            return point[0] - (point[2] - z0) * a, point[1] - (point[2] - z0) * b

        (ox, oy), (ix, iy) = seen(outer), seen(inner)
        dx, dy = ox - ix, oy - iy
        u, v = (float(seen) - usual for seen, usual in zip(offset, HABIT, strict=True))
        down = 1 if side == 0 else -1  # a quarter turn from outwards is down in a left eye
        x = (ox + ix) / 2 + u * dx - v * down * dy
        y = (oy + iy) / 2 + u * dy + v * down * dx
        if not self.sine:
            rest = seen(iris)
            way = self.linear[side]
            moves = np.array([[m[0] - m[2] * a, m[1] - m[2] * b] for m in way]).T
            return np.clip(np.linalg.solve(moves, (x - rest[0], y - rest[1])), -3 * FARTHEST, 3 * FARTHEST)
        point = _on_ball((x, y, z0), (a, b), ball, math.dist(iris, ball))
        turns = _turns([i - c for i, c in zip(iris, ball, strict=True)], point)
        return np.clip(np.sin(turns) / self.sine, -FARTHEST, FARTHEST)


def _on_ball(start: tuple[float, float, float], slope: tuple[float, float], ball: list[float], r: float) -> list[float]:
    """Where the line of sight first meets the ball, from its middle; the nearest point of a ball that it misses."""
    k = (*slope, 1.0)
    q = [s - c for s, c in zip(start, ball, strict=True)]
    kk, kq, qq = (sum(m * n for m, n in zip(p, o, strict=True)) for p, o in ((k, k), (k, q), (q, q)))
    within = kq * kq - kk * (qq - r * r)
    along = -(kq + math.sqrt(max(within, 0.0))) / kk  # the smaller one: towards the camera
    return [m + along * n for m, n in zip(q, k, strict=True)]


def _turns(rest: list[float], point: list[float]) -> Array:
    """(2,) radians to the side and down that take `rest` to `point`, as `Eyeballs.turned` does it."""
    x, y, z = (value / math.hypot(*point) * math.hypot(*rest) for value in point)
    flat = math.hypot(rest[0], rest[2])
    aside = math.asin(max(-1.0, min(1.0, x / flat)))
    down = math.atan2(y, -z) - math.atan2(rest[1], flat * math.cos(aside))
    return np.array([aside - math.atan2(rest[0], -rest[2]), down])
