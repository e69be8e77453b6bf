"""Eyes cut out of photographs and renders, with where their corners, lids and iris are.

All are left eyes: right ones are mirrored, as `realtime3d.nets.eye_crop` does it. The crops are wider than what the net
sees, so that training can shift, turn and scale them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.eyes import SIDES
from realtime3d.face.model import FaceModel
from realtime3d.face.seats import Seats
from realtime3d.files import whole
from realtime3d.geometry import Camera
from realtime3d.nets.eye_crop import EYE_MM, eye_warp, facing, plane_of
from realtime3d.training.labels.landmarks import find_landmarks
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.types import Array, FloatArray, Image, Pose

WIDE = 1.4  # of what the net sees
SIDE = 84  # px
FORMAT = 1
# MediaPipe's: corners (outer, inner), upper lid from outer to inner, lower lid likewise, iris and its rim
LEFT = (263, 362, 466, 388, 387, 386, 385, 384, 398, 249, 390, 373, 374, 380, 381, 382, 473, 474, 475, 476, 477)
RIGHT = (33, 133, 246, 161, 160, 159, 158, 157, 173, 7, 163, 144, 145, 153, 154, 155, 468, 469, 470, 471, 472)
OUTER, INNER, UPPER, LOWER, IRIS, RIM = 0, 1, slice(2, 9), slice(9, 16), 16, slice(17, 21)
POINTS = len(LEFT)
LEAST_PX = 14.0  # between the corners
WORST_POSE = 0.10  # mean distance of the landmarks from the posed model's, in eye distances


@dataclass(frozen=True)
class EyeCrops:
    """Crops of left eyes with their points."""

    images: NDArray[np.uint8]  # (N, SIDE, SIDE, 3) BGR
    points: FloatArray  # (N, POINTS, 2) px of the crop
    rendered: NDArray[np.bool_]  # (N,) whether truth is exact

    def save(self, path: Path) -> None:
        with whole(path, make_folder=True) as draft:
            np.savez(
                draft, format=np.array(FORMAT), images=self.images, points=self.points, rendered=self.rendered
            )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> EyeCrops:
        try:
            with np.load(path, allow_pickle=False) as data:
                if int(data["format"]) != FORMAT:
                    raise SourceError(f"{path} has eyes of another format: make them again")
                return cls(data["images"], data["points"], data["rendered"])
        except (OSError, ValueError, KeyError) as error:
            raise SourceError(
                f"{path} has no crops of eyes ({error}): make them with `realtime3d training eye-crops`"
            ) from error

    @classmethod
    def joined(cls, parts: Sequence[EyeCrops]) -> EyeCrops:
        fields = ("images", "points", "rendered")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def cut(image: Image, camera: Camera, pose: Pose, seats: Array, points: NDArray) -> Iterator[tuple[Image, FloatArray]]:
    """Crop and points of each eye that the camera sees well. `points` (478, 2) px are MediaPipe's or the model's."""
    for side in range(len(SIDES)):
        own = points[list(RIGHT if side else LEFT)].astype(np.float64)
        if np.linalg.norm(own[OUTER] - own[INNER]) < LEAST_PX:
            continue
        depth = (pose.R @ seats[side, :2].mean(axis=0) + pose.t)[2]
        seen = camera.rays((own[OUTER] + own[INNER]) / 2) * depth
        middle = pose.R.T @ (seen - pose.t)
        if facing(pose, middle) < FACING_LEAST:
            continue
        plane = plane_of(pose, middle, side, EYE_MM * WIDE)
        found = np.linalg.solve(camera.K @ plane, np.column_stack([own, np.ones(POINTS)]).T).T
        yield (
            eye_warp(image, camera, plane, SIDE),
            (found[:, :2] / found[:, 2:] * SIDE + (SIDE - 1) / 2).astype(np.float32),
        )


FACING_LEAST = 0.5


class Poses:
    """Where heads stand in photographs, by MediaPipe's landmarks and the mean head."""

    def __init__(self, model: FaceModel) -> None:
        self._points = model.landmarks("mediapipe478", model.mean).astype(np.float64)[:468]
        self.seats = Seats.of(model).mean

    def __call__(self, landmarks: NDArray, width: int, height: int) -> tuple[Camera, Pose] | None:
        """The camera that is taken, and the pose; None where the landmarks are no head's."""
        camera = Camera.from_fov(width, height)
        seen = landmarks[:468].astype(np.float64)
        done, turn, t = cv2.solvePnP(self._points, seen[:, None], camera.K, None, flags=cv2.SOLVEPNP_SQPNP)
        if not done:
            return None
        R = cv2.Rodrigues(turn)[0]
        off = camera.project(self._points @ R.T + t.ravel()) - seen
        if np.linalg.norm(off, axis=1).mean() > WORST_POSE * np.linalg.norm(seen[33] - seen[263]):
            return None
        return camera, Pose(R, t.ravel())


def of_photographs(
    folder: Path,
    model: FaceModel,
    progress: Callable[[Iterable], Iterable] = lambda items: items,
    landmarks: Path | None = None,
) -> EyeCrops:
    """The eyes of a folder of photographs, without those of people who are kept out of training."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    names, points = found_in(files, landmarks, progress)
    people, poses = held_out_people([file.name for file in files]), Poses(model)
    images, marks = [], []
    for name, seen in zip(names, points, strict=True):
        image = cv2.imread(str(folder / name))
        if image is None or is_held_out(name, people):
            continue
        posed = poses(seen, image.shape[1], image.shape[0])
        for crop, own in cut(image, *posed, poses.seats, seen) if posed else ():
            images.append(crop)
            marks.append(own)
    if not images:
        raise SourceError(f"no eyes in {folder}: it takes photographs of faces")
    return EyeCrops(np.stack(images), np.stack(marks), np.zeros(len(images), bool))


def found_in(
    files: Sequence[Path], kept: Path | None, progress: Callable[[Iterable], Iterable]
) -> tuple[Sequence[str], NDArray[np.float32]]:
    """Names and landmarks of the photographs that show a face; read from `kept`, or written there."""
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as data:
            return [str(name) for name in data["names"]], data["points"]
    names, points, _ = find_landmarks(files, progress)
    if kept is not None:
        with whole(kept, make_folder=True) as draft:
            np.savez(draft, names=np.array(names), points=points)
    return names, points
