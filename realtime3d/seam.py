"""Where a killed run is taken up, its last seconds are followed again without being written: then ids, identities,
smoothing and the detector's turns go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.clock import to_ns, to_s
from realtime3d.geometry import overlap
from realtime3d.sinks.known import Known, known_faces, replay_start
from realtime3d.sinks.resume import noted_identities
from realtime3d.sinks.tables import RESUME_SLACK_S
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceOptions, SourceSpec, SourceStatus
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame, IdentityState

if TYPE_CHECKING:
    from realtime3d.face.state import FrameResult
    from realtime3d.sinks.resume import ResumePoint
    from realtime3d.tracker import FaceTracker

SAME_BOX = 0.5  # overlap of a face followed again with the one in the table


def continued(
    spec: SourceSpec, read: SourceOptions, outputs: Mapping[str, Path], point: ResumePoint, tracker: FaceTracker
) -> Replay:
    """The source of a run that was killed, opened where `tracker` has to begin so that it goes on at `point`."""
    known = known_faces(outputs, point.timestamp_s)
    if known is None:
        start_s = read.start_s
    else:
        again_s = replay_start(known, point.timestamp_s, read.every, tracker.config.track.detect_every)
        start_s = max(read.start_s, (point.timestamp_s if again_s is None else again_s) - RESUME_SLACK_S)
    source = open_source(spec, replace(read, start_s=start_s))
    frozen = frozen_identities(known or (), noted_identities(outputs), source.info.zero_ns)
    return Replay(source, tracker, point.timestamp_s, known, frozen)


class Replay(Source):
    """A source that begins before the seam: `tracker` sees those frames here, the frames from the seam on are given."""

    def __init__(
        self,
        source: Source,
        tracker: FaceTracker,
        seam_s: float,
        known: Sequence[Known] | None,
        frozen: Mapping[int, IdentityState],
    ) -> None:
        """`known`: faces in the tables before the seam, None where there is no table: then the film is followed from
        its start, and gives the same ids. `frozen`: identities that were learned."""
        self._source, self._tracker, self._known = source, tracker, known
        self._frozen = frozen
        self._seam_ns = source.info.zero_ns + to_ns(seam_s - RESUME_SLACK_S)
        self._votes: dict[tuple[int, int], int] = {}  # (id now, id in the table) -> frames in which they agree

    @property
    def info(self) -> SourceInfo:
        return self._source.info

    @property
    def status(self) -> SourceStatus:
        return self._source.status

    def __iter__(self) -> Iterator[Frame | Gap]:
        by_time: dict[int, list[Known]] = {}
        for face in self._known or ():
            if face.box is not None:
                by_time.setdefault(_key(face.time_s), []).append(face)
        joined = False
        for item in self._source:
            if not joined and isinstance(item, Frame) and item.t_ns < self._seam_ns:
                result = self._tracker.process_frame(item)
                self._vote(result, by_time.get(_key(to_s(item.t_ns - self.info.zero_ns)), ()))
                continue
            if not joined:
                self._join()
                joined = True
            yield item

    def _vote(self, result: FrameResult, known: Sequence[Known]) -> None:
        if not result.faces or not known:
            return
        now = np.array([face.box for face in result.faces], dtype=np.float64)
        then = np.array([face.box for face in known], dtype=np.float64)
        then[:, 2:] += then[:, :2]
        same = overlap(now, then)
        for i, face in enumerate(result.faces):
            best = int(same[i].argmax())
            if same[i, best] > SAME_BOX:
                pair = face.id, known[best].id
                self._votes[pair] = self._votes.get(pair, 0) + 1

    def _join(self) -> None:
        """Everybody gets the id of the table, and who was known there is known again."""
        if self._known is None:
            return
        names: dict[int, int] = {}
        for (now, then), _ in sorted(self._votes.items(), key=lambda vote: -vote[1]):
            if now not in names and then not in names.values():
                names[now] = then
        next_id = max((face.id for face in self._known), default=-1) + 1  # rows behind the seam are made again
        self._tracker.go_on(names, next_id, self._frozen)

    def close(self) -> None:
        self._source.close()


def _key(time_s: float) -> int:
    """Tables have times to the microsecond."""
    return round(time_s * 1e6)


def frozen_identities(
    known: Sequence[Known], noted: Mapping[int, tuple[float, int]], zero_ns: int
) -> dict[int, IdentityState]:
    """Identities learned before the seam, noted as (seconds, frames) by id: their shapes are in the last rows."""
    last = {face.id: face for face in known}
    found = {}
    for face_id, (since_s, frames) in noted.items():
        face = last.get(face_id)
        if face is not None and face.shape is not None and face.time_s >= since_s and np.isfinite(face.shape).all():
            found[face_id] = IdentityState(face.shape, True, frames, zero_ns + to_ns(since_s))
    return found
