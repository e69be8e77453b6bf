"""The rasteriser against ray casting, and its behaviour at the edges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realtime3d.raster import rasterize

WIDTH, HEIGHT, FOCAL = 64, 48, 60.0
CENTRE = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])


def project(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points[:, :2] / points[:, 2:] * FOCAL + CENTRE, points[:, 2]


def cast(points: np.ndarray, triangles: np.ndarray, pixel: tuple[int, int]) -> tuple[int, np.ndarray, float]:
    """The nearest hit of a pixel's ray: triangle, weights, depth."""
    ray = np.append((np.array(pixel) - CENTRE) / FOCAL, 1.0)
    best = (-1, np.zeros(3), np.inf)
    for index, triangle in enumerate(triangles):
        matrix = points[triangle].T
        if abs(np.linalg.det(matrix)) < 1e-9:
            continue
        weights = np.linalg.solve(matrix, ray)
        if weights.min() >= 0 and 1 / weights.sum() < best[2]:
            best = (index, weights / weights.sum(), float(1 / weights.sum()))
    return best


def test_same_as_ray_casting_with_perspective() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform([-30, -25, 60], [30, 25, 140], (60, 3))
    triangles = rng.permuted(np.tile(np.arange(60), (40, 1)), axis=1)[:, :3]
    ids, bary, depth = rasterize(*project(points), triangles, WIDTH, HEIGHT)
    agree = 0
    for y in range(HEIGHT):
        for x in range(WIDTH):
            index, weights, distance = cast(points, triangles, (x, y))
            if ids[y, x] == index:
                agree += 1
                if index >= 0:
                    np.testing.assert_allclose(bary[y, x], weights, atol=2e-3)
                    np.testing.assert_allclose(depth[y, x], distance, rtol=1e-4)
    assert agree > 0.998 * WIDTH * HEIGHT  # ties on edges may go either way
    assert (ids >= 0).mean() > 0.3


def test_nothing_is_minus_one_and_infinite() -> None:
    ids, bary, depth = rasterize(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3), int), 5, 3)
    assert ids.shape == (3, 5) and (ids == -1).all()
    assert (bary == 0).all() and np.isinf(depth).all()


def test_no_seam_between_triangles_of_a_plane() -> None:
    y, x = np.mgrid[0:20, 0:20].astype(np.float64)
    xy = np.stack([x * 7.31 - 20, y * 6.13 - 20], axis=-1).reshape(-1, 2)
    corner = (np.arange(19)[:, None] * 20 + np.arange(19)).ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + 21], 1), np.stack([corner, corner + 21, corner + 20], 1)]
    )
    ids, _, depth = rasterize(xy, np.full(400, 3.0), triangles, WIDTH, HEIGHT)
    assert (ids >= 0).all()
    np.testing.assert_allclose(depth, 3.0, rtol=1e-5)


def test_culling_leaves_out_backs() -> None:
    square = np.array([[10, 10], [10, 30], [30, 30], [30, 10]], float)  # anticlockwise as seen with y up
    front, back = [[0, 1, 2]], [[0, 2, 1]]
    assert (rasterize(square, np.ones(4), front, 40, 40, cull=True)[0] == 0).any()
    assert (rasterize(square, np.ones(4), back, 40, 40, cull=True)[0] == -1).all()
    assert (rasterize(square, np.ones(4), back, 40, 40)[0] == 0).any()


@pytest.mark.parametrize("depth", [0.0, -1.0, np.nan, -np.inf])
def test_a_vertex_at_or_behind_the_camera_drops_its_triangle(depth: float) -> None:
    triangles = [[0, 1, 2], [0, 1, 3]]
    xy = np.array([[5, 5], [5, 30], [30, 30], [30, 5]], float)
    ids = rasterize(xy, np.array([1, 1, 1, depth]), triangles, 40, 40)[0]
    assert set(np.unique(ids)) == {-1, 0}


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_wild_positions_draw_nothing(value: float) -> None:
    xy = np.array([[5, 5], [5, 30], [value, 30]], float)
    assert (rasterize(xy, np.ones(3), [[0, 1, 2]], 40, 40)[0] == -1).all()


def test_inputs_may_be_read_only_and_strided() -> None:
    xy = np.array([[5, 5, 9], [5, 30, 9], [30, 30, 9]], np.float32)[:, :2]
    xy.setflags(write=False)
    triangles = np.array([[0, 1, 2]], np.int64)
    triangles.setflags(write=False)
    assert (rasterize(xy, np.ones(3), triangles, 40, 40)[0] == 0).any()


def test_a_damaged_cache_is_no_failure(tmp_path: Path) -> None:
    """A process killed while it wrote the cache must not break all later ones."""
    code = (
        "from realtime3d.raster import rasterize\n"
        "print((rasterize([[0, 0], [0, 9], [9, 9]], [1, 1, 1], [[0, 1, 2]], 10, 10)[0] == 0).sum())\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) == 55
        files = list(tmp_path.rglob("*.nbc"))
        assert files
        for file in files:
            file.write_bytes(b"half a file")


def test_compiles_where_no_cache_can_be_written() -> None:
    """Numba refuses `cache=True` when no folder can be written; then it has to go without."""
    code = (
        "from numba.core import caching\n"
        "caching.CompileResultCacheImpl._locator_classes = []\n"
        "from realtime3d.raster import rasterize\n"
        "print((rasterize([[0, 0], [0, 9], [9, 9]], [1, 1, 1], [[0, 1, 2]], 10, 10)[0] == 0).sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 55
