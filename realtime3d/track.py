"""Faces over time: which picture region belongs to whom, who is new, who came back, who is gone.

One frame is two calls. `update` says where to look (the crops come from predicted poses and, on frames on which the
detector ran, from its boxes); after the nets have looked, `confirm` takes their answers and says who is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.assign import assign
from realtime3d.geometry import Camera, geodesic_deg
from realtime3d.motion import GAP_S, Motion, place_of
from realtime3d.types import FaceBox, FaceCoeffs, FloatArray, Pose, Status, Track

FACE_MM = 150.0  # one "face": the length in which distances between heads are counted
ShapeDistance = Callable[[int, FloatArray], "float | None"]


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Every default of the tracker, with its unit."""

    max_faces: int = 8
    detect_every: int = 15  # frames; the detector also runs when nothing is tracked or a track is weak
    hold_s: float = 0.5  # seconds that a face which the nets do not see keeps its last pose
    reid_s: float = 3.0  # seconds in which a face that left gets its id and identity back
    presence_new: float = 0.5  # probability that starts a track
    presence_stay: float = 0.3  # probability that keeps a track
    presence_weak: float = 0.6  # below it the detector is asked again
    presence_unseen: float = 0.9  # keeps a track that the detector should see but has not for `unseen_runs` runs
    unseen_runs: int = 4
    reid_distance: float = 1.7  # shape distance below which a returned face is the same person, 1 is usual


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face of this frame after `confirm`."""

    id: int
    status: Status  # "tracked" or "held"
    confidence: float  # 0..1: the nets' presence; fades while held
    coeffs: FaceCoeffs  # of this frame; while held the last ones that were seen
    born_ns: int
    last_seen_ns: int


@dataclass(frozen=True, slots=True)
class TrackOutcome:
    """What became of the tracks in one frame."""

    faces: tuple[TrackedFace, ...]  # by id, at most max_faces
    lost: tuple[int, ...] = ()  # ids that ended on this frame
    returned: tuple[int, ...] = ()  # ids in `faces` that had been lost before


class Tracker:
    """Ids, life cycle and motion of faces. `camera` may be replaced when the pictures change size."""

    def __init__(
        self,
        camera: Camera,
        face_points: ArrayLike,
        settings: TrackerSettings | None = None,
        shape_distance: ShapeDistance | None = None,
    ) -> None:
        """`face_points` (P, 3) mm in the head frame bound the projected face (the mean head's 68 landmarks).

        `shape_distance(track_id, shape)` compares a single frame's shape with a known identity
        (`IdentityCache.distance`); without it places alone decide.
        """
        raise NotImplementedError

    def needs_detection(self, t_ns: int) -> bool:
        """Whether the detector should look at the frame of `t_ns`; ask before `update`."""
        raise NotImplementedError

    def update(self, boxes: Sequence[FaceBox] | None, t_ns: int) -> list[Track]:
        """The faces to estimate in the frame of `t_ns`; None: the detector did not run.

        Known tracks come first, by id. Faces that may be new follow, largest first, with negative ids that hold for
        this frame only. A track with a pose is cropped by it, one without by its box.
        """
        raise NotImplementedError

    def asks_shape(self, track_id: int) -> bool:
        """Whether ShapeNet should look at this track although its identity is frozen, to tell people apart."""
        raise NotImplementedError

    def confirm(self, answers: Sequence[FaceCoeffs]) -> TrackOutcome:
        """The nets' answers, one for each track that the last `update` returned, in its order."""
        raise NotImplementedError

    def miss(self, t_ns: int) -> TrackOutcome:
        """No picture at `t_ns` (a camera that is gone, say): faces are held, then lost; instead of the two calls."""
        raise NotImplementedError
