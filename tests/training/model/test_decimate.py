"""Thinning a mesh: what stays is old, symmetric, near the surface and keeps the seams."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.training.model.decimate import thinned

N = 25  # an odd number: the middle column is its own mirror image


def _cross(u, v):
    """Twice the area between vectors in a plane."""
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def sheet(height) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N * N, 3) points of a symmetric sheet, its triangles cut alike on both sides, and each vertex's partner."""
    x, y = np.meshgrid(np.linspace(-30, 30, N), np.linspace(-30, 30, N))
    points = np.column_stack([x.ravel(), y.ravel(), height(np.abs(x), y).ravel()])
    index = np.arange(N * N).reshape(N, N)
    a, b, c, d = (i.ravel() for i in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    right = np.tile(np.arange(N - 1) >= (N - 1) / 2, N - 1)[:, None]
    one = np.where(right, np.column_stack([a, b, c]), np.column_stack([a, b, d]))
    other = np.where(right, np.column_stack([a, c, d]), np.column_stack([b, c, d]))
    return points, np.concatenate([one, other]).astype(np.int32), index[:, ::-1].ravel()


def hill(x, y):
    return 20 * np.exp(-(x**2 + y**2) / 200)


def thin(points, triangles, partner, target, fixed=None, uv=None, uv_triangles=None, poses=None):
    return thinned(
        points[None] if poses is None else poses,
        triangles,
        triangles if uv_triangles is None else uv_triangles,
        points[:, :2] if uv is None else uv,
        partner,
        np.ones(len(points)),
        np.zeros(len(points), dtype=bool) if fixed is None else fixed,
        target,
    )


def heights_missed(points, triangles) -> np.ndarray:
    """How far each of the old points lies above or below the thinned sheet."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    missed = []
    for p in points:
        area = _cross(b[:, :2] - a[:, :2], c[:, :2] - a[:, :2])
        w = np.stack([_cross(b[:, :2] - p[:2], c[:, :2] - p[:2]), _cross(c[:, :2] - p[:2], a[:, :2] - p[:2])], 1)
        w = np.column_stack([w, area - w.sum(1)]) / area[:, None]
        inside = np.flatnonzero((w > -1e-9).all(1))
        z = (w[inside] * np.stack([a[inside, 2], b[inside, 2], c[inside, 2]], 1)).sum(1)
        missed.append(np.abs(z - p[2]).min())
    return np.array(missed)


def test_a_flat_sheet_needs_few_vertices() -> None:
    points, triangles, partner = sheet(lambda x, y: 0 * x)
    found, _ = thin(points, triangles, partner, 40)
    assert len(np.unique(found)) <= 40
    assert heights_missed(points, found).max() < 1e-9


def test_a_hill_is_kept_and_both_sides_are_thinned_alike() -> None:
    points, triangles, partner = sheet(hill)
    found, _ = thin(points, triangles, partner, 200)
    kept = np.unique(found)
    assert len(kept) <= 200
    assert heights_missed(points, found).max() < 0.5
    assert set(partner[kept]) == set(kept)
    assert {tuple(sorted(t)) for t in found} == {tuple(sorted(t)) for t in partner[found]}
    middle = np.abs(points[kept]) @ (1, 1, 0) < 25
    assert middle.mean() > 0.5  # where the hill is


def test_what_moves_in_another_pose_is_kept() -> None:
    flat, triangles, partner = sheet(lambda x, y: 0 * x)
    bent, _, _ = sheet(hill)
    found, _ = thin(flat, triangles, partner, 200, poses=np.stack([flat, bent]))
    assert heights_missed(bent, found).max() < 0.5


def test_fixed_vertices_stay() -> None:
    points, triangles, partner = sheet(lambda x, y: 0 * x)
    fixed = np.zeros(len(points), dtype=bool)
    fixed[[3 * N + 5, 7 * N + 12]] = True
    fixed |= fixed[partner]
    found, _ = thin(points, triangles, partner, 40, fixed=fixed)
    assert set(np.flatnonzero(fixed)) <= set(np.unique(found))


def test_a_seam_of_the_layout_stays_one() -> None:
    """The lower half has its own chart: along the seam both sides keep the same vertices."""
    points, triangles, partner = sheet(hill)
    lower = points[triangles][..., 1].mean(axis=1) > 0
    uv = np.concatenate([points[:, :2], points[:, :2] + (0, 100)])
    rows = triangles + np.where(lower, len(points), 0)[:, None]
    found, found_rows = thin(points, triangles, partner, 150, uv=uv, uv_triangles=rows.astype(np.int32))
    assert (found_rows % len(points) == found).all()
    charts = found_rows >= len(points)
    assert (charts.all(axis=1) | ~charts.any(axis=1)).all()  # no triangle spans both
    upper_seam, lower_seam = (set(found[c]) for c in (~charts, charts))
    on_seam = {v for v in np.unique(found) if abs(points[v, 1]) < 1e-9}
    assert upper_seam & lower_seam == on_seam
    assert len(on_seam) >= 2


@pytest.mark.parametrize("target", [0, 4])
def test_an_impossible_target_ends(target: int) -> None:
    points, triangles, partner = sheet(hill)
    found, _ = thin(points, triangles, partner, target)
    assert 0 < len(np.unique(found)) < 60
