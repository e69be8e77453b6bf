"""A z-buffered triangle rasteriser: which triangle each pixel shows, where on it, and how far away.

Pixel (0, 0) has its centre at (0, 0), as everywhere in realtime3d. Triangles that touch or cross the camera's plane
(depth 0 or less, NaN) are left out, and so are those of no area; parts outside the picture are clipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.render.jit import compiled

FAR_OUTSIDE = 1e5  # px; a vertex beyond (nearly in the camera's plane) drops its triangles: float32 has no pixels there


@compiled("void(f4[:,::1], f4[::1], i4[:,::1], b1, i4, f4[:,::1], i4[:,::1])")
def fill(xy, inverse_z, triangles, cull, first_id, nearest, ids):  # type: ignore[no-untyped-def]
    """Draw triangle numbers (from `first_id`) into `ids` and inverse depths into `nearest`, nearest wins.

    With `cull`, triangles that show their back are left out: seen from outside, vertices go anticlockwise in a frame
    with y up, which is a negative area in pixels with y down.
    """
    height, width = ids.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        za, zb, zc = inverse_z[a], inverse_z[b], inverse_z[c]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if (cull and area >= 0) or not (min(za, zb, zc) > 0 and abs(area) > 1e-12):
            continue
        x_low, x_high, y_low, y_high = min(ax, bx, cx), max(ax, bx, cx), min(ay, by, cy), max(ay, by, cy)
        if not (x_low > -FAR_OUTSIDE and y_low > -FAR_OUTSIDE and x_high < FAR_OUTSIDE and y_high < FAR_OUTSIDE):
            continue
        scale = np.float32(1) / area
        # Weights of b and c are linear in the picture, and so is inverse depth.
        bx_step, by_step = (cy - ay) * scale, (ax - cx) * scale
        cx_step, cy_step = (ay - by) * scale, (bx - ax) * scale
        z_x, z_y = (zb - za) * bx_step + (zc - za) * cx_step, (zb - za) * by_step + (zc - za) * cy_step
        x_first, x_last = max(0, int(np.ceil(x_low))), min(width - 1, int(np.floor(x_high)))
        for y in range(max(0, int(np.ceil(y_low))), min(height - 1, int(np.floor(y_high))) + 1):
            for x in range(x_first, x_last + 1):
                dx, dy = x - ax, y - ay
                wb, wc = dx * bx_step + dy * by_step, dx * cx_step + dy * cy_step
                if wb >= -1e-5 and wc >= -1e-5 and wb + wc <= np.float32(1.00001):  # the slack closes seams
                    z = za + dx * z_x + dy * z_y
                    if z > nearest[y, x]:
                        nearest[y, x] = z
                        ids[y, x] = t + first_id


@compiled("void(f4[:,::1], f4[::1], i4[:,::1], i4[:,::1], f4[:,:,::1], f4[:,::1])")
def resolve(xy, inverse_z, triangles, ids, bary, depth):  # type: ignore[no-untyped-def]
    """Perspective-correct barycentric weights and depth of every pixel that shows a triangle."""
    height, width = ids.shape
    for y in range(height):
        for x in range(width):
            t = ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
            scale = np.float32(1) / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
            wb = min(max(((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * scale, np.float32(0)), np.float32(1))
            wc = min(max(((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * scale, np.float32(0)), np.float32(1) - wb)
            za, zb, zc = (np.float32(1) - wb - wc) * inverse_z[a], wb * inverse_z[b], wc * inverse_z[c]
            z = np.float32(1) / (za + zb + zc)
            depth[y, x] = z
            bary[y, x, 0], bary[y, x, 1], bary[y, x, 2] = za * z, zb * z, zc * z


def inverse_depth(z: ArrayLike) -> NDArray[np.float32]:
    """1 / z, and 0 (never drawn) where a point is not in front of the camera."""
    z = np.asarray(z, dtype=np.float32)
    return np.divide(1, z, out=np.zeros_like(z), where=z > 0)


def rasterize(
    xy: ArrayLike, z: ArrayLike, triangles: ArrayLike, width: int, height: int, *, cull: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """What a picture of `width` x `height` pixels shows of a mesh.

    `xy` (V, 2) are pixels, `z` (V,) depths along the optical axis (any unit), `triangles` (T, 3) vertex numbers.
    Gives `tri_id` (H, W) int32, -1 where nothing is; `bary` (H, W, 3) float32, perspective-correct weights of the
    triangle's vertices; `depth` (H, W) float32, infinite where nothing is. Any vertex value `v` is then interpolated
    by `(bary[..., None] * v[triangles[tri_id]]).sum(-2)`. `cull` leaves out triangles seen from behind.
    """
    points = np.require(xy, np.float32, ["C", "W"])
    faces = np.require(triangles, np.int32, ["C", "W"])
    inverse_z = inverse_depth(z)
    ids = np.full((height, width), -1, dtype=np.int32)
    nearest = np.zeros((height, width), dtype=np.float32)
    bary = np.zeros((height, width, 3), dtype=np.float32)
    depth = np.full((height, width), np.inf, dtype=np.float32)
    fill(points, inverse_z, faces, cull, 0, nearest, ids)
    resolve(points, inverse_z, faces, ids, bary, depth)
    return ids, bary, depth
