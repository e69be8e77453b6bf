"""One shape per person: a robust mean over good frames, frozen when more frames would not change it.

Frames that follow each other closely repeat each other's error, so they are gathered into views: a view ends after
`view_s` or when the head has turned by `view_deg`. What counts is the number of views, not of frames.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from realtime3d.clock import to_ns, to_s
from realtime3d.config import IdentitySettings
from realtime3d.face.model import FaceModel
from realtime3d.tracking.per_model import per_model
from realtime3d.types import Array, FaceCoeffs, FloatArray, IdentityState, Pose

OUTLIER = 1.5  # of the median distance: a view farther off loses its say
KNOWN_FRAMES = 5  # before that nobody can say how far off a frame usually is
USUAL_FRAMES = 60  # memory of the usual distance
ANSWERED = 0.12  # of the population's spread is left in what nets answer: they stay near the usual face where unsure
LEAST_USUAL = 0.83  # of the distance between two people: frames that agree better than this prove no more
LOOKS = 4  # in the time of a view: frames so close to each other say the same
MAX_VIEWS = 64  # for faces that are never seen well enough to freeze


def frame_weight(coeffs: FaceCoeffs) -> float:
    """How much one frame tells about the shape, 0..1: sure of the face, sure of the pose, near frontal."""
    sure = max(0.0, min(1.0, 2 * coeffs.presence - 0.6))
    steady = 1 / (1 + (coeffs.pose_sigma_deg / 12) ** 2)
    weight = sure * steady * math.exp(-((facing_deg(coeffs.pose) / 40) ** 2))
    return weight if math.isfinite(weight) else 0.0


def facing_deg(pose: Pose) -> float:
    """Angle between where the head faces and the way to the camera, in degrees."""
    cosine = float(pose.R[:, 2] @ pose.t) / max(float(np.linalg.norm(pose.t)), 1e-9)
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def robust_mean(shapes: Array, weights: Array, mm: Array) -> Array:
    """Weighted mean of shapes (N, K), in which those much farther off than usual (in mm) hardly count."""
    mean = np.average(shapes, axis=0, weights=weights)
    for _ in range(4):
        off = np.linalg.norm((shapes - mean) * mm, axis=1)
        usual = max(float(np.median(off)), 1e-9)
        mean = np.average(
            shapes, axis=0, weights=weights * np.minimum(1, OUTLIER * usual / np.maximum(off, 1e-12)) ** 4
        )
    return mean


@dataclass(slots=True, eq=False)
class _View:
    """Frames so close to each other that they share their error."""

    total: Array  # (99,) weighted sum of shapes
    weight: float  # sum of the frames' weights
    best: float  # the largest of them: what the view as a whole counts
    facing: Array  # (3,) where the head faced when the view began
    begun_ns: int


@dataclass(slots=True)
class _Learner:
    """What was seen of one person."""

    state: IdentityState
    views: list[_View] = field(default_factory=list)
    usual_mm: float = 0.0  # distance of single frames from the mean
    counted: int = 0  # frames in `usual_mm`
    mesh: tuple[FloatArray, FloatArray] | None = None  # a shape and its neutral vertices
    dropped_ns: int | None = None
    looked_ns: int = 0  # when ShapeNet last answered, and
    seen_ns: int = 0  # when the face was last followed
    due: bool = True  # whether ShapeNet should look at the next frame

    def plan(self, looked: bool, facing: Array, t_ns: int, settings: IdentitySettings) -> None:
        """Say whether the next frame is worth a look: the first ones, some of each view, and what begins a new one."""
        following_ns = t_ns + max(0, t_ns - self.seen_ns) if self.seen_ns else t_ns
        self.looked_ns, self.seen_ns = t_ns if looked else self.looked_ns, t_ns
        if self.state.frozen or self.counted < KNOWN_FRAMES or not self.views:
            self.due = not self.state.frozen
            return
        view, view_ns = self.views[-1], to_ns(settings.view_s)
        self.due = following_ns - view.begun_ns >= view_ns
        if len(self.views) < settings.enough_views:  # else it is hard to see: one look a view
            turned = view.facing @ facing <= math.cos(math.radians(settings.view_deg))
            self.due = bool(self.due or turned or following_ns - self.looked_ns >= view_ns // LOOKS)

    def take(self, shape: Array, weight: float, facing: Array, t_ns: int, settings: IdentitySettings) -> None:
        last = self.views[-1] if self.views else None
        if (
            last is not None
            and t_ns - last.begun_ns < to_ns(settings.view_s)
            and last.facing @ facing > math.cos(math.radians(settings.view_deg))
        ):
            last.total += weight * shape
            last.weight += weight
            last.best = max(last.best, weight)
            return
        self.views.append(_View(weight * shape, weight, weight, facing, t_ns))
        if len(self.views) > MAX_VIEWS:
            self.views.remove(min(self.views[:-1], key=lambda view: view.best))

    def mean(self, mm: Array) -> Array:
        shapes = np.array([view.total / view.weight for view in self.views])
        return robust_mean(shapes, np.array([view.best for view in self.views]), mm)

    def enough(self, t_ns: int, settings: IdentitySettings) -> bool:
        good = [view for view in self.views if view.best >= settings.good_weight]
        if sum(view.best for view in good) < settings.enough_views:
            return False
        seconds = to_s(t_ns - min(view.begun_ns for view in good))
        directions = np.array([view.facing for view in good])
        turned = (directions @ directions.T).min() < math.cos(math.radians(settings.turned_deg))
        return bool(seconds >= settings.min_s and (turned or seconds >= settings.patience_s))


@per_model
def _mm_per_sd(model: FaceModel) -> Array:
    """Rms over the vertices of each shape coefficient."""
    return np.asarray(np.sqrt((model.shape_basis.astype(np.float64) ** 2).sum(-1).mean(-1)))


class ShapeDistance:
    """How far shapes are apart, as the nets answer them."""

    def __init__(self, model: FaceModel) -> None:
        self.mm = _mm_per_sd(model)
        self.people_mm = ANSWERED * float(np.linalg.norm(self.mm)) * math.sqrt(2)  # between two random people

    def __call__(self, a: FloatArray | Array, b: FloatArray | Array) -> float:
        """Rms over the vertices, mm."""
        return float(np.linalg.norm((np.asarray(a, dtype=np.float64) - b) * self.mm))


class LongestSeen:
    """The frozen identity that was seen in most frames, over all streams of a tracker: what a profile keeps."""

    def __init__(self) -> None:
        self.identity: IdentityState | None = None

    def take(self, identity: IdentityState) -> None:
        """Note an identity as of now; of equals the newer one stays."""
        if identity.frozen and (self.identity is None or identity.frames >= self.identity.frames):
            self.identity = identity

    def forget(self) -> None:
        """What was learned is not wanted any more."""
        self.identity = None


class IdentityCache:
    """Shapes, neutral meshes and their age, by track id."""

    def __init__(
        self, model: FaceModel, settings: IdentitySettings | None = None, profile: FloatArray | None = None
    ) -> None:
        """`profile` is the shape of one known person (`tracking.profile`): who looks like it gets it, frozen."""
        self.settings = settings or IdentitySettings()
        self._model = model
        self._apart = ShapeDistance(model)
        self._mm, self._people_mm = self._apart.mm, self._apart.people_mm
        self._unknown = IdentityState(np.zeros(model.n_shape, np.float32), False, 0)
        self._profile = None if profile is None else np.asarray(profile, dtype=np.float32)
        self._person_id: int | None = None  # the track that was given the profile
        self._learners: dict[int, _Learner] = {}
        self._now_ns = 0

    def wants_shape(self, track_id: int) -> bool:
        """Whether ShapeNet should still look at this track; true for ids not seen yet (and negative ones)."""
        learner = self._learners.get(track_id)
        return learner is None or (learner.due and not learner.state.frozen)

    def update(self, track_id: int, coeffs: FaceCoeffs, t_ns: int) -> IdentityState:
        """Take a tracked face's answer (with or without a shape) and return its identity as of now."""
        self._now_ns = t_ns
        self._forget(t_ns)
        learner = self._learners.setdefault(track_id, _Learner(self._unknown))
        learner.dropped_ns = None
        looked = not learner.state.frozen and coeffs.shape is not None and bool(np.isfinite(coeffs.shape).all())
        if looked:
            self._learn(track_id, coeffs, np.asarray(coeffs.shape, dtype=np.float64), t_ns)
        learner.plan(looked, coeffs.pose.R[:, 2], t_ns, self.settings)
        return learner.state

    def get(self, track_id: int) -> IdentityState | None:
        """The identity of a track, or of one that ended less than `keep_s` ago."""
        learner = self._learners.get(track_id)
        return None if learner is None else learner.state

    def neutral(self, track_id: int) -> FloatArray:
        """(V, 3) the resting face of `get(track_id).shape`, computed once for each change of the shape."""
        learner = self._learners[track_id]
        shape = learner.state.shape
        if learner.mesh is None or learner.mesh[0] is not shape:
            learner.mesh = shape, self._model.neutral(shape)
        return learner.mesh[1]

    def distance(self, track_id: int, shape: FloatArray) -> float | None:
        """How far a single frame's shape is from an identity; 1 is usual for the same person, None: not known."""
        learner = self._learners.get(track_id)
        if learner is None or learner.counted < KNOWN_FRAMES or not np.isfinite(shape).all():
            return None
        return self._apart(shape, learner.state.shape) / max(learner.usual_mm, LEAST_USUAL * self._people_mm)

    def drop(self, track_id: int, t_ns: int) -> None:
        """The track ended; its identity is kept for `keep_s` and goes on if `update` meets the id again."""
        if track_id in self._learners:
            self._learners[track_id].dropped_ns = t_ns
        self._forget(t_ns)

    def relearn(self, track_id: int) -> None:
        """Forget what was learned about this track and start again; its shape stays in use until the next frame."""
        if track_id == self._person_id:
            self._profile = None
        if track_id in self._learners:
            shape = self._learners[track_id].state.shape
            self._learners[track_id] = _Learner(IdentityState(shape, False, 0))

    def rename(self, names: Mapping[int, int], frozen: Mapping[int, IdentityState]) -> None:
        """Other ids, for those in `names`; the rest is forgotten. `frozen`: what was learned, by the new id."""
        self._learners = {names[i]: learner for i, learner in self._learners.items() if i in names}
        self._person_id = None if self._person_id is None else names.get(self._person_id)
        for track_id, learner in self._learners.items():
            if track_id in frozen:
                learner.state = frozen[track_id]
                learner.views.clear()

    def _learn(self, track_id: int, coeffs: FaceCoeffs, shape: Array, t_ns: int) -> None:
        learner, weight = self._learners[track_id], frame_weight(coeffs)
        frames = learner.state.frames + (weight >= self.settings.good_weight)
        if self._profile is not None and self._is_person(self._profile, shape, weight):
            learner.state = IdentityState(self._profile, True, frames, t_ns)
            self._person_id = track_id
            return
        if learner.views:
            off = self._apart(shape, learner.state.shape)
            if learner.counted >= KNOWN_FRAMES:
                off = min(off, 3 * learner.usual_mm)
            learner.counted += 1
            learner.usual_mm += (off - learner.usual_mm) / min(learner.counted, USUAL_FRAMES)
        learner.take(shape, max(weight, 1e-6), coeffs.pose.R[:, 2].copy(), t_ns, self.settings)
        mean = learner.mean(self._mm).astype(np.float32)
        enough = learner.enough(t_ns, self.settings)
        learner.state = IdentityState(mean, enough, frames, t_ns if enough else None)
        if enough:
            learner.views.clear()

    def _is_person(self, profile: FloatArray, shape: Array, weight: float) -> bool:
        """Whether this is the profile's person, who has not been met yet or has left."""
        if self._person_id in self._learners or weight < self.settings.good_weight:
            return False
        return self._apart(shape, profile) < self.settings.profile_distance * self._people_mm

    def _forget(self, t_ns: int) -> None:
        oldest = t_ns - to_ns(self.settings.keep_s)
        gone = [i for i, x in self._learners.items() if x.dropped_ns is not None and x.dropped_ns < oldest]
        for track_id in gone:
            del self._learners[track_id]
