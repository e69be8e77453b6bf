"""A table read back as results: what `realtime3d video --csv` (or --parquet, --jsonl) wrote, frame by frame.

Frames without rows come back as frames without faces, so that time goes on in them. Pictures are not in a table: every
frame has one black picture of the right size, which takes no memory.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.clock import NS_PER_S
from realtime3d.errors import SourceError, first_line
from realtime3d.face.arkit import NAMES
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.geometry import Camera
from realtime3d.outside import from_json
from realtime3d.sinks.columns import NO_FACE, ROTATION, TRANSLATION
from realtime3d.sinks.parquet import read_table, unreadable
from realtime3d.sinks.recorded import Columns, RecordedFace, Rows, columns_of_json
from realtime3d.sinks.sidecar import noted_camera, read_sidecar
from realtime3d.types import Frame
from realtime3d.words import counted

NEEDED = ("frame", "face_id", "timestamp", *TRANSLATION, *ROTATION)
UNKNOWN_PICTURE = (1280, 720)  # of a table without its sidecar
LARGEST_NUMBER, LONGEST_S = 2.0**53, 9e9  # of frames and faces; as many nanoseconds as 64 bits hold
GAP_STEPS = 1.5  # a longer step between two frames leaves frames without faces between them


class Recording:
    """The frames of a table, in order. Can be gone through again and again."""

    def __init__(self, path: Path, columns: Columns, model: FaceModel, camera: Camera | None = None) -> None:
        _check(path, columns, model)
        self.path, self.model = path, model
        self.camera = camera or Camera.from_fov(*UNKNOWN_PICTURE)
        self._rows = Rows(columns, model)
        self.has_weights = self._rows.has_weights
        self._columns = columns
        times = columns["timestamp"]
        starts = np.flatnonzero(np.r_[True, np.diff(columns["frame"]) != 0]) if len(times) else np.array([], int)
        self._starts = [*starts.tolist(), len(times)]
        steps, counts = np.unique(np.diff(columns["frame"][starts]), return_counts=True)
        self._step = float(steps[np.argmax(counts)]) if len(steps) else 1.0  # the usual one: --every makes it larger

    @property
    def note(self) -> str:
        """What the user should know of the weights; empty where there is nothing to know."""
        if self.has_weights:
            return ""
        return f"{self.path} has no weights (--blendshapes): they come from exp_*, with gaze and tongue at rest"

    @property
    def duration_s(self) -> float:
        """From the first frame to one step behind the last."""
        times = self._columns["timestamp"]
        return float(times[-1] - times[0]) + self._step_s if len(times) else 0.0

    @property
    def _step_s(self) -> float:
        times = self._columns["timestamp"][self._starts[:-1]]
        return float(np.median(np.diff(times))) if len(times) > 1 else 1 / 30

    def __iter__(self) -> Iterator[FrameResult]:
        before: tuple[float, float] | None = None  # number and time of the last frame
        known: set[int] = set()
        for start, end in zip(self._starts[:-1], self._starts[1:], strict=True):
            number, time_s = float(self._columns["frame"][start]), float(self._columns["timestamp"][start])
            if before is not None:
                for missing, missing_s in self._between(before, (number, time_s)):
                    yield self._result(missing, missing_s, (), known)
                    known = set()
            rows = range(start, end)
            camera = self._picture(int(number))[1]
            faces = tuple(self._rows.face(row, camera) for row in rows if self._columns["face_id"][row] >= 0)
            yield self._result(number, time_s, faces, known)
            before, known = (number, time_s), {face.id for face in faces}

    def _between(self, a: tuple[float, float], b: tuple[float, float]) -> Iterator[tuple[float, float]]:
        """Number and time of frames that have no rows."""
        steps = (b[0] - a[0]) / self._step
        if steps >= GAP_STEPS:
            for i in range(1, round(steps)):
                yield a[0] + i * self._step, a[1] + (b[1] - a[1]) * i / round(steps)

    def _result(self, number: float, time_s: float, faces: tuple[RecordedFace, ...], known: set[int]) -> FrameResult:
        name, camera = self._picture(int(number))
        image = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (camera.height, camera.width, 3))
        frame = Frame(int(number), round(time_s * NS_PER_S), image, name)
        lost = tuple(sorted(known - {face.id for face in faces}))
        return FrameResult(frame, faces, lost, camera=camera)

    def _picture(self, number: int) -> tuple[str, Camera]:
        """The name and the camera of a frame's picture."""
        return str(self.path), self.camera


