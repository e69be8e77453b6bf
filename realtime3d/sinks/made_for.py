"""Whether the face model that reads a table is the one it was made with: coefficients mean something in it alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from realtime3d.errors import SourceError
from realtime3d.face.fingerprint import EARLIER
from realtime3d.face.model import FaceModel
from realtime3d.outside import from_json


def check_made_for(table: Path, model: FaceModel) -> None:
    """SourceError where the file beside the table names another face model's file; a table alone says nothing."""
    told = _told(table)
    if told is None or not model.path.is_file() or told == hashlib.sha256(model.path.read_bytes()).hexdigest():
        return
    maker = EARLIER.get(told[:16], "another model set")
    raise SourceError(
        f"{table} holds coefficients of the face model of {maker}: make it again with this version, or name the folder "
        "of that model set with --models DIR"
    )


def _told(table: Path) -> str | None:
    """The sha256 of the face model's file, as the file beside a table has it."""
    try:
        told: Any = from_json(table.with_suffix(".json").read_bytes())["models"]["files"]["face_model"]["sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return told if isinstance(told, str) else None
