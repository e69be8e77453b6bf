"""One shape per person: a robust mean over good frames, frozen when more frames would not change it."""

from __future__ import annotations

from dataclasses import dataclass

from realtime3d.facemodel import FaceModel
from realtime3d.types import FaceCoeffs, FloatArray, IdentityState


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Every default of the identity cache, with its unit."""

    min_frames: float = 20.0  # sum of the frames' weights (1: a perfect frontal frame) before an identity freezes
    min_seconds: float = 1.5  # from the first good frame to the last
    min_views: int = 2  # different directions of the head (bins of 12 degrees) among the good frames
    give_up_seconds: float = 6.0  # a head that does not turn freezes after this time all the same
    keep_s: float = 3.0  # identities of ended tracks are kept this long, for faces that return


class IdentityCache:
    """Shapes, neutral meshes and their age, by track id."""

    def __init__(
        self, model: FaceModel, settings: IdentitySettings | None = None, profile: FloatArray | None = None
    ) -> None:
        """`profile` is the shape of one known person (`realtime3d.profile`): who looks like it gets it, frozen."""
        raise NotImplementedError

    def wants_shape(self, track_id: int) -> bool:
        """Whether ShapeNet should still look at this track; true for ids not seen yet (and negative ones)."""
        raise NotImplementedError

    def update(self, track_id: int, coeffs: FaceCoeffs, t_ns: int) -> IdentityState:
        """Take a tracked face's answer (with or without a shape) and return its identity as of now."""
        raise NotImplementedError

    def get(self, track_id: int) -> IdentityState | None:
        """The identity of a track, or of one that ended less than `keep_s` ago."""
        raise NotImplementedError

    def neutral(self, track_id: int) -> FloatArray:
        """(V, 3) the resting face of `get(track_id).shape`, computed once for each change of the shape."""
        raise NotImplementedError

    def distance(self, track_id: int, shape: FloatArray) -> float | None:
        """How far a single frame's shape is from an identity; 1 is usual for the same person, None: not known."""
        raise NotImplementedError

    def drop(self, track_id: int, t_ns: int) -> None:
        """The track ended; its identity is kept for `keep_s` and goes on if `update` meets the id again."""
        raise NotImplementedError

    def relearn(self, track_id: int) -> None:
        """Forget what was learned about this track and start again."""
        raise NotImplementedError
