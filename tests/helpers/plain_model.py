"""A face model as somebody may have of their own (format 1): a live head alone, eyes that move linearly, and one
texture coordinate for each vertex. Its faces are those of the model that ships."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from realtime3d.face.model import FULL_KEYS
from tests.helpers.paths import FACE_MODEL

_FOLDER = tempfile.TemporaryDirectory()  # goes when Python does


@cache
def plain_model_file() -> Path:
    """The file, with what training and `expressions` look for beside it."""
    with np.load(FACE_MODEL) as data:
        arrays = {key: data[key] for key in data.files if not key.startswith((FULL_KEYS, "eye_", "uv_", "licence"))}
        owner = data["uv_vertex"]
    first = np.unique(owner, return_index=True)[1]  # of several coordinates at a seam the first
    path = Path(_FOLDER.name) / "plain.npz"
    np.savez(path, **{**arrays, "uv": arrays["uv"][first], "format": np.array(1)})
    for beside in ("calibration", "expressions"):
        shutil.copy(FACE_MODEL.with_name(f"{FACE_MODEL.stem}_{beside}.npz"), path.with_name(f"plain_{beside}.npz"))
    return path


def model_file(name: str) -> Path:
    """The file of `KINDS`."""
    return plain_model_file() if name == "plain" else FACE_MODEL


KINDS = ("shipped", "plain")
