"""Whether the arrays of a face model's file fit together: whoever draws or measures with it looks no longer.

A triangle with a corner that is not there would make compiled code read beyond its arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realtime3d.types import FloatArray

if TYPE_CHECKING:
    from realtime3d.face.mesh import HeadMesh
    from realtime3d.face.model import FaceModel


def floats(array: NDArray) -> FloatArray:
    """Numbers as float32; ValueError where one is none."""
    if array.dtype.kind not in "fiu":
        raise ValueError(f"numbers are of the kind {array.dtype}")
    found = array.astype(np.float32)
    if not np.isfinite(found).all():
        raise ValueError("it has values that are no numbers")
    return found


def integers(array: NDArray) -> NDArray[np.int32]:
    """Whole numbers as int32."""
    if array.dtype.kind not in "iu":
        raise ValueError(f"whole numbers are of the kind {array.dtype}")
    return array.astype(np.int32)


def check_model(model: FaceModel) -> None:
    """ValueError where a face model's arrays do not fit together."""
    count, actions = len(model.mean), len(model.arkit_names)
    motions = len(model.expression_basis) + len(model.extra_basis)
    wanted: list[tuple[str, NDArray | None, tuple[int, ...]]] = [
        ("mean", model.mean, (count, 3)),
        ("shape_basis", model.shape_basis, (len(model.shape_basis), count, 3)),
        ("expression_basis", model.expression_basis, (len(model.expression_basis), count, 3)),
        ("extra_basis", model.extra_basis, (len(model.extra_names), count, 3)),
        ("retarget_gram", model.retarget_gram, (actions, actions)),
        ("retarget_cross", model.retarget_cross, (actions, motions)),
        ("arkit_to_motion", model.arkit_to_motion, (motions, actions)),
        ("uv", model.uv, (len(model.uv), 2)),
        ("uv_vertex", model.uv_vertex, (len(model.uv),)),
        ("triangles", model.triangles, (len(model.triangles), 3)),
        ("uv_triangles", model.uv_triangles, (len(model.triangles), 3)),
    ]
    for name, points in model.landmark_sets.items():
        wanted += [(name, points.vertices, (len(points.weights), 3)), (name, points.weights, (len(points.weights), 3))]
        _check_rows(f"landmarks {name}", points.vertices, count)
    for name, array, shape in wanted:
        _check_shape(name, array, shape)
    _check_rows("triangles", model.triangles, count)
    _check_regions(model.region, count, model.region_names)
    if model.balls is not None and list(map(len, model.balls.weights)) != list(map(len, model.balls.anchors)):
        raise ValueError("eye_weights are of other balls")
    if model.uv_vertex is not None:
        _check_rows("uv_vertex", model.uv_vertex, count)
    if model.uv_triangles is not None:
        _check_rows("uv_triangles", model.uv_triangles, len(model.uv))
    elif len(model.uv) not in (0, count):
        raise ValueError("uv has neither a row for each vertex nor uv_triangles")


def check_mesh(mesh: HeadMesh, region_names: Sequence[str]) -> None:
    """ValueError where the arrays of one level do not fit together."""
    count, faces = len(mesh.mean), len(mesh.faces)
    _check_shape("mean", mesh.mean, (count, 3))
    for basis in (mesh.shape_basis, mesh.motion_basis):
        _check_shape("a basis", basis, (len(basis), count, 3))
    _check_shape("uv", mesh.uv, (len(mesh.uv), 2))
    _check_shape("uv_vertex", mesh.uv_vertex, (len(mesh.uv),))
    _check_rows("uv_vertex", mesh.uv_vertex, count)
    for name, rows, there in (("faces", mesh.faces, count), ("uv_faces", mesh.uv_faces, len(mesh.uv))):
        _check_shape(name, rows, (faces, 4))
        _check_rows(name, rows[:, :3], there)
        _check_rows(name, rows[:, 3] + 1, there + 1)  # -1 where a face is a triangle
    if ((mesh.faces[:, 3] < 0) != (mesh.uv_faces[:, 3] < 0)).any():
        raise ValueError("faces and uv_faces are not the same faces")
    _check_regions(mesh.region, count, region_names)


def _check_shape(name: str, array: NDArray | None, shape: tuple[int, ...]) -> None:
    if array is not None and array.shape != shape:
        raise ValueError(f"{name} is {array.shape} where {shape} is needed")


def _check_rows(name: str, rows: NDArray, count: int) -> None:
    if rows.size and not 0 <= rows.min() <= rows.max() < count:
        raise ValueError(f"{name} names what is not there")


def _check_regions(region: NDArray, count: int, names: Sequence[str]) -> None:
    if region.dtype.kind not in "iu":
        raise ValueError(f"region is of the kind {region.dtype}")
    _check_shape("region", region, (count,))
    _check_rows("region", region, len(names))
