"""The default renderer: no GL, no compiler, one core."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.state import FaceState, FrameResult
from realtime3d.raster import fill
from realtime3d.render.base import MASK_LIGHT, OverlayStyle, drawable
from realtime3d.render.hud import draw_faces
from realtime3d.render.paint import measure_slopes, paint_points, paint_surface
from realtime3d.render.shading import (
    DOT_PX,
    LINES,
    OPACITY,
    SOLID,
    SURFACE,
    PlacedMesh,
    Topologies,
    Topology,
    around,
    line_px,
    place,
)
from realtime3d.render.textured import Layer
from realtime3d.surface.best import BestTextures
from realtime3d.surface.mask import LazyMasker
from realtime3d.types import Image


class SoftwareRenderer:
    """Draws with a z-buffer: back faces and hidden parts are not shown, and nearer faces hide farther ones."""

    any_thread = True

    def __init__(self, style: OverlayStyle | None = None, masker: LazyMasker | None = None) -> None:
        self.style = style or OverlayStyle()
        self._masker = masker
        self._topologies = Topologies()
        self._textures = BestTextures()
        self._ids: NDArray[np.int32] = np.zeros((0, 0), dtype=np.int32)
        self._nearest: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)

    def draw(self, image: Image, result: FrameResult) -> Image:
        picture = np.array(image, dtype=np.uint8, order="C", copy=True)
        faces = drawable(result.faces)
        if picture.size and self.style.mode == "texture":
            self._textures.see(replace(result, faces=tuple(faces)), image)
        if picture.size and self.style.mode == "mask":
            picture = cv2.convertScaleAbs(picture, alpha=MASK_LIGHT).astype(np.uint8, copy=False)
        if faces and self.style.mode != "off" and picture.size:
            self._draw_meshes(picture, faces, np.ascontiguousarray(image))
        draw_faces(picture, faces, self.style)
        return picture

    def close(self) -> None:
        if self._masker is not None:
            self._masker.close()
        self._topologies.clear()
        self._textures.clear()
        self._ids, self._nearest = self._ids[:0, :0].copy(), self._nearest[:0, :0].copy()

    def _draw_meshes(self, picture: Image, faces: list[FaceState], original: Image) -> None:
        height, width = picture.shape[:2]
        if self._ids.shape != (height, width):
            self._ids = np.full((height, width), -1, dtype=np.int32)
            self._nearest = np.zeros((height, width), dtype=np.float32)
        lighting = LINES if self.style.mode in ("wire", "points") else SURFACE
        placed, first = [], 0
        for face in faces:
            topology = self._topologies.of(face.model, self.style.whole_head)
            mesh = place(face, topology, face.camera, width, height, lighting)
            placed.append((face, mesh, topology, first))
            first += len(topology.triangles)
        x0, y0, x1, y1 = window = around([mesh.window for _, mesh, _, _ in placed])
        try:
            for _, mesh, topology, start in placed:
                where = (mesh.xy, mesh.inverse_z, topology.triangles, True, start)
                fill(*where, *window, self._nearest, self._ids)
            for face, mesh, topology, start in placed:
                if self.style.mode == "texture":
                    Layer(mesh, topology, self._ids, start).paint(picture, self._textures.of(face))
                elif self.style.mode == "mask":
                    shown = None if self._masker is None else self._masker.mask(original, face).before_mesh
                    Layer(mesh, topology, self._ids, start).keep(picture, original, shown)
                else:
                    self._paint(picture, mesh, topology, start)
        finally:  # clean for the next picture
            self._ids[y0:y1, x0:x1] = -1
            self._nearest[y0:y1, x0:x1] = 0

    def _paint(self, picture: Image, mesh: PlacedMesh, topology: Topology, first: int) -> None:
        scale = line_px(picture.shape[1], picture.shape[0])
        if self.style.mode == "points":
            place = (self._nearest, mesh.xy, mesh.inverse_z, topology.points)
            paint_points(picture, *place, mesh.colour, topology.seen_through, DOT_PX * scale, OPACITY["points"][1])
            return
        surface, edges = OPACITY[self.style.mode]
        span = (*mesh.window, first, topology.drawn)
        slopes = np.empty((topology.drawn, 7), np.float32)
        measure_slopes(mesh.xy, topology.triangles, topology.outline, slopes)
        shape = (mesh.xy, topology.triangles, slopes)
        cover = topology.cover if self.style.mode in SOLID else topology.seen_through
        paint_surface(picture, self._ids, *span, *shape, mesh.colour, cover, mesh.facing, surface, edges, scale)
