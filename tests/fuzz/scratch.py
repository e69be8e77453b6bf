"""Where inputs become files, and what all targets share."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from realtime3d.errors import Realtime3dError
from realtime3d.face.model import FaceModel
from tests.helpers.paths import FACE_MODEL

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # files that never reach a disk
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-", dir=MEMORY))


def remove_scratch() -> None:
    """Of this process."""
    shutil.rmtree(FOLDER, ignore_errors=True)


def kept(data: bytes, name: str) -> Path:
    """An input as a file."""
    path = FOLDER / name
    path.write_bytes(data)
    return path


def quietly(call: Callable[[], object]) -> None:
    """Errors of ours are what an input may end in."""
    try:
        call()
    except Realtime3dError:
        return


@functools.cache
def face_model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)
