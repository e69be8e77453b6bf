"""From a picture and the face that was found in it to its detail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.errors import UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.raster import vertex_normals
from realtime3d.surface.complete import completed
from realtime3d.surface.dense import DenseTopology, dense_topology
from realtime3d.surface.detail import Detail
from realtime3d.surface.layout import Layout
from realtime3d.surface.light import Light
from realtime3d.surface.mask import FaceMask
from realtime3d.surface.normal_map import normal_map
from realtime3d.surface.paint import albedo_and_texture
from realtime3d.surface.portrait import mm_per_pixel, refusal
from realtime3d.surface.refine import Refiner
from realtime3d.surface.relief import Relief, checked_mask, relief_of
from realtime3d.surface.skin import has_colour
from realtime3d.surface.solve import sharpness
from realtime3d.surface.texture import Texture, TexturePainter, sharpened
from realtime3d.surface.usual import usual_of
from realtime3d.surface.visibility import look_at, seen
from realtime3d.types import FloatArray, Image


@dataclass(frozen=True)
class Look:
    """What one picture shows of a face: (h, w) of the layout's window, (S, S) of all of it."""

    raw: FloatArray  # (h, w) mm
    shown: FloatArray  # (h, w) 0..1 how far the picture shows each texel
    albedo: Image  # (S, S, 3)
    texture: Image  # (S, S, 3)
    sight: NDArray[np.uint8]  # (S, S) how far the picture shows the rest of the head
    light: Light
    colour: bool
    mm_per_px: float


