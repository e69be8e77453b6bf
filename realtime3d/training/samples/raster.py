"""A z-buffer that interpolates any per-vertex attributes: the inner loop of sample making."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True, fastmath=True)
def _draw(xyz, triangles, attributes, depth, out, owner, two_sided):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    channels = attributes.shape[1]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = xyz[a, 0], xyz[a, 1], xyz[b, 0], xyz[b, 1], xyz[c, 0], xyz[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or (area > 0.0 and not two_sided) or xyz[a, 2] <= 1 or xyz[b, 2] <= 1 or xyz[c, 2] <= 1:
            continue
        x0, x1 = max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), width - 1)
        y0, y1 = max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), height - 1)
        inverse = 1.0 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * xyz[a, 2] + wb * xyz[b, 2] + wc * xyz[c, 2]
                if z < depth[y, x]:
                    depth[y, x] = z
                    owner[y, x] = t
                    for k in range(channels):
                        out[y, x, k] = wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]


class Canvas:
    """Depth, triangle number (-1 where nothing is) and interpolated attributes of one picture."""

    def __init__(self, width: int, height: int, channels: int) -> None:
        self.depth: NDArray[np.float32] = np.full((height, width), np.inf, dtype=np.float32)
        self.owner: NDArray[np.int32] = np.full((height, width), -1, dtype=np.int32)
        self.values: NDArray[np.float32] = np.zeros((height, width, channels), dtype=np.float32)

    def draw(self, xyz: NDArray, triangles: NDArray, attributes: NDArray, two_sided: bool = False) -> None:
        """Add triangles. `xyz` (V, 3): pixel x, pixel y, depth in mm (nearer is smaller); outward triangles turn
        clockwise in the picture, the others are back faces and dropped."""
        _draw(
            np.ascontiguousarray(xyz, dtype=np.float32),
            np.ascontiguousarray(triangles, dtype=np.int32),
            np.ascontiguousarray(attributes, dtype=np.float32),
            self.depth,
            self.values,
            self.owner,
            two_sided,
        )
