"""Lists of pictures, and what `realtime3d images` wrote for them."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

HEADER = "ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\n"


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def photo(path: Path, value: int = 120) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((240, 320, 3), value, np.uint8))
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
