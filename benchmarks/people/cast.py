"""People for rendered sequences: fitted photographs cut out of their background, to be placed anywhere in a picture.

With a training pack every photograph is a person of its own. Without one there is only the astronaut of the bundled
clip (a public-domain photograph), who gets another drawn shape and another complexion for each person.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.demo import clip_path, load_truth
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.nets.crop import CROP_MM, Crop, crop_from_pose, warp
from realtime3d.raster import Canvas
from realtime3d.sources.base import Gap
from realtime3d.sources.choose import open_source
from realtime3d.training.labels.pack import FittedPhoto, Pack
from realtime3d.training.model.solutions import PersonMask
from realtime3d.training.samples import render_samples as renderer
from realtime3d.training.samples.photo import HeadParts, Scene, build_scene
from realtime3d.types import FloatArray, Image, Pose

ASTRONAUT_PX, ASTRONAUT_MM = 288, 330.0  # the cut-out of the clip: its side, and what it shows at the face's depth
DRAWN_SPREAD = 0.9  # of a drawn shape's coefficients
BEST_FITS = 0.015  # residual of photographs that are taken
FRONTAL_DEG = 15.0  # photographs turned farther leave half of the face to guesses
EDGE_PX = 6  # of the photograph, in which a person fades out towards its border
CHIN, FADE_MM = 152, 30.0  # landmark below which shoulders and long hair fade out: they would turn with the head
TORSO_MM = ((40, 150), (65, 165), (150, 185), (205, 215), (225, 290), (230, 900))  # half an outline: x, y from the eyes
TORSO_BEHIND_MM = 75.0
NO_LIGHT = np.zeros(3, np.float32)


@dataclass(frozen=True)
class Actor:
    """One person."""

    name: str
    top: HeadParts
    scene: Scene
    matte: FloatArray  # (h, w) over the photograph: how much of each pixel is person
    shape: FloatArray  # (99,) alpha
    clothes: tuple[float, float, float]  # BGR


@dataclass(frozen=True)
class Shot:
    """One person in one frame."""

    actor: Actor
    pose: Pose
    motion: FloatArray  # (34,) eta and extras


class Cast:
    """Whom sequences are made with."""

    def __init__(self, model_file: Path, pack_folder: Path | None = None) -> None:
        self.model = FaceModel.load(model_file)
        self.to_motion: FloatArray = np.load(model_file)["arkit_to_motion"]
        self._top = HeadParts.of(self.model)
        self._pack = None if pack_folder is None else Pack.load(pack_folder, model_file)
        self._good = np.zeros(0, np.intp) if self._pack is None else _usable(self._pack)
        self._segment = _Segmenter(self.model)

    def draw(self, rng: np.random.Generator, count: int) -> list[Actor]:
        """Different people, chosen or made up at random."""
        if self._pack is None:
            return [self._drawn(rng, n) for n in range(count)]
        rows = rng.choice(self._good, count, replace=False)
        return [self._actor(self._pack.files[i], self._pack.photo(int(i)), rng) for i in rows]

    def _drawn(self, rng: np.random.Generator, number: int) -> Actor:
        photo = astronaut(self.model)
        gains = rng.uniform(0.92, 1.06, 3) * rng.uniform(0.6, 1.1)
        other = np.clip(photo.image * gains, 0, 255).astype(np.uint8)
        actor = self._actor(f"astronaut {number}", photo, rng)
        shape = rng.normal(0, DRAWN_SPREAD, self.model.n_shape).clip(-2.5, 2.5).astype(np.float32)
        scene = replace(actor.scene, photo=replace(photo, image=other), colour=actor.scene.colour * gains)
        return replace(actor, scene=scene, shape=shape)

    def _actor(self, name: str, photo: FittedPhoto, rng: np.random.Generator) -> Actor:
        clothes = tuple(rng.uniform(25, 190, 3))
        return Actor(name, self._top, build_scene(self._top, photo), self._segment(photo), photo.alpha, clothes)


def _usable(pack: Pack) -> NDArray[np.intp]:
    """Photographs with a good fit that show a frontal face whole, with room around it."""
    fits, side = pack.fits, 208
    facing = np.degrees(np.arccos(np.clip(fits["R"][:, 2, 2], -1, 1)))
    room = (fits["box"][:, :2] > 0.12 * side).all(1) & (fits["box"][:, 2:] < 0.88 * side).all(1)
    large = (fits["box"][:, 2:] - fits["box"][:, :2]).min(1) > 70
    return np.flatnonzero((fits["residual"] < BEST_FITS) & (facing < FRONTAL_DEG) & room & large)


class _Segmenter:
    """MediaPipe's selfie segmentation, opened when first needed."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._net: PersonMask | None = None

    def __call__(self, photo: FittedPhoto) -> FloatArray:
        """(h, w) 0..1: how much of each pixel is head, hair or neck; fades out towards border and shoulders."""
        if self._net is None:
            self._net = PersonMask()
        found = self._net(cv2.cvtColor(photo.image, cv2.COLOR_BGR2RGB))
        height, width = found.shape
        x, y = np.arange(width)[None], np.arange(height)[:, None]
        edge = np.minimum(np.minimum(x, x[:, ::-1]), np.minimum(y, y[::-1])) / EDGE_PX
        per_mm = photo.focal / photo.t[2]
        chin = self._model.landmarks("mediapipe478", self._model.neutral(photo.alpha))[CHIN] @ photo.R.T + photo.t
        below = (y - (height - 1) / 2) / per_mm - chin[1] * photo.t[2] / chin[2]
        person = np.clip(1.6 * found - 0.4, 0, 1) * np.clip(edge, 0, 1) * np.clip(1 - below / FADE_MM, 0, 1)
        return (person * _largest_part(person > 0.3)).astype(np.float32)


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part, a little wider than it is."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    largest = (label == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])) if len(stats) > 1 else mask
    return cv2.dilate(largest.astype(np.uint8), np.ones((5, 5))) > 0


