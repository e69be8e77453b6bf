"""A lamp that is turned by hand, and how it shows a surface: by its vertices, or texel by texel with a normal map.

The window's own lights are fixed and know no normal maps: what a lamp makes of a surface is painted into its colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.surface.layout import tangents
from realtime3d.surface.skin import levels, linear
from realtime3d.types import FloatArray, Image
from realtime3d.view.surfaces import Surface

SKIN = (140, 158, 194)  # BGR of what has no colour of its own
STEP_DEG = 15.0
HIGHEST_DEG = 75.0
SKY, SUN, SHINE, SHINE_POWER = 0.22, 0.85, 0.06, 24.0
MOST_TEXELS = 1024  # of a texture's side: a window shows no more of it


@dataclass(frozen=True)
class Lamp:
    """Where the light comes from, in degrees: to the right of a viewer before the face, and above."""

    across_deg: float = 45.0
    up_deg: float = 30.0
    on: bool = True

    def turned(self, across_deg: float = 0.0, up_deg: float = 0.0) -> Lamp:
        """Another place; a lamp that is turned is on."""
        across = (self.across_deg + across_deg + 180) % 360 - 180
        return replace(
            self, across_deg=across, up_deg=float(np.clip(self.up_deg + up_deg, -HIGHEST_DEG, HIGHEST_DEG)), on=True
        )

    @property
    def way(self) -> FloatArray:
        """(3,) unit, towards it: x right, y up, z to the viewer."""
        a, b = np.radians([self.across_deg, self.up_deg])
        return np.array([np.sin(a) * np.cos(b), np.sin(b), np.cos(a) * np.cos(b)], np.float32)

    def on_skin(self, colours: Image, normals: FloatArray) -> Image:
        """(..., 3) what it makes of colours without light, on surfaces with these unit normals."""
        if not self.on:
            return colours
        half = self.way + np.array([0, 0, 1], np.float32)
        half /= max(float(np.linalg.norm(half)), 1e-6)
        light = SKY * (normals[..., 1] * np.float32(0.25) + np.float32(0.75))
        light += SUN * np.maximum(normals @ self.way, 0)
        shine = np.float32(SHINE) * np.maximum(normals @ half, 0) ** np.float32(SHINE_POWER)
        return levels(linear(colours) * light[..., None] + shine[..., None])


@dataclass(frozen=True)
class _Joined:
    """A mesh whose vertices were split at the seams of its texture, joined again."""

    triangles: NDArray[np.int32]
    uv: FloatArray
    uv_vertex: NDArray[np.int32]
    uv_triangles: NDArray[np.int32]


class LitSurface:
    """Paints surfaces that share triangles, texture and normal map: what does not move is made once."""

    def __init__(self, surface: Surface) -> None:
        _, first, owner = np.unique(np.round(surface.vertices, 3), axis=0, return_index=True, return_inverse=True)
        self._first, self._owner = first, owner.reshape(-1).astype(np.int32)
        self._triangles = np.ascontiguousarray(self._owner[surface.triangles])
        self._surface = surface

    def fits(self, surface: Surface) -> bool:
        """Whether another surface differs by where its vertices are alone."""
        mine = self._surface
        same = surface.triangles is mine.triangles or np.array_equal(surface.triangles, mine.triangles)
        return same and surface.albedo is mine.albedo and surface.normal_map is mine.normal_map

    def by_vertex(self, surface: Surface, lamp: Lamp) -> NDArray[np.float64]:
        """(N, 3) RGB 0..1 of the vertices."""
        skin = np.full((len(surface.vertices), 3), SKIN, np.uint8)
        lit = lamp.on_skin(skin, self._normals(surface))
        return np.asarray(lit[:, ::-1], np.float64) / 255

    def by_texel(self, surface: Surface, lamp: Lamp, *, plain: bool = False) -> Image:
        """(S, S, 3) BGR texture; `plain` shows the relief without the skin's colours."""
        colours = np.full_like(self._albedo, SKIN) if plain else self._albedo
        return lamp.on_skin(colours, self._mapped(surface))

    def _normals(self, surface: Surface) -> FloatArray:
        """(N, 3) unit: the file's own, else those of the joined vertices."""
        if surface.normals is not None:
            return unit(surface.normals)
        return np.asarray(vertex_normals(surface.vertices[self._first], self._triangles)[self._owner], np.float32)

    @cached_property
    def _albedo(self) -> Image:
        data = self._surface.albedo or self._surface.texture
        return np.full((MOST_TEXELS,) * 2 + (3,), SKIN, np.uint8) if data is None else smaller(decoded(data))

    @cached_property
    def _normal_map(self) -> FloatArray:
        """(S, S, 3) tangent space, as large as the albedo."""
        data, side = self._surface.normal_map, self._albedo.shape[1::-1]
        if data is None:
            return np.zeros((*side[::-1], 3), np.float32) + np.array([0, 0, 1], np.float32)
        wide = cv2.resize(decoded(data), side, interpolation=cv2.INTER_AREA)
        return np.asarray(wide[..., ::-1].astype(np.float32) / 127.5 - 1, np.float32)

    @cached_property
    def _texels(self) -> tuple[NDArray[np.int32], FloatArray]:
        """Which triangle lies at each texel, and where in it."""
        uv, side = self._surface.uv, self._albedo.shape[:2]
        assert uv is not None
        at = uv * np.array(side[::-1], np.float32) - np.float32(0.5)
        ids, bary, _ = rasterize(at, np.ones(len(at)), self._surface.triangles, side[1], side[0])
        return ids, bary

    def _mapped(self, surface: Surface) -> FloatArray:
        """(S, S, 3) unit normals of the texels, in the mesh's frame; towards the viewer where no triangle is."""
        assert surface.uv is not None
        joined = _Joined(self._triangles, surface.uv, self._owner, surface.triangles)
        frame = tangents(joined, surface.vertices[self._first])
        values = np.concatenate([self._normals(surface), frame], axis=1)
        ids, bary = self._texels
        at = np.zeros((*ids.shape, 7), np.float32)
        interpolate(ids, bary, surface.triangles, np.ascontiguousarray(values, dtype=np.float32), at)
        n, t = unit(at[..., :3]), at[..., 3:6]
        t = unit(t - n * (t * n).sum(-1, keepdims=True))
        b = np.cross(n, t) * np.sign(at[..., 6:])
        m = self._normal_map
        out = unit(t * m[..., :1] + b * m[..., 1:2] + n * m[..., 2:])
        out[ids < 0] = (0, 0, 1)
        return out


def decoded(data: bytes) -> Image:
    """An encoded picture as BGR."""
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError("a mesh's picture cannot be read: write the mesh again")
    return np.asarray(image, np.uint8)


def smaller(image: Image) -> Image:
    """A texture as large as a window can show."""
    side = max(image.shape[:2])
    if side <= MOST_TEXELS:
        return image
    size = [max(1, round(n * MOST_TEXELS / side)) for n in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, np.float32(1e-6)), np.float32)
