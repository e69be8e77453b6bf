"""The texture layout of a face model as a grid of texels on the surface: where each is, its mirror image, its frame."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import HeadMesh
from realtime3d.face.model import FULL, LIVE, FaceModel
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.surface.portrait import FRONT
from realtime3d.types import FloatArray

SIZE = 1024  # px of the maps' side; twice as many where that leaves more than COARSE_MM a texel
COARSE_MM = 0.5
MIRROR_MM = 0.5  # a vertex has a mirror image where another one is so near


class Mapped(Protocol):
    """A mesh with texture coordinates."""

    @property
    def triangles(self) -> NDArray[np.int32]: ...
    @property
    def uv(self) -> FloatArray: ...
    @property
    def uv_vertex(self) -> NDArray[np.int32]: ...
    @property
    def uv_triangles(self) -> NDArray[np.int32]: ...


class Layout:
    """One face model's layout at the maps' size. What depends on the model alone is made once."""

    def __init__(self, model: FaceModel, size: int | None = None) -> None:
        self.level = FULL if FULL in model.levels else LIVE
        self.head = model.solid(self.level)
        self.names = np.array(list(model.region_names))
        self.size = size or (SIZE if _texel_mm(self.head, self.names, SIZE) <= COARSE_MM else 2 * SIZE)
        head = self.head
        xy = head.uv * np.float32(self.size) - np.float32(0.5)
        self.ids, self.bary, _ = rasterize(xy, np.ones(len(xy)), head.uv_triangles, self.size, self.size)
        front = _front(head, self.names)
        self.front_triangles = front
        self.front = _largest(np.where(self.ids >= 0, front[self.ids], False))
        self.window = _window(self.front)  # rows and columns that hold the face's front
        inner_ids = np.ascontiguousarray(self.ids[self.window])
        self._ids = np.where(self.front[self.window], inner_ids, -1).astype(np.int32)
        self._bary = np.ascontiguousarray(self.bary[self.window])
        self.inside = self._ids >= 0  # of the window
        self.texel_mm = _texel_mm(head, self.names, self.size)

    def on_front(self, vertex_values: FloatArray) -> FloatArray:
        """(V, K) values at the texels of the window: (h, w, K), 0 outside the face's front."""
        return self._filled(self.head.triangles, vertex_values)

    def on_front_split(self, uv_values: FloatArray) -> FloatArray:
        """The same for values of the rows of `uv`, (U, K)."""
        return self._filled(self.head.uv_triangles, uv_values)

    def _filled(self, triangles: NDArray[np.int32], values: FloatArray) -> FloatArray:
        out = np.zeros((*self._ids.shape, values.shape[1]), np.float32)
        interpolate(self._ids, self._bary, triangles, np.ascontiguousarray(values, dtype=np.float32), out)
        return out

    def whole(self, of_window: FloatArray) -> FloatArray:
        """A map of the window as one of the whole layout; 0 elsewhere, but what has three numbers points outward."""
        out = np.zeros((self.size, self.size, *of_window.shape[2:]), of_window.dtype)
        if out.ndim == 3:
            out[..., 2] = 1
        out[self.window] = of_window
        return out

    @cached_property
    def first_row(self) -> NDArray[np.int32]:
        """(V,) the first row of `uv` of each vertex."""
        return first_rows(self.head)

    @cached_property
    def mirror(self) -> FloatArray:
        """(h, w, 2) px of the window: where each of its texels' mirror images are."""
        rows = mirrored_rows(self.head)
        at = self.head.uv[rows] * np.float32(self.size) - np.float32(0.5)  # (T, 3, 2) of each triangle's corners
        out = np.full((*self._ids.shape, 2), -1e4, np.float32)
        y, x = np.nonzero(self.inside)
        corners = at[self._ids[y, x]]
        out[y, x] = (self._bary[y, x][..., None] * corners).sum(axis=1)
        out -= np.array([self.window[1].start, self.window[0].start], np.float32)
        return out

    def mirrored(self, values: FloatArray) -> FloatArray:
        """A map of the window, left and right exchanged."""
        x, y = (np.ascontiguousarray(self.mirror[..., k]) for k in range(2))
        return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)

    def sampled(self, values: FloatArray, uv: FloatArray) -> FloatArray:
        """A map (size, size[, K]) at texture coordinates (N, 2): (N[, K])."""
        at = uv * np.float32(self.size) - np.float32(0.5)
        side = 1 << 14  # remap takes no longer rows
        out = []
        for first in range(0, len(at), side):
            x, y = (np.ascontiguousarray(at[first : first + side, k])[:, None] for k in range(2))
            out.append(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0])
        return np.concatenate(out)


