"""Eyes of rendered faces, with exact truth: balls that turn, lids that follow and shut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.face.seats import HABIT, Seats
from realtime3d.geometry import ANCHOR_MM, Camera, euler_to_matrix
from realtime3d.nets.crop import CROP_MM
from realtime3d.training.eyes.change import Eye
from realtime3d.training.eyes.crops import IRIS, EyeCrops, cut
from realtime3d.training.labels.borders import without_mirrored_borders
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.model.actions import sample_actions, sample_ends
from realtime3d.training.samples.photo import HeadParts, build_scene
from realtime3d.training.samples.render_samples import Target, render
from realtime3d.training.samples.shards import MARGIN
from realtime3d.types import FloatArray, Image, Pose

SIZE = 320  # px of a render
A_PHOTO = 8  # renders of each photograph
TURNS_DEG = (12.0, 22.0, 6.0)  # deviations of pitch, yaw and roll
SPREAD = 0.5  # of shapes round the photograph's


def of_photographs(
    model: FaceModel,
    to_motion: NDArray,
    photos: Iterable[FittedPhoto],
    seed: int = 0,
    each: int = A_PHOTO,
    progress: Callable[[Iterable], Iterable] = lambda items: items,
) -> EyeCrops:
    """Both eyes of renders of photographs that are worth turning."""
    rng, top, seats = np.random.default_rng(seed), HeadParts.of(model), Seats.of(model)
    images, points = [], []
    for photo in progress(photos):
        scene = build_scene(top, replace(photo, image=without_mirrored_borders(photo.image)))
        for _ in range(each):
            target = draw_target(model, to_motion, photo, rng)
            image = render(top, scene, target, _backdrop(rng), SIZE, rng)
            for crop, own in _cut(model, seats, target, image):
                images.append(crop)
                points.append(as_on_people(own))
    if not images:
        raise SourceError("no photograph has a fit good enough to render from: fit others")
    return EyeCrops(np.stack(images), np.stack(points), np.ones(len(images), bool))


def draw_target(model: FaceModel, to_motion: NDArray, photo: FittedPhoto, rng: np.random.Generator) -> Target:
    """A face that looks somewhere, often with lids that close."""
    draw = sample_ends if rng.random() < 0.5 else sample_actions
    actions = draw(rng, 1, model.arkit_names)[0]
    turn = np.clip(rng.normal(0, TURNS_DEG), -50, 50)
    shape = photo.alpha + SPREAD * np.clip(rng.normal(size=len(photo.alpha)), -2.5, 2.5)
    return Target(
        R=euler_to_matrix(*np.radians(turn)),
        distance=float(rng.uniform(350, 900)),
        alpha=shape.astype(np.float32),
        motion=(to_motion @ actions).astype(np.float32),
        keep_background=bool(rng.random() < 0.7),
        light=(rng.normal(size=3) * rng.choice([0, 0.2, 0.4])).astype(np.float32),
    )


def as_on_people(points: FloatArray) -> FloatArray:
    """The iris where MediaPipe would see it: the textures show people's, and fits took the difference for its habit."""
    moved = points.copy()
    moved[IRIS:] += (Eye.of(points).axes @ HABIT).astype(np.float32)
    return moved


def _backdrop(rng: np.random.Generator) -> Image:
    return np.full((SIZE, SIZE, 3), rng.integers(0, 256, 3), np.uint8)


def _cut(model: FaceModel, seats: Seats, target: Target, image: Image) -> Iterator[tuple[Image, FloatArray]]:
    camera, pose = view(target, SIZE)
    parts = np.split(target.motion, [model.n_expression])
    points = model.face_landmarks("mediapipe478", target.alpha, *parts).astype(np.float64)
    return cut(image, camera, pose, seats.of_face(target.alpha), camera.project(points @ pose.R.T + pose.t))


def view(target: Target, size: int) -> tuple[Camera, Pose]:
    """The camera of a render, and where its head stands."""
    focal, middle = size / MARGIN * target.distance / CROP_MM, (size - 1) / 2
    t = np.array([0, 0, target.distance]) - target.R @ ANCHOR_MM
    return Camera(focal, focal, middle, middle, size, size), Pose(target.R, t)
