"""A mesh of fewer vertices: edges are given up where that changes the surface least, in all its poses together.

Every vertex that stays is one of the old ones, so that both meshes move alike. Both sides of the head are thinned in
the same way, and seams of the texture layout stay seams.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from realtime3d.types import Array

Ints = NDArray[np.int64]

BORDER = 4.0  # what leaving a border or a seam counts beside leaving the surface
LONG = 2e-4  # a small price on long edges: without it flat parts become slivers
LEAST_TURN = 0.3  # cosine between a triangle's normals before and after
LEAST_SHAPE = 0.03  # of a triangle: area over the squares of its edges


def thinned(
    poses: Array,
    triangles: NDArray[np.int32],
    uv_triangles: NDArray[np.int32],
    uv: Array,
    partner: NDArray[np.intp],
    importance: Array,
    fixed: NDArray[np.bool_],
    target: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Triangles and their rows of `uv` for at most `target` vertices.

    `poses` (P, V, 3) are positions of all vertices in several expressions and identities, the first one at rest and
    symmetric; `importance` (V,) is what a squared millimetre counts there, `fixed` (V,) marks vertices
    that have to stay.
    """
    mesh = _Mesh(poses, triangles, uv_triangles, uv, importance)
    right = poses[0][:, 0] < -1e-6  # the person's; the other side leads
    count = len(np.unique(triangles))
    heap: list[tuple[float, int, int, int, int]] = []

    def offer(v: int) -> None:
        """Both directions of all edges of `v` that may be given up."""
        ring = np.array(sorted(mesh.ring(v)), dtype=np.int64)
        if not len(ring):
            return
        for (gone, kept), cost in zip(mesh.moves(v, ring), mesh.costs(v, ring), strict=True):
            if fixed[gone] or right[gone] or right[kept] or (partner[gone] == gone and partner[kept] != kept):
                continue
            heapq.heappush(heap, (float(cost), gone, kept, int(mesh.version[gone]), int(mesh.version[kept])))

    for v in np.unique(triangles):
        if not right[v]:
            offer(int(v))
    while count > target and heap:
        _, gone, kept, *versions = heapq.heappop(heap)
        if versions != [mesh.version[gone], mesh.version[kept]] or not mesh.star[gone]:
            continue
        pairs = [(gone, kept)] if partner[gone] == gone else [(gone, kept), (int(partner[gone]), int(partner[kept]))]
        if len(pairs) == 2 and (partner[gone] in mesh.ring(gone) or not mesh.apart(*pairs)):
            continue
        plans = [mesh.plan(*pair) for pair in pairs]
        if any(plan is None for plan in plans):
            continue
        for pair, plan in zip(pairs, plans, strict=True):
            mesh.merge(*pair, plan or {})
        count -= len(pairs)
        for v in mesh.ring(kept) | {kept}:
            mesh.version[v] += 1
        for v in mesh.ring(kept) | {kept}:
            if not right[v]:
                offer(v)
    alive = mesh.alive
    return mesh.corners[alive].astype(np.int32), mesh.uv_corners[alive].astype(np.int32)


