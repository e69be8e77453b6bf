"""Makes pictures.jpg, views.jpg and maps.jpg beside this file: what `images` makes of a frame of the demo clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import realtime3d as r3d
from realtime3d.demo import clip_path
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.render.maps import MAPS, Maps
from realtime3d.render.textured import draw_textured
from realtime3d.render.views import Views
from realtime3d.surface.texture import TexturePainter
from realtime3d.types import Image

HERE = Path(__file__).parent
FRAME_S, SIDE = 0.6, 420
YAWS = (-75, -40, -22, 0, 22, 40, 75)
TURNS = (-40.0, 0.0, 40.0)  # degrees of yaw


def main() -> None:
    with r3d.open_source(clip_path(), r3d.SourceOptions(start_s=FRAME_S)) as source, r3d.FaceTracker() as tracker:
        image = next(iter(source)).image
        result = tracker.process_picture(image)
    face = result.faces[0]
    texture = TexturePainter(face.model).paint(face, image)
    seen = cv2.applyColorMap(texture.seen, cv2.COLORMAP_BONE)
    tiles = [image, drawn(image, result), texture.image, seen, *(turned(face, texture.image, yaw) for yaw in TURNS)]
    tiles = [square(tile) for tile in tiles[:4]] + tiles[4:]
    rows = [np.hstack(tiles[:4]), np.hstack(tiles[4:])]
    wide = rows[0].shape[1]
    rows[1] = cv2.copyMakeBorder(rows[1], 0, 0, (wide - rows[1].shape[1]) // 2, 0, cv2.BORDER_CONSTANT)
    rows[1] = cv2.copyMakeBorder(rows[1], 0, 0, 0, wide - rows[1].shape[1], cv2.BORDER_CONSTANT)
    cv2.imwrite(str(HERE / "pictures.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])
    cv2.imwrite(str(HERE / "maps.jpg"), np.hstack([square(tile) for tile in (image, *maps(face))]))
    views = Views(face, image, texture)
    cv2.imwrite(str(HERE / "views.jpg"), np.hstack([views.draw(yaw, 256) for yaw in YAWS]))


def drawn(image: Image, result: FrameResult) -> Image:
    return r3d.create_renderer(style=r3d.OverlayStyle(bars=False)).draw(image, result)


def maps(face: FaceState) -> list[Image]:
    """In 8 bits; depth from near to far over the head's own range."""
    made, shown = Maps(face), []
    for name in MAPS:
        picture = made.image(name)
        if name == "depth":
            spread = np.clip(picture / max(int(picture.max()), 1), 0, 1)
            picture = cv2.merge([np.where(picture > 0, 255 - 200 * spread, 0).astype(np.uint8)] * 3)
        shown.append((picture // 257).astype(np.uint8) if picture.dtype == np.uint16 else picture.astype(np.uint8))
    return shown


def turned(face: FaceState, texture: Image, yaw_deg: float) -> Image:
    camera = Camera.from_fov(SIDE, SIDE, 25)
    R = euler_to_matrix(0, np.radians(yaw_deg), 0)
    vertices = (face.vertices_head() @ R.T + (0, 10, 780)).astype(np.float32)
    return draw_textured(face.model.mesh(), vertices, texture, camera)[0]


def square(image: Image) -> Image:
    side = min(image.shape[:2])
    y, x = ((length - side) // 2 for length in image.shape[:2])
    return cv2.resize(image[y : y + side, x : x + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
