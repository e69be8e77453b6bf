"""A table of pictures read back: what `realtime3d images` wrote, one frame a picture, a second each.

Pictures differ in size: each has its camera from the file of facts in its face's folder, where that is.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.errors import SourceError, first_line, require
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.outside import from_json
from realtime3d.sinks.parquet import read_table, unreadable
from realtime3d.sinks.read_back import UNKNOWN_PICTURE, Recording
from realtime3d.sinks.recorded import Columns
from realtime3d.sinks.sidecar import noted_camera

NAMES = ("id", "file", "face")  # the first columns of such a table
Picture = tuple[str, Camera]


class PicturesRecording(Recording):
    """The pictures of a table, in order: `result.frame.source` names the picture, a face's id is its number in it."""

    def __init__(self, path: Path, columns: Columns, model: FaceModel, pictures: Sequence[Picture]) -> None:
        self._pictures = pictures
        super().__init__(path, columns, model, pictures[0][1] if pictures else None)

    def _picture(self, number: int) -> Picture:
        return self._pictures[number]


def is_of_pictures(path: Path) -> bool:
    """Whether `realtime3d images` wrote this table."""
    if path.suffix.lower() == ".parquet":
        parquet = require("pyarrow.parquet", "parquet", "a Parquet table")
        try:
            with open(path, "rb") as table:
                return tuple(parquet.read_schema(table).names[:3]) == NAMES
        except unreadable():
            return False  # whoever reads it says what is wrong with it
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
            return file.readline().startswith(",".join(NAMES) + ",")
    except OSError:
        return False


def read_pictures(path: Path, model: FaceModel) -> PicturesRecording:
    """Read `faces.csv` or `faces.parquet`; SourceError where it cannot be read."""
    header, rows = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    try:
        numbers = np.array([[float(cell) if cell.strip() else np.nan for cell in row[2:]] for row in rows], np.float64)
    except ValueError as error:
        raise SourceError(f"{path} has a cell that is no number ({error}): name a table as it was written") from error
    columns = dict(zip(header[2:], numbers.reshape(len(rows), len(header) - 2).T, strict=True))
    files = [row[1] for row in rows]
    # rows of one picture follow one another; the same picture may be listed twice
    new = [k == 0 or files[k] != files[k - 1] or columns["face"][k] <= columns["face"][k - 1] for k in range(len(rows))]
    frames = np.cumsum(new) - 1
    columns |= {"frame": frames, "timestamp": frames.astype(np.float64), "face_id": columns.pop("face")}
    first = [rows[k] for k in np.flatnonzero(new)]
    return PicturesRecording(path, columns, model, [(row[1], _camera(path.parent, row[0])) for row in first])


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header, rows = next(lines, []), list(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"cannot read {path} ({error}): name a table that `realtime3d images` wrote") from error
    if rows and len(rows[-1]) != len(header):
        rows.pop()  # cut off by a killed run
    wrong = next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if wrong:
        raise SourceError(f"{path}, line {wrong}: {len(header)} columns were expected")
    return header, rows


def _read_parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        table = read_table(path)
        cells = [["" if value is None else str(value) for value in column.to_pylist()] for column in table.columns]
    except unreadable() as error:
        raise SourceError(f"{path} is no Parquet table ({first_line(error)}): name another file") from error
    return list(table.column_names), [list(row) for row in zip(*cells, strict=True)]


def _camera(folder: Path, name: str) -> Camera:
    """As the picture's facts have it; where they are missing, that of a usual picture."""
    inside = folder / name / f"{name}.json"
    try:
        known: Any = from_json(inside.read_bytes()) if _is_plain(name) else {}
        camera = noted_camera(known.get("camera")) if isinstance(known, dict) else None
    except (OSError, ValueError):
        camera = None
    return camera or Camera.from_fov(*UNKNOWN_PICTURE)


def _is_plain(name: str) -> bool:
    """Whether it stays in the folder of results; a table may come from anywhere."""
    return bool(name) and name not in (".", "..") and not set("/\\") & set(name)