def astronaut(model: FaceModel) -> FittedPhoto:
    """The first frame of the bundled clip with its exact truth, cut out around the face."""
    truth = load_truth()
    with contextlib.closing(open_source(clip_path())) as source:
        frame = next(item for item in source if not isinstance(item, Gap))
    pose = Pose(truth.R[0], truth.t[0])
    narrow = crop_from_pose(pose, ASTRONAUT_PX)
    crop = Crop(narrow.R, narrow.focal * CROP_MM / ASTRONAUT_MM, ASTRONAUT_PX)
    motion = np.concatenate([truth.expression[0], truth.extras[0]])
    points = model.landmarks("mediapipe478", model.deform(model.neutral(truth.shape), *np.split(motion, [29])))
    space = (points @ pose.R.T + pose.t) @ crop.R.T
    xy = space[:, :2] / space[:, 2:] * crop.focal + (ASTRONAUT_PX - 1) / 2
    return FittedPhoto(
        image=warp(frame.image, truth.camera, crop),
        R=(crop.R @ pose.R).astype(np.float32),
        t=(crop.R @ pose.t).astype(np.float32),
        focal=crop.focal,
        alpha=truth.shape,
        actions=np.zeros(len(model.arkit_names), np.float32),
        motion=motion.astype(np.float32),
        residual=0.0,
        box=np.concatenate([xy.min(0), xy.max(0)]).astype(np.float32),
    )


def add(picture: Image, shot: Shot, camera: Camera) -> Image:
    """The picture with one more person in front of everything that is in it."""
    body, opacity = _torso(shot, camera)
    out = picture.astype(np.float32)
    out += opacity[..., None] * (body - out)
    target = renderer.Target(shot.pose.R, 0.0, shot.actor.shape, shot.motion, True, NO_LIGHT)
    solids = [renderer.shape_head(shot.actor.top.model, target), shot.actor.scene.sheet_points]
    drawn = [_projected(points @ shot.pose.R.T + shot.pose.t, camera) for points in solids]
    every = np.concatenate(drawn)[:, :2]
    low = np.clip(np.floor(every.min(0)).astype(int), 0, (camera.width - 1, camera.height - 1))
    high = np.clip(np.ceil(every.max(0)).astype(int) + 1, low + 1, (camera.width, camera.height))
    tile = out[low[1] : high[1], low[0] : high[0]]
    colour, opacity = _head(shot, target, [xyz - (*low, 0) for xyz in drawn], tile)
    tile += opacity[..., None] * (colour - tile)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def _projected(space: FloatArray, camera: Camera) -> FloatArray:
    return np.column_stack([camera.project(space), space[:, 2]]).astype(np.float32)


def _head(
    shot: Shot, target: renderer.Target, drawn: list[FloatArray], below: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Colours and opacity (h, w) of head and hair over a part of the picture."""
    actor, (head, sheet) = shot.actor, drawn
    canvas = Canvas(below.shape[1], below.shape[0], renderer.CHANNELS)
    canvas.draw(sheet, actor.scene.sheet_triangles, renderer.sheet_attributes(actor.scene), two_sided=True)
    plain = np.ones(len(head), np.float32)
    same_mouth = np.random.default_rng(len(actor.name))  # in every frame
    canvas.draw(head, actor.top.outer, renderer.head_attributes(actor.top, actor.scene, target, plain, same_mouth))
    colour = renderer.compose(canvas, actor.scene, np.clip(below, 0, 255).astype(np.uint8))
    uv = np.ascontiguousarray(canvas.values[..., :2])
    matte = cv2.remap(actor.matte, uv, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    opacity = np.where(canvas.values[..., 10] > 0.5, matte, canvas.owner >= 0).astype(np.float32)
    return colour.astype(np.float32), cv2.GaussianBlur(opacity, (0, 0), 0.7)


def _torso(shot: Shot, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Shoulders that stay upright whatever the head does."""
    half = np.array(TORSO_MM, dtype=np.float64)
    outline = np.concatenate([half, half[::-1] * (-1, 1)])
    neck = shot.pose.R @ np.array([0.0, 0.0, TORSO_BEHIND_MM]) + shot.pose.t
    points = np.column_stack([outline + neck[:2], np.full(len(outline), neck[2])])
    opacity = np.zeros((camera.height, camera.width), np.uint8)
    cv2.fillPoly(opacity, [np.rint(camera.project(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return np.array(shot.actor.clothes, np.float32), opacity / np.float32(255)
