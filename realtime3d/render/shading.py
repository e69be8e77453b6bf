"""From a face to what a renderer draws: which triangles, with which colours, lit how, and where in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.jit import compiled
from realtime3d.raster import inverse_depth, vertex_normals
from realtime3d.render.base import Colour, face_colour
from realtime3d.types import FloatArray

FACE_REGIONS = ("face", "lips", "eyelids", "eyes", "mouth_inside", "tongue", "teeth")
LIPS, MOUTH, EYES, IRIS = (150, 130, 235), (45, 35, 110), (250, 245, 240), (120, 80, 50)  # BGR
TEETH = (205, 222, 230)
IRIS_MM = 6.5
NEAREST_MM = 1.0  # from the camera's plane: nearer vertices are not drawn
LIGHT = np.array([0.35, -0.55, -0.76], dtype=np.float32)  # towards the light, camera axes: above, a little to the right
SURFACE, LINES = (0.38, 0.68, 0.22), (0.8, 0.3, 0.0)  # ambient, diffuse, gloss; lines have to stand out everywhere
Lighting = tuple[float, float, float]
PixelSpan = tuple[int, int, int, int]  # x0, y0, x1, y1 px, end exclusive, inside the picture; may be empty
OPACITY = {  # of the surface, of its edges or dots
    "wire": (0.1, 0.75),
    "shaded": (0.97, 0.0),
    "transparent": (0.5, 0.0),
    "points": (0.0, 0.85),
    "texture": (1.0, 0.0),
    "mask": (1.0, 0.0),
}
SOLID = ("shaded", "texture", "mask")  # modes that let nothing of the picture through, eyes included


DOT_PX = 1.2  # radius in a picture 720 high


def line_px(width: int, height: int) -> float:
    """Width of the wire's lines: 1 in a picture 720 high and in smaller ones, more in larger ones."""
    return max(1.0, min(width, height) / 720)


@dataclass(frozen=True)
class Topology:
    """Triangles of one face model in drawing order, made once."""

    triangles: NDArray[np.int32]  # (T, 3) drawn ones first; the rest only hide what is behind them
    drawn: int
    outline: NDArray[np.uint8]  # (T,) bit k: the edge opposite corner k belongs to the wire
    points: NDArray[np.int32]  # vertices of the drawn triangles
    cover: FloatArray  # (V,) opacity, falls to 0 towards the border of what is drawn
    tint: FloatArray  # (V, 3) BGR of lips and eyes
    tinted: FloatArray  # (V, 1) how much of it
    seen_through: FloatArray  # (V,) `cover`, less at the eyes: in modes that let the picture through
    places: FloatArray  # (U, 3) u, v (down) in the texture layout, 0..1, and `cover`: rows of `uv_triangles`
    uv_triangles: NDArray[np.int32]  # (T, 3) triangle for triangle as `triangles`

    @classmethod
    def of(cls, model: FaceModel, whole_head: bool = False) -> Topology:
        names = np.array([str(name) for name in model.region_names])
        region = names[model.region]
        cover = (
            np.ones(len(region), np.float32) if whole_head else _soft(np.isin(region, FACE_REGIONS), model.triangles)
        )
        inside = (cover[model.triangles] > 0).any(axis=1)
        order = np.argsort(~inside, kind="stable")
        drawn, head = int(inside.sum()), model.mesh()
        return cls(
            triangles=np.ascontiguousarray(model.triangles[order]),
            drawn=drawn,
            outline=wire_edges(model.triangles)[order],
            points=np.flatnonzero(cover > 0.3).astype(np.int32),
            cover=cover,
            tint=_tint(model.mean, region),
            tinted=_tinted(region)[:, None],
            seen_through=np.where(region == "eyes", np.float32(0.3) * cover, cover),
            places=np.column_stack([head.uv, cover[head.uv_vertex]]).astype(np.float32),
            uv_triangles=np.ascontiguousarray(head.uv_triangles[order]),
        )


def _tinted(region: NDArray[np.str_]) -> FloatArray:
    """(V,) how much of the tint covers the face's own colour."""
    whole = _is_inside(region) | np.isin(region, ("eyes", "teeth"))
    return np.select([region == "lips", whole], [0.55, 1.0], 0.0).astype(np.float32)


def _is_inside(region: NDArray[np.str_]) -> NDArray[np.bool_]:
    return np.isin(region, ("mouth_inside", "tongue"))


