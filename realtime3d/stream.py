"""What a tracker remembers: the stream that it follows, and whom it saw longest. Opens no net and no source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from realtime3d.clock import to_s
from realtime3d.config import Config
from realtime3d.errors import UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.loop import FrameLoop
from realtime3d.parts import Parts
from realtime3d.tracking.identity import LongestSeen
from realtime3d.tracking.profile import load_profile, save_learned
from realtime3d.types import FloatArray, Frame, IdentityState


class Stream:
    """Pictures whose times rise. Its loop begins with the first of them; `reset` begins another stream."""

    def __init__(self, profile_file: str | Path | None) -> None:
        self._profile_file = None if profile_file is None else Path(profile_file)
        self._profile: FloatArray | None = None
        self._longest_seen = LongestSeen()  # of all streams, for the profile
        self._loop: FrameLoop | None = None
        self._last_ns: int | None = None
        self._first_id = 0
        self.next_index = 0

    def know(self, model: FaceModel) -> None:
        """Read the profile, where there is one, for this face model."""
        self._profile = self._read(model)

    def _read(self, model: FaceModel) -> FloatArray | None:
        return None if self._profile_file is None else load_profile(self._profile_file, model)

    def check_time(self, t_ns: int) -> None:
        """UsageError where the time does not rise."""
        if self._last_ns is not None and t_ns <= self._last_ns:
            raise UsageError(
                f"t must rise: {to_s(t_ns):.6f} s came after {to_s(self._last_ns):.6f} s; "
                "call reset() before another stream"
            )

    def step(self, parts: Parts, config: Config, frame: Frame, dropped: int) -> FrameResult:
        """The next picture, whose time was checked."""
        if self._loop is None:
            self._loop = self._new_loop(parts, config, self._first_id)
        self.next_index, self._last_ns = frame.index + 1, frame.t_ns
        return self._loop.step(frame, dropped)

    def miss(self, t_ns: int) -> FrameResult | None:
        """No picture at `t_ns`; None where there is no stream yet, or the time is past."""
        if self._loop is None or (self._last_ns is not None and t_ns <= self._last_ns):
            return None
        self._last_ns = t_ns
        return self._loop.miss(t_ns)

    def use(self, before: Parts, now: Parts, config: Config, *, same_pictures: bool) -> None:
        """Other parts and settings. With another face model, or pictures that are mirrored now, the stream begins anew
        with higher ids. What does not fit is an error that leaves everything as it was."""
        same_model = now.model is before.model
        if self._loop is not None:
            now.for_streams()
        if not same_model:
            self._profile = self._read(now.model)
            self._longest_seen.forget()
        if self._loop is not None and same_model and same_pictures:
            self._loop.use(now, config)
        elif self._loop is not None:
            self._loop = self._new_loop(now, config, self._loop.tracks.next_id)

    def _new_loop(self, parts: Parts, config: Config, first_id: int) -> FrameLoop:
        return FrameLoop(parts, config, longest_seen=self._longest_seen, profile=self._profile, first_id=first_id)

    def reset(self, first_id: int) -> None:
        """Forget all faces."""
        self._loop, self._last_ns, self.next_index, self._first_id = None, None, 0, first_id

    def go_on(self, names: Mapping[int, int], next_id: int, frozen: Mapping[int, IdentityState]) -> None:
        """Other ids for the faces known now, and identities that are known by the new id."""
        self._first_id = next_id
        if self._loop:
            self._loop.rename(names, next_id, frozen)

    def relearn(self) -> None:
        """Learn the shapes of all faces in sight again."""
        if self._loop:
            self._loop.relearn()

    def identities(self) -> dict[int, IdentityState]:
        """Of the faces in the last result, by id."""
        last = self._loop.last if self._loop else None
        return {face.id: face.identity for face in last.faces} if last else {}

    def end(self) -> tuple[bool, IdentityState | None]:
        """Forget everything. Whether somebody could have been learned, and who was."""
        best = self._longest_seen.identity
        learned = self._profile is None and (self._last_ns is not None or best is not None)
        self.reset(0)
        self._longest_seen.forget()
        return learned, best

    def save(self, best: IdentityState | None, model: FaceModel) -> None:
        """Write the profile, where one was asked for."""
        if self._profile_file is not None:
            save_learned(self._profile_file, best, model)
