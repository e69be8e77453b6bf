"""Whom a killed run had followed when it stopped: the faces in its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime3d.errors import OutputError, first_line
from realtime3d.outside import from_json
from realtime3d.sinks.tables import RESUME_SLACK_S, timed_lines
from realtime3d.types import FloatArray

REPLAY_S = 15.0  # of the film before the seam are followed again: longer than any memory but that of identities
_BOX = ("box_x", "box_y", "box_w", "box_h")


@dataclass(frozen=True, slots=True)
class Known:
    """One face in one frame of a table."""

    frame: int
    time_s: float
    id: int
    box: FloatArray | None = None  # (4,) left, top, width, height; shortly before the seam only
    shape: FloatArray | None = None  # (99,)


def known_faces(outputs: Mapping[str, Path], seam_s: float) -> list[Known] | None:
    """The faces of all frames before the seam, in order; None where no output tells any."""
    for kind, read in _READERS.items():
        if kind in outputs:
            before_s = seam_s - RESUME_SLACK_S
            try:
                faces = list(read(outputs[kind], seam_s - REPLAY_S))
            except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
                raise OutputError(
                    f"{outputs[kind]} is no table of this program, or damaged ({first_line(error)}): add --overwrite "
                    "to start anew"
                ) from error
            return [face for face in faces if face.time_s < before_s and face.id >= 0]
    return None


def replay_start(faces: Sequence[Known], seam_s: float, every: int, detect_every: int) -> float | None:
    """The time of the frame from which to follow these faces again, None where nobody was there.

    The detector has its turn when somebody appears, and then each `detect_every` frames. From a frame on which it had
    its turn, it has it on the same frames again.
    """
    first, before, nearest = 0, None, None
    for frame, time_s in sorted({face.frame: face.time_s for face in faces}.items()):
        if before is None or frame - before > every:
            first = frame
        before = frame
        if time_s >= seam_s - REPLAY_S:
            nearest = time_s if nearest is None else nearest
            if (frame - first) // every % detect_every == 0:
                return time_s
    return nearest


def _csv(path: Path, since_s: float) -> Iterator[Known]:
    with open(path, "rb") as file:
        names = file.readline().decode(errors="replace").rstrip("\n").split(",")
        box, shape = _places(names, path)
        for (_, time_s), line in zip((row for row in timed_lines(path) if row[1] is not None), file, strict=False):
            assert time_s is not None
            frame, face_id = (int(cell) for cell in line.split(b",", 2)[:2])
            if time_s < since_s:
                yield Known(frame, time_s, face_id)
            else:
                cells = np.array([float(cell or "nan") for cell in line.rstrip(b"\r\n").split(b",")])
                yield Known(frame, time_s, face_id, cells[box].astype(np.float32), cells[shape].astype(np.float32))


def _jsonl(path: Path, since_s: float) -> Iterator[Known]:
    with open(path, "rb") as file:
        for _, line in zip(timed_lines(path), file, strict=False):
            entry = from_json(line)
            frame, time_s = int(entry["frame"]), float(entry["timestamp"])
            for face in entry["faces"]:
                if time_s < since_s:
                    yield Known(frame, time_s, int(face["face_id"]))
                    continue
                box, shape = np.array(face["box"], np.float32), np.array(face["id"], np.float32)
                yield Known(frame, time_s, int(face["face_id"]), box, shape)


def _parquet(path: Path, since_s: float) -> Iterator[Known]:
    from realtime3d.sinks.parquet import parts_in_order

    for table in parts_in_order(path):
        box, shape = _places(table.column_names, path)
        columns = [table[name].to_pylist() for name in ("frame", "timestamp", "face_id")]
        values = [table.column(i).to_numpy() for i in (*box, *shape)]
        for row, (frame, time_s, face_id) in enumerate(zip(*columns, strict=True)):
            if time_s < since_s:
                yield Known(frame, time_s, face_id)
            else:
                cells = np.array([column[row] for column in values], dtype=np.float32)
                yield Known(frame, time_s, face_id, cells[: len(box)], cells[len(box) :])


def _places(names: Sequence[str], path: Path) -> tuple[list[int], list[int]]:
    """Where the box and the shape are among these columns."""
    if any(name not in names for name in _BOX):
        raise OutputError(f"{path} has other columns than this run: add --overwrite to start anew")
    return [names.index(name) for name in _BOX], [i for i, name in enumerate(names) if name.startswith("id_")]


_READERS: Mapping[str, Callable[[Path, float], Iterator[Known]]] = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl}