def _tint(mean: FloatArray, region: NDArray[np.str_]) -> FloatArray:
    """(V, 3) BGR: lips, the mouth's inside, the white of the eyes and their irises; elsewhere 0."""
    tint = np.zeros((len(mean), 3), dtype=np.float32)
    tint[region == "lips"] = LIPS
    tint[_is_inside(region)] = MOUTH
    tint[region == "teeth"] = TEETH
    for side in (mean[:, 0] < 0, mean[:, 0] >= 0):
        eye = np.flatnonzero((region == "eyes") & side)
        if len(eye):
            pole = mean[eye[np.argmin(mean[eye, 2])]]
            tint[eye] = np.where(np.linalg.norm(mean[eye] - pole, axis=1, keepdims=True) < IRIS_MM, IRIS, EYES)
    return tint


def _soft(shown: NDArray[np.bool_], triangles: NDArray[np.int32], rounds: int = 5) -> FloatArray:
    """1 inside, falling to 0 at the border: repeated means over neighbours, so that the border shows no teeth."""
    cover = shown.astype(np.float32)
    degree = np.maximum(np.bincount(triangles.ravel(), minlength=len(cover)), 1)
    for _ in range(rounds):
        around = np.repeat(cover[triangles].mean(axis=1), 3)
        cover = (np.bincount(triangles.ravel(), weights=around, minlength=len(cover)) / degree).astype(np.float32)
    return np.clip((cover - 0.35) / 0.5, 0, 1).astype(np.float32)


def wire_edges(triangles: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(T,) bits: bit k is set where the edge opposite corner k is drawn.

    Most models are made of quads that were cut into two triangles, one after the other; a wire looks calmer without
    the cuts.
    """
    bits = np.full(len(triangles), 7, dtype=np.uint8)
    shared = (triangles[:-1, :, None] == triangles[1:, None, :]).any(axis=2)  # corners of t that t + 1 has, too
    back = (triangles[1:, :, None] == triangles[:-1, None, :]).any(axis=2)
    index = 0
    while index < len(shared):
        if shared[index].sum() == 2:
            bits[index] -= 1 << int(np.argmin(shared[index]))
            bits[index + 1] -= 1 << int(np.argmin(back[index]))
            index += 1
        index += 1
    return bits


def edges_of(triangles: NDArray[np.int32], outline: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(L, 2) the wire's lines, each once."""
    ends = [triangles[(outline & (1 << k)) > 0][:, [(k + 1) % 3, (k + 2) % 3]] for k in range(3)]
    lines: NDArray[np.int32] = np.unique(np.sort(np.concatenate(ends), axis=1), axis=0).astype(np.int32)
    return lines


class Topologies:
    """Remembers the topology of each face model that was seen; faces of one run share theirs."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[FaceModel, Topology]] = {}

    def of(self, model: FaceModel, whole_head: bool) -> Topology:
        key = (id(model), whole_head)
        if key not in self._known:
            if len(self._known) > 7:  # somebody hands in a new model with every picture
                self._known.clear()
            self._known[key] = (model, Topology.of(model, whole_head))  # holding the model keeps its id its own
        return self._known[key][1]

    def clear(self) -> None:
        self._known.clear()


@dataclass(frozen=True)
class PlacedMesh:
    """One face in one picture."""

    xy: FloatArray  # (V, 2) px
    inverse_z: FloatArray  # (V,) 1/mm, 0 where a vertex cannot be drawn
    colour: FloatArray  # (V, 3) BGR 0..255, lit
    facing: FloatArray  # (V,) 1 where the surface faces the camera, 0 where it is seen from the side
    window: PixelSpan  # around what is drawn of it


def lit(
    vertices: FloatArray, topology: Topology, colour: Colour, lighting: Lighting = SURFACE
) -> tuple[FloatArray, FloatArray]:
    """(V, 3) colours of camera-space vertices under the overlay's light, and (V,) how much they face the camera."""
    points = np.require(vertices, np.float32, ["C", "W"])
    normals = vertex_normals(points, topology.triangles)
    plain = np.array(colour, dtype=np.float32)
    colours, facing = np.empty_like(points), np.empty(len(points), np.float32)
    _light(points, normals, plain, topology.tint, topology.tinted, *map(np.float32, lighting), colours, facing)
    return colours, facing


@compiled("void(f4[:,::1], f4[:,::1], f4[::1], f4[:,::1], f4[:,::1], f4, f4, f4, f4[:,::1], f4[::1])")
def _light(vertices, normals, plain, tint, tinted, ambient, diffuse, shine, colours, facing):  # type: ignore[no-untyped-def]
    """Lambert's and Blinn's light, vertex by vertex: a tenth of what NumPy takes for it."""
    zero, one, top = np.float32(0), np.float32(1), np.float32(255)
    lx, ly, lz = LIGHT[0], LIGHT[1], LIGHT[2]
    for v in range(len(vertices)):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        near = -one / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))
        x, y, z = x * near, y * near, z * near  # towards the camera
        facing[v] = min(max(nx * x + ny * y + nz * z, zero), one)
        hx, hy, hz = x + lx, y + ly, z + lz  # half-way to the light
        half = (nx * hx + ny * hy + nz * hz) / max(np.sqrt(hx * hx + hy * hy + hz * hz), np.float32(1e-6))
        half = min(max(half, zero), one)
        half = half * half * half  # to the 24th
        half *= half
        half *= half
        gloss = top * shine * half * half
        light = ambient + diffuse * min(max(nx * lx + ny * ly + nz * lz, zero), one)
        for k in range(3):
            base = plain[k] + (tint[v, k] - plain[k]) * tinted[v, 0]
            colours[v, k] = min(max(base * light + gloss, zero), top)


