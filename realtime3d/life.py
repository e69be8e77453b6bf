"""One track, from its first sight until it can no longer return."""

from __future__ import annotations

from dataclasses import dataclass

from realtime3d.config import TrackerSettings
from realtime3d.motion import Motion
from realtime3d.types import FaceCoeffs, Status

WEAK_PATIENCE = 0.35  # of unseen_s, for weak tracks
NO_TIME = -(1 << 62)  # before every time stamp


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face of this frame after `Tracker.confirm`."""

    id: int
    status: Status  # "tracked" or "held"
    confidence: float  # 0..1: the nets' presence; fades while held
    coeffs: FaceCoeffs  # of this frame; while held the last ones that were seen


@dataclass(slots=True, eq=False)
class Life:
    """What is known of one track."""

    id: int
    motion: Motion
    coeffs: FaceCoeffs
    last_seen_ns: int
    unseen_ns: int | None = None  # since when the detector should have found this face and did not
    contested_ns: int = NO_TIME  # until then it may be mixed up with another

    def see(self, answer: FaceCoeffs, t_ns: int) -> None:
        self.motion.observe(answer.pose, t_ns)
        self.coeffs, self.last_seen_ns = answer, t_ns

    def face(self, t_ns: int, hold_s: float) -> TrackedFace:
        unseen_s = (t_ns - self.last_seen_ns) * 1e-9
        if unseen_s <= 0:
            return TrackedFace(self.id, "tracked", self.coeffs.presence, self.coeffs)
        return TrackedFace(self.id, "held", self.coeffs.presence * max(0.0, 1 - unseen_s / hold_s), self.coeffs)

    def needed_presence(self, answer: FaceCoeffs, t_ns: int, settings: TrackerSettings) -> float:
        """How sure an answer must be: more so after the detector looked in vain, or where the head would have leapt."""
        patience_ns = settings.unseen_s * (WEAK_PATIENCE if answer.presence < settings.presence_weak else 1) * 1e9
        in_vain = self.unseen_ns is not None and t_ns - self.unseen_ns > patience_ns
        unsure = answer.presence < settings.presence_unseen
        if in_vain or (unsure and self.motion.leaps(answer.pose, t_ns)):
            return settings.presence_unseen
        return settings.presence_stay
