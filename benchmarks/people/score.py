"""Who was taken for whom: what a tracker says of a sequence against its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.people.scenes import Moment, Play
from realtime3d import FaceTracker
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.tracking.association import offsets
from realtime3d.tracking.motion import place_of
from realtime3d.types import Image, Pose

NEAR, APART = 0.6, 0.9  # faces: a face belongs to the head this near to it, if no other head is this near
CELLS = 12  # frames on a sheet


@dataclass(frozen=True)
class Seen:
    """One frame: the truth, and what the tracker said."""

    t: float
    heads: tuple[Pose | None, ...]
    faces: tuple[FaceState, ...]
    lost: tuple[int, ...]

    def owners(self) -> dict[int, int]:
        """Id -> person, of tracked faces that can mean one person only."""
        there = [i for i, head in enumerate(self.heads) if head is not None]
        tracked = [face for face in self.faces if face.status == "tracked"]
        if not there or not tracked:
            return {}
        true = np.array([place_of(self.heads[i]) for i in there])  # type: ignore[arg-type]
        away = offsets(np.array([place_of(face.raw.pose) for face in tracked]), true)[0]
        near = away.argmin(1)
        sure = (away.min(1) < NEAR) & ((away < APART).sum(1) == 1)
        return {face.id: there[near[k]] for k, face in enumerate(tracked) if sure[k]}


def follow(tracker: FaceTracker, play: Play, sheet: Path | None = None, start: float = 0.0) -> list[Seen]:
    """Run a tracker over a sequence, from a fresh start; `sheet`: a picture file to show it in."""
    tracker.reset()
    shown = set(np.linspace(0, play.frames - 1, CELLS).astype(int)) if sheet else set()
    seen, cells = [], []
    for n, moment in enumerate(play):
        if moment.t < start:
            continue
        result = tracker.process(moment.image, moment.t)
        seen.append(Seen(moment.t, moment.heads, result.faces, result.lost))
        if n in shown:
            cells.append(annotated(moment, result))
    if sheet:
        write_sheet(sheet, cells)
    return seen


@dataclass(frozen=True)
class Story:
    """What became of the ids in one sequence."""

    switched: bool  # an id passed from one person to another
    first: dict[int, int]  # person -> their first id
    last: dict[int, int]  # person -> their last id
    ids: tuple[int, ...]  # all that ever were

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Story:
        owner: dict[int, int] = {}
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        switched = False
        for frame in seen:
            for track_id, person in frame.owners().items():
                switched |= owner.setdefault(track_id, person) != person
                owner[track_id] = person
                first.setdefault(person, track_id)
                last[person] = track_id
        ids = sorted({face.id for frame in seen for face in frame.faces})
        return cls(switched, first, last, tuple(ids))

    @property
    def kept(self) -> int:
        """People who had the same id first and last."""
        return sum(self.last[person] == track_id for person, track_id in self.first.items())


def annotated(moment: Moment, result: FrameResult) -> Image:
    """A frame with every face's box and id, half as large."""
    image = moment.image.copy()
    for face in result.faces:
        colour = (60, 220, 60) if face.status == "tracked" else (40, 160, 255)
        x0, y0, x1, y1 = map(int, face.box)
        cv2.rectangle(image, (x0, y0), (x1, y1), colour, 2)
        cv2.putText(image, f"{face.id} {face.confidence:.2f}", (x0, y0 - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, 2)
    cv2.putText(image, f"{moment.t:.2f} s", (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def write_sheet(path: Path, cells: list[Image], columns: int = 4) -> None:
    """Frames side by side, in rows."""
    blank = np.zeros_like(cells[0])
    cells = cells + [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows))
