"""The inner loops that put a rasterised mesh into a picture."""

from __future__ import annotations

import numpy as np

from realtime3d.jit import compiled

FAR = np.float32(1e6)  # px: an edge that is not drawn
TINY = np.float32(1e-3)


@compiled("void(f4[:,::1], i4[:,::1], u1[::1], f4[:,::1])")
def measure_slopes(xy, triangles, outline, slopes):  # type: ignore[no-untyped-def]
    """How the weights of the second and third corner change with x and y, and the triangle's height above each edge
    (far where the edge is not drawn), for the first triangles, those that show their front."""
    for t in range(len(slopes)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not area < 0:  # its back, which is not painted
            continue
        scale, size, bits = np.float32(1) / area, -area, outline[t]
        slopes[t, 0], slopes[t, 1] = (cy - ay) * scale, (ax - cx) * scale
        slopes[t, 2], slopes[t, 3] = (ay - by) * scale, (bx - ax) * scale
        # A weight times the height above its edge is the distance from the edge.
        slopes[t, 4] = size / np.sqrt((cx - bx) ** 2 + (cy - by) ** 2) if bits & 1 else FAR
        slopes[t, 5] = size / np.sqrt((cx - ax) ** 2 + (cy - ay) ** 2) if bits & 2 else FAR
        slopes[t, 6] = size / np.sqrt((bx - ax) ** 2 + (by - ay) ** 2) if bits & 4 else FAR


@compiled(
    "void(u1[:,:,::1], i4[:,::1], i4, i4, i4, i4, i4, i4, "
    "f4[:,::1], i4[:,::1], f4[:,::1], f4[:,::1], f4[::1], f4[::1], f4, f4, f4)"
)
def paint_surface(  # type: ignore[no-untyped-def]
    image, ids, x0, y0, x1, y1, first, count,
    xy, triangles, slopes, colour, cover, facing, fill_alpha, wire_alpha, wire_px,
):  # fmt: skip
    """Blend the pixels of one mesh (triangles `first` to `first + count` in `ids`) into a window of the picture.

    `slopes` (count, 7) are those of `measure_slopes`.
    `fill_alpha` is the surface's opacity, `wire_alpha` that of its edges, which are `wire_px` wide. Pixels at the
    mesh's outline are thinned by how many of their neighbours lie outside: that smooths the staircase.
    """
    height, width = ids.shape
    half, one, centre = wire_px / np.float32(2) + np.float32(0.5), np.float32(1), np.float32(0.5)
    for y in range(y0, y1):
        inside_rows = 0 < y < height - 1
        end = x0
        while end < x1:
            begin = end
            end += 1
            t = ids[y, begin] - first
            if t < 0 or t >= count:
                continue
            while end < x1 and ids[y, end] - first == t:  # pixels in a row mostly show the same triangle
                end += 1
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = xy[a, 0], xy[a, 1]
            dx, dy = np.float32(begin) - ax, np.float32(y) - ay
            b_x, c_x = slopes[t, 0], slopes[t, 2]
            wb, wc = dx * b_x + dy * slopes[t, 1], dx * c_x + dy * slopes[t, 3]
            a_high, b_high, c_high = slopes[t, 4], slopes[t, 5], slopes[t, 6]
            for x in range(begin, end):
                wa = one - wb - wc
                alpha = fill_alpha
                if wire_alpha > 0:
                    # Weights on an edge may be a little negative, which must not make an edge that is not drawn near.
                    away = min(max(wa, TINY) * a_high, max(wb, TINY) * b_high, max(wc, TINY) * c_high)
                    if away < half:
                        line = min(half - away, one) * wire_alpha
                        line *= np.float32(0.35) + np.float32(0.65) * (wa * facing[a] + wb * facing[b] + wc * facing[c])
                        alpha += (one - alpha) * line
                alpha *= wa * cover[a] + wb * cover[b] + wc * cover[c]
                if inside_rows and 0 < x < width - 1:
                    missing = 0
                    for k in (-1, 1):
                        left, up = ids[y, x + k] - first, ids[y + k, x] - first
                        missing += (left < 0 or left >= count) + (up < 0 or up >= count)
                    alpha *= one - np.float32(0.3) * min(missing, 3)
                if alpha > 0:
                    for k in range(3):
                        ink = wa * colour[a, k] + wb * colour[b, k] + wc * colour[c, k]
                        below = np.float32(image[y, x, k])
                        image[y, x, k] = np.uint8(below + alpha * (ink - below) + centre)
                wb += b_x
                wc += c_x


@compiled("void(u1[:,:,::1], f4[:,::1], f4[:,::1], f4[::1], i4[::1], f4[:,::1], f4[::1], f4, f4)")
def paint_points(image, nearest, xy, inverse_z, points, colour, cover, radius, alpha):  # type: ignore[no-untyped-def]
    """Blend a small disc for every vertex that is not hidden behind a surface."""
    height, width = nearest.shape
    for index in range(len(points)):
        v = points[index]
        if not (inverse_z[v] > 0 and abs(xy[v, 0]) < 1e5 and abs(xy[v, 1]) < 1e5):
            continue
        px, py = int(np.floor(xy[v, 0] + np.float32(0.5))), int(np.floor(xy[v, 1] + np.float32(0.5)))
        if px < 0 or py < 0 or px >= width or py >= height or inverse_z[v] < np.float32(0.99) * nearest[py, px]:
            continue
        reach = int(radius + 1)
        for y in range(max(0, py - reach), min(height, py + reach + 1)):
            for x in range(max(0, px - reach), min(width, px + reach + 1)):
                away = np.sqrt((x - xy[v, 0]) ** 2 + (y - xy[v, 1]) ** 2)
                blend = min(max(radius + np.float32(0.5) - away, np.float32(0)), np.float32(1)) * alpha * cover[v]
                for k in range(3):
                    image[y, x, k] = np.uint8(
                        image[y, x, k] + blend * (colour[v, k] - image[y, x, k]) + np.float32(0.5)
                    )


@compiled("void(u1[:,:,::1], f4[:,::1])")
def paint_rectangles(image, shapes):  # type: ignore[no-untyped-def]
    """Fill rectangles, rows of left, top, right, bottom (px, pixel centres are whole numbers) and BGR. A pixel that is
    covered in part gets its part of the colour."""
    height, width = image.shape[:2]
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    for n in range(len(shapes)):
        x0, y0, x1, y1 = shapes[n, 0], shapes[n, 1], shapes[n, 2], shapes[n, 3]
        if not (x0 < x1 and y0 < y1 and abs(x0) < FAR and abs(y0) < FAR and abs(x1) < FAR and abs(y1) < FAR):
            continue
        for y in range(max(0, int(np.floor(y0 + half))), min(height - 1, int(np.ceil(y1 - half))) + 1):
            down = min(np.float32(y) + half, y1) - max(np.float32(y) - half, y0)
            for x in range(max(0, int(np.floor(x0 + half))), min(width - 1, int(np.ceil(x1 - half))) + 1):
                across = min(np.float32(x) + half, x1) - max(np.float32(x) - half, x0)
                share = min(max(across, zero), one) * min(max(down, zero), one)
                for k in range(3):
                    below = np.float32(image[y, x, k])
                    image[y, x, k] = np.uint8(below + share * (shapes[n, 4 + k] - below) + half)