def read_recording(path: str | Path, model: FaceModel) -> Recording:
    """Read a film's table: .csv, .parquet or .jsonl, with its sidecar if there is one; SourceError where it is none."""
    path = Path(path)
    readers: Mapping[str, Callable[[Path], Columns]] = {
        ".csv": _read_csv,
        ".parquet": _read_parquet,
        ".jsonl": partial(_read_jsonl, extras=model.extra_names),
    }
    if path.suffix.lower() not in readers:
        raise SourceError(f"{path} is no table: name a .csv, .parquet or .jsonl file")
    if not path.is_file():
        raise SourceError(f"{path} does not exist: check the name and the folder")
    try:
        columns = readers[path.suffix.lower()](path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"cannot read {path} ({error}): name a table that `realtime3d video` wrote") from error
    return Recording(path, columns, model, _camera(path))


def _read_csv(path: Path) -> Columns:
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = [name.strip() for name in next(lines, [])]
        table: list[list[float]] = []
        cut: int | None = None  # a row of a killed run may be cut off: the last one
        for number, cells in enumerate(lines, 2):
            if cut is not None:
                raise SourceError(f"{path}, line {cut}: {counted(len(header), 'column was', 'columns were')} expected")
            if len(cells) != len(header):
                cut = number
                continue
            try:
                table.append([float(cell) if cell.strip() else np.nan for cell in cells])
            except ValueError as error:
                raise SourceError(f"{path}, line {number}: {error}") from error
    array = np.array(table, np.float64).reshape(len(table), len(header))
    return dict(zip(header, array.T, strict=True))


def _read_parquet(path: Path) -> Columns:
    try:
        table = read_table(path)
        return {name: np.asarray(table[name].to_numpy(zero_copy_only=False), np.float64) for name in table.column_names}
    except unreadable() as error:
        raise SourceError(f"{path} is no Parquet table of numbers ({first_line(error)}): name another file") from error


def _read_jsonl(path: Path, extras: Sequence[str]) -> Columns:
    rows: list[dict[str, Any]] = []
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    for number, line in enumerate(lines, 1):
        try:
            rows += _json_rows(from_json(line), extras)
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break  # cut off by a killed run
            raise SourceError(f"{path}, line {number}: no frame of realtime3d ({error})") from error
    names = list(dict.fromkeys(name for row in rows for name in row))
    try:
        columns = {name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in names}
        if any(column.ndim != 1 for column in columns.values()):
            raise ValueError("a list where a number is needed")
        return columns
    except (ValueError, TypeError, OverflowError) as error:
        raise SourceError(f"{path} has values that are no numbers ({first_line(error)}): name another file") from error


def _json_rows(line: Mapping[str, Any], extras: Sequence[str]) -> list[dict[str, Any]]:
    frame = {"frame": line["frame"], "timestamp": line["timestamp"]}
    return [frame | columns_of_json(face, extras) for face in line["faces"]] or [{**frame, "face_id": NO_FACE}]


def _check(path: Path, columns: Columns, model: FaceModel) -> None:
    nobody = "face_id" in columns and len(columns["face_id"]) > 0 and (columns["face_id"] < 0).all()
    needed = NEEDED[:3] if nobody else NEEDED
    missing = [name for name in needed if name not in columns]
    expression = all(f"exp_{i}" in columns for i in range(model.n_expression))
    if not nobody and not missing and not expression and not all(name in columns for name in NAMES):
        missing = ["exp_0 ... (or the 52 weights)"]
    shape = [f"id_{i}" for i in range(model.n_shape)]
    if any(name in columns for name in shape):
        missing += [name for name in shape if name not in columns]
    if missing:
        raise SourceError(f"{path} lacks {', '.join(missing[:4])}: name a table that `realtime3d video` wrote")
    if not len(columns["face_id"]):
        raise SourceError(f"{path} has no rows: nobody was seen in it")
    there = columns["face_id"] >= 0
    wanted = [columns[name] for name in NEEDED[:3]] + [columns[name][there] for name in needed[3:]]
    most = (LARGEST_NUMBER, LARGEST_NUMBER, LONGEST_S)
    if any((np.abs(values) > limit).any() for values, limit in zip(wanted[:3], most, strict=True)):
        raise SourceError(f"{path} has frames or times that no film has: name a table that `realtime3d video` wrote")
    if not all(np.isfinite(values).all() for values in wanted):
        raise SourceError(f"{path} has rows without a time or a pose: name a table that `realtime3d video` wrote")
    if (np.diff(columns["timestamp"]) < 0).any():
        raise SourceError(f"{path}: its times do not rise: name a table that `realtime3d video` wrote")


def _camera(path: Path) -> Camera | None:
    """The camera in the sidecar; None where there is none that can be used."""
    known = (read_sidecar(path.with_suffix(".json")) or {}).get("camera")
    return noted_camera(known)
