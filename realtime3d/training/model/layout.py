"""The head's texture layout: one square for the whole head, most of it the authors' chart of the face.

Mirroring a texture is a flip: the half of the person's left is laid out in the right half of the square, the other one
is its mirror image. The front of the face gets three quarters of the square; the back of the head, eyes, mouth, teeth
and lashes lie in a strip below it, cut along the head's middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from realtime3d.training.model.ict_source import IctSource
from realtime3d.types import Array

STRIP = 0.065  # of the square's height, for all but the face
GAP = 0.002  # between charts: two texels of a texture of 1024
# The authors' chart is even. The front of the face lies inside these, and is given more of the square than the ears,
# hairline and neck round it.
ACROSS = ((0, 0), (0.115, 0.035), (0.5, 0.5), (0.885, 0.965), (1, 1))
DOWN = ((0, 0), (0.07, 0.04), (0.8, 0.92), (1, 1))
# How fine a part's chart is beside the others of the strip, by length.
FINENESS = {"head": 0.4, "mouth": 0.4, "sockets": 0.15, "gums": 0.5, "teeth": 0.8, "left_eye": 1.3, "lashes": 0.4}
FACING = -1  # sign of a chart's area with v down: seen from outside, corners go anticlockwise with v up
MIDDLE = 1e-3  # of the chart: so near to its middle a vertex lies on it


@dataclass(frozen=True)
class Layout:
    """Texture coordinates; a vertex at a seam has several."""

    uv: Array  # (U, 2) in [0, 1], v down
    vertex: NDArray[np.int32]  # (U,) whose they are
    faces: NDArray[np.int32]  # (F, 4) rows of `uv`, -1 last where a triangle


def lay_out(source: IctSource) -> Layout:
    """One square for all faces of the head."""
    half = np.flatnonzero(_middles(source)[:, 0] > 0)
    if 2 * len(half) != len(source.faces):
        raise RuntimeError("the head's faces do not part into a left and a right half")
    rows, place = np.unique(source.face_uv[half], return_inverse=True)
    place = place.reshape(-1, 4)
    vertex = np.zeros(len(rows), dtype=np.int64)
    vertex[place] = source.faces[half]
    at = _half_layout(source, half, rows, place)
    known = rows >= 0
    on_middle = known & (source.partner[vertex] == vertex) & (np.abs(at[:, 0] - 0.5) < MIDDLE)
    at[on_middle, 0] = 0.5
    # The other half: the same rows mirrored, but for those that both halves share.
    other = np.where(on_middle, np.arange(len(rows)), len(rows) + np.arange(len(rows)))
    uv = np.concatenate([at, at * (-1, 1) + (1, 0)])
    both_vertex = np.concatenate([vertex, source.partner[vertex]])
    faces = np.empty_like(source.faces)
    faces[half] = np.where(source.faces[half] < 0, -1, place)
    faces[_mirror_faces(source, half)] = _turned(np.where(source.faces[half] < 0, -1, other[place]))
    faces = _same_corners(faces, source.faces, both_vertex)
    used, faces_out = np.unique(faces, return_inverse=True)
    shift = int(used[0] < 0)
    return Layout(
        uv[used[shift:]],
        both_vertex[used[shift:]].astype(np.int32),
        (faces_out.reshape(-1, 4) - shift).astype(np.int32),
    )


def _middles(source: IctSource) -> Array:
    corners = np.where(source.faces < 0, source.faces[:, :1], source.faces)
    return source.neutral[corners].mean(axis=1)


def _mirror_faces(source: IctSource, half: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each face of one half its number on the other side."""
    number = {tuple(sorted(face)): i for i, face in enumerate(source.faces.tolist())}
    flipped = np.where(source.faces[half] < 0, -1, source.partner[source.faces[half]])
    return np.array([number[tuple(sorted(face))] for face in flipped.tolist()])


def _turned(faces: NDArray) -> NDArray:
    """Corners in the opposite order; a triangle's -1 stays last."""
    quads = faces[:, ::-1]
    triangles = np.column_stack([faces[:, 2::-1], faces[:, 3]])
    return np.where(faces[:, 3:] < 0, triangles, quads)


