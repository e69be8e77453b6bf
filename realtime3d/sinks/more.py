"""What tables have on request, behind the weights and the values before smoothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from realtime3d.errors import UsageError

LANDMARK_SETS = {"ibug68": 68, "mediapipe478": 478}  # name -> points


@dataclass(frozen=True, slots=True)
class MoreColumns:
    """Columns that a table has only where somebody asks for them."""

    gaze: bool = False  # where both eyes look
    action_units: bool = False  # OpenFace's 17, 0 to 5
    emotions: bool = False  # seven that sum to 1
    landmarks: str | None = None  # a name in LANDMARK_SETS
    all_frames: bool = False  # frames without faces have a row, too
    neutral: Mapping[str, float] | None = None  # weights of the person's neutral face: action units count from there

    def __post_init__(self) -> None:
        if self.landmarks is not None and self.landmarks not in LANDMARK_SETS:
            raise UsageError(f"no landmarks {self.landmarks!r}; choose from {', '.join(LANDMARK_SETS)}")


NOTHING_MORE = MoreColumns()