def _front(head: HeadMesh, names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """(T,) which triangles are skin of the face, lips or lids."""
    wanted = np.flatnonzero(np.isin(names, FRONT))
    return np.asarray(np.isin(head.region, wanted)[head.triangles].all(axis=1), np.bool_)


def _texel_mm(head: HeadMesh, names: NDArray[np.str_], size: int) -> float:
    """mm of a texel's side on the front of the resting head (median over its area)."""
    front = _front(head, names)
    a, b, c = (head.mean[head.triangles[front, k]] for k in range(3))
    p, q, r = (head.uv[head.uv_triangles[front, k]] * size for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    texels = np.abs((q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0])
    ratio = np.sqrt(area / np.maximum(texels, 1e-6))
    order = np.argsort(ratio)
    half = np.searchsorted(np.cumsum(area[order]), area.sum() / 2)
    return float(ratio[order][half])


def _largest(front: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece: an older layout has lids and lips in charts of their own."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(front.astype(np.uint8), connectivity=4)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    return np.asarray(labels == 1 + int(sizes.argmax()) if len(sizes) else front, bool)


def _window(front: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(front.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0, 8), slice(0, 8)
    margin, side = 4, front.shape[0]
    low = [max(0, int(part[0]) - margin) for part in (rows, columns)]
    high = [min(side, int(part[-1]) + 1 + margin) for part in (rows, columns)]
    return slice(low[0], high[0]), slice(low[1], high[1])


def first_rows(head: HeadMesh) -> NDArray[np.int32]:
    first = np.zeros(len(head.mean), np.int32)
    first[head.uv_vertex[::-1]] = np.arange(len(head.uv_vertex), dtype=np.int32)[::-1]
    return first


def mirrored_rows(head: HeadMesh) -> NDArray[np.int32]:
    """(T, 3) for each corner of each triangle, the row of `uv` that lies at its mirror image; its own where none is."""
    twin = mirror_vertices(head.mean)
    keys = {tuple(sorted(corners)): t for t, corners in enumerate(head.triangles.tolist())}
    first = first_rows(head)
    rows = head.uv_triangles.copy()
    for t, corners in enumerate(twin[head.triangles].tolist()):
        other = keys.get(tuple(sorted(corners)))
        if other is None:
            rows[t] = first[corners]
            continue
        place = dict(zip(head.triangles[other].tolist(), head.uv_triangles[other].tolist(), strict=True))
        rows[t] = [place[corner] for corner in corners]
    return rows


def mirror_vertices(points: FloatArray) -> NDArray[np.int32]:
    """(V,) the vertex at each one's mirror image; itself where there is none."""
    cell = np.float32(MIRROR_MM)
    grid: dict[tuple[int, int, int], list[int]] = {}
    for i, key in enumerate(np.floor(points / cell).astype(int).tolist()):
        grid.setdefault(tuple(key), []).append(i)
    flipped = points * np.array([-1, 1, 1], np.float32)
    twin = np.arange(len(points), dtype=np.int32)
    steps = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    for i, (x, y, z) in enumerate(np.floor(flipped / cell).astype(int).tolist()):
        near = [n for a, b, c in steps for n in grid.get((x + a, y + b, z + c), ())]
        if near:
            away = np.abs(points[near] - flipped[i]).max(axis=1)
            best = int(away.argmin())
            twin[i] = near[best] if away[best] < MIRROR_MM else i
    return twin


def tangents(head: Mapped, vertices: FloatArray) -> FloatArray:
    """(U, 4) for each row of `uv`: the unit way in which u grows, across the normal, and the bitangent's sign."""
    normals = vertex_normals(vertices, head.triangles)[head.uv_vertex]
    normals[~normals.any(axis=1)] = (0, 0, 1)  # a vertex without any area
    a, b, c = (vertices[head.triangles[:, k]] for k in range(3))
    p, q, r = (head.uv[head.uv_triangles[:, k]] * (1, -1) for k in range(3))  # v up
    du, dv, eu, ev = (q - p)[:, 0], (q - p)[:, 1], (r - p)[:, 0], (r - p)[:, 1]
    area = du * ev - eu * dv
    turned = np.sign(area)
    along_u = ((b - a) * ev[:, None] - (c - a) * dv[:, None]) * turned[:, None]
    along_v = ((c - a) * du[:, None] - (b - a) * eu[:, None]) * turned[:, None]
    total, other = np.zeros((len(head.uv), 3), np.float64), np.zeros((len(head.uv), 3), np.float64)
    for k in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(head.uv_triangles[:, k], along_u[:, axis], len(total))
            other[:, axis] += np.bincount(head.uv_triangles[:, k], along_v[:, axis], len(total))
    across = total - normals * (total * normals).sum(axis=1, keepdims=True)
    length = np.linalg.norm(across, axis=1, keepdims=True)
    spare = np.cross(normals, np.where(np.abs(normals[:, 1:2]) < 0.9, [[0, 1, 0]], [[1, 0, 0]]))
    spare /= np.maximum(np.linalg.norm(spare, axis=1, keepdims=True), 1e-9)
    across = np.where(length > 1e-12, across / np.maximum(length, 1e-12), spare)
    sign = np.where((np.cross(normals, across) * other).sum(axis=1) < 0, -1.0, 1.0)
    return np.column_stack([across, sign]).astype(np.float32)
