"""Where the eyes look: from the extras that turn a face model's eyeballs to angles, and how far that is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.face.eyes import SIDES, Eyeballs
from realtime3d.types import Array, FloatArray

if TYPE_CHECKING:
    from realtime3d.face.model import FaceModel

Angles = tuple[float, float]  # (pitch, yaw) in degrees: positive looks down, to the person's own right
AHEAD = np.array([0.0, 0.0, -1.0])  # in the head's frame
AXES = ("Yaw", "Pitch")
CLOSED, OPEN = 0.15, 0.5  # of an eye's own resting gap between the lids: gaze says nothing below, all it can above
LIDS = {"left": ((43, 47), (44, 46)), "right": ((37, 41), (38, 40))}  # (upper, lower) of the 68 points


class Gaze(TypedDict):
    """`left` and `right` in the head's frame, `camera`: their mean in the camera's; confidence 0..1."""

    left: Angles
    right: Angles
    camera: Angles
    confidence: float


def angles_of(direction: NDArray) -> Angles:
    """(pitch, yaw) of a line of sight."""
    x, y, z = (direction / np.linalg.norm(direction)).tolist()
    return math.degrees(math.asin(max(-1.0, min(1.0, y)))), math.degrees(math.atan2(-x, -z))


def direction_of(pitch: float, yaw: float) -> Array:
    """(3,) the line of sight of these angles: what `angles_of` takes."""
    p, y = math.radians(pitch), math.radians(yaw)
    return np.array([-math.cos(p) * math.sin(y), math.sin(p), -math.cos(p) * math.cos(y)])


@dataclass(frozen=True)
class EyeTurns:
    """How far the eyeballs of a face model turn with its extras."""

    columns: tuple[tuple[int, ...], tuple[int, ...]]  # of the extras: yaw and pitch of the left and of the right eye
    balls: Eyeballs | None  # not the whole model, which keeps this: a circle would outlive its tracker by a while
    moments: tuple[Array, ...] = ()  # of each linear eye (3, 3, 3): at rest, and what yaw and pitch add

    @classmethod
    def of(cls, model: FaceModel) -> EyeTurns:
        names = list(model.extra_names)
        try:
            left, right = (tuple(names.index(f"gaze{side.title()}{axis}") for axis in AXES) for side in SIDES)
            eyes = model.region == list(model.region_names).index("eyes")
        except ValueError:
            raise MissingError("this face model has no eyes that turn: use a model set that ships") from None
        if model.balls is not None:
            return cls((left, right), model.balls)
        rows = [np.flatnonzero(eyes & (side * model.mean[:, 0] > 0)) for side in (1, -1)]
        moments = tuple(_moments(model, r, pair) for r, pair in zip(rows, (left, right), strict=True))
        return cls((left, right), None, moments)

    def direction(self, side: int, extras: FloatArray) -> Array:
        """(3,) where the left (0) or the right eye (1) looks in the head's frame."""
        yaw, pitch = (float(extras[column]) for column in self.columns[side])
        if self.balls is not None:
            ordered = np.zeros(5)
            ordered[2 * side : 2 * side + 2] = yaw, pitch
            ahead: Array = self.balls.turned(side, AHEAD[None], np.zeros(3), ordered)[0]
            return ahead
        rest, by_yaw, by_pitch = self.moments[side]
        u, _, vt = np.linalg.svd(rest + yaw * by_yaw + pitch * by_pitch)  # an eye that swells turns as its points do
        turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ u.T
        return turn @ AHEAD


def _moments(model: FaceModel, rows: NDArray, columns: tuple[int, ...]) -> Array:
    rest = model.mean[rows].astype(np.float64)
    rest -= rest.mean(axis=0)
    moved = [rest, *(model.extra_basis[column, rows].astype(np.float64) for column in columns)]
    return np.stack([rest.T @ one for one in moved])


def openness(model: FaceModel, shape: FloatArray, expression: FloatArray, extras: FloatArray) -> tuple[float, float]:
    """How far the left and the right eye are open: 1 at rest, 0 closed."""
    now = model.face_landmarks("ibug68", shape, expression, extras)
    rest = model.face_landmarks("ibug68", shape, np.zeros_like(expression), np.zeros_like(extras))
    left, right = (max(_gap(now, side), 0.0) / max(_gap(rest, side), 1e-3) for side in SIDES)
    return left, right


def _gap(points: FloatArray, side: str) -> float:
    return sum(float(points[lower, 1] - points[upper, 1]) for upper, lower in LIDS[side]) / 2


def certainty(open_eyes: tuple[float, float]) -> float:
    """How much of the gaze can be seen, 0..1: the mean of both eyes."""
    return sum(max(0.0, min(1.0, (part - CLOSED) / (OPEN - CLOSED))) for part in open_eyes) / 2
