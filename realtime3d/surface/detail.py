"""Fine detail of a face from one picture: wrinkles and folds as displacement, skin without its light, what is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

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
from realtime3d.surface.layout import Layout
from realtime3d.surface.light import Light, fit_light
from realtime3d.surface.normal_map import normal_map
from realtime3d.surface.paint import albedo_and_texture
from realtime3d.surface.portrait import Portrait, facing_weight, mm_per_pixel, portrait_of, refusal
from realtime3d.surface.skin import has_colour, linear, split
from realtime3d.surface.solve import solve
from realtime3d.surface.texture import Texture, TexturePainter
from realtime3d.surface.visibility import look_at, seen
from realtime3d.types import FloatArray, Image

Variant = Literal["foundation", "withBump", "sparseFull", "final"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
VERTEX_MM = 3.0  # of a vertex of the foundation: the detail around it is averaged
SEEN_HALF = 0.5


@dataclass(frozen=True)
class Detail:
    """One face's detail. Maps lie in the model's texture layout, (S, S), v down; lengths are mm."""

    face: FaceState
    displacement_mm: FloatArray  # (S, S) along the foundation's normal, outward; completed where nothing is seen
    seen_mm: FloatArray  # (S, S) the same, only what the picture shows; 0 elsewhere
    normals: FloatArray  # (S, S, 3) unit, tangent space: x right, y up, z outward
    albedo: Image  # (S, S, 3) BGR without light
    texture: Image  # (S, S, 3) BGR with the picture's light
    seen: NDArray[np.uint8]  # (S, S) 0: guessed, 255: shown by the picture
    light: Light  # of the picture on this face
    colour: bool  # False: the picture is grey, pigments could not be told from shading
    mm_per_px: float  # of the picture that was worked on
    layout: Layout
    topology: DenseTopology

    @cached_property
    def _head_mm(self) -> FloatArray:
        """(V, 3) of the layout's level, y up, in the head's frame."""
        return self.face.vertices_at(self.layout.level) * Y_UP

    def mesh(self, variant: Variant, *, aligned: bool = False) -> tuple[FloatArray, NDArray[np.int32]]:
        """Vertices (N, 3) in mm, y up, and triangles (T, 3): of the same model, the same ones for every face.

        - "foundation": the head with its expression; "sparseFull": with the detail averaged on its vertices;
        - "withBump": finer, with what the picture shows alone, open where it shows nothing; "final": complete.

        In the head's frame; `aligned` as the camera saw it.
        """
        if variant not in VARIANTS:
            raise UsageError(f"no variant {variant!r}; choose one of {', '.join(VARIANTS)}")
        points, triangles = self._fine(variant) if variant in ("withBump", "final") else self._coarse(variant)
        if aligned:
            pose = self.face.pose
            points = (points * Y_UP) @ pose.R.T.astype(np.float32) + pose.t.astype(np.float32)
            points = points * Y_UP
        return np.asarray(points, np.float32), triangles

    def _coarse(self, variant: Variant) -> tuple[FloatArray, NDArray[np.int32]]:
        head = self.layout.head
        points = self._head_mm
        if variant == "sparseFull":
            size = max(1, round(VERTEX_MM / self.layout.texel_mm))
            first = np.zeros(len(head.mean), np.int32)
            first[head.uv_vertex[::-1]] = np.arange(len(head.uv_vertex), dtype=np.int32)[::-1]
            average = self.layout.sampled(cv2.blur(self.displacement_mm, (size, size)), head.uv[first])
            points = points + vertex_normals(points, head.triangles) * average[:, None]
        return points, head.triangles

    def _fine(self, variant: Variant) -> tuple[FloatArray, NDArray[np.int32]]:
        top = self.topology
        amount = self.displacement_mm if variant == "final" else self.seen_mm
        normals = top.of(vertex_normals(self._head_mm, self.layout.head.triangles))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        points = top.of(self._head_mm) + normals * self.layout.sampled(amount, top.uv)[:, None]
        if variant == "final":
            return points, top.triangles
        shown = self.layout.sampled(self.seen.astype(np.float32), top.uv) >= 255 * SEEN_HALF
        return points, np.ascontiguousarray(top.triangles[shown[top.triangles].all(axis=1)])


class DetailMaker:
    """Makes the detail of faces of one model; what depends on the model alone is made once."""

    def __init__(self, model: FaceModel, size: int | None = None) -> None:
        self.model = model
        self.layout = Layout(model, size)
        self._painter = TexturePainter(model)

    @cached_property
    def topology(self) -> DenseTopology:
        return dense_topology(self.layout)

    def make(self, face: FaceState, image: Image, mask: ArrayLike | None = None) -> Detail:
        """The detail of a face in the picture that it was found in.

        `mask` (H, W) of the picture says how far each pixel is skin, 0 to 1 (or bool, or 0 to 255 as uint8): what is
        none, because hair or a hand is in front, counts as not seen.
        """
        reason = refusal(face)
        if reason:
            raise UsageError(reason)
        layout = self.layout
        head = face.vertices_at(layout.level)
        vertices = head @ face.pose.R.T.astype(np.float32) + face.pose.t.astype(np.float32)
        skin = None if mask is None else checked_mask(mask, image)
        part = portrait_of(face, image, layout.head, vertices, layout.names)
        if part is None:
            return self._nothing(face, image)
        return self._assembled(face, image, part, vertices, skin)

    def _assembled(
        self, face: FaceState, image: Image, part: Portrait, vertices: FloatArray, skin: FloatArray | None
    ) -> Detail:
        layout = self.layout
        weight = part.fade * facing_weight(part.facing)
        if skin is not None:
            weight = weight * _cut_out(skin, part)
        light = fit_light(linear(part.image).mean(axis=-1), part.normals, weight)
        shade = np.where(part.front, light.on(part.normals), np.float32(1))
        residual = split(part.image, shade, weight, part.mm_per_px)
        relief = solve(part, light, shade, residual.shading, residual.weight) * part.fade
        xy = layout.on_front(face.camera.project(vertices).astype(np.float32))
        shown = self._shown(face, image, vertices, xy, skin)
        raw = _at(relief, part.places(xy))
        whole = completed(layout, raw, shown)
        painted = self._painted(face, image)
        own = _at(part.image, part.places(xy))
        turned = layout.on_front(vertex_normals(vertices, layout.head.triangles))
        albedo, texture = albedo_and_texture(layout, painted.image, own, light, turned, shown)
        sight = painted.seen.copy()
        sight[layout.window] = np.where(layout.inside, cv2.convertScaleAbs(shown * 255), sight[layout.window])
        flat = layout.whole(normal_map(layout, face.vertices_at(layout.level) * Y_UP, whole))
        return Detail(
            face, layout.whole(whole), layout.whole(raw * shown), flat, albedo, texture, sight, light,
            residual.colour, part.mm_per_px, layout, self.topology,
        )  # fmt: skip

    def _painted(self, face: FaceState, image: Image) -> Texture:
        """The picture's colours, at the maps' size."""
        painted, side = self._painter.paint(face, image), (self.layout.size,) * 2
        if painted.seen.shape == side:
            return painted
        return Texture(
            *(cv2.resize(part, side, interpolation=cv2.INTER_LINEAR) for part in (painted.image, painted.seen))
        )

    def _shown(
        self, face: FaceState, image: Image, vertices: FloatArray, xy: FloatArray, skin: FloatArray | None
    ) -> FloatArray:
        """(h, w) how far the picture shows each texel of the window, 0 to 1."""
        layout = self.layout
        look = look_at(image, vertices, layout.head.triangles, face.camera)
        if look is None:
            return np.zeros(layout.inside.shape, np.float32)
        places = layout.on_front(np.column_stack([look.xy, look.z, look.facing]).astype(np.float32))
        out = seen(look, places[..., :2], places[..., 2], places[..., 3]) * layout.inside
        if skin is not None:
            out = out * _at(skin, xy)
        return np.asarray(cv2.blur(out.astype(np.float32), (5, 5)) * layout.inside, np.float32)

    def _nothing(self, face: FaceState, image: Image) -> Detail:
        """The detail of a face that its picture does not show."""
        layout = self.layout
        zero = np.zeros((layout.size, layout.size), np.float32)
        flat = layout.whole(np.tile(np.array([0, 0, 1], np.float32), (*layout.inside.shape, 1)))
        painted = self._painted(face, image).image
        light = Light(np.eye(9, dtype=np.float32)[0])
        seen_none = np.zeros(zero.shape, np.uint8)
        return Detail(
            face, zero, zero, flat, painted, painted, seen_none, light, has_colour(image, image[..., 0] >= 0),
            mm_per_pixel(face), layout, self.topology,
        )  # fmt: skip


def _at(values: NDArray, xy: FloatArray) -> FloatArray:
    """A picture's values at pixels (h, w, 2)."""
    x, y = (np.ascontiguousarray(xy[..., k]) for k in range(2))
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)


def checked_mask(mask: ArrayLike, image: Image) -> FloatArray:
    """A caller's mask as (H, W) float32 from 0 to 1."""
    array = np.asarray(mask)
    if array.shape != image.shape[:2]:
        raise UsageError(f"a mask is as large as its picture, {image.shape[:2]}, not {array.shape}")
    scale = 255.0 if array.dtype == np.uint8 and array.max(initial=0) > 1 else 1.0
    return np.clip(array.astype(np.float32) / np.float32(scale), 0, 1)


def _cut_out(skin: FloatArray, part: Portrait) -> FloatArray:
    """A mask of the picture as one of its part."""
    height, width = part.fade.shape
    scale = 1 / part.scale
    offset = [0.5 * scale - 0.5 + corner for corner in part.origin]
    way = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(skin, way, (width, height), flags=flags), np.float32)
