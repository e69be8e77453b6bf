"""Mesh files of faces: PLY, OBJ with its material and texture, GLB and VRM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import OutputError, UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.model import FULL, LIVE, FaceModel
from realtime3d.face.state import FaceState
from realtime3d.files import write_whole
from realtime3d.sinks.glb import glb_bytes
from realtime3d.sinks.glb_head import Head
from realtime3d.sinks.obj import ObjText, mtl_bytes
from realtime3d.sinks.ply import ply_bytes
from realtime3d.sinks.vrm import vrm_bytes
from realtime3d.surface.mask import FaceMask
from realtime3d.surface.texture import Texture, TexturePainter, vertex_colours
from realtime3d.types import FloatArray, Image

Kind = Literal["shape", "expression", "posed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SUFFIXES = (".ply", ".obj", ".glb", ".vrm")
MOVED = (".glb", ".vrm")  # those that hold ARKit's actions
JPEG_QUALITY = 92


@dataclass(frozen=True)
class Relief:
    """The maps of a face's detail, for the materials of OBJ and GLB."""

    albedo: Image  # for what is lit
    normal_png: bytes
    texture_file: str  # names of files beside an OBJ, all of them written already
    normal_file: str
    displacement_file: str


def write_mesh(
    path: str | Path,
    face: FaceState,
    *,
    image: Image | None = None,
    kind: Kind | None = None,
    level: str | None = None,
) -> list[Path]:
    """Write a face as PLY, OBJ, GLB or VRM, by the name's ending; gives the files that were written.

    >>> with r3d.FaceTracker() as tracker, r3d.open_source(clip) as source:
    ...     frame = next(iter(source))
    ...     face = tracker.process_frame(frame).faces[0]
    >>> [path.name for path in r3d.write_mesh("face.obj", face, image=frame.image)]
    ['face.obj', 'face.mtl', 'face_texture.png']

    - image: the picture that the face was found in: its colours become the texture, in a PLY those of the vertices;
    - kind: "shape" is the person at rest, "expression" the face as it is, both in the head's frame (an upright face
      looks along z); "posed" is the face where it was before the camera. PLY and OBJ are "expression" unless told;
    - level: "full" (PLY and OBJ unless told) or "live" (GLB, VRM); a face model without a full head has the live one.

    PLY and OBJ are in mm, GLB in metres, all with y up and z towards the viewer. A GLB holds ARKit's 52 actions as
    morph targets, at the weights of the face ("shape": at rest); a VRM is an avatar (version 0), always at rest.
    """
    target = Path(path)
    if kind is not None and kind not in KINDS:
        raise UsageError(f"no kind of mesh {kind!r}; choose one of {', '.join(KINDS)}")
    writer = MeshWriter(face.model, level)
    texture = None if image is None else writer.paint(face, image)
    return writer.write(target, face, kind or "expression", texture)


class MeshWriter:
    """Writes many faces of one model; what they share is made once."""

    def __init__(self, model: FaceModel, level: str | None = None) -> None:
        """`level` is that of all files; None: full for PLY and OBJ, live for GLB."""
        if level not in (None, LIVE, FULL):
            raise UsageError(f"no level {level!r}; choose live or full")
        self.model = model
        self._level = level
        self._painter: TexturePainter | None = None
        self._obj: ObjText | None = None

    def level(self, suffix: str) -> str:
        wanted = self._level or (LIVE if suffix in MOVED else FULL)
        return wanted if wanted in self.model.levels else LIVE

    def paint(self, face: FaceState, image: Image, mask: FaceMask | None = None) -> Texture:
        """The colours of a face; what `mask` says is hidden is none of them."""
        if self._painter is None:
            self._painter = TexturePainter(self.model)
        return self._painter.paint(face, image, mask)

    def write(
        self, path: Path, face: FaceState, kind: Kind, texture: Texture | None = None, relief: Relief | None = None
    ) -> list[Path]:
        """Write one file, an OBJ with its material and texture beside it; `relief` adds normals to OBJ and GLB."""
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise UsageError(f"{path}: a mesh is written as {', '.join(SUFFIXES)}: name it {path.with_suffix('.ply')}")
        if suffix in MOVED:
            moved = self._head(face, kind, texture, relief)
            write_whole(path, glb_bytes(moved) if suffix == ".glb" else vrm_bytes(moved), make_folder=True)
            return [path]
        vertices = self.vertices(face, kind, self.level(suffix))
        if suffix == ".ply":
            head = self.model.solid(self.level(suffix))
            colours = None if texture is None else vertex_colours(texture, head.uv, head.uv_vertex)
            write_whole(path, ply_bytes(vertices, head.triangles, colours, _comments(kind)), make_folder=True)
            return [path]
        return self._write_obj(path, vertices, kind, texture, relief)

    def vertices(self, face: FaceState, kind: Kind, level: str) -> FloatArray:
        """(V, 3) mm, y up: of a head at rest, as it is, or as it is before the camera."""
        points = self.model.mesh(level).neutral(face.shape) if kind == "shape" else face.vertices_at(level)
        if kind == "posed":
            points = points @ face.pose.R.T.astype(np.float32) + face.pose.t.astype(np.float32)
        turned: FloatArray = points * Y_UP
        return turned

    def _write_obj(
        self, path: Path, vertices: FloatArray, kind: Kind, texture: Texture | None, relief: Relief | None
    ) -> list[Path]:
        if self._obj is None:
            self._obj = ObjText(self.model.solid(self.level(".obj")))
        material, picture = path.with_suffix(".mtl"), path.with_name(f"{path.stem}_texture.png")
        files = [path]
        if relief is not None:
            names = relief.texture_file, relief.normal_file, relief.displacement_file
            write_whole(material, mtl_bytes(*names), make_folder=True)
            files.append(material)
        elif texture is not None:
            write_whole(picture, encoded(texture.image, ".png"), make_folder=True)
            write_whole(material, mtl_bytes(picture.name))
            files += [material, picture]
        named = material.name if len(files) > 1 else ""
        write_whole(path, self._obj.bytes(vertices, named, _comments(kind)), make_folder=True)
        return files

    def _head(self, face: FaceState, kind: Kind, texture: Texture | None, relief: Relief | None) -> Head:
        level = self.level(".glb")
        weights = list(face.blendshapes().values())
        posed = kind == "posed"
        colours = relief.albedo if relief is not None else None if texture is None else texture.image
        return Head(
            model=self.model,
            neutral=self.model.mesh(level).neutral(face.shape),
            weights=np.zeros(len(weights)) if kind == "shape" else weights,
            level=level,
            texture_jpeg=None if colours is None else encoded(colours, ".jpg"),
            normal_png=None if relief is None else relief.normal_png,
            pose=face.pose if posed else None,
            camera=face.camera if posed else None,
        )


def encoded(image: Image | NDArray[np.uint16], suffix: str) -> bytes:
    """A BGR or grey picture as PNG or JPEG."""
    import cv2

    from realtime3d.sinks.png import PNG_OPTIONS

    options: dict[str, list[Any]] = {
        ".png": PNG_OPTIONS,
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
    }
    done, data = cv2.imencode(suffix, image, options[suffix])
    if not done:
        raise OutputError(f"a picture of {image.shape} cannot be a {suffix} file: give a smaller one")
    return data.tobytes()


def _comments(kind: Kind) -> list[str]:
    frame = "camera" if kind == "posed" else "head"
    return [f"realtime3d: {kind}, mm, x right, y up, z towards the viewer, in the {frame}'s frame"]
