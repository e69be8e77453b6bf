"""Live Link Face's take as a CSV file: what Unreal's importer and Blender's add-ons open.

    Timecode,BlendShapeCount,EyeBlinkLeft,...,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,...,RightEyeRoll
    00:00:01:12.500,61,0.01230000,...

One row for each frame that shows the face. The timecode counts sixtieths of a second, as the app does unless told
otherwise, from the source's zero; behind its point stand thousandths of a sixtieth. The columns' order is the app's,
which is not that of its datagrams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.errors import OutputError
from realtime3d.face.arkit import LIVE_LINK, PASCAL, gaze_deg, live_link_angles
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import AppendFile, output_error
from realtime3d.sinks.columns import timestamp
from realtime3d.sinks.tables import RESUME_SLACK_S
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

RATE = 60
_TURNS = ("Yaw", "Pitch", "Roll")
_SWAPPED = {"jawLeft": "jawRight", "mouthLeft": "mouthRight"}  # in the file, Right stands before Left
_ORDER = tuple({**_SWAPPED, **{b: a for a, b in _SWAPPED.items()}}.get(name, name) for name in LIVE_LINK)
HEADER = (
    "Timecode",
    "BlendShapeCount",
    *(PASCAL[name] for name in _ORDER),
    *(f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye") for turn in _TURNS),
)
_PLACES = [LIVE_LINK.index(name) for name in _ORDER]

Values = Callable[[FrameResult], "Sequence[float] | None"]  # the 61 in Live Link's order; None: no face, no row


def timecode(seconds: float) -> str:
    """HH:MM:SS:FF.sub; FF counts sixtieths, sub thousandths of one."""
    frames, sub = divmod(max(round(seconds * RATE * 1000), 0), 1000)
    whole, frame = divmod(frames, RATE)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}:{frame:02d}.{sub:03d}"


def seconds_of(code: str) -> float:
    """The way back; ValueError where it is none."""
    hour, minute, second, frame = code.split(":")
    return int(hour) * 3600 + int(minute) * 60 + int(second) + float(frame) / RATE


def measured(result: FrameResult) -> Sequence[float] | None:
    """The 61 numbers of the face with the lowest id, as they were measured."""
    face: FaceState | None = min(result.faces, key=lambda one: one.id, default=None)
    if face is None:
        return None
    weights = face.blendshapes()
    return [*(weights[name] for name in LIVE_LINK), *live_link_angles(face.euler_deg(), gaze_deg(weights))]


class LiveLinkCsvSink:
    """One face's take. With `resume_s`, the rows before it stay."""

    needs_image = False

    def __init__(
        self, path: Path, *, zero_ns: int = 0, resume_s: float | None = None, values: Values = measured
    ) -> None:
        self._path, self._zero_ns, self._resume_s, self._values = path, zero_ns, resume_s, values

    def __enter__(self) -> Self:
        header = ",".join(HEADER).encode() + b"\n"
        keep = 0
        if self._resume_s is not None:
            keep = max((end for end, time in rows(self._path) if time < self._resume_s - RESUME_SLACK_S), default=0)
        if keep:
            with open(self._path, "rb") as file:
                if file.readline() != header:
                    raise OutputError(f"{self._path} is another kind of table: name another file, or --overwrite")
        self._file = AppendFile(self._path, keep)
        if not keep:
            self._file.append(header)
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        values = self._values(result)
        if values is not None:
            ordered = [*(values[place] for place in _PLACES), *values[len(_PLACES) :]]
            cells = ",".join(f"{value:.8f}" for value in ordered)
            code = timecode(timestamp(result, self._zero_ns))
            self._file.append(f"{code},{len(ordered)},{cells}\n".encode())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any, /) -> None:
        self._file.close()


def rows(path: Path) -> list[tuple[int, float]]:
    """(end offset, seconds) of each whole row; the first row that is not whole ends it."""
    found: list[tuple[int, float]] = []
    end = 0
    try:
        with open(path, "rb") as file:
            for line in file:
                end += len(line)
                if line.startswith(b"Timecode,"):
                    continue
                if not line.endswith(b"\n"):
                    break
                try:
                    found.append((end, seconds_of(line.partition(b",")[0].decode())))
                except ValueError:
                    break
    except FileNotFoundError:
        return []
    except OSError as error:
        raise output_error(path, error) from error
    return found
