"""A fitted photograph as a 3D scene: a head with the photo's skin, and the photo itself as a sheet that bends round it.

Every vertex keeps where it lies in the photograph, where its partner on the other side of the face lies, how well both
are seen, and a colour of last resort spread from its neighbours. The sheet carries hair and background: it lies on the
head where the head is, and falls back behind the head's outline with the distance from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.raster import Canvas
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.model.plain_render import IRIS, IRIS_DEG, SCLERA
from realtime3d.training.model.regions import EYE_RINGS, LID_GAPS, gap
from realtime3d.training.samples.mouth import IVORY, Mouth
from realtime3d.types import FloatArray, Image

GOOD_FIT = 0.025  # residual of fits that are trusted
OPEN_MM = 5.0  # between the lids: with less too little of the eye is seen to be shown open
BEHIND_MM, BALL_MM = 3.0, 0.5  # an eyeball lies so close behind its lids that it would show their skin when they open
EAR_HUE, EAR_BRIGHT = 0.06, (0.45, 1.6)  # how unlike the face's skin an ear may look
SHADED = 0.75  # of white: an eyeball lies in the shadow of its lids
LEAST_SHOWN = 5  # vertices of an eye's white or iris that must be seen for the photograph's colour
LIT, GREY = 140.0, 8.0  # a well lit face's colour, and how little the channels differ in one without colour
SHEET_CELLS = 30
SHEET_BEYOND = 0.15  # of the photo's size: its edge colours go on a little
HOLE_MM = 15.0  # so far within the head's outline there is no sheet: it would show between open lips
FALL_BACK = 0.7  # mm backwards for each mm away from the head's outline
CHANNELS = 11  # own u, v, seen; partner's u, v, seen; colour BGR; shade; 1 on the sheet, 2 on drawn hair


@dataclass(frozen=True)
class HeadParts:
    """What all heads of one face model share."""

    model: FaceModel
    partner: NDArray[np.intp]  # (V,) vertex on the other side
    outer: NDArray[np.int32]  # triangles of skin, eyes and what shows in an open mouth

    @classmethod
    def of(cls, model: FaceModel) -> HeadParts:
        flipped = model.mean * (-1, 1, 1)
        partner = np.array([int(np.argmin(((model.mean - row) ** 2).sum(1))) for row in flipped], dtype=np.intp)
        return cls(model, partner, model.triangles)

    @cached_property
    def neighbours(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        edges = np.concatenate([self.model.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
        both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
        return both[:, 0], both[:, 1]

    @cached_property
    def region(self) -> dict[str, NDArray[np.bool_]]:
        return {name: self.model.region == i for i, name in enumerate(self.model.region_names)}

    @cached_property
    def mouth(self) -> Mouth:
        return Mouth.of(self.model)

    @cached_property
    def iris(self) -> NDArray[np.bool_]:
        """(V,) the eyeballs' vertices round where they look."""
        out = np.zeros(len(self.model.mean), dtype=bool)
        for side in (-1, 1):
            ball = np.flatnonzero(self.region["eyes"] & (side * self.model.mean[:, 0] > 0))
            away = self.model.mean[ball] - (self.model.mean[ball].min(axis=0) + self.model.mean[ball].max(axis=0)) / 2
            ahead = -away[:, 2] / np.linalg.norm(away, axis=1)
            out[ball[ahead > np.cos(np.radians(IRIS_DEG + 3))]] = True
        return out

    @cached_property
    def lash_line(self) -> NDArray[np.bool_]:
        """Lid vertices at the rim of the eye's opening: a closed eye shows lashes there."""
        on = self.model.landmarks("mediapipe478", self.model.mean)
        rim = np.concatenate([on[list(ring)] for ring in EYE_RINGS])
        near = np.linalg.norm(self.model.mean[:, None] - rim[None], axis=-1).min(axis=1) < 1.8
        return near & self.region["eyelids"]


@dataclass(frozen=True)
class Scene:
    """One fitted photograph, ready to be turned and changed."""

    photo: FittedPhoto
    own: FloatArray  # (V, 3): u, v, seen
    other: FloatArray  # (V, 3): the partner's
    colour: FloatArray  # (V, 3) BGR
    sheet_points: FloatArray  # (S, 3) mm in the head frame of the photograph's pose
    sheet_uv: FloatArray  # (S, 2)
    sheet_triangles: NDArray[np.int32]
    light: float  # the photograph's: 1 for a well lit face
    grey: bool

    def tinted(self, colours: FloatArray) -> FloatArray:
        """(N, 3) BGR of what the photograph does not show, in its light and without colour if it has none."""
        seen = colours.mean(axis=1, keepdims=True) if self.grey else colours
        return (self.light * np.broadcast_to(seen, colours.shape)).astype(np.float32)


