"""PLY, binary: vertices, triangles and, where given, a colour for each vertex."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime3d.types import FloatArray

_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


def ply_bytes(
    vertices: FloatArray,
    triangles: NDArray[np.int32],
    colours: NDArray[np.uint8] | None = None,
    comments: Sequence[str] = (),
    normals: FloatArray | None = None,
) -> bytes:
    """A PLY file of (V, 3) vertices, (T, 3) triangles, (V, 3) RGB colours and (V, 3) normals."""
    names = ["x", "y", "z"] if normals is None else ["x", "y", "z", "nx", "ny", "nz"]
    values = vertices if normals is None else np.concatenate([vertices, normals], axis=1)
    fields = [(name, "<f4") for name in names]
    properties = [f"property float {name}" for name in names]
    if colours is not None:
        fields += [(name, "u1") for name in ("red", "green", "blue")]
        properties += [f"property uchar {name}" for name in ("red", "green", "blue")]
    points = np.empty(len(vertices), dtype=fields)
    for i, (name, _) in enumerate(fields):
        points[name] = values[:, i] if i < len(names) else colours[:, i - len(names)]  # type: ignore[index]
    faces = np.empty(len(triangles), dtype=_FACE)
    faces["count"], faces["corners"] = 3, triangles
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {' '.join(line.split())}" for line in comments),
        f"element vertex {len(points)}",
        *properties,
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode("ascii", "replace") + points.tobytes() + faces.tobytes()
