"""Sidecars as a killed run leaves them, and a folder before and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def set_state(sidecar: Path, **changes: Any) -> None:
    """As a killed run leaves it, and further changes."""
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"state": "running", "bytes": {}} | changes))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
