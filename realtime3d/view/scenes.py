"""What the 3D viewer shows: mesh files one after the other, or the faces of a table at their times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from realtime3d.clock import to_s
from realtime3d.errors import SourceError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.state import FrameResult
from realtime3d.view.glb_file import GlbFile
from realtime3d.view.surfaces import Surface, read_obj

MESH_SUFFIXES = (".ply", ".obj", ".glb")
TABLE_SUFFIXES = (".csv", ".parquet", ".jsonl")
PAGE_S = 0.5  # that each of several files is shown while it plays
_PREFERRED = ("{id}.glb", "{id}.obj", "{id}_expression.ply", "{id}_posed.ply", "{id}_shape.ply")


class Scenes(Protocol):
    """Moments that can be shown, in order."""

    @property
    def times_s(self) -> Sequence[float]:
        """Rising."""
        ...

    def title(self, i: int) -> str:
        """What moment `i` is."""
        ...

    def show(self, i: int) -> Path | Mapping[int, Surface]:
        """A file, or the faces by id."""
        ...


class FileScenes:
    """Mesh files."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    @property
    def times_s(self) -> Sequence[float]:
        return [PAGE_S * i for i in range(len(self._files))]

    def title(self, i: int) -> str:
        return self._files[i].name

    def show(self, i: int) -> Path | Mapping[int, Surface]:
        path = self._files[i]
        kind = path.suffix.lower()
        return GlbScenes(path).show(0) if kind == ".glb" else {0: read_obj(path)} if kind == ".obj" else path


class GlbScenes:
    """A GLB with its morph weights; one that moves has a moment for each key."""

    def __init__(self, path: Path) -> None:
        self._name, self._file = path.name, GlbFile(path)

    @property
    def times_s(self) -> Sequence[float]:
        return self._file.times_s

    def title(self, i: int) -> str:
        return f"{self._name}, {self.times_s[i]:.2f} s"

    def show(self, i: int) -> Mapping[int, Surface]:
        file = self._file
        lit = file.normal_map is not None
        texture, albedo = (None, file.texture) if lit else (file.texture, None)
        maps = (texture, albedo, file.normal_map)
        return {0: Surface(file.vertices(i), file.triangles, file.uv, *maps, normals=file.normals(i))}


class TableScenes:
    """The results of a table, in the camera's frame."""

    def __init__(self, results: Sequence[FrameResult]) -> None:
        self._results = results
        self._times_s = [to_s(result.frame.t_ns) for result in results]

    @property
    def times_s(self) -> Sequence[float]:
        return self._times_s

    def title(self, i: int) -> str:
        return f"frame {self._results[i].frame.index}, {self.times_s[i]:.2f} s"

    def show(self, i: int) -> Mapping[int, Surface]:
        faces = self._results[i].faces
        return {face.id: Surface(face.vertices() * Y_UP, face.model.mesh().triangles) for face in faces}


def scenes_of(path: Path, results: Sequence[FrameResult] = ()) -> Scenes:
    """The scenes of a file or folder; `results` are those of a table."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        if not results:
            raise SourceError(f"{path} holds no faces: name another table")
        return TableScenes(results)
    if path.is_file() and path.suffix.lower() in MESH_SUFFIXES:
        return GlbScenes(path) if path.suffix.lower() == ".glb" else FileScenes([path])
    if not path.is_dir():
        reason = "is no mesh or table" if path.exists() else "does not exist"
        raise SourceError(f"{path} {reason}: name a {', '.join((*MESH_SUFFIXES, *TABLE_SUFFIXES))} file or a folder")
    files = _of_pictures(path) or sorted(
        (file for file in path.iterdir() if file.suffix.lower() in MESH_SUFFIXES), key=_by_number
    )
    if not files:
        raise SourceError(f"{path} holds no meshes: name a folder that `realtime3d images` or --meshes wrote")
    return FileScenes(files)


def _of_pictures(folder: Path) -> list[Path]:
    """The best mesh of each face that `realtime3d images` wrote."""
    found = []
    for inner in sorted((entry for entry in folder.iterdir() if entry.is_dir()), key=_by_number):
        names = (inner / form.format(id=inner.name) for form in _PREFERRED)
        found += [file for file in names if file.is_file()][:1]
    return found


def _by_number(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
