"""What an importer gives: one file of a model set, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

POSE, EXPRESSION, SHAPE, FACE_MODEL = "pose", "expression", "shape", "face_model"


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a set."""

    part: str  # POSE, EXPRESSION, SHAPE or FACE_MODEL
    data: bytes
    suffix: str  # ".onnx", ".npz"
    facts: Mapping[str, Any]  # for models.toml
    read: str  # what it was made of, for people