def lid_gaps(model: FaceModel, alpha: FloatArray, motion: FloatArray) -> NDArray[np.float64]:
    """(N,) mm between the lids of fitted photographs."""
    moved = zip(alpha, (np.split(row, [model.n_expression]) for row in motion), strict=True)
    return np.array([gap(model, model.deform(model.neutral(a), *parts), LID_GAPS) for a, parts in moved])


def worth_turning(model: FaceModel, residual: FloatArray, alpha: FloatArray, motion: FloatArray) -> NDArray[np.bool_]:
    """(N,) photographs that can be shown in other poses and expressions: fitted well, and with open eyes, because a
    closed lid's skin lies where an eyeball must show when it opens."""
    return (residual < GOOD_FIT) & (lid_gaps(model, alpha, motion) > OPEN_MM)


def build_scene(top: HeadParts, photo: FittedPhoto) -> Scene:
    """Prepare a photograph."""
    image, R, t, focal = photo.image, photo.R, photo.t, photo.focal
    height, width = image.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    model = top.model
    head = model.deform(model.neutral(photo.alpha), *np.split(photo.motion, [model.n_expression]))
    space = head @ R.T + t
    uv = space[:, :2] / space[:, 2:] * focal + middle
    canvas = Canvas(width, height, 1)
    canvas.draw(np.column_stack([uv, space[:, 2]]), top.outer, space[:, 2:])
    seen = _seen(space, uv, canvas, model.triangles, np.where(top.region["eyes"], BALL_MM, BEHIND_MM))
    seen = _without_covered_ears(top, image, uv, seen)
    own = np.column_stack([uv, seen]).astype(np.float32)
    colour = _spread_colours(top, image, uv, seen)
    points, sheet_uv, triangles = _sheet(canvas, middle, focal, float(t[2]))
    to_head = (points - t) @ R
    skin = np.median(colour[top.region["face"]], axis=0)
    light, grey = float(np.clip(np.median(skin) / LIT, 0.25, 1.3)), bool(np.ptp(skin) < GREY)
    scene = Scene(
        photo, own, own[top.partner], colour, to_head.astype(np.float32), sheet_uv, triangles, light, grey
    )  # fmt: skip
    for part, usual_colour in ((top.region["eyes"] & ~top.iris, SHADED * np.array(SCLERA)), (top.iris, np.array(IRIS))):
        shown = part & (seen > 0.5)
        scene.colour[part] = (
            np.median(_sampled(image, uv[shown]), axis=0)
            if shown.sum() >= LEAST_SHOWN
            else scene.tinted(usual_colour.astype(np.float32)[None])
        )
    scene.colour[top.mouth.teeth] = scene.tinted(np.tile(IVORY, (int(top.mouth.teeth.sum()), 1)))
    return scene


def normals(vertices: FloatArray, triangles: NDArray) -> FloatArray:
    """Unit vertex normals, outwards."""
    faces = np.cross(*(vertices[triangles[:, k]] - vertices[triangles[:, 0]] for k in (1, 2)))
    out = np.zeros_like(vertices)
    for axis in range(3):
        for corner in range(3):
            out[:, axis] += np.bincount(triangles[:, corner], faces[:, axis], len(vertices))
    return out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-9)


def _seen(space: FloatArray, uv: FloatArray, canvas: Canvas, triangles: NDArray, behind: FloatArray) -> FloatArray:
    """(V,) how well the photograph shows each vertex: 0 hidden or edge-on, 1 facing the camera. `behind` (V,) mm is how
    far a vertex may lie behind what the camera sees there."""
    height, width = canvas.depth.shape
    column, row = (np.clip(np.rint(uv[:, k]).astype(int), 0, n - 1) for k, n in ((0, width), (1, height)))
    inside = (uv > 1).all(1) & (uv[:, 0] < width - 2) & (uv[:, 1] < height - 2)
    front = space[:, 2] < canvas.depth[row, column] + behind
    ray = -space / np.linalg.norm(space, axis=1, keepdims=True)
    facing = (normals(space, triangles) * ray).sum(1)
    return np.where(inside & front, np.clip((facing - 0.12) / 0.3, 0, 1), 0).astype(np.float32)


