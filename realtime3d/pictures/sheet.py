"""The contact sheet: every face at a glance, made of the overlays that were written."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from realtime3d.files import write_whole
from realtime3d.render.text import WHITE, Pen
from realtime3d.sinks.meshes import encoded
from realtime3d.types import Image

TILE, LABEL, GAP = 160, 20, 4  # px
MOST = 1000  # faces of a sheet: more would be a picture of over 30 million pixels
AROUND = 0.6  # of the face's box, on each side
COLUMNS = 8  # at least; more for many faces, so that the sheet stays about as wide as high
BACKGROUND = 28


@dataclass(frozen=True, slots=True)
class Shown:
    """A face of the table."""

    id: str
    box: tuple[float, float, float, float]  # left, top, width, height px


def read_faces(table: Path, most: int = MOST) -> list[Shown]:
    """The first faces of a table of pictures; without rows that somebody has changed so that they have no box."""
    faces: list[Shown] = []
    with open(table, newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            if len(faces) == most:
                break
            try:
                x, y, width, height = (float(row[name]) for name in ("box_x", "box_y", "box_w", "box_h"))
            except (TypeError, ValueError):
                continue
            if all(map(math.isfinite, (x, y, width, height))):
                faces.append(Shown(row["id"], (x, y, width, height)))
    return faces


def write_sheet(path: Path, out: Path, faces: list[Shown]) -> int:
    """Write the sheet of faces whose overlays lie in `out`; gives how many it shows."""
    tiles = [
        (face.id, tile) for face in faces if (tile := _tile(out / face.id / f"{face.id}_overlay.jpg", face)) is not None
    ]
    if not tiles:
        return 0
    columns = min(len(tiles), max(COLUMNS, round(len(tiles) ** 0.5 * 1.2)))
    rows = -(-len(tiles) // columns)
    step = (TILE + LABEL + GAP, TILE + GAP)
    sheet = np.full((rows * step[0] + GAP, columns * step[1] + GAP, 3), BACKGROUND, np.uint8)
    for i, (name, tile) in enumerate(tiles):
        y, x = GAP + i // columns * step[0], GAP + i % columns * step[1]
        sheet[y : y + TILE, x : x + TILE] = tile
        label = np.full((LABEL, TILE, 3), BACKGROUND, np.uint8)
        Pen(label).text(2, LABEL - 6, name, WHITE)
        sheet[y + TILE : y + TILE + LABEL, x : x + TILE] = label
    write_whole(path, encoded(sheet, ".jpg"))
    return len(tiles)


def _tile(file: Path, face: Shown) -> Image | None:
    """The face in its overlay, as a square; None where it was not drawn."""
    try:
        data = np.fromfile(file, np.uint8)
    except OSError:
        return None
    if not data.size:
        return None
    x, y, width, height = face.box
    shrink = next((n for n in (8, 4, 2) if max(width, height) * (1 + 2 * AROUND) / n >= TILE), 1)
    image = cv2.imdecode(data, {1: cv2.IMREAD_COLOR}.get(shrink, getattr(cv2, f"IMREAD_REDUCED_COLOR_{shrink}", 1)))
    if image is None:
        return None
    middle = np.array([x + width / 2, y + height / 2]) / shrink
    half = max(2.0, max(width, height) * (0.5 + AROUND) / shrink)
    scale = TILE / (2 * half)
    way = np.array([[scale, 0, TILE / 2 - scale * middle[0]], [0, scale, TILE / 2 - scale * middle[1]]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    tile = cv2.warpAffine(image, way, (TILE, TILE), flags=flags, borderValue=(BACKGROUND,) * 3)
    return tile.astype(np.uint8, copy=False)
