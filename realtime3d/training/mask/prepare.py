"""Photographs cut out and labelled once, in one file: `Portraits`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.files import whole
from realtime3d.training.labels.landmarks import find_landmarks
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.training.mask.labels import cut, frame_of, label
from realtime3d.training.model.solutions import PersonMask
from realtime3d.types import Image

QUALITY = 92
Progress = Callable[[Iterable], Iterable]


@dataclass(frozen=True)
class Portraits:
    """Labelled cut-outs, decoded when asked for."""

    files: tuple[str, ...]
    pictures: tuple[bytes, ...]  # JPEG
    labels: tuple[bytes, ...]  # PNG
    points: NDArray[np.float32]  # (N, 478, 2) in the cut-outs

    def __len__(self) -> int:
        return len(self.files)

    def image(self, i: int) -> Image:
        return np.asarray(cv2.imdecode(np.frombuffer(self.pictures[i], np.uint8), cv2.IMREAD_COLOR), np.uint8)

    def label(self, i: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.imdecode(np.frombuffer(self.labels[i], np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    def only(self, names: Collection[str]) -> Portraits:
        """Those of these files."""
        rows = [i for i, name in enumerate(self.files) if name in names]
        parts = (tuple(part[i] for i in rows) for part in (self.pictures, self.labels))
        pictures, labels = parts
        return Portraits(tuple(self.files[i] for i in rows), pictures, labels, self.points[rows])

    @classmethod
    def load(cls, *paths: Path) -> Portraits:
        files: list[str] = []
        coded: dict[str, list[bytes]] = {"pictures": [], "labels": []}
        points = []
        for path in paths:
            try:
                with np.load(path, allow_pickle=False) as data:
                    arrays = {key: data[key] for key in data.files}
            except (OSError, ValueError) as error:
                raise SourceError(f"{path} holds no labelled photographs ({error}): make it again") from error
            files += map(str, arrays["files"])
            points.append(arrays["points"])
            for key, parts in coded.items():
                ends = np.cumsum(arrays[f"{key}_bytes"])
                parts += [arrays[key][a:b].tobytes() for a, b in zip((0, *ends[:-1]), ends, strict=True)]
        return cls(tuple(files), tuple(coded["pictures"]), tuple(coded["labels"]), np.concatenate(points))


def prepare(files: Sequence[Path], target: Path, progress: Progress = lambda items: items) -> int:
    """Label photographs into a file; those of people kept out of training are left out. Gives how many there are."""
    people = held_out_people([file.name for file in files])
    names, points, _ = find_landmarks([f for f in files if not is_held_out(f.name, people)], progress)
    return write(target, {file.name: file for file in files}, names, points, progress)


def write(
    target: Path,
    places: dict[str, Path],
    names: Sequence[str],
    points: NDArray[np.float32],
    progress: Progress = lambda items: items,
) -> int:
    """Label photographs whose 478 points are known."""
    kept: list[str] = []
    coded: dict[str, list[NDArray[np.uint8]]] = {"pictures": [], "labels": []}
    moved = []
    person = PersonMask()
    try:
        for i in progress(range(len(names))):
            image = cv2.imread(str(places[names[i]]))
            if image is None:
                continue
            frame = frame_of(points[i])
            part, inside = cut(image.astype(np.uint8), frame.matrix)
            found = label(part, frame.points, inside, person(np.ascontiguousarray(part[..., ::-1])))
            if found is None:
                continue
            kept.append(names[i])
            moved.append(frame.points)
            coded["pictures"].append(cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].ravel())
            coded["labels"].append(cv2.imencode(".png", found)[1].ravel())
    finally:
        person.close()
    if not kept:
        raise SourceError("no photograph could be labelled: MediaPipe found no face in colour")
    arrays: dict[str, Any] = {key: np.concatenate(parts) for key, parts in coded.items()}
    arrays |= {f"{key}_bytes": np.array([len(p) for p in parts]) for key, parts in coded.items()}
    with whole(target, make_folder=True) as draft:
        np.savez(draft, files=np.array(kept), points=np.array(moved, np.float32), **arrays)
    return len(kept)
