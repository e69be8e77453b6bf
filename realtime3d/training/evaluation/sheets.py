"""Contact sheets of the worst cases. They show photographs of people: for a report folder, never for a commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import OutputError
from realtime3d.types import Image

TILE = 192
COLUMNS = 6


def tile(image: Image, found: NDArray, true: NDArray, text: str) -> Image:
    """The face with found (green) and true (red) points and a line of text."""
    low, high = true.min(axis=0), true.max(axis=0)
    side = 1.6 * float((high - low).max())
    corner = (low + high) / 2 - side / 2
    scale = TILE / side
    M = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    out = cv2.warpAffine(image, M, (TILE, TILE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    for points, colour in ((true, (60, 60, 255)), (found, (80, 255, 80))):
        for x, y in (points - corner) * scale:
            cv2.circle(out, (round(x), round(y)), 1, colour, -1, cv2.LINE_AA)
    cv2.putText(out, text, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(out, text, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def write_sheet(path: Path, tiles: Sequence[Image]) -> None:
    """All tiles, row by row."""
    blank = np.zeros((TILE, TILE, 3), dtype=np.uint8)
    padded = [*tiles, *[blank] * (-len(tiles) % COLUMNS)]
    rows = [np.hstack(padded[i : i + COLUMNS]) for i in range(0, len(padded), COLUMNS)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {path.parent} ({error}): choose another folder") from error
    if not cv2.imwrite(str(path), np.vstack(rows)):
        raise OutputError(f"cannot write {path}: free space or choose another folder")