class _Mesh:
    """The mesh while it shrinks."""

    def __init__(self, poses: Array, triangles: NDArray, uv_triangles: NDArray, uv: Array, importance: Array) -> None:
        self.x = np.ascontiguousarray(np.swapaxes(poses, 0, 1))  # (V, P, 3)
        self.uv, self.importance = uv, importance
        self.corners, self.uv_corners = triangles.astype(np.int64), uv_triangles.astype(np.int64)
        self.alive = np.ones(len(triangles), dtype=bool)
        self.version = np.zeros(len(self.x), dtype=np.int64)
        self.star: list[set[int]] = [set() for _ in range(len(self.x))]
        for t, row in enumerate(self.corners.tolist()):
            for v in row:
                self.star[v].add(t)
        self.quadrics = self._quadrics()

    def _quadrics(self) -> Array:
        """(V, P, 4, 4): squared distances to the planes of all triangles round a vertex, weighted by area."""
        out = np.zeros((*self.x.shape[:2], 4, 4))
        a, b, c = (self.x[self.corners[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=-1, keepdims=True)
        normal /= np.maximum(area, 1e-12)
        weight = area[..., 0] / 2 * self.importance[self.corners].mean(axis=1)[:, None]
        q = _plane(normal, a) * weight[..., None, None]
        for k in range(3):
            np.add.at(out, self.corners[:, k], q)
        self._add_borders(out, normal)
        return out

    def _add_borders(self, out: Array, normal: Array) -> None:
        """Planes through open edges and seams, upright on their triangles."""
        for k in range(3):
            one, other = self.corners[:, k], self.corners[:, (k + 1) % 3]
            edge = np.column_stack([self.uv_corners[:, k], self.uv_corners[:, (k + 1) % 3]])
            keys = np.sort(edge, axis=1) @ np.array([len(self.uv), 1])
            lone = np.flatnonzero(self._uses(keys) == 1)
            along = self.x[other[lone]] - self.x[one[lone]]
            side = np.cross(along, normal[lone])
            side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-12)
            weight = (along**2).sum(axis=-1) * self.importance[one[lone]][:, None] * BORDER
            q = _plane(side, self.x[one[lone]]) * weight[..., None, None]
            np.add.at(out, one[lone], q)
            np.add.at(out, other[lone], q)

    def _uses(self, keys: Ints) -> Ints:
        """How many triangles have each edge of the layout."""
        edges = np.concatenate([self.uv_corners[:, [k, (k + 1) % 3]] for k in range(3)])
        known, count = np.unique(np.sort(edges, axis=1) @ np.array([len(self.uv), 1]), return_counts=True)
        return count[np.searchsorted(known, keys)]

    def ring(self, v: int) -> set[int]:
        return {c for t in self.star[v] for c in self.corners[t].tolist()} - {v}

    @staticmethod
    def moves(v: int, ring: Ints) -> list[tuple[int, int]]:
        return [(v, int(n)) for n in ring] + [(int(n), v) for n in ring]

    def costs(self, v: int, ring: Ints) -> Array:
        """In the order of `moves`."""
        q = self.quadrics[v] + self.quadrics[ring]
        there, here = _homogeneous(self.x[ring]), _homogeneous(self.x[v])
        at_ring = np.einsum("npi,npij,npj->n", there, q, there)
        at_v = np.einsum("pi,npij,pj->n", here, q, here)
        length = ((self.x[ring, 0] - self.x[v, 0]) ** 2).sum(axis=-1)
        price = LONG * length**2 * np.minimum(self.importance[v], self.importance[ring]) * self.x.shape[1]
        return np.concatenate([at_ring + price, at_v + price])

    def apart(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether giving up one edge leaves the other one's surroundings alone."""
        return not (self.star[one[0]] & self.star[other[0]])

    def plan(self, gone: int, kept: int) -> dict[int, int] | None:
        """For each row of uv at `gone` the one at `kept` that takes its place; None where the edge has to stay."""
        shared = self.star[gone] & self.star[kept]
        if not shared or len(self.ring(gone) & self.ring(kept)) != len(shared):
            return None
        rows: dict[int, int] = {}
        for t in shared:
            corner = self.corners[t].tolist()
            a, b = (int(self.uv_corners[t, corner.index(v)]) for v in (gone, kept))
            if rows.setdefault(a, b) != b:
                return None
        left = np.array(sorted(self.star[gone] - shared), dtype=np.int64)
        if not len(left):
            return None
        at = self.corners[left] == gone
        old_rows = self.uv_corners[left][at]
        if any(int(r) not in rows for r in old_rows):
            return None
        if self._open(gone) and len(shared) != 1:
            return None
        return rows if self._keeps_shape(left, at, kept, np.array([rows[int(r)] for r in old_rows])) else None

    def _open(self, v: int) -> bool:
        """Whether `v` lies on a border: its triangles do not close a ring."""
        return len(self.ring(v)) != len(self.star[v])

    def _keeps_shape(self, left: Ints, at: NDArray[np.bool_], kept: int, rows: Ints) -> bool:
        before = self.x[self.corners[left]]  # (N, 3, P, 3)
        after = np.where(at[..., None, None], self.x[kept], before)
        old, new = (np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) for p in (before, after))
        dot = (old * new).sum(-1)
        if (dot <= LEAST_TURN * np.linalg.norm(old, axis=-1) * np.linalg.norm(new, axis=-1))[:, 0].any():
            return False
        if (dot < 0).any():
            return False
        edges = ((after[:, [1, 2, 0], 0] - after[:, :, 0]) ** 2).sum(axis=(1, 2))
        if (np.linalg.norm(new[:, 0], axis=-1) < LEAST_SHAPE * 2 * edges).any():
            return False
        flat = self.uv[self.uv_corners[left]]
        moved = np.where(at[..., None], self.uv[rows][:, None], flat)
        return bool((_signed(flat) * _signed(moved) > 0).all())

    def merge(self, gone: int, kept: int, rows: dict[int, int]) -> None:
        shared = self.star[gone] & self.star[kept]
        for t in shared:
            self.alive[t] = False
            for v in self.corners[t].tolist():
                self.star[v].discard(t)
        for t in self.star[gone]:
            k = int(np.flatnonzero(self.corners[t] == gone)[0])
            self.corners[t, k], self.uv_corners[t, k] = kept, rows[int(self.uv_corners[t, k])]
            self.star[kept].add(t)
        self.star[gone] = set()
        self.quadrics[kept] += self.quadrics[gone]
        self.version[gone] += 1


def _plane(normal: Array, point: Array) -> Array:
    plane = np.concatenate([normal, -(normal * point).sum(axis=-1, keepdims=True)], axis=-1)
    return plane[..., :, None] * plane[..., None, :]


def _homogeneous(x: Array) -> Array:
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def _signed(p: Array) -> Array:
    u, v = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
