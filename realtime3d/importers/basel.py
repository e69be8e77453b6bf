"""The Basel Face Model, in the layouts in which the originals use it, as a face model of ours."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError, require
from realtime3d.face.bare import BARE_FORMAT
from realtime3d.face.mesh import Y_UP
from realtime3d.importers import matlab
from realtime3d.importers.finding import beside, check_there, finite
from realtime3d.importers.finding import needed_beside as needed
from realtime3d.importers.graph import EXTRA
from realtime3d.importers.piece import FACE_MODEL, Piece
from realtime3d.importers.tensorflow_ import unreadable

N_SHAPE, N_EXPRESSION, N_LANDMARKS = 99, 29, 68
MOD, MOD_H5, ORIGINAL = "BaselFaceModel_mod.mat", "BaselFaceModel_mod.h5", "01_MorphableModel.mat"
NEWER = ("model2017-1_bfm_nomouth.h5", "model2017-1_face12_nomouth.h5")
EXPRESSIONS, CHOICE = "Model_Expression.mat", "mod_struct_expr.mat"
FOLDERS = ("Shape_Model", "3DMM_model", "BFM")
OF_SHAPE, OF_EXPRESSION = ("shapeMU", "shapePC", "shapeEV"), ("expMU", "expPC", "expEV")
TRIM = "make it again with trimBaselFace.py of extreme_3d_faces, which adds them"
LICENCE = "of the Basel Face Model: no commercial use, not to be passed on"
MICROMETRES = 1000.0  # in a mm


@dataclass(frozen=True)
class Parts:
    """A linear face in the Basel model's axes: mm, x right, y up, z towards the viewer."""

    mean: NDArray  # (V * 3,)
    shape: NDArray  # (V * 3, K) mm per standard deviation
    expression: NDArray  # (V * 3, L)
    triangles: NDArray  # (T, 3) from 0
    landmarks: NDArray | None  # (68,) vertices, from 0
    name: str


def read(path: Path) -> Piece:
    """The face model from one of the files, or from a folder that holds one."""
    check_there(path)
    file = path
    if path.is_dir():
        names = (MOD, MOD_H5, ORIGINAL, *NEWER)
        found = beside(path / "any", names, FOLDERS)
        if found is None:
            raise MissingError(f"{path} has none of {', '.join(names)}: name the Basel model's file")
        file = found
    parts = _from_h5(file) if file.suffix in (".h5", ".hdf5") else _from_mat(file)
    data = _file(file, parts)
    counts = {"n_shape": parts.shape.shape[1], "n_expression": parts.expression.shape[1]}
    facts = {"licence": LICENCE, "provenance": f"{parts.name}, {file.name}", **counts}
    return Piece(FACE_MODEL, data, ".npz", facts, str(file))


# -- layouts ----------------------------------------------------------------------------------------------------------


def _from_mat(file: Path) -> Parts:
    variables = matlab.load(file)
    inner = variables.get("BFM", variables)
    if not isinstance(inner, Mapping) or "shapeMU" not in inner:
        names = ", ".join(list(variables)[:5]) or "nothing that is read"
        raise MissingError(f"{file} holds {names} and no shapeMU: it is no Basel Face Model, name {MOD} or {ORIGINAL}")
    if "tl" in inner and "faces" not in inner:
        return _original(file, inner)
    return _trimmed(file, inner)


