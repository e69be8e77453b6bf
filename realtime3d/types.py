"""The values that travel through the pipeline: frozen, documented, made of NumPy arrays.

Frames of reference (docs/conventions.md has the picture): the camera looks along +z with x right and y down, as in
OpenCV; the head frame has the same axes when the face is upright and looks into the camera, its origin is the midpoint
between the centres of the two eyeballs. Lengths are millimetres, image positions are pixels with (0, 0) at the centre
of the top left pixel, times are nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Image = NDArray[np.uint8]
Array = NDArray[np.float64]
Status = Literal["tracked", "held", "lost"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured picture. `index` counts captured frames, so that dropped ones are visible downstream."""

    index: int  # from 0
    t_ns: int  # monotonic clock for live sources, presentation time for files
    image: Image  # (H, W, 3) uint8 BGR
    source: str = ""  # the name of what it came from


@dataclass(frozen=True, slots=True)
class FaceBox:
    """An axis-aligned box in picture pixels."""

    xyxy: FloatArray  # (4,) float32: left, top, right, bottom
    score: float = 1.0  # the detector's, 0..1


@dataclass(frozen=True, slots=True)
class Pose:
    """T_camera_head: `x_camera = R @ x_head + t`."""

    R: NDArray[np.float64]  # (3, 3)
    t: NDArray[np.float64]  # (3,) mm

    def quaternion(self) -> NDArray[np.float64]:
        """(4,) w, x, y, z of the rotation, of length 1 with w >= 0."""
        (a, b, c), (d, e, f), (g, h, i) = np.asarray(self.R, dtype=np.float64).tolist()
        squares = np.array([1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i])  # four times w2, x2, y2, z2
        largest = int(squares.argmax())  # dividing by it loses no digits
        mixed = (
            (squares[0], h - f, c - g, d - b),
            (h - f, squares[1], b + d, c + g),
            (c - g, b + d, squares[2], f + h),
            (d - b, c + g, f + h, squares[3]),
        )[largest]
        q = np.array(mixed)
        return q / np.copysign(np.linalg.norm(q), q[0] or 1.0)


@dataclass(frozen=True, slots=True)
class EyesSeen:
    """What a net on the eyes' own pixels says beside the gaze, which it puts into the extras. Left, then right."""

    upper: FloatArray  # (2,) how high the upper lid lies over the line of the corners, in their distance
    lower: FloatArray  # (2,) how low the lower lid lies below it
    certainty: FloatArray  # (2,) 0..1: how surely the iris's place is known; falls when lids close
    seen: FloatArray  # (2,) 0..1: how well the camera sees the eye at all; 0 in profile


@dataclass(frozen=True, slots=True)
class FaceCoeffs:
    """What the nets say of one face in one frame. Sizes come from the face model."""

    pose: Pose  # camera from head
    expression: FloatArray  # (29,) standard deviations
    extras: FloatArray  # (5,) gaze and tongue, see FaceModel.extra_names; weights, 0 is neutral
    presence: float  # 0..1, probability that the crop shows a face
    pose_sigma_deg: float  # expected geodesic error of the rotation
    shape: FloatArray | None = None  # (99,) standard deviations; None where ShapeNet did not run
    eyes: EyesSeen | None = None  # None where no net looked at the eyes


@dataclass(frozen=True, slots=True)
class Track:
    """Where to look for one face in this frame: one of pose and box."""

    id: int  # the face's
    pose: Pose | None = None  # predicted from the last ones
    box: FaceBox | None = None  # of the detector, for a face that is new or out of sight


@dataclass(frozen=True, slots=True)
class IdentityState:
    """The cached shape of one track."""

    shape: FloatArray  # (99,) standard deviations
    frozen: bool  # learned: it does not change any more
    frames: int  # good frames it was averaged over
    frozen_at_ns: int | None = None  # on the clock of the frames; None: not yet