class DetailMaker:
    """Makes the detail of faces of one model; what depends on the model alone is made once."""

    def __init__(self, model: FaceModel, size: int | None = None, refiner: Refiner | None = None) -> None:
        model.check("layout")
        self.model = model
        self.layout = Layout(model, size)
        self.usual = usual_of(model)
        self.refiner = refiner
        self._painter = TexturePainter(model)

    @cached_property
    def topology(self) -> DenseTopology:
        return dense_topology(self.layout)

    def make(self, face: FaceState, image: Image, mask: ArrayLike | FaceMask | None = None) -> Detail:
        """The detail of a face in the picture that it was found in.

        `mask` (H, W) of the picture says how far each pixel is skin, 0 to 1 (or bool, or 0 to 255 as uint8): what is
        none, because hair or a hand is in front, counts as not seen. A `FaceMask` also tells a beard, which is seen
        and has no relief, and what the texture must leave out.
        """
        reason = refusal(face)
        if reason:
            raise UsageError(reason)
        known = mask if isinstance(mask, FaceMask) else None
        if isinstance(mask, FaceMask):
            skin: FloatArray | None = mask.skin
        else:
            skin = None if mask is None else checked_mask(mask, image)
        vertices = self._vertices(face)
        relief = self.relief(face, image, skin)
        if relief is None:
            return self._nothing(face, image)
        free = sharpened(known.face) if known else skin
        return self._detail(face, self._look(face, image, relief, vertices, free, known))

    def relief(self, face: FaceState, image: Image, skin: FloatArray | None = None) -> Relief | None:
        """The first half of `make`: what the picture says in its own pixels."""
        head, names = self.layout.head, self.layout.names
        return relief_of(face, image, head, self._vertices(face), names, skin, refiner=self.refiner)

    def _vertices(self, face: FaceState) -> FloatArray:
        """(V, 3) in camera space."""
        R, t = face.pose.R.astype(np.float32), face.pose.t.astype(np.float32)
        return face.vertices_at(self.layout.level) @ R.T + t

    def look(self, face: FaceState, image: Image, free: FloatArray | None = None) -> Look | None:
        """What a picture shows of a face in the layout, before what it hides is guessed; None where it shows none."""
        if refusal(face):
            return None
        vertices = self._vertices(face)
        relief = self.relief(face, image, free)
        return None if relief is None else self._look(face, image, relief, vertices, free)

    def _look(
        self,
        face: FaceState,
        image: Image,
        relief: Relief,
        vertices: FloatArray,
        free: FloatArray | None,
        mask: FaceMask | None = None,
    ) -> Look:
        layout, part = self.layout, relief.part
        xy = layout.on_front(face.camera.project(vertices).astype(np.float32))
        shown = self._shown(face, image, vertices, xy, free)
        raw = _at(relief.displacement, part.places(xy))
        painted = self._painted(face, image, mask)
        own = _at(part.image, part.places(xy))
        turned = layout.on_front(vertex_normals(vertices, layout.head.triangles))
        coloured = shown  # a fringe hides the skin, and its colours belong to the head
        if mask is not None:
            coloured = self._shown(face, image, vertices, xy, sharpened(1 - mask.hidden))
        albedo, texture = albedo_and_texture(layout, painted.image, own, relief.light, turned, coloured)
        return Look(raw, shown, albedo, texture, painted.seen, relief.light, relief.colour, part.mm_per_px)

    def from_maps(self, face: FaceState, displacement: FloatArray, shown: FloatArray, albedo: Image) -> Detail:
        """The detail of a face that is known already: (h, w) maps of the window, (S, S, 3) skin without light."""
        none = np.zeros(albedo.shape[:2], np.uint8)
        light = Light(np.eye(9, dtype=np.float32)[0])
        return self._detail(face, Look(displacement, shown, albedo, albedo, none, light, True, self.layout.texel_mm))

    def _detail(self, face: FaceState, look: Look) -> Detail:
        layout = self.layout
        usual = None if self.usual is None else self.usual.of(face, layout) * np.float32(sharpness(look.mm_per_px))
        whole = completed(layout, look.raw, look.shown, usual)
        sight = look.sight.copy()
        sight[layout.window] = np.where(layout.inside, cv2.convertScaleAbs(look.shown * 255), sight[layout.window])
        normals = layout.whole(normal_map(layout, face.vertices_at(layout.level) * Y_UP, whole))
        return Detail(
            face, layout.whole(whole), layout.whole(look.raw * look.shown), normals, look.albedo, look.texture, sight,
            look.light, look.colour, look.mm_per_px, layout, self.topology,
        )  # fmt: skip

    def _painted(self, face: FaceState, image: Image, mask: FaceMask | None = None) -> Texture:
        """The picture's colours, at the maps' size."""
        painted, side = self._painter.paint(face, image, mask), (self.layout.size,) * 2
        if painted.seen.shape == side:
            return painted
        wide = [cv2.resize(part, side, interpolation=cv2.INTER_LINEAR) for part in (painted.image, painted.seen)]
        return Texture(wide[0], wide[1])

    def _shown(
        self, face: FaceState, image: Image, vertices: FloatArray, xy: FloatArray, free: FloatArray | None
    ) -> FloatArray:
        """(h, w) how far the picture shows each texel of the window, 0 to 1; `free` (H, W): nothing is before it."""
        layout = self.layout
        look = look_at(image, vertices, layout.head.triangles, face.camera)
        if look is None:
            return np.zeros(layout.inside.shape, np.float32)
        places = layout.on_front(np.column_stack([look.xy, look.z, look.facing]).astype(np.float32))
        out = seen(look, places) * layout.inside
        if free is not None:
            out = out * _at(free, xy)
        return np.asarray(cv2.blur(out.astype(np.float32), (5, 5)) * layout.inside, np.float32)

    def _nothing(self, face: FaceState, image: Image) -> Detail:
        """The detail of a face that its picture does not show."""
        layout = self.layout
        zero = np.zeros((layout.size, layout.size), np.float32)
        flat = layout.whole(np.tile(np.array([0, 0, 1], np.float32), (*layout.inside.shape, 1)))
        painted = self._painted(face, image).image
        light = Light(np.eye(9, dtype=np.float32)[0])
        none = np.zeros(zero.shape, np.uint8)
        return Detail(
            face, zero, zero, flat, painted, painted, none, light, has_colour(image, image[..., 0] >= 0),
            mm_per_pixel(face), layout, self.topology,
        )  # fmt: skip


def _at(values: NDArray, xy: FloatArray) -> FloatArray:
    """A picture's values at pixels (h, w, 2)."""
    x, y = (np.ascontiguousarray(xy[..., k]) for k in range(2))
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