def _without_covered_ears(top: HeadParts, image: Image, uv: FloatArray, seen: FloatArray) -> FloatArray:
    """`seen` without ears that show no skin: hair lies over them, or a fit that no landmark of theirs holds put them
    beside the head."""
    skin, ears = top.region["face"] & (seen > 0.5), top.region["ears"]
    if not skin.any():
        return seen
    at = _sampled(cv2.GaussianBlur(image, (0, 0), 1.2), uv)
    bright = at.sum(axis=1, dtype=np.float32) + 1
    hue, usual = at / bright[:, None], np.median(at[skin], axis=0)
    apart = np.abs(hue - usual / (usual.sum() + 1)).max(axis=1)
    ratio = bright / (usual.sum() + 1)
    foreign = ears & ((apart > EAR_HUE) | (ratio < EAR_BRIGHT[0]) | (ratio > EAR_BRIGHT[1]))
    return np.where(foreign, 0, seen).astype(np.float32)


def _sampled(image: Image, uv: FloatArray) -> FloatArray:
    """(N, 3) BGR at (N, 2) places of a picture."""
    at = uv[None].astype(np.float32)
    return np.asarray(cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0], np.float32)


def _spread_colours(top: HeadParts, image: Image, uv: FloatArray, seen: FloatArray) -> FloatArray:
    """(V, 3) the photo's colour where it is seen, the partner's, else the average of the neighbours', spread far."""
    sampled = _sampled(cv2.GaussianBlur(image, (0, 0), 1.2), uv)
    unlike_skin = top.region["eyelids"] | top.region["eyes"] | top.mouth.within
    own_weight = np.where(unlike_skin, 0, seen)
    weight = np.maximum(own_weight, 0.8 * own_weight[top.partner])
    mix = own_weight / (own_weight + 0.8 * own_weight[top.partner] + 1e-6)
    known = mix[:, None] * sampled + (1 - mix[:, None]) * sampled[top.partner]
    a, b = top.neighbours
    count = np.bincount(a, minlength=len(uv))[:, None]
    skin = weight > 0.3
    typical = np.median(known[skin], axis=0) if skin.any() else np.array([110.0, 130.0, 170.0])
    colour = np.where(weight[:, None] > 0.3, known, typical)
    hair = top.region["scalp"] & (weight > 0.1)
    if hair.sum() > 20:
        colour[top.region["scalp"] & (weight < 0.1)] = np.median(known[hair], axis=0)
    for _ in range(30):
        mean = np.column_stack([np.bincount(a, colour[b, k], len(uv)) for k in range(3)]) / np.maximum(count, 1)
        colour = weight[:, None] * known + (1 - weight[:, None]) * mean
    colour[top.lash_line] *= 0.45
    return colour.astype(np.float32)


def _sheet(
    canvas: Canvas, middle: FloatArray, focal: float, distance: float
) -> tuple[FloatArray, FloatArray, NDArray[np.int32]]:
    """Points (S, 3) in camera space, their place in the photo, and triangles of the bent photograph."""
    height, width = canvas.depth.shape
    covered = canvas.owner >= 0
    outside = (~covered).astype(np.uint8)
    away, label = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    depth_of = np.full(int(label.max()) + 1, distance, dtype=np.float32)
    depth_of[label[covered]] = canvas.depth[covered]
    depth = depth_of[label] + np.minimum(FALL_BACK * away * distance / focal, 150.0)
    within = cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, 5) * distance / focal
    depth = np.where(covered, depth + 5.0 + within, np.maximum(depth, distance))
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), max(width, height) / 60)
    x = np.linspace(-SHEET_BEYOND, 1 + SHEET_BEYOND, SHEET_CELLS + 1, dtype=np.float32) * (width - 1)
    y = np.linspace(-SHEET_BEYOND, 1 + SHEET_BEYOND, SHEET_CELLS + 1, dtype=np.float32) * (height - 1)
    uv = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    z = cv2.remap(depth, uv[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    points = np.column_stack([(uv - middle) / focal * z[:, None], z])
    n = SHEET_CELLS + 1
    corner = (np.arange(SHEET_CELLS)[:, None] * n + np.arange(SHEET_CELLS)).ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + n], 1), np.stack([corner + 1, corner + n + 1, corner + n], 1)]
    )
    deep = cv2.remap(within, uv[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0] > HOLE_MM
    return points.astype(np.float32), uv, triangles[~deep[triangles].all(axis=1)].astype(np.int32)
