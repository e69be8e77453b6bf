"""OBJ: text, with texture coordinates; beside it a material file that names the texture.

In triangles: Open3D leaves out quads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime3d.face.mesh import HeadMesh
from realtime3d.types import FloatArray

MATERIAL = "head"


class ObjText:
    """Writes heads of one mesh; the text of its faces, the same for all, is made once."""

    def __init__(self, head: HeadMesh) -> None:
        if not head.has_layout:
            self._layout, self._faces = "", _lines("f %d %d %d\n", head.triangles + 1)
            return
        uv = head.uv * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)  # v up
        self._layout = _lines("vt %.6f %.6f\n", uv)
        corners = np.stack([head.triangles, head.uv_triangles], axis=-1) + 1
        self._faces = _lines("f %d/%d %d/%d %d/%d\n", corners.reshape(-1, 6))

    def bytes(self, vertices: FloatArray, material_file: str = "", comments: Sequence[str] = ()) -> bytes:
        """An OBJ file of (V, 3) vertices; `material_file` holds the material `head`."""
        head = [f"# {' '.join(line.split())}\n" for line in comments]
        if material_file:
            head += [f"mtllib {material_file}\n"]
        use = f"usemtl {MATERIAL}\n" if material_file else ""
        parts = [*head, "o head\n", _lines("v %.4f %.4f %.4f\n", vertices), self._layout, use, self._faces]
        return "".join(parts).encode("utf-8", "surrogateescape")  # a file's name may hold bytes that are no text


def mtl_bytes(texture_file: str, normal_file: str = "", displacement_file: str = "") -> bytes:
    """A material of the picture's own colours, light is in them already; with the maps that go on it."""
    lines = [f"newmtl {MATERIAL}", "Ka 0 0 0", "Kd 1 1 1", "Ks 0 0 0", "illum 1", f"map_Kd {texture_file}"]
    if normal_file:
        lines.append(f"norm {normal_file}")
    if displacement_file:
        lines.append(f"disp {displacement_file}")
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")


def _lines(form: str, rows: np.ndarray) -> str:
    return (form * len(rows)) % tuple(rows.ravel().tolist())
