"""Surfaces as the 3D viewer shows them, and the OBJ files that they may come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.types import FloatArray


@dataclass(frozen=True)
class Surface:
    """A mesh as arrays: mm, y up."""

    vertices: FloatArray  # (N, 3)
    triangles: NDArray[np.int32]  # (T, 3)
    uv: FloatArray | None = None  # (N, 2), v down
    texture: bytes | None = None  # an encoded picture with its light in it
    albedo: bytes | None = None  # one without light
    normal_map: bytes | None = None  # tangent space, +Y up
    normals: FloatArray | None = None  # (N, 3) of the vertices, where the file has its own
    colours: FloatArray | None = None  # (N, 3) RGB 0..1 of the vertices


def read_obj(path: Path) -> Surface:
    """A mesh of triangles or larger faces with the maps that its material names."""
    points: list[list[float]] = []
    places: list[list[float]] = []
    corners: list[tuple[int, int]] = []
    material: Path | None = None
    try:
        for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            kind, _, rest = line.partition(" ")
            words = rest.split()
            if kind == "v":
                points.append([float(word) for word in words[:3]])
            elif kind == "vt":
                places.append([float(words[0]), 1 - float(words[1])])
            elif kind == "f":
                row = [_corner(word, len(points), len(places)) for word in words]
                for k in range(1, len(row) - 1):
                    corners += [row[0], row[k], row[k + 1]]
            elif kind == "mtllib":
                material = path.parent / rest.strip()
        pairs, which = np.unique(np.array(corners, np.int64).reshape(-1, 2), axis=0, return_inverse=True)
        if (pairs[:, 0] < 0).any():
            raise ValueError("a face has a corner that is not there")
        vertices = np.array(points, np.float32)[pairs[:, 0]]
        uv = np.array(places, np.float32)[pairs[:, 1]] if places and (pairs[:, 1] >= 0).all() else None
        if not len(pairs):
            raise ValueError("it has no faces")
        maps = _maps(material) if material is not None and uv is not None else {}
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise SourceError(f"{path} holds no mesh that can be shown ({error}): check the file") from error
    triangles = np.ascontiguousarray(which.reshape(-1, 3), np.int32)
    return Surface(vertices, triangles, uv, maps.get("map_Kd"), maps.get("albedo"), maps.get("norm"))


def _corner(word: str, points: int, places: int) -> tuple[int, int]:
    """A corner's vertex and place, counted from 0; -1 where it has no place. Below 0: counted from the last one."""
    point, _, rest = word.partition("/")
    place = rest.partition("/")[0]
    at = [int(point), int(place) if place else 0]
    return (
        at[0] - 1 if at[0] > 0 else points + at[0],
        at[1] - 1 if at[1] > 0 else places + at[1] if at[1] < 0 else -1,
    )


def _maps(material: Path) -> dict[str, bytes]:
    """The pictures that a material names, and the skin without light that `images --detail` writes beside one."""
    found: dict[str, bytes] = {}
    if not os.path.isfile(material):
        return found
    for line in material.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        kind, _, name = line.strip().partition(" ")
        file = material.parent / name.strip()
        if kind in ("map_Kd", "norm") and os.path.isfile(file):
            found[kind] = file.read_bytes()
            bare = file.with_name(file.name.replace("_texture.", "_albedo."))
            if kind == "map_Kd" and bare != file and os.path.isfile(bare):
                found["albedo"] = bare.read_bytes()
    return found
