"""Which frames of a film detail is solved for: sharp, large, from the front, and of many expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from realtime3d.face.state import FaceState
from realtime3d.surface.activations import activations
from realtime3d.surface.best import worth
from realtime3d.surface.portrait import refusal
from realtime3d.types import FloatArray, Image

MOST = 24  # frames
AROUND = (0.7, 1.4, 0.6)  # of the face's box that is kept beside, above and below it: hair as well
SHARP_PX = 160  # a face is made this wide before its sharpness is looked at
ALIKE = 0.08  # of activations: expressions that are nearer count as one
SMALLEST_PX = 16  # of a part
LEAST_FACING = 0.7  # cosine: faces that are turned further show too little


@dataclass(frozen=True)
class Shot:
    """One face in a part of a frame."""

    face: FaceState  # with the camera of the part
    image: Image
    activations: FloatArray  # (6,)
    worth: float


class BestFrames:
    """The frames of one face that are kept while a film runs."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._shots: list[Shot] = []

    @property
    def shots(self) -> Sequence[Shot]:
        """Those that are kept now, the best first."""
        return sorted(self._shots, key=lambda shot: -shot.worth)

    def see(self, face: FaceState, image: Image) -> None:
        """Keep a frame where it is better than one of the same expression, or shows a new one."""
        if face.status != "tracked" or face.pose.R[2, 2] < LEAST_FACING or refusal(face):
            return
        shot = shot_of(face, image)
        if shot is None:
            return
        value, shown = shot.worth, shot.activations
        apart = [float(np.abs(shot.activations - shown).max()) for shot in self._shots]
        nearest = int(np.argmin(apart)) if apart else -1
        if apart and apart[nearest] < ALIKE and len(self._shots) >= self._most // 2:
            if value > self._shots[nearest].worth:
                self._shots[nearest] = shot
            return
        if len(self._shots) >= self._most:
            loser = self._least_needed()
            if value < self._shots[loser].worth and apart[nearest] <= self._alone(loser):
                return
            self._shots.pop(loser)
        self._shots.append(shot)

    def _least_needed(self) -> int:
        """Of the two frames that are most alike, the worse one."""
        return min((self._alone(i), shot.worth, i) for i, shot in enumerate(self._shots))[2]

    def _alone(self, i: int) -> float:
        """How far a frame's expression is from that of any other."""
        mine, others = self._shots[i].activations, (shot for j, shot in enumerate(self._shots) if j != i)
        return min((float(np.abs(mine - other.activations).max()) for other in others), default=np.inf)


def shot_of(face: FaceState, image: Image) -> Shot | None:
    """The part of a frame that shows a face; None where it is too small to look at."""
    left, top, right, bottom = map(float, face.box)
    beside = AROUND[0] * (right - left)
    above, below = (part * (bottom - top) for part in AROUND[1:])
    x0, y0 = max(0, int(left - beside)), max(0, int(top - above))
    x1, y1 = min(image.shape[1], int(right + beside) + 1), min(image.shape[0], int(bottom + below) + 1)
    if min(x1 - x0, y1 - y0) < SMALLEST_PX:
        return None
    part, camera = image[y0:y1, x0:x1].copy(), face.camera
    there = replace(camera, cx=camera.cx - x0, cy=camera.cy - y0, width=x1 - x0, height=y1 - y0)
    value = worth(face) * sharpness(part, right - left)
    return Shot(replace(face, camera=there), part, activations(face.blendshapes()), value)


def sharpness(part: Image, face_px: float) -> float:
    """How much fine structure a part of a frame has, whatever the face's size: motion and a wrong focus take it."""
    scale = min(1.0, SHARP_PX / max(face_px, 1.0))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).std()) / max(float(grey.std()), 1.0)
