"""Where a killed run stopped, read from what it left.

A run is taken up at the last frame that *every* output has begun. That frame and all behind it are made again: each
sink cuts them off what is there (`resume_s`) and the source starts at that frame (`SourceOptions.start_s`). So no row
is lost and none is there twice, whichever file was ahead when the run was killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime3d.clock import LONGEST_S
from realtime3d.files import leftovers
from realtime3d.sinks.check import refuse_sidecars_of_others
from realtime3d.sinks.choose import OUTPUTS, by_sidecar
from realtime3d.sinks.sidecar import read_sidecar, refuse_other_run, sizes
from realtime3d.sinks.tables import RESUME_SLACK_S


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """What to hand to the source and the sinks to go on."""

    timestamp_s: float  # of the first frame to make again: `TableOptions.resume_s`
    video_s: float  # the same in the overlay's own time: `VideoOptions.resume_s`

    @property
    def source_start_s(self) -> float:
        """`SourceOptions.start_s`: safely before that frame, safely behind the one before it."""
        return max(0.0, self.timestamp_s - RESUME_SLACK_S)


def find_resume_point(outputs: Mapping[str, Path], start_s: float = 0.0) -> ResumePoint:
    """Look at the outputs of a run by kind, `start_s` being its `--start`.

    An output that is missing or holds no frame yet sends the run back to its start.
    """
    ends = [OUTPUTS[kind].last(path, start_s) for kind, path in outputs.items()]
    point = min((start_s if last_s is None else last_s for last_s in ends), default=start_s)
    return ResumePoint(point, point - start_s)


def noted_identities(outputs: Mapping[str, Path]) -> dict[int, tuple[float, int]]:
    """Of each face whose identity the killed run had learned: when that was, and from how many frames."""
    found = {}
    for sidecar in by_sidecar(outputs):
        for name, note in (read_sidecar(sidecar) or {}).get("identities", {}).items():
            try:
                found[int(name)] = float(note["frozen_at_s"]), int(note["frames"])
            except (ValueError, TypeError, KeyError, OverflowError):  # tampered with: it is learned again
                continue
    return {face_id: note for face_id, note in found.items() if abs(note[0]) < LONGEST_S}


def is_complete(outputs: Mapping[str, Path], facts: Mapping[str, Any]) -> bool:
    """Whether a run of these facts has finished all of these outputs, and nobody has changed them since.

    OutputError where what is there belongs to another run.
    """
    refuse_sidecars_of_others(outputs)
    complete = True
    for sidecar, explained in by_sidecar(outputs).items():
        old = read_sidecar(sidecar)
        if old is None:
            complete = False
            continue
        refuse_other_run(sidecar, old, facts)
        whole = old.get("bytes", {}) == sizes(explained) and old.get("state") == "complete"
        left = any(file.exists() for path in explained.values() for file in leftovers(path))
        complete = complete and whole and len(sizes(explained)) == len(explained) and not left
    return complete
