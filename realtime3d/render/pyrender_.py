"""OpenGL through pyrender (extra [render]): the same picture as the software renderer's, drawn by a GPU.

Without a display it draws through EGL, or through whatever PYOPENGL_PLATFORM names (egl, osmesa).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError, require
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.process import prefer_egl
from realtime3d.render.base import MASK_LIGHT, OverlayStyle, drawable
from realtime3d.render.hud import draw_faces
from realtime3d.render.shading import (
    DOT_PX,
    LINES,
    OPACITY,
    SOLID,
    SURFACE,
    PlacedMesh,
    Topologies,
    Topology,
    edges_of,
    line_px,
    place,
)
from realtime3d.surface.best import BestTextures
from realtime3d.surface.mask import LazyMasker
from realtime3d.types import FloatArray, Image

GL_POINTS, GL_LINES, GL_TRIANGLES = 0, 1, 4
NEARER = 0.997  # lines and dots are drawn this much nearer than the surface they lie on
REMEDY = (
    "install the driver's EGL library (Debian: apt-get install libegl1 libgles2 libgl1-mesa-dri) "
    "or use the software renderer"
)
NEAR_MM, FAR_MM = 1.0, 100_000.0


@dataclass(frozen=True, slots=True)
class Part:
    """Something to draw with one call: a surface, its lines or its dots."""

    positions: FloatArray  # (V, 3) camera axes of OpenGL
    indices: NDArray[np.int32] | None  # (T, 3) or (L, 2); None draws dots
    colour: FloatArray  # (V, 3) RGB 0..1
    opacity: FloatArray  # (V,)
    texture: Image | None = None  # (S, S, 3) RGB, which multiplies the colour
    places: FloatArray | None = None  # (V, 2) in it, v up


class PyrenderRenderer:
    """Draws with OpenGL; the context belongs to the thread of the first `draw`."""

    any_thread = False

    def __init__(self, style: OverlayStyle | None = None, masker: LazyMasker | None = None) -> None:
        self.style = style or OverlayStyle()
        self._masker = masker
        self._topologies = Topologies()
        self._textures = BestTextures()
        self._pyrender: Any = None
        self._offscreen: Any = None

    def draw(self, image: Image, result: FrameResult) -> Image:
        picture = np.array(image, dtype=np.uint8, order="C", copy=True)
        faces = drawable(result.faces)
        if picture.size and self.style.mode == "texture":
            self._textures.see(replace(result, faces=tuple(faces)), image)
        if picture.size and self.style.mode == "mask" and not faces:
            picture[:] = darkened(picture)
        if faces and self.style.mode != "off" and picture.size:
            self._draw_meshes(picture, faces)
        draw_faces(picture, faces, self.style)
        return picture

    def close(self) -> None:
        if self._masker is not None:
            self._masker.close()
        self._topologies.clear()
        self._textures.clear()
        if self._offscreen is not None:
            self._offscreen.delete()
            self._offscreen = None

    def _draw_meshes(self, picture: Image, faces: list[FaceState]) -> None:
        height, width = picture.shape[:2]
        self._open(width, height)
        parts = [part for face in faces for part in self._parts(face, width, height)]
        by_camera = faces[0].camera  # positions are made from pixels, so that any camera does for all
        cover = self._render(parts, by_camera.fx, by_camera.fy, by_camera.cx, by_camera.cy, coloured=False)
        share = cover[..., :1].astype(np.float32) / 255
        if self.style.mode == "mask":
            if self._masker is not None:
                for face in faces:
                    share = share * (1 - self._masker.mask(picture, face).before_mesh[..., None])
            picture[:] = np.clip(darkened(picture) * (1 - share) + picture * share + 0.5, 0, 255)
            return
        ink = self._render(parts, by_camera.fx, by_camera.fy, by_camera.cx, by_camera.cy, coloured=True)
        picture[:] = np.clip(picture * (1 - share) + ink[..., ::-1] + 0.5, 0, 255)

    def _texture(self, picture: Image | None) -> Any:
        return None if picture is None else self._pyrender.Texture(source=picture, source_channels="RGB")

    def _open(self, width: int, height: int) -> None:
        if self._pyrender is None:
            self._pyrender = _load()
        if self._offscreen is None:
            try:
                self._offscreen = self._pyrender.OffscreenRenderer(width, height)
            except Exception as error:  # EGL, OSMesa, GLX and pyglet each have their own
                raise MissingError(f"OpenGL does not start ({error}): {REMEDY}") from error
        self._offscreen.viewport_width, self._offscreen.viewport_height = width, height
        self._offscreen.point_size = 2.0 * DOT_PX * line_px(width, height)

    def _parts(self, face: FaceState, width: int, height: int) -> Iterator[Part]:
        topology = self._topologies.of(face.model, self.style.whole_head)
        lines = self.style.mode in ("wire", "points")
        mesh = place(face, topology, face.camera, width, height, LINES if lines else SURFACE)
        surface, edges = OPACITY[self.style.mode]
        positions = _positions(mesh, face)
        colour = mesh.colour[:, ::-1] / np.float32(255)
        cover = topology.cover if self.style.mode in SOLID else topology.seen_through
        whole: NDArray[np.bool_] = np.asarray((mesh.inverse_z > 0)[topology.triangles].all(axis=1))
        if self.style.mode == "texture":
            yield self._textured(positions, topology, whole, self._textures.of(face))
            return
        yield Part(positions, topology.triangles[whole], colour, surface * cover)
        if self.style.mode == "points":
            points = topology.points[mesh.inverse_z[topology.points] > 0]
            yield Part(positions[points] * NEARER, None, colour[points], edges * cover[points])
        elif edges:
            yield Part(positions * NEARER, _lines(topology, whole), colour, edges * cover * (0.35 + 0.65 * mesh.facing))

    def _textured(self, positions: FloatArray, topology: Topology, whole: NDArray[np.bool_], texture: Image) -> Part:
        """The surface with its vertices split where the texture layout is cut."""
        places, corners = topology.places, topology.triangles[whole].ravel()
        rows = topology.uv_triangles[whole].ravel()
        split = np.zeros((len(places), 3), np.float32)
        split[rows] = positions[corners]
        return Part(
            split,
            topology.uv_triangles[whole],
            np.ones((len(places), 3), np.float32),
            places[:, 2],
            np.ascontiguousarray(texture[..., ::-1]),
            places[:, :2] * np.array((1, -1), np.float32) + np.array((0, 1), np.float32),
        )

    def _render(self, parts: list[Part], fx: float, fy: float, cx: float, cy: float, coloured: bool) -> Image:
        """One pass: colours times opacity, or opacity alone; what is not covered is black."""
        pyrender = self._pyrender
        scene = pyrender.Scene(bg_color=(0.0, 0.0, 0.0, 0.0))
        for part in parts:
            ink = part.opacity[:, None] * (part.colour if coloured else np.ones(3, dtype=np.float32))
            rgba = np.concatenate([ink, np.ones((len(ink), 1))], axis=1).astype(np.float32)
            mode = GL_POINTS if part.indices is None else (GL_LINES if part.indices.shape[1] == 2 else GL_TRIANGLES)
            shown = part.texture if coloured else None
            material = pyrender.MetallicRoughnessMaterial(
                alphaMode="OPAQUE", doubleSided=mode != GL_TRIANGLES, baseColorTexture=self._texture(shown)
            )
            primitive = pyrender.Primitive(
                positions=part.positions,
                indices=part.indices,
                texcoord_0=None if shown is None else part.places,
                color_0=rgba,
                material=material,
                mode=mode,
            )
            scene.add(pyrender.Mesh([primitive]))
        # OpenGL's pixel (0, 0) has its corner at 0, ours its middle.
        camera = pyrender.IntrinsicsCamera(fx, fy, cx + 0.5, cy + 0.5, znear=NEAR_MM, zfar=FAR_MM)
        scene.add(camera, pose=np.eye(4))
        colour: Image = self._offscreen.render(scene, flags=pyrender.RenderFlags.FLAT)[0]
        return colour


def darkened(picture: Image) -> FloatArray:
    """What is around the faces in mode "mask"."""
    return (picture * np.float32(MASK_LIGHT)).astype(np.float32)


def _load() -> Any:
    """pyrender, over EGL on Linux unless PYOPENGL_PLATFORM says otherwise."""
    prefer_egl()
    try:
        return require("pyrender", "render", "The OpenGL renderer")
    except MissingError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) or error.__cause__ is None:
            raise
        reason = error.__cause__.args[0] if error.__cause__.args else error.__cause__
        raise MissingError(f"OpenGL does not load ({reason}): {REMEDY}") from error


def _positions(mesh: PlacedMesh, face: FaceState) -> FloatArray:
    """Points that OpenGL's pinhole puts on the mesh's pixels, lens distortion included; y up, looking along -z."""
    camera = face.camera
    z = np.divide(1, mesh.inverse_z, out=np.ones_like(mesh.inverse_z), where=mesh.inverse_z > 0)
    x, y = (mesh.xy[:, 0] - camera.cx) / camera.fx * z, (mesh.xy[:, 1] - camera.cy) / camera.fy * z
    return np.stack([x, -y, -z], axis=1).astype(np.float32)


def _lines(topology: Topology, whole: NDArray[np.bool_]) -> NDArray[np.int32]:
    drawn = np.zeros(len(whole), dtype=bool)
    drawn[: topology.drawn] = True
    return edges_of(topology.triangles[whole & drawn], topology.outline[whole & drawn])