def _trimmed(file: Path, values: Mapping[str, Any]) -> Parts:
    """What trimBaselFace.py makes: mm, and a part of the vertices."""
    if not set(OF_EXPRESSION) <= set(values):
        raise MissingError(f"{file} has no expressions ({', '.join(OF_EXPRESSION)}): {TRIM}")
    get = _getter(file, values)
    mean = get("shapeMU") + get("expMU")
    return Parts(
        mean=mean,
        shape=_scaled(file, "shape", get, len(mean), N_SHAPE),
        expression=_scaled(file, "exp", get, len(mean), N_EXPRESSION),
        triangles=_from_one(file, get("faces", flat=False), len(mean) // 3),
        landmarks=_landmarks(file, get("outerLandmarkIndex"), len(mean) // 3),
        name="Basel Face Model 2009 with FaceWarehouse's expressions",
    )


def _original(file: Path, values: Mapping[str, Any]) -> Parts:
    """The Basel model's own file, with the expressions and the choice of vertices that lie beside it."""
    others = {}
    for name in (EXPRESSIONS, CHOICE):
        content = matlab.load(needed(file, (name,), FOLDERS, "which has the expressions and which vertices are used"))
        others[name] = content
    said = others[CHOICE].get("mod_struct")
    choice = _getter(file.with_name(CHOICE), said if isinstance(said, Mapping) else {})
    get, motion = _getter(file, values), _getter(file.with_name(EXPRESSIONS), others[EXPRESSIONS])
    all_vertices = len(get("shapeMU")) // 3
    rows = _from_one(file.with_name(CHOICE), choice("vertex_indices"), all_vertices)
    moving = _from_one(file.with_name(CHOICE), choice("vertex_expr_ref"), len(motion("mu_exp")) // 3)
    if len(moving) != all_vertices:
        raise MissingError(
            f"{file} and {CHOICE} do not fit: {all_vertices} vertices and {len(moving)}; take those of one"
        )
    three = (3 * rows[:, None] + np.arange(3)).ravel()
    three_moving = (3 * moving[rows][:, None] + np.arange(3)).ravel()
    mean = get("shapeMU")[three] / MICROMETRES
    mean[0::3] += choice("tx")[0]
    trimmed = {
        "shapeMU": mean,
        "shapePC": get("shapePC", flat=False)[three],
        "shapeEV": get("shapeEV") / MICROMETRES,
        "expMU": motion("mu_exp")[three_moving] / MICROMETRES,
        "expPC": motion("w_exp", flat=False)[three_moving] / MICROMETRES,
        **{name: choice(name, flat=False) for name in ("expEV", "faces", "outerLandmarkIndex")},
    }
    return _trimmed(file, trimmed)


def _from_h5(file: Path) -> Parts:
    h5py = require("h5py", EXTRA, f"reading {file.name}")
    try:
        with h5py.File(file, "r") as content:
            if "shapeMU" in content:
                return _trimmed(
                    file, {name: np.asarray(data) for name, data in content.items() if hasattr(data, "shape")}
                )
            return _newer(file, content)
    except OSError as error:
        raise unreadable(file, str(error)) from error


def _newer(file: Path, content: Any) -> Parts:
    """The model of 2017, in Statismo's layout."""

    def values(name: str) -> NDArray:
        if name not in content:
            raise MissingError(f"{file} has no {name}: it is no Basel Face Model of 2017 with expressions")
        return finite(file, name, np.asarray(content[name], dtype=np.float64))

    def basis(part: str, count: int) -> NDArray:
        vectors, variance = values(f"{part}/model/pcaBasis"), values(f"{part}/model/pcaVariance").ravel()
        if vectors.shape != (count, len(variance)):
            raise MissingError(f"{file} has a basis of {vectors.shape} for {count} numbers: it is damaged")
        return vectors * np.sqrt(np.maximum(variance, 0))

    mean = values("shape/model/mean").ravel()
    moved = values("expression/model/mean").ravel()
    cells = values("shape/representer/cells")
    triangles = _vertices(file, cells.T if cells.shape[0] == 3 else cells, len(mean) // 3)
    if len(mean) % 3 or moved.shape != mean.shape:
        raise MissingError(f"{file} has means of {len(mean)} and {len(moved)} numbers: it is damaged")
    shape, expression = (basis(part, len(mean)) for part in ("shape", "expression"))
    return Parts(mean + moved, shape, expression, triangles, None, "Basel Face Model 2017")


# -- checks -----------------------------------------------------------------------------------------------------------


def _getter(file: Path, values: Mapping[str, Any]) -> Callable[..., NDArray]:
    def get(name: str, *, flat: bool = True) -> NDArray:
        if not isinstance(values.get(name), np.ndarray):
            raise MissingError(f"{file} has no {name}: it is another file than the originals use, name that one")
        array = finite(file, name, np.asarray(values[name], dtype=np.float64))
        return array.ravel() if flat else array

    return get


def _scaled(file: Path, part: str, get: Callable[..., NDArray], rows: int, count: int) -> NDArray:
    """(V * 3, count) components times their standard deviations."""
    vectors, spread = get(f"{part}PC", flat=False), get(f"{part}EV")
    if rows % 3 or vectors.ndim != 2 or len(vectors) != rows or min(vectors.shape[1], len(spread)) < count:
        raise MissingError(
            f"{file} has {part}PC of {vectors.shape} and {len(spread)} values in {part}EV, "
            f"{(rows, count)} are needed: it is another model"
        )
    return vectors[:, :count] * spread[:count]


def _from_one(file: Path, numbers: NDArray, count: int) -> NDArray[np.int64]:
    """MATLAB's indices."""
    return _vertices(file, numbers - 1, count)


def _vertices(file: Path, numbers: NDArray, count: int) -> NDArray[np.int64]:
    rows = numbers.astype(np.int64)
    if not rows.size or rows.min() < 0 or rows.max() >= count or (rows.ndim == 2 and rows.shape[1] != 3):
        raise MissingError(f"{file} speaks of vertices that it does not have ({count} there are): it is damaged")
    return rows


def _landmarks(file: Path, numbers: NDArray, count: int) -> NDArray[np.int64]:
    if len(numbers) != N_LANDMARKS:
        raise MissingError(f"{file} has {len(numbers)} landmarks in outerLandmarkIndex, {N_LANDMARKS} are needed")
    return _from_one(file, numbers, count)


# -- our file ---------------------------------------------------------------------------------------------------------


def _file(file: Path, parts: Parts) -> bytes:
    """A face model file: our axes, float32."""

    def turned(columns: NDArray) -> NDArray[np.float32]:
        rows = columns.T.reshape(columns.shape[1], -1, 3)
        return np.ascontiguousarray(rows * Y_UP, dtype=np.float32)

    arrays: dict[str, Any] = {
        "format": BARE_FORMAT,
        "mean": turned(parts.mean[:, None])[0],
        "shape_basis": turned(parts.shape),
        "expression_basis": turned(parts.expression),
        "triangles": parts.triangles.astype(np.int32),
    }
    if parts.landmarks is not None:
        arrays["landmarks_ibug68_vertices"] = np.repeat(parts.landmarks[:, None], 3, axis=1).astype(np.int32)
        arrays["landmarks_ibug68_weights"] = np.tile(np.array([1, 0, 0], np.float32), (len(parts.landmarks), 1))
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    return data.getvalue()
