"""One picture that shows a face's detail at a glance: the meshes under two lamps, and the maps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from realtime3d.face.mesh import Y_UP
from realtime3d.geometry import ANCHOR_MM, Camera
from realtime3d.render.relief import BACKGROUND, draw_relief
from realtime3d.render.text import WHITE, Pen
from realtime3d.render.views import upright_crop
from realtime3d.sinks.png import normal_image
from realtime3d.surface.detail import Detail, Variant
from realtime3d.types import Image

TILE, LABEL, GAP = 300, 20, 4  # px
SPAN_MM, AWAY_MM = 190.0, 900.0  # what fills a tile, and how far away the camera stands
LAMPS = {"from the left": (-0.8, -0.35, -0.5), "from above": (0.25, -0.8, -0.55)}
SHOWN: tuple[Variant, ...] = ("foundation", "withBump", "final")
CONTRAST_MM = 0.3  # from mid-grey to black in the displacement's tile


def detail_sheet(detail: Detail, image: Image) -> Image:
    """The sheet of one face."""
    window = detail.layout.window
    casts = [cast(detail, variant, list(LAMPS.values())) for variant in SHOWN]
    rows = []
    for i, lamp_name in enumerate(LAMPS):
        tiles = [(f"{variant}, light {lamp_name}", made[i]) for variant, made in zip(SHOWN, casts, strict=True)]
        if i == 0:
            tiles.insert(0, ("picture", upright_crop(detail.face, image, TILE)))
        else:
            tiles.insert(0, ("seen", map_tile(cv2.cvtColor(detail.seen[window], cv2.COLOR_GRAY2BGR))))
        rows.append(tiles)
    depth = np.clip(128 + detail.displacement_mm[window] * (128 / CONTRAST_MM), 0, 255).astype(np.uint8)
    rows.append(
        [
            (f"displacement, +-{CONTRAST_MM} mm", map_tile(cv2.cvtColor(depth, cv2.COLOR_GRAY2BGR))),
            ("normals", map_tile(normal_image(detail.normals[window]))),
            ("albedo", map_tile(detail.albedo[window])),
            ("texture", map_tile(detail.texture[window])),
        ]
    )
    return np.vstack([np.hstack([labelled(name, tile) for name, tile in row]) for row in rows])


def _camera() -> Camera:
    focal = TILE * AWAY_MM / SPAN_MM
    middle = (TILE - 1) / 2
    return Camera(focal, focal, middle, middle, TILE, TILE)


def cast(detail: Detail, variant: Variant, lamps: Sequence[tuple[float, float, float]]) -> list[Image]:
    """One of a face's meshes under each lamp."""
    mesh = detail.mesh(variant)
    before = mesh.vertices * Y_UP - ANCHOR_MM.astype(np.float32) + np.array([0, 0, AWAY_MM], np.float32)
    return draw_relief(before, mesh.normals * Y_UP, mesh.triangles, _camera(), lamps)


def map_tile(part: Image) -> Image:
    """The part of a map that holds the face's front, as a square."""
    scale = TILE / max(part.shape[:2])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    tile = np.full((TILE, TILE, 3), BACKGROUND, np.uint8)
    y, x = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = small
    return tile


def labelled(name: str, tile: Image) -> Image:
    label = np.full((LABEL, TILE, 3), BACKGROUND, np.uint8)
    Pen(label).text(4, LABEL - 6, name, WHITE)
    both = np.vstack([tile, label])
    return cv2.copyMakeBorder(both, GAP, 0, GAP, 0, cv2.BORDER_CONSTANT, value=(BACKGROUND,) * 3).astype(np.uint8)
