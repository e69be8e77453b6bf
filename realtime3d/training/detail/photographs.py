"""Faces of photographs, enlarged as closer pictures would show them, and their composites in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from realtime3d.errors import SourceError
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.portrait import mm_per_pixel
from realtime3d.tracker import FaceTracker
from realtime3d.training.detail.composites import Composite, Composites, composites
from realtime3d.training.detail.drawing import Rng
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.types import Image

PICTURES = (".jpg", ".jpeg", ".png")
COARSEST_MM = 1.3  # a pixel of a photograph
MOST_YAW, MOST_SIGMA = 30.0, 4.5  # degrees
FINE_MM, COARSE_MM, FINE = (0.35, 0.5), (0.5, 0.85), 0.8  # a pixel of composites, and the chance of fine ones
Progress = Callable[[Iterable], Iterable]


def chosen(folders: Sequence[Path], each: int) -> list[Path]:
    """Evenly from each folder; people who are kept out of training are left out."""
    listed = [sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES) for folder in folders]
    people = held_out_people([file.name for files in listed for file in files])
    out: list[Path] = []
    for files in listed:
        free = [file for file in files if not is_held_out(file.name, people)]
        out += [free[i] for i in np.linspace(0, len(free) - 1, min(each, len(free))).astype(int)]
    return out


def prepare(
    files: Sequence[Path], target: Path, models: str, each: int, seed: int, progress: Progress = lambda items: items
) -> int:
    """Make `each` composites of every photograph that shows a face well enough; gives how many there are."""
    rng = np.random.default_rng(seed)
    made: list[Composite] = []
    with FaceTracker(models=models, threads=1) as tracker:
        maker = DetailMaker(tracker.model)
        mixed = [files[i] for i in rng.permutation(len(files))]  # so that the last ones are of all kinds
        for parts in composites(rng, maker, _faces(rng, tracker, progress(mixed)), each):
            made += parts
    if not made:
        raise SourceError("no photograph shows a face well enough for composites: name others")
    Composites(tuple(made)).save(target)
    return len(made)


def _faces(rng: Rng, tracker: FaceTracker, files: Iterable[Path]) -> Iterator[tuple[FaceState, Image]]:
    for file in files:
        image = cv2.imread(str(file))
        if image is None:
            continue
        picture = np.asarray(image, np.uint8)
        for face in tracker.process_picture(picture).faces[:1]:
            span = mm_per_pixel(face)
            if span > COARSEST_MM or abs(face.euler_deg()[1]) > MOST_YAW or face.raw.pose_sigma_deg > MOST_SIGMA:
                continue
            wanted = rng.uniform(*(FINE_MM if rng.random() < FINE else COARSE_MM))
            yield enlarged(face, picture, span / wanted)


def enlarged(face: FaceState, image: Image, zoom: float) -> tuple[FaceState, Image]:
    """The same face in a picture of more pixels, or of fewer."""
    size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
    how = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    picture = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return replace(face, camera=_enlarged(face.camera, zoom, size)), picture


def _enlarged(camera: Camera, zoom: float, size: tuple[int, int]) -> Camera:
    cx, cy = ((c + 0.5) * zoom - 0.5 for c in (camera.cx, camera.cy))
    return replace(camera, fx=camera.fx * zoom, fy=camera.fy * zoom, cx=cx, cy=cy, width=size[0], height=size[1])
