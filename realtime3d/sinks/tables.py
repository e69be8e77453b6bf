"""Tables as text: CSV with a row per face and frame, JSONL with a line per frame. Both are complete up to the last
frame at any moment, and can go on where a killed run stopped."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.errors import OutputError
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import AppendFile, output_error
from realtime3d.geometry import matrix_to_euler
from realtime3d.outside import from_json
from realtime3d.sinks.columns import NO_FACE, Group, TableOptions, groups_of, rounded, table_columns, timestamp
from realtime3d.sinks.more import MoreColumns
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

RESUME_SLACK_S = 0.0005  # half a millisecond: no two frames are that near


class CsvSink:
    """The contract's CSV. All rows of a frame are written in one piece."""

    needs_image = False

    def __init__(self, path: Path, options: TableOptions) -> None:
        self._path, self._options = path, options
        self._groups = groups_of(options)
        self.columns = table_columns(options)
        self._formats = formats(self._groups)

    def __enter__(self) -> Self:
        header = ",".join(self.columns).encode() + b"\n"
        resume_s = self._options.resume_s
        keep = None if resume_s is None else bytes_before(self._path, resume_s)
        _check_header(self._path, header, keep)
        self._file = AppendFile(self._path, keep)
        if not keep:
            self._file.append(header)
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        faces = result.faces or ((None,) if self._options.more.all_frames else ())
        if faces:
            time = timestamp(result, self._options.zero_ns)
            rows = [self._row(result.frame.index, time, face) for face in faces]
            self._file.append("".join(rows).encode())

    def _row(self, frame: int, time: float, face: FaceState | None) -> str:
        face_id = NO_FACE if face is None else face.id
        return f"{frame},{face_id},{time:.6f},{cells(self._formats, self._groups, face)}\n"

    def __exit__(self, *failure: object) -> None:
        self._file.close()


def formats(groups: Sequence[Group]) -> list[str]:
    """How the numbers of each group are written."""
    return [",".join([f"%.{group.digits}f"] * len(group.names)) for group in groups]


def cells(forms: Sequence[str], groups: Sequence[Group], face: FaceState | None) -> str:
    """A face's cells of a CSV row; `forms` are the groups' `formats`, and no face is a frame without faces."""
    parts = []
    for form, group in zip(forms, groups, strict=True):
        values = group.of(face)
        if values is None:
            parts.append("," * (len(group.names) - 1))
            continue
        known = tuple(values)
        if None in known:
            parts.append(",".join("" if v is None else f"%.{group.digits}f" % v for v in known))
        else:
            parts.append(form % known)
    return ",".join(parts)


class JsonlSink:
    """One JSON object a frame, frames without faces included."""

    needs_image = False

    def __init__(self, path: Path, options: TableOptions) -> None:
        self._path, self._options = path, options

    def __enter__(self) -> Self:
        resume_s = self._options.resume_s
        self._file = AppendFile(self._path, None if resume_s is None else bytes_before(self._path, resume_s))
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        line = {
            "frame": result.frame.index,
            "timestamp": timestamp(result, self._options.zero_ns),
            "faces": [self._face(face) for face in result.faces],
            "lost": list(result.lost),
            "dropped": result.dropped,
        }
        self._file.append(json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n")

    def _face(self, face: FaceState) -> dict[str, Any]:
        left, top, right, bottom = map(float, face.box)
        entry: dict[str, Any] = {
            "face_id": face.id,
            "status": face.status,
            "confidence": rounded(face.confidence, 4)[0],
            "pose_T": rounded(face.pose.t, 3),
            "pose_R": rounded(matrix_to_euler(face.pose.R), 6),
            "pose_q": rounded(face.pose.quaternion(), 6),
            "head": rounded(face.euler_deg(), 3),
            "box": rounded((left, top, right - left, bottom - top), 2),
            "exp": rounded(face.expression, 5),
            "id": rounded(face.shape, 5),
            "id_frozen": face.identity.frozen,
        }
        if self._options.blendshapes:
            entry["blendshapes"] = {name: round(weight, 4) for name, weight in face.blendshapes().items()}
        if self._options.raw:
            entry["raw"] = _raw(face)
        return entry | _more(face, self._options.more)

    def __exit__(self, *failure: object) -> None:
        self._file.close()


def _more(face: FaceState, more: MoreColumns) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if more.gaze:
        gaze = face.gaze_deg()
        found["gaze"] = {name: rounded(gaze[name], 3) for name in ("left", "right", "camera")}
        found["gaze"]["confidence"] = rounded(gaze["confidence"], 4)[0]
    if more.action_units:
        units = face.action_units(more.neutral)
        found["action_units"] = {name: None if v is None else round(v, 3) for name, v in units.items()}
    if more.emotions:
        found["emotions"] = {name: round(v, 4) for name, v in face.emotions(more.neutral).items()}
    if more.landmarks is not None:
        found["landmarks"] = [rounded(point, 2) for point in face.landmarks(more.landmarks)]
        found["landmarks_mm"] = [rounded(point, 2) for point in face.landmarks_mm(more.landmarks)]
    return found


def _raw(face: FaceState) -> dict[str, Any]:
    raw = face.raw
    return {
        "presence": rounded(raw.presence, 4)[0],
        "pose_sigma_deg": rounded(raw.pose_sigma_deg, 4)[0],
        "pose_T": rounded(raw.pose.t, 3),
        "pose_R": rounded(matrix_to_euler(raw.pose.R), 6),
        "exp": rounded(raw.expression, 5),
        "extras": rounded(raw.extras, 5),
        "id": None if raw.shape is None else rounded(raw.shape, 5),
    }


# Going on with what a killed run left


def timed_lines(path: Path) -> Iterator[tuple[int, float | None]]:
    """(end offset, timestamp) of each whole line of a CSV or JSONL file; no timestamp: the header.

    Ends at the first line that is not whole.
    """
    end = 0
    try:
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                is_header = end == 0 and line.startswith(b"frame,face_id,timestamp")
                try:
                    time = None if is_header else _read_line(line)
                except (ValueError, KeyError, IndexError, TypeError, OverflowError):
                    return
                end += len(line)
                yield end, time
    except FileNotFoundError:
        return
    except OSError as error:
        raise output_error(path, error) from error


def last_time(path: Path) -> float | None:
    """The timestamp of the last whole line of a CSV or JSONL file."""
    last = deque((time_s for _, time_s in timed_lines(path)), maxlen=1)
    return last[0] if last else None


def _read_line(line: bytes) -> float:
    """The timestamp of a row of CSV or a line of JSONL; an error where this or an id cannot be one of ours."""
    if line.startswith(b"{"):
        entry = from_json(line)
        time_s, ids = float(entry["timestamp"]), [int(face["face_id"]) for face in entry["faces"]]
    else:
        frame, face, time, _ = line.split(b",", 3)
        time_s, ids = float(time), [int(frame) >> 31, int(face)]
    if not math.isfinite(time_s) or any(abs(number) >= 1 << 31 for number in ids):
        raise ValueError("no time or no id")
    return time_s


def bytes_before(path: Path, time_s: float) -> int:
    """How many bytes of a table belong to the header and the frames before `time_s`."""
    keep = 0
    for end, time in timed_lines(path):
        if time is not None and time >= time_s - RESUME_SLACK_S:
            break
        keep = end
    return keep


def _check_header(path: Path, header: bytes, keep: int | None) -> None:
    if not keep:
        return
    with open(path, "rb") as file:
        if file.readline() != header:
            raise OutputError(
                f"{path} has other columns than this run: resume with the options of the first run, or --overwrite"
            )