def place(
    face: FaceState, topology: Topology, camera: Camera, width: int, height: int, lighting: Lighting = SURFACE
) -> PlacedMesh:
    """Project and light one face."""
    vertices = np.require(face.vertices(), np.float32, ["C", "W"])
    colour, facing = lit(vertices, topology, face_colour(face), lighting)
    if not camera.distortion:
        xy, inverse_z = np.empty((len(vertices), 2), np.float32), np.empty(len(vertices), np.float32)
        span = np.empty(4, np.float64)
        _project(vertices, topology.cover, camera.fx, camera.fy, camera.cx, camera.cy, xy, inverse_z, span)
        return PlacedMesh(xy, inverse_z, colour, facing, _window(span[:2], span[2:], width, height))
    visible = (vertices[:, 2] > NEAREST_MM) & _inside_lens(vertices, camera)
    in_front = np.where(visible[:, None], vertices, np.array([0, 0, 1], dtype=np.float32))
    xy = camera.project(in_front).astype(np.float32)
    inverse_z = inverse_depth(np.where(visible, vertices[:, 2], 0))
    shown = xy[visible & (topology.cover > 0)] if visible.any() else xy[:0]
    low, high = (shown.min(axis=0), shown.max(axis=0)) if len(shown) else (np.ones(2), np.zeros(2))
    return PlacedMesh(xy, inverse_z, colour, facing, _window(low, high, width, height))


@compiled("void(f4[:,::1], f4[::1], f8, f8, f8, f8, f4[:,::1], f4[::1], f8[::1])")
def _project(vertices, cover, fx, fy, cx, cy, xy, inverse_z, span):  # type: ignore[no-untyped-def]
    """Pixels, inverse depths, and what the shown vertices span (left, top, right, bottom; upside down where none is):
    in one pass, a fifth of what NumPy takes for it."""
    left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
    for v in range(len(vertices)):
        z = np.float64(vertices[v, 2])
        if not z > NEAREST_MM:
            xy[v, 0], xy[v, 1], inverse_z[v] = np.float32(cx), np.float32(cy), np.float32(0)
            continue
        inverse = 1.0 / z
        x, y = vertices[v, 0] * inverse * fx + cx, vertices[v, 1] * inverse * fy + cy
        xy[v, 0], xy[v, 1], inverse_z[v] = np.float32(x), np.float32(y), np.float32(inverse)
        if cover[v] > 0:
            left, right = x if x < left else left, x if x > right else right
            top, bottom = y if y < top else top, y if y > bottom else bottom
    span[0], span[1], span[2], span[3] = left, top, right, bottom


def _inside_lens(vertices: FloatArray, camera: Camera) -> NDArray[np.bool_]:
    """Vertices the lens can see: its polynomial folds rays from far outside the picture back into it."""
    corners = camera.rays([[0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]])
    reach = 1.3 * float(np.hypot(corners[:, 0], corners[:, 1]).max())
    return np.hypot(vertices[:, 0], vertices[:, 1]) < reach * vertices[:, 2]


def around(windows: Sequence[PixelSpan]) -> PixelSpan:
    """The smallest window that holds all that are not empty."""
    filled = np.array([w for w in windows if w[2] > w[0] and w[3] > w[1]])
    if not len(filled):
        return (0, 0, 0, 0)
    x0, y0, x1, y1 = map(int, [*filled[:, :2].min(axis=0), *filled[:, 2:].max(axis=0)])
    return x0, y0, x1, y1


def _window(low: NDArray, high: NDArray, width: int, height: int) -> PixelSpan:
    """The part of the picture between two corners; empty where they are the wrong way round."""
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    if not (left <= right and top <= bottom):
        return (0, 0, 0, 0)
    x0, y0 = (math.floor(min(max(v, 0.0), most)) for v, most in ((left, width), (top, height)))
    x1, y1 = (min(math.ceil(max(min(v, most), -1.0)) + 1, most) for v, most in ((right, width), (bottom, height)))
    return x0, y0, max(x0, x1), max(y0, y1)
