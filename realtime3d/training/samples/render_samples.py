"""Photographs turned in space: any pose, expression, shape, light and background, with exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.geometry import ANCHOR_MM, euler_to_matrix, rotation_to_ray
from realtime3d.nets.crop import CROP_MM
from realtime3d.raster import Canvas
from realtime3d.training.samples.covers import NONE, Covers
from realtime3d.training.samples.hair import Hair
from realtime3d.training.samples.mouth import MOVED_MM
from realtime3d.training.samples.photo import CHANNELS, HeadParts, Scene, normals
from realtime3d.training.samples.shards import MARGIN
from realtime3d.types import FloatArray, Image


@dataclass(frozen=True)
class Target:
    """What a sample shall show."""

    R: NDArray[np.float64]  # (3, 3) rotation relative to the ray to the head's anchor
    distance: float  # mm from the camera to the anchor
    alpha: FloatArray
    motion: FloatArray  # (34,)
    keep_background: bool  # the photo's own, bent round the head, else `backdrop`
    light: FloatArray  # (3,) direction towards the light in the camera, its length is its strength
    hair: Hair | None = None  # over that of the photograph
    covers: Covers = NONE  # what may lie before the face


def render(top: HeadParts, scene: Scene, target: Target, backdrop: Image, size: int, rng: np.random.Generator) -> Image:
    """One picture (size, size, 3) BGR: the anchor in its middle, CROP_MM * MARGIN across at the anchor's depth."""
    model = top.model
    focal = size / MARGIN * target.distance / CROP_MM
    t = np.array([0, 0, target.distance]) - target.R @ ANCHOR_MM
    head = shape_head(model, target)
    space = (head @ target.R.T + t).astype(np.float32)
    canvas = Canvas(size, size, CHANNELS)
    if target.keep_background:
        sheet = scene.sheet_points @ target.R.T + t
        canvas.draw(_project(sheet, focal, size), scene.sheet_triangles, sheet_attributes(scene), two_sided=True)
    shade = _shade(space, model.triangles, target.light)
    canvas.draw(_project(space, focal, size), top.outer, head_attributes(top, scene, target, shade, rng))
    if target.hair is not None:
        shell, looks = _hair_over(target.hair, space, normals(space, model.triangles), shade)
        canvas.draw(_project(shell, focal, size), target.hair.triangles, looks, two_sided=True)
        strands = target.hair.strands(size, rng)
        canvas.values[..., 9:10] *= np.where(canvas.values[..., 10:] > 1.5, strands, 1)
    image = compose(canvas, scene, backdrop)
    cover = target.covers.draw(model, head, np.median(scene.colour[top.region["face"]], axis=0), rng)
    return image if cover is None else cover.lay_over(image, canvas.depth, target.R, t, focal)


def _hair_over(hair: Hair, space: FloatArray, outwards: FloatArray, shade: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points and attributes of hair: darker where it turns away from the camera."""
    out = np.zeros((len(hair.rows), CHANNELS), dtype=np.float32)
    out[:, 6:9], out[:, 10] = hair.colours, 2
    out[:, 9] = shade[hair.rows] * (0.65 - 0.4 * outwards[hair.rows, 2])
    return hair.over(space, outwards), out


def shape_head(model: FaceModel, target: Target) -> FloatArray:
    """The head's vertices."""
    return model.deform(model.neutral(target.alpha), *np.split(target.motion, [model.n_expression]))


def _project(space: FloatArray, focal: float, size: int) -> FloatArray:
    return np.column_stack([space[:, :2] / space[:, 2:] * focal + (size - 1) / 2, space[:, 2]])


def _shade(space: FloatArray, triangles: NDArray, light: FloatArray) -> FloatArray:
    """(V,) brightness factor of an added light."""
    strength = float(np.linalg.norm(light))
    if strength == 0:
        return np.ones(len(space), dtype=np.float32)
    return (1 + strength * (normals(space, triangles) @ (light / strength)).clip(-0.6, 1)).clip(0.3, 1.9)


def sheet_attributes(scene: Scene) -> FloatArray:
    out = np.zeros((len(scene.sheet_uv), CHANNELS), dtype=np.float32)
    out[:, :2] = scene.sheet_uv
    out[:, 2] = out[:, 9] = out[:, 10] = 1
    return out


def head_attributes(
    top: HeadParts, scene: Scene, target: Target, shade: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Texture coordinates, weights and colours per vertex; lids that close and mouths that open get their own."""
    out = np.empty((len(shade), CHANNELS), dtype=np.float32)
    out[:, :3], out[:, 3:6], out[:, 6:9] = scene.own, scene.other, scene.colour
    out[:, 9], out[:, 10] = shade, 0
    model = top.model
    moved = np.linalg.norm(
        np.einsum("k,kvc->vc", (target.motion - scene.photo.motion)[: model.n_expression], model.expression_basis),
        axis=1,
    )
    lids = top.region["eyelids"]
    fade = np.where(lids, 1 - np.clip(moved / 4.0, 0, 1), 1).astype(np.float32)
    if top.mouth.moved(target.motion - scene.photo.motion) >= MOVED_MM:
        within = top.mouth.within
        fade[within] = 0
        out[within, 6:9] = scene.tinted(top.mouth.flesh_colours(rng))[within]
    out[:, 2] *= fade
    out[:, 5] *= fade
    return out


def compose(canvas: Canvas, scene: Scene, backdrop: Image) -> Image:
    """Blend own texture, mirrored texture and colours by how well each is known."""
    v = canvas.values
    own = _sample(scene.photo.image, v[..., 0:2])
    mirrored = _sample(scene.photo.image, v[..., 3:5])
    sharp = np.clip(v[..., 2:3] * 1.5, 0, 1)
    second = np.clip(v[..., 5:6] * 1.5, 0, 1)
    colour = sharp * own + (1 - sharp) * (second * mirrored + (1 - second) * v[..., 6:9])
    colour *= v[..., 9:10]
    there = canvas.owner >= 0
    out = backdrop.copy()
    out[there] = np.clip(colour[there], 0, 255).astype(np.uint8)
    return out


def _sample(image: Image, uv: FloatArray) -> FloatArray:
    xy = np.ascontiguousarray(uv)
    return cv2.remap(image, xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)


def draw_rotation(rng: np.random.Generator, near: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """A head rotation: near the photograph's, or anywhere up to profile, far poses over-sampled."""
    if near is not None:
        return euler_to_matrix(*np.radians(rng.normal(0, [6, 9, 4]))) @ near
    yaw = rng.normal(0, 22) if rng.random() < 0.35 else rng.uniform(-98, 98)
    pitch = rng.normal(0, 17) if rng.random() < 0.85 else rng.uniform(-55, 55)
    return euler_to_matrix(*np.radians([np.clip(pitch, -65, 65), yaw, rng.normal(0, 8)]))


def ray_relative(R: FloatArray, t: FloatArray) -> NDArray[np.float64]:
    """A rotation in a camera, relative to the ray to the head's anchor."""
    return rotation_to_ray(R @ ANCHOR_MM + t).T @ R