def _same_corners(uv_faces: NDArray, faces: NDArray, vertex: NDArray) -> NDArray[np.int32]:
    """`uv_faces` with each face's corners begun where `faces` begins."""
    out = uv_faces.copy()
    for size in (3, 4):
        rows = np.flatnonzero((faces >= 0).sum(axis=1) == size)
        for shift in range(size):
            turned = np.roll(uv_faces[rows, :size], shift, axis=1)
            same = (vertex[turned] == faces[rows, :size]).all(axis=1)
            out[rows[same], :size] = turned[same]
    real = faces >= 0
    if not (vertex[out[real]] == faces[real]).all():
        raise RuntimeError("the texture's faces do not follow the head's")
    return out


def _half_layout(source: IctSource, half: NDArray, rows: NDArray, place: NDArray) -> Array:
    """(R, 2) where each of the half's rows lies; v down."""
    at = source.uv[np.maximum(rows, 0)] * (1, -1) + (0, 1)
    on_face = np.zeros(len(rows), dtype=bool)
    on_face[place[source.face_part[half] == "face"]] = True
    across, down = (PchipInterpolator(*np.transpose(points)) for points in (ACROSS, DOWN))
    out = np.column_stack([across(at[:, 0].clip(0, 1)), down(at[:, 1].clip(0, 1)) * (1 - STRIP)])
    label = _islands(place, rows)
    corners = np.where(source.faces[half] < 0, source.faces[half][:, :1], source.faces[half])
    place = np.where(source.faces[half] < 0, place[:, :1], place)
    charts, owners = [], []
    for number in np.unique(label[~on_face & (rows >= 0)]):
        own = np.flatnonzero((label == number) & ~on_face & (rows >= 0))
        mine = np.isin(place[:, 0], own)
        part = str(source.face_part[half[mine][0]])
        local = at[own] - at[own].min(axis=0)
        grow = FINENESS[part] * np.sqrt(_area(source.neutral[corners[mine]]) / _area(at[place[mine]]))
        if np.sign(_signed_area(at[place[mine]])) != FACING:
            local = local * (-1, 1) + (local[:, 0].max(), 0)
        charts.append(_lying(local * grow))
        owners.append(own)
    for own, chart in zip(owners, packed(charts, 0.5 - GAP, STRIP - 2 * GAP), strict=True):
        out[own] = chart + np.array([0.5 + GAP / 2, 1 - STRIP + GAP])
    return out


def _islands(place: NDArray, rows: NDArray) -> NDArray:
    """(R,) number of the connected chart each row belongs to."""
    edges = np.concatenate([place[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = edges[(rows[edges] >= 0).all(axis=1)]
    graph = coo_matrix((np.ones(len(edges)), tuple(edges.T)), shape=(len(rows), len(rows)))
    return connected_components(graph, directed=False)[1]


def _area(corners: Array) -> float:
    """Of quads, all together: half the product of the diagonals. A triangle has its first corner again as its last."""
    u, v = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    return float(np.linalg.norm(np.cross(u, v).reshape(len(u), -1), axis=1).sum() / 2)


def _signed_area(corners: Array) -> float:
    u, v = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    return float((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2)


def _lying(chart: Array) -> Array:
    """Turned by a right angle where it is higher than wide."""
    w, h = chart.max(axis=0)
    return chart if w >= h else np.column_stack([chart[:, 1], w - chart[:, 0]])


def packed(charts: list[Array], width: float, height: float) -> list[Array]:
    """Charts in one scale, in shelves of a rectangle, as large as they fit."""
    sizes = np.array([chart.max(axis=0) for chart in charts])
    order = np.argsort(-sizes[:, 1], kind="stable")

    def shelves(scale: float) -> Array | None:
        places, x, y, shelf = np.zeros((len(charts), 2)), 0.0, 0.0, 0.0
        for i in order:
            w, h = sizes[i] * scale
            if x + w > width:
                x, y, shelf = 0.0, y + shelf + GAP, 0.0
            if w > width or y + h > height:
                return None
            places[i], x, shelf = (x, y), x + w + GAP, max(shelf, h)
        return places

    scale = _largest(lambda s: shelves(s) is not None)
    places = shelves(scale)
    if places is None:
        raise RuntimeError("the charts of the strip do not fit: make it higher")
    return [chart * scale + place for chart, place in zip(charts, places, strict=True)]


def _largest(fits: Callable[[float], bool], rounds: int = 40) -> float:
    low, high = 1e-9, 1.0
    for _ in range(rounds):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return float(low)
