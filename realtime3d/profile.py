"""A saved identity: one person's shape in a small JSON file (`--profile F`)."""

from __future__ import annotations

from pathlib import Path

from realtime3d.facemodel import FaceModel
from realtime3d.types import FloatArray, IdentityState


def load_profile(path: str | Path, model: FaceModel) -> FloatArray | None:
    """The stored shape (99,), None where the file does not exist yet; UsageError where it does not fit `model`."""
    raise NotImplementedError


def save_profile(path: str | Path, identity: IdentityState, model: FaceModel) -> None:
    """Write (or replace, in one step) the profile of a frozen identity; OutputError where that fails."""
    raise NotImplementedError
