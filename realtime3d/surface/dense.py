"""A finer mesh of a head: long edges of the face's front are halved, the same ones for every face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.surface.layout import Layout
from realtime3d.types import FloatArray

LONGEST_MM = 1.4  # of an edge on the resting head
MOST_ROUNDS = 6


@dataclass(frozen=True)
class SplitMesh:
    """A mesh whose vertices have a place in the layout for each of its pieces."""

    triangles: NDArray[np.int32]  # (T, 3) vertices
    uv: FloatArray  # (U, 2)
    uv_vertex: NDArray[np.int32]  # (U,) whose they are
    uv_triangles: NDArray[np.int32]  # (T, 3) rows of `uv`


@dataclass(frozen=True)
class DenseTopology:
    """Vertices between vertices: each is the middle of two that come before it."""

    n: int  # vertices of the head they are made of, which come first
    parents: tuple[NDArray[np.int32], ...]  # of each round, (M, 2)
    triangles: NDArray[np.int32]  # (T, 3)
    uv: FloatArray  # (N, 2) one place in the layout for each vertex
    split: SplitMesh  # the same mesh, its vertices split where the layout is cut

    def of(self, values: FloatArray) -> FloatArray:
        """Values (V, K) of the head's vertices at all of these: (N, K)."""
        parts: list[NDArray] = [values]
        for pairs in self.parents:
            so_far = parts[0] if len(parts) == 1 else np.concatenate(parts)
            parts = [so_far, (so_far[pairs[:, 0]] + so_far[pairs[:, 1]]) / 2]
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)


@dataclass
class _Growing:
    """A mesh while it is cut: everything grows together."""

    triangles: NDArray[np.int32]  # (T, 3) vertices
    rows: NDArray[np.int32]  # (T, 3) places in the layout
    front: NDArray[np.bool_]  # (T,) whose long edges are cut
    points: NDArray[np.float64]  # (N, 3)
    uv: NDArray[np.float64]  # (U, 2)
    owner: NDArray[np.int32]  # (U,) whose the places are


def dense_topology(layout: Layout, longest_mm: float = LONGEST_MM) -> DenseTopology:
    """The finer mesh of a layout's head."""
    head = layout.head
    mesh = _Growing(
        head.triangles, head.uv_triangles, layout.front_triangles, head.mean.astype(np.float64),
        head.uv.astype(np.float64), head.uv_vertex,
    )  # fmt: skip
    rounds: list[NDArray[np.int32]] = []
    for _ in range(MOST_ROUNDS):
        pairs = _halve(mesh, longest_mm)
        if not len(pairs):
            break
        rounds.append(pairs)
    place = np.zeros((len(mesh.points), 2), np.float32)
    place[mesh.owner[::-1]] = mesh.uv[::-1]
    triangles, rows = (np.ascontiguousarray(part, np.int32) for part in (mesh.triangles, mesh.rows))
    split = SplitMesh(triangles, np.ascontiguousarray(mesh.uv, np.float32), mesh.owner.astype(np.int32), rows)
    return DenseTopology(len(head.mean), tuple(rounds), triangles, place, split)


def _halve(mesh: _Growing, longest: float) -> NDArray[np.int32]:
    """Cut every long edge of the front in its middle: (M, 2) whose middles the new vertices are."""
    edges, which = _edges(mesh.triangles)
    length = np.linalg.norm(mesh.points[edges[:, 0]] - mesh.points[edges[:, 1]], axis=1)
    cut = np.zeros(len(edges), bool)
    cut[which[mesh.front]] = True
    cut &= length > longest
    pairs = edges[cut]
    if not len(pairs):
        return pairs
    middle = np.where(cut, len(mesh.points) + np.cumsum(cut) - 1, -1).astype(np.int32)
    cuts = middle[which]  # (T, 3) vertex in the middle of each triangle's edges, -1 where none is
    uv_edges, uv_which = _edges(mesh.rows)
    of_vertex = np.full(len(uv_edges), -1, np.int32)  # a seam's edge has two places with one vertex
    of_vertex[uv_which[cuts >= 0]] = cuts[cuts >= 0]
    uv_cut = of_vertex >= 0
    uv_middle = np.where(uv_cut, len(mesh.uv) + np.cumsum(uv_cut) - 1, -1).astype(np.int32)
    mesh.points = np.concatenate([mesh.points, mesh.points[pairs].mean(axis=1)])
    mesh.uv = np.concatenate([mesh.uv, mesh.uv[uv_edges[uv_cut]].mean(axis=1)])
    mesh.owner = np.concatenate([mesh.owner, of_vertex[uv_cut]])
    _cut(mesh, cuts, uv_middle[uv_which])
    return pairs


def _edges(triangles: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """All edges (E, 2), and (T, 3) which ones 0-1, 1-2 and 2-0 of each triangle are."""
    ends = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1), axis=-1).astype(np.int64)
    many = int(triangles.max()) + 1
    keys, which = np.unique(ends[..., 0] * many + ends[..., 1], return_inverse=True)
    return np.column_stack([keys // many, keys % many]).astype(np.int32), which.reshape(triangles.shape)


# Corners 0 1 2, middles 3 (of 0 1), 4 (of 1 2), 5 (of 2 0). Two cuts leave a quad: its two diagonals.
_PIECES: dict[tuple[bool, bool, bool], tuple[tuple[tuple[int, int, int], ...], ...]] = {
    (False, False, False): (((0, 1, 2),),),
    (True, False, False): (((0, 3, 2), (3, 1, 2)),),
    (False, True, False): (((1, 4, 0), (4, 2, 0)),),
    (False, False, True): (((2, 5, 1), (5, 0, 1)),),
    (True, True, False): (((3, 1, 4), (0, 3, 4), (0, 4, 2)), ((3, 1, 4), (0, 3, 2), (3, 4, 2))),
    (False, True, True): (((4, 2, 5), (1, 4, 5), (1, 5, 0)), ((4, 2, 5), (1, 4, 0), (4, 5, 0))),
    (True, False, True): (((5, 0, 3), (2, 5, 3), (2, 3, 1)), ((5, 0, 3), (2, 5, 1), (5, 3, 1))),
    (True, True, True): (((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),),
}


def _cut(mesh: _Growing, cuts: NDArray[np.int32], uv_cuts: NDArray[np.int32]) -> None:
    """Every triangle in two, three or four, by which of its edges are cut."""
    every, places = np.concatenate([mesh.triangles, cuts], 1), np.concatenate([mesh.rows, uv_cuts], 1)
    kinds = (cuts >= 0) @ np.array([1, 2, 4])
    triangles, rows, front = [], [], []
    for pattern, ways in _PIECES.items():
        chosen = np.flatnonzero(kinds == np.dot(pattern, [1, 2, 4]))
        second = np.zeros(len(chosen), bool)
        if len(ways) == 2:  # along the shorter diagonal
            (_, (a, _, n), _), (_, (_, m, b), _) = ways
            ends = mesh.points[every[chosen][:, [a, n, m, b]]]
            second = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) > np.linalg.norm(ends[:, 2] - ends[:, 3], axis=1)
        for way, some in zip(ways, (chosen[~second], chosen[second]), strict=False):
            for piece in way:
                triangles.append(every[some][:, piece])
                rows.append(places[some][:, piece])
                front.append(mesh.front[some])
    mesh.triangles, mesh.rows, mesh.front = np.concatenate(triangles), np.concatenate(rows), np.concatenate(front)
