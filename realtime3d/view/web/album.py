"""The results of `realtime3d images` to browse: a folder with `faces.csv` and, for each face, a folder of its files."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from realtime3d.errors import UsageError

TABLE = "faces.csv"
MOST = 1000  # faces that a page lists, as many as the contact sheet shows
WHAT = {"overlay": "_overlay.jpg", "mesh": ".glb"}  # of a face: last part of its address -> end of the file's name
COLUMNS = {"confidence": "confidence", "pitch": "head_pitch", "yaw": "head_yaw", "roll": "head_roll"}


class Album:
    """A folder of faces. Only what its table names can be asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._faces = folder, _faces(folder)

    @property
    def count(self) -> int:
        return len(self._faces)

    def entries(self) -> list[dict[str, Any]]:
        """What there is of each face."""
        return [
            {"id": face, **about, "has": [what for what in WHAT if self.file(face, what)]}
            for face, about in self._faces.items()
        ]

    def file(self, face: str, what: str) -> Path | None:
        """One file of a face, where it is there."""
        if face not in self._faces or what not in WHAT:
            return None
        path = self._folder / face / f"{face}{WHAT[what]}"
        return path if os.path.isfile(path) else None  # whatever the name, it is never an error


def _faces(folder: Path) -> dict[str, dict[str, Any]]:
    table = folder / TABLE
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))[:MOST]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{table} cannot be read ({getattr(error, 'strerror', None) or error}): --images names the folder that "
            "`realtime3d images --out` has made"
        ) from error
    if rows and not {"id", "file"} <= rows[0].keys():
        raise UsageError(f"{table} is no table of faces: --images names the folder of `realtime3d images --out`")
    return {row["id"]: _about(row) for row in rows if _is_name(row["id"])}


def _about(row: dict[str, str]) -> dict[str, Any]:
    numbers = {name: _number(row.get(column)) for name, column in COLUMNS.items()}
    return {"file": Path(row["file"] or "").name, **numbers}


def _is_name(text: str | None) -> bool:
    """Whether it names a folder here, and none above or elsewhere."""
    return bool(text) and text not in (".", "..") and not set(text or "") & set("/\\:\0")


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return round(value, 2) if abs(value) < 1e6 else None
