"""What is counted of a film while it is followed: for the summary page and for people."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from realtime3d.face.state import FrameResult
from realtime3d.sinks.columns import timestamp
from realtime3d.sinks.joined import SLACK_S
from realtime3d.types import FloatArray, Image

if TYPE_CHECKING:
    from typing_extensions import Self

BINS = 20  # of the confidence, from 0 to 1


@dataclass(slots=True)
class FaceTally:
    """One face of a film."""

    frames: int = 0
    confidence: float = 0.0  # summed
    learned_from: int = 0  # frames that told its shape
    frozen: bool = False
    first_s: float = 0.0
    last_s: float = 0.0
    shape: FloatArray | None = None

    def notes(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "confidence": round(self.confidence / max(self.frames, 1), 4),
            "learned_from": self.learned_from,
            "frozen": self.frozen,
            "first_s": self.first_s,
            "last_s": self.last_s,
            "shape": "" if self.shape is None else packed(self.shape),
        }


@dataclass(slots=True)
class TallySink:
    """A sink that only counts. Frames before `from_s` belong to the chunk before."""

    from_s: float = 0.0
    zero_ns: int = 0
    needs_image: bool = False
    frames: int = 0
    rows: int = 0
    with_face: int = 0
    last_s: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    faces: dict[int, FaceTally] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        """There is nothing to finish."""

    def write(self, result: FrameResult, image: Image | None) -> None:
        time_s = timestamp(result, self.zero_ns)
        if time_s < self.from_s - SLACK_S:
            return
        self.last_s = time_s
        self.frames += 1
        self.rows += len(result.faces)
        self.with_face += bool(result.faces)
        for face in result.faces:
            self.bins[min(int(face.confidence * BINS), BINS - 1)] += 1
            seen = self.faces.setdefault(face.id, FaceTally(first_s=time_s))
            seen.last_s = time_s
            seen.frames += 1
            seen.confidence += face.confidence
            seen.learned_from, seen.frozen = face.identity.frames, face.identity.frozen
            seen.shape = face.identity.shape

    def notes(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "rows": self.rows,
            "with_face": self.with_face,
            "last_s": self.last_s,
            "confidence": self.bins,
            "faces": {str(i): face.notes() for i, face in self.faces.items()},
        }


def packed(shape: FloatArray) -> str:
    """A shape as text; half precision is far finer than what the nets know."""
    return base64.b64encode(np.asarray(shape, dtype="<f2").tobytes()).decode()


def unpacked(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
