"""Tables as text: CSV with a row per face and frame, JSONL with a line per frame. Both are complete up to the last
frame at any moment, and can go on where a killed run stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.errors import OutputError
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import AppendFile, output_error
from realtime3d.geometry import matrix_to_euler
from realtime3d.sinks.columns import Group, TableOptions, column_groups, rounded, table_columns, timestamp
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

RESUME_SLACK_S = 0.0005  # half a millisecond: no two frames are that near


class CsvSink:
    """The contract's CSV. All rows of a frame are written in one piece."""

    needs_image = False

    def __init__(self, path: Path, options: TableOptions) -> None:
        self._path, self._options = path, options
        self._groups = column_groups(options.model, blendshapes=options.blendshapes, raw=options.raw)
        self.columns = table_columns(options)
        self._formats = formats(self._groups)

    def __enter__(self) -> Self:
        header = ",".join(self.columns).encode() + b"\n"
        keep = 0
        if self._options.resume_s is not None:
            keep = bytes_before(self._path, self._options.resume_s)
            _check_header(self._path, header, keep)
        self._file = AppendFile(self._path, keep)
        if not keep:
            self._file.append(header)
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        if result.faces:
            time = timestamp(result, self._options.zero_ns)
            rows = [self._row(result.frame.index, time, face) for face in result.faces]
            self._file.append("".join(rows).encode())

    def _row(self, frame: int, time: float, face: FaceState) -> str:
        return f"{frame},{face.id},{time:.6f},{cells(self._formats, self._groups, face)}\n"

    def __exit__(self, *failure: object) -> None:
        self._file.close()


def formats(groups: Sequence[Group]) -> list[str]:
    """How the numbers of each group are written."""
    return [",".join([f"%.{group.digits}f"] * len(group.names)) for group in groups]


def cells(forms: Sequence[str], groups: Sequence[Group], face: FaceState) -> str:
    """A face's cells of a CSV row; `forms` are the groups' `formats`."""
    parts = []
    for form, group in zip(forms, groups, strict=True):
        values = group.values(face)
        parts.append("," * (len(group.names) - 1) if values is None else form % tuple(values))
    return ",".join(parts)


class JsonlSink:
    """One JSON object a frame, frames without faces included."""

    needs_image = False

    def __init__(self, path: Path, options: TableOptions) -> None:
        self._path, self._options = path, options

    def __enter__(self) -> Self:
        resume_s = self._options.resume_s
        self._file = AppendFile(self._path, 0 if resume_s is None else bytes_before(self._path, resume_s))
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
        return entry

    def __exit__(self, *failure: object) -> None:
        self._file.close()


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


def timed_lines(path: Path) -> Iterator[tuple[int, float | None, int | None]]:
    """(end offset, timestamp, largest face id) of each whole line of a CSV or JSONL file; no timestamp: the header.

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
                    time, face = (None, None) if is_header else _read_line(line)
                except (ValueError, KeyError, IndexError, TypeError):
                    return
                end += len(line)
                yield end, time, face
    except FileNotFoundError:
        return
    except OSError as error:
        raise output_error(path, error) from error


def last_line(path: Path) -> tuple[float | None, int | None]:
    """(timestamp of the last whole line, largest face id of all) of a CSV or JSONL file."""
    last_s, largest_id = None, None
    for _, time_s, face_id in timed_lines(path):
        last_s = time_s
        if face_id is not None:
            largest_id = face_id if largest_id is None else max(largest_id, face_id)
    return last_s, largest_id


def _read_line(line: bytes) -> tuple[float, int | None]:
    """(timestamp, largest face id) of a row of CSV or a line of JSONL."""
    if not line.startswith(b"{"):
        _, face, time, _ = line.split(b",", 3)
        return float(time), int(face)
    entry = json.loads(line)
    return float(entry["timestamp"]), max((face["face_id"] for face in entry["faces"]), default=None)


def bytes_before(path: Path, time_s: float) -> int:
    """How many bytes of a table belong to the header and the frames before `time_s`."""
    keep = 0
    for end, time, _ in timed_lines(path):
        if time is not None and time >= time_s - RESUME_SLACK_S:
            break
        keep = end
    return keep


def _check_header(path: Path, header: bytes, keep: int) -> None:
    if not keep:
        return
    with open(path, "rb") as file:
        if file.readline() != header:
            raise OutputError(
                f"{path} has other columns than this run: resume with the options of the first run, or --overwrite"
            )
