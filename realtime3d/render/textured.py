"""A head with a texture: seen through any camera, or as one layer of an overlay."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import HeadMesh
from realtime3d.geometry import Camera
from realtime3d.raster import interpolate, rasterize, resolve
from realtime3d.render.shading import PlacedMesh, Topology
from realtime3d.types import FloatArray, Image


def draw_textured(
    head: HeadMesh, vertices: FloatArray, texture: Image, camera: Camera
) -> tuple[Image, NDArray[np.bool_]]:
    """(H, W, 3) BGR of a head whose `vertices` (V, 3) are in camera space, and where it is. No light is added."""
    split = vertices[head.uv_vertex]
    ids, bary, _ = rasterize(
        camera.project(split), split[:, 2], head.uv_triangles, camera.width, camera.height, cull=True
    )
    at = np.zeros((camera.height, camera.width, 2), np.float32)
    places = head.uv * np.array(texture.shape[1::-1], np.float32) - np.float32(0.5)
    interpolate(ids, bary, head.uv_triangles, np.ascontiguousarray(places, dtype=np.float32), at)
    picture = cv2.remap(texture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shown = ids >= 0
    picture[~shown] = 0
    return picture.astype(np.uint8, copy=False), shown


class Layer:
    """What a picture shows of one mesh: where in the texture layout each pixel lies, and how much of it is drawn."""

    def __init__(self, mesh: PlacedMesh, topology: Topology, ids: NDArray[np.int32], first: int) -> None:
        """`ids` (H, W): triangles of all meshes at each pixel, those of this one from `first` on."""
        self._x0, self._y0, x1, y1 = mesh.window
        own = ids[self._y0 : y1, self._x0 : x1] - np.int32(first)
        own = np.where((own >= 0) & (own < topology.drawn), own, np.int32(-1)).astype(np.int32)
        self._places = np.zeros((*own.shape, 3), np.float32)
        bary = np.zeros((*own.shape, 3), np.float32)
        xy = mesh.xy - np.array([self._x0, self._y0], np.float32)
        resolve(xy, mesh.inverse_z, topology.triangles, own, bary, np.empty(own.shape, np.float32))
        interpolate(own, bary, topology.uv_triangles, topology.places, self._places)

    def paint(self, picture: Image, texture: Image) -> None:
        """Draw it with its texture."""
        if self._places.size:
            at = self._places[..., :2] * np.array(texture.shape[1::-1], np.float32) - np.float32(0.5)
            ink = cv2.remap(texture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            self._blend(picture, ink.astype(np.uint8, copy=False))

    def keep(self, picture: Image, original: Image, before: FloatArray | None = None) -> None:
        """Put back what the picture had there, but for what is in front of the mesh, `before` (H, W) 0 to 1."""
        if self._places.size:
            height, width = self._places.shape[:2]
            where = slice(self._y0, self._y0 + height), slice(self._x0, self._x0 + width)
            if before is not None:
                self._places[..., 2] *= 1 - before[where]
            self._blend(picture, original[where])

    def _blend(self, picture: Image, ink: Image) -> None:
        height, width = self._places.shape[:2]
        part = picture[self._y0 : self._y0 + height, self._x0 : self._x0 + width]
        share = cv2.GaussianBlur(self._places[..., 2], (3, 3), 0)[..., None]  # the outline's staircase
        part[:] = (part + (ink - part.astype(np.float32)) * share).round().astype(np.uint8)
