"""A z-buffered triangle rasteriser: which triangle each pixel shows, where on it, and how far away.

Pixel (0, 0) has its centre at (0, 0), as everywhere in realtime3d. Triangles that touch or cross the camera's plane
(depth 0 or less, NaN) are left out, and so are those of no area; parts outside the picture are clipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.jit import compiled

FAR_OUTSIDE = 1e5  # px; a vertex beyond (nearly in the camera's plane) drops its triangles: float32 has no pixels there
SLACK = np.float32(1e-3)  # px (weights, along a row): closes seams between triangles
TINY = np.float32(1e-9)


@compiled("void(f4[:,::1], f4[::1], i4[:,::1], b1, i4, i4, i4, i4, i4, f4[:,::1], i4[:,::1])")
def fill(xy, inverse_z, triangles, cull, first_id, x0, y0, x1, y1, nearest, ids):  # type: ignore[no-untyped-def]
    """Draw triangle numbers (from `first_id`) into `ids` and inverse depths into `nearest`, nearest wins.

    Only pixels of the window x0 <= x < x1, y0 <= y < y1 are touched, which lies inside both. With `cull`, triangles
    that show their back are left out: seen from outside, vertices go anticlockwise in a frame with y up, which is a
    negative area in pixels with y down.
    """
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
        if x_high < x0 or y_high < y0 or x_low >= x1 or y_low >= y1:
            continue
        scale = np.float32(1) / area
        # The weights are linear in the picture, and so is inverse depth.
        b_x, b_y, c_x, c_y = (cy - ay) * scale, (ax - cx) * scale, (ay - by) * scale, (bx - ax) * scale
        a_x = -b_x - c_x
        z_x, z_y = (zb - za) * b_x + (zc - za) * c_x, (zb - za) * b_y + (zc - za) * c_y
        x_first, x_last = max(x0, int(np.ceil(x_low))), min(x1 - 1, int(np.floor(x_high)))
        for y in range(max(y0, int(np.ceil(y_low))), min(y1 - 1, int(np.floor(y_high))) + 1):
            dy = np.float32(y) - ay  # plain int64 - float32 would become float64
            low, high = np.float32(x_first) - ax, np.float32(x_last) - ax  # the row's pixels inside, relative to a
            for start, step in ((np.float32(1) - dy * (b_y + c_y), a_x), (dy * b_y, b_x), (dy * c_y, c_x)):
                if step > TINY:
                    low = max(low, -start / step)
                elif step < -TINY:
                    high = min(high, -start / step)
                elif start < -SLACK:
                    high = low - np.float32(1)
            left, right = max(x_first, int(np.ceil(low + ax - SLACK))), min(x_last, int(np.floor(high + ax + SLACK)))
            for x in range(left, right + 1):
                z = za + (np.float32(x) - ax) * z_x + dy * z_y
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
    fill(points, inverse_z, faces, cull, 0, 0, 0, width, height, nearest, ids)
    resolve(points, inverse_z, faces, ids, bary, depth)
    return ids, bary, depth


@compiled("void(f4[:,::1], i4[:,::1], f4[:,::1])")
def _add_normals(vertices, triangles, normals):  # type: ignore[no-untyped-def]
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += x
            normals[k, 1] += y
            normals[k, 2] += z
    for k in range(len(normals)):
        x, y, z = normals[k, 0], normals[k, 1], normals[k, 2]
        scale = np.float32(1) / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-12))
        normals[k, 0], normals[k, 1], normals[k, 2] = x * scale, y * scale, z * scale


def vertex_normals(vertices: ArrayLike, triangles: ArrayLike) -> NDArray[np.float32]:
    """(V, 3) unit normals, outward, weighted by area; 0 where a vertex has no triangle of any area."""
    points = np.require(vertices, np.float32, ["C", "W"])
    normals = np.zeros_like(points)
    _add_normals(points, np.require(triangles, np.int32, ["C", "W"]), normals)
    return normals


@compiled("void(i4[:,::1], f4[:,:,::1], i4[:,::1], f4[:,::1], f4[:,:,::1])")
def interpolate(ids, bary, triangles, vertex_values, out):  # type: ignore[no-untyped-def]
    """Vertex values (V, K) at every pixel that shows a triangle, written into `out` (H, W, K)."""
    height, width = ids.shape
    for y in range(height):
        for x in range(width):
            t = ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            for k in range(vertex_values.shape[1]):
                out[y, x, k] = (
                    bary[y, x, 0] * vertex_values[a, k]
                    + bary[y, x, 1] * vertex_values[b, k]
                    + bary[y, x, 2] * vertex_values[c, k]
                )


class Canvas:
    """A picture of several meshes: triangle number (-1 where nothing is) and interpolated values of each pixel."""

    def __init__(self, width: int, height: int, channels: int) -> None:
        self._nearest: NDArray[np.float32] = np.zeros((height, width), np.float32)
        self.owner: NDArray[np.int32] = np.full((height, width), -1, np.int32)
        self.values: NDArray[np.float32] = np.zeros((height, width, channels), np.float32)

    @property
    def depth(self) -> NDArray[np.float32]:
        """(H, W) in the unit of z; infinite where nothing is."""
        return np.divide(1, self._nearest, out=np.full_like(self._nearest, np.inf), where=self._nearest > 0)

    def draw(self, xyz: ArrayLike, triangles: ArrayLike, values: ArrayLike, two_sided: bool = False) -> None:
        """Add a mesh. `xyz` (V, 3): pixel x, pixel y, depth; `values` (V, K). Triangles that show their back are left
        out unless `two_sided`; `owner` counts the triangles of the mesh that was drawn last at a pixel."""
        points, faces = np.asarray(xyz, np.float32), np.require(triangles, np.int32, ["C", "W"])
        xy, inverse_z = np.require(points[:, :2], np.float32, ["C", "W"]), inverse_depth(points[:, 2])
        height, width = self.owner.shape
        ids = np.full_like(self.owner, -1)
        fill(xy, inverse_z, faces, not two_sided, 0, 0, 0, width, height, self._nearest, ids)
        bary = np.zeros((height, width, 3), np.float32)
        resolve(xy, inverse_z, faces, ids, bary, np.empty_like(self._nearest))
        interpolate(ids, bary, faces, np.require(values, np.float32, ["C", "W"]), self.values)
        np.copyto(self.owner, ids, where=ids >= 0)
