"""One track, from its first sight until it can no longer return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realtime3d.clock import to_ns, to_s
from realtime3d.config import TrackerSettings
from realtime3d.tracking.identity import frame_weight
from realtime3d.tracking.motion import Motion
from realtime3d.types import FaceCoeffs, FloatArray, Status

WEAK_PATIENCE = 0.35  # of unseen_s, for weak tracks
ShapeDistance = Callable[[int, FloatArray], "float | None"]  # of a known identity, by id, and a shape; 1: single frames
NO_TIME = -(1 << 62)  # before every time stamp
TELLING_FRAMES = 4  # of a newcomer's shape: single frames err as much as people differ
DOUBT_S = 1.0  # after it nobody takes a newcomer for somebody else any more


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face of this frame after `Tracker.confirm`."""

    id: int
    status: Status  # "tracked" or "held"
    confidence: float  # 0..1: the nets' presence; fades while held
    coeffs: FaceCoeffs  # of this frame; while held the last ones that were seen


@dataclass(frozen=True, slots=True)
class TrackOutcome:
    """What became of the tracks in one frame."""

    faces: tuple[TrackedFace, ...]  # by id, at most max_faces
    lost: tuple[int, ...] = ()  # ids that ended on this frame
    returned: tuple[int, ...] = ()  # ids in `faces` that had been lost before


@dataclass(slots=True, eq=False)
class Newcomer:
    """A track that began near where others had gone out of sight: it may be one of them."""

    begun_ns: int
    former: list[Life]
    frames: int = 0
    total: FloatArray | float = 0.0  # sum of the frames' shapes by their weight
    weight: float = 0.0

    def take(self, answer: FaceCoeffs) -> None:
        if answer.shape is not None and np.isfinite(answer.shape).all():
            weight = max(frame_weight(answer), 1e-6)
            self.total = self.total + np.float32(weight) * answer.shape
            self.weight += weight
            self.frames += 1

    def identified(self, distance: ShapeDistance, limit: float) -> Life | None:
        """Who it is: of those not seen since it appeared the one whose shape is nearest, if nearer than `limit`."""
        if self.frames < TELLING_FRAMES:
            return None
        shape = np.asarray(self.total / self.weight, dtype=np.float32)
        absent = [life for life in self.former if life.last_seen_ns < self.begun_ns]
        apart = [(distance(life.id, shape), life.id, life) for life in absent]
        close = [(far, track_id, life) for far, track_id, life in apart if far is not None and far < limit]
        return min(close)[2] if close else None


@dataclass(slots=True, eq=False)
class Life:
    """What is known of one track."""

    id: int
    motion: Motion
    coeffs: FaceCoeffs
    last_seen_ns: int
    unseen_ns: int | None = None  # since when the detector should have found this face and did not
    contested_ns: int = NO_TIME  # until then it may be mixed up with another
    newcomer: Newcomer | None = None  # while it may be somebody who was here before

    def see(self, answer: FaceCoeffs, t_ns: int) -> None:
        self.motion.observe(answer.pose, t_ns)
        self.coeffs, self.last_seen_ns = answer, t_ns
        if self.newcomer is not None:
            self.newcomer.take(answer)
            if t_ns - self.newcomer.begun_ns > to_ns(DOUBT_S):
                self.newcomer = None

    def go_on_as(self, newcomer: Life) -> None:
        """The newcomer's face turned out to be this one's."""
        self.motion, self.coeffs = newcomer.motion, newcomer.coeffs
        self.last_seen_ns, self.unseen_ns = newcomer.last_seen_ns, newcomer.unseen_ns
        self.contested_ns = newcomer.contested_ns

    def face(self, t_ns: int, hold_s: float) -> TrackedFace:
        unseen_s = to_s(t_ns - self.last_seen_ns)
        if unseen_s <= 0:
            return TrackedFace(self.id, "tracked", self.coeffs.presence, self.coeffs)
        return TrackedFace(self.id, "held", self.coeffs.presence * max(0.0, 1 - unseen_s / hold_s), self.coeffs)

    def needed_presence(self, answer: FaceCoeffs, t_ns: int, settings: TrackerSettings) -> float:
        """How sure an answer must be: more so after the detector looked in vain, or where the head would have leapt."""
        weak = answer.presence < settings.presence_weak
        patience_ns = to_ns(settings.unseen_s * (WEAK_PATIENCE if weak else 1))
        in_vain = self.unseen_ns is not None and t_ns - self.unseen_ns > patience_ns
        unsure = answer.presence < settings.presence_unseen
        if in_vain or (unsure and self.motion.leaps(answer.pose, t_ns)):
            return settings.presence_unseen
        return settings.presence_stay
