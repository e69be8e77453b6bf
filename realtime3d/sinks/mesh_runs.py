"""Meshes of a whole run: a PLY of every frame, or one GLB that moves."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.clock import to_s
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import make_folder, write_whole
from realtime3d.sinks.glb import glb_bytes
from realtime3d.sinks.glb_head import Head, Motion
from realtime3d.sinks.meshes import MeshWriter, encoded
from realtime3d.surface.best import BETTER, worth
from realtime3d.surface.texture import TexturePainter
from realtime3d.types import FloatArray, Image, Pose

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)


class MeshFolderSink:
    """Writes `000123_ID.ply`: frame and face. The head is where it was before the camera."""

    needs_image = False

    def __init__(self, folder: Path, model: FaceModel, every: int = 1, level: str | None = None) -> None:
        self._folder, self._every = folder, every
        self._writer = MeshWriter(model, level)
        self._first: int | None = None

    def __enter__(self) -> Self:
        make_folder(self._folder)
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        self._first = result.frame.index if self._first is None else self._first
        if (result.frame.index - self._first) % self._every == 0:
            for face in result.faces:
                self._writer.write(self._folder / f"{result.frame.index:06d}_{face.id}.ply", face, "posed")

    def __exit__(self, *failure: object) -> None:
        """Nothing is open."""


@dataclass
class Take:
    """One face as it moved."""

    face: FaceState  # the last one
    times_ns: list[int] = field(default_factory=list)
    weights: list[FloatArray] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)
    best: float = 0.0
    shown: tuple[FaceState, Image] | None = None  # what the texture is made of

    def add(self, face: FaceState, result: FrameResult) -> None:
        """The face in one more frame."""
        self.face = face
        self.times_ns.append(result.frame.t_ns)
        self.weights.append(np.array(list(face.blendshapes().values()), np.float32))
        self.poses.append(face.pose)


class AnimationSink:
    """One GLB for each face: its 52 weights and the head's motion at the frames' times, with the texture of the frame
    that shows it best. Time 0 is the run's first frame. Written at the end, after a failure as well."""

    needs_image = False

    def __init__(self, path: Path, model: FaceModel, level: str | None = None) -> None:
        self._path, self._model, self._level = path, model, MeshWriter(model, level).level(".glb")
        self._takes: dict[int, Take] = {}
        self._zero_ns: int | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        self._zero_ns = result.frame.t_ns if self._zero_ns is None else self._zero_ns
        for face in result.faces:
            if face.status == "tracked":
                self._add(face, result)

    def _add(self, face: FaceState, result: FrameResult) -> None:
        take = self._takes.setdefault(face.id, Take(face))
        take.add(face, result)
        score = worth(face)
        if score > take.best * BETTER:
            take.best, take.shown = score, (face, result.frame.image.copy())

    def __exit__(self, *failure: object) -> None:
        if not self._takes:
            _log.warning("%s is not written: no face was seen", self._path)
            return
        painter = TexturePainter(self._model)
        first = min(self._takes)
        for face_id, take in self._takes.items():
            path = self._path if face_id == first else self._path.with_stem(f"{self._path.stem}_{face_id}")
            write_whole(path, self._file(take, painter))

    def _file(self, take: Take, painter: TexturePainter) -> bytes:
        texture = painter.paint(*take.shown).image if take.shown else None
        zero = self._zero_ns or 0
        return glb_bytes(
            Head(
                model=self._model,
                neutral=self._model.mesh(self._level).neutral(take.face.shape),
                weights=take.weights[0],
                level=self._level,
                texture_jpeg=None if texture is None else encoded(texture, ".jpg"),
                motion=Motion([to_s(t_ns - zero) for t_ns in take.times_ns], take.weights, take.poses),
                camera=take.face.camera,
                name=f"head_{take.face.id}",
            )
        )
