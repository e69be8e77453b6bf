"""Single pictures, saved when the user asks for one."""

from __future__ import annotations

from pathlib import Path

from realtime3d.errors import OutputError
from realtime3d.files import output_error, write_whole
from realtime3d.types import Image


def save_png(path: Path, image: Image) -> None:
    """Write a BGR picture as PNG, in one step."""
    import cv2

    done, data = cv2.imencode(".png", image)
    if not done:
        raise OutputError(f"cannot write {path}: a picture of {image.shape} cannot be a PNG")
    write_whole(path, data.tobytes())


def save_snapshot(folder: Path, image: Image, stem: str = "snapshot") -> Path:
    """Save under the next free name and return it; nothing is overwritten."""
    path = next_free(folder, stem)
    save_png(path, image)
    return path


def next_free(folder: Path, stem: str) -> Path:
    """`STEM-0001.png`, ...: the first that is not there. The folder is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = {path.name for path in folder.glob(f"{stem}-*.png")}
    except OSError as error:
        raise output_error(folder, error) from error
    number = 1
    while f"{stem}-{number:04d}.png" in taken:
        number += 1
    return folder / f"{stem}-{number:04d}.png"
