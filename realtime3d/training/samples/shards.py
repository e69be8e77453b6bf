"""Training samples on disk: pictures and labels in pairs of files, read without copying.

`NAME.images.npy` holds uint8 (N, P, P, 3) BGR pictures, each seen by a crop camera widened by `MARGIN`;
`NAME.labels.npz` holds the labels below. Labels are written last: a shard without them does not exist yet.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.files import whole

MARGIN = 1.25  # picture side over crop side
PHOTO, RENDERED, BACKGROUND = 0, 1, 2
FIELDS: dict[str, tuple[int, ...]] = {
    "R": (3, 3),  # crop.CropPose of the head in a crop without the margin
    "position": (2,),
    "log_scale": (),
    "focal": (),  # pixels of the stored picture
    "eta": (29,),
    "extras": (5,),
    "alpha": (99,),
    "has_face": (),
    "w_pose": (),  # weights: 0 where a label is unknown or not trusted
    "w_eta": (),
    "w_extras": (),
    "w_alpha": (),
    "kind": (),
    "source": (),  # number of the person or photograph
}
INTEGERS = {"has_face": np.uint8, "kind": np.uint8, "source": np.int32}

Labels = dict[str, NDArray]


@dataclass(frozen=True, slots=True)
class Shard:
    """One pair of files; `images` is memory-mapped."""

    name: str
    images: NDArray[np.uint8]
    labels: Labels

    def __len__(self) -> int:
        return len(self.images)


def write_shard(folder: Path, name: str, images: NDArray[np.uint8], labels: Labels) -> None:
    """Write a shard so that a reader sees all of it or nothing."""
    checked: dict[str, Any] = _checked(labels, len(images), name)
    with whole(folder / f"{name}.images.npy", make_folder=True) as draft:
        np.save(draft, images)
    with whole(folder / f"{name}.labels.npz") as draft:  # last: with it the shard is there
        np.savez(draft, **checked)


def read_shard(folder: Path, name: str) -> Shard:
    """Map a shard's pictures and load its labels."""
    try:
        images = np.load(folder / f"{name}.images.npy", mmap_mode="r", allow_pickle=False)
        with np.load(folder / f"{name}.labels.npz", allow_pickle=False) as data:
            labels = {key: data[key] for key in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(f"shard {name} in {folder} cannot be read ({error}): delete and render it again") from error
    if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3 or images.dtype != np.uint8:
        raise SourceError(f"shard {name}: pictures are {images.dtype} {images.shape}, expected uint8 (N, P, P, 3)")
    return Shard(name, images, _checked(labels, len(images), name))


def shard_names(folder: Path) -> list[str]:
    """Complete shards of a folder, in order."""
    return sorted(path.name.removesuffix(".labels.npz") for path in folder.glob("[!.]*.labels.npz"))


def _checked(labels: Labels, count: int, name: str) -> Labels:
    missing = sorted(FIELDS.keys() - labels.keys())
    if missing:
        raise SourceError(f"shard {name} lacks {', '.join(missing)}: render it again with this version")
    result = {}
    for field, shape in FIELDS.items():
        array = np.ascontiguousarray(labels[field], dtype=INTEGERS.get(field, np.float32))
        if array.shape != (count, *shape):
            raise SourceError(f"shard {name}: {field} is {array.shape}, expected {(count, *shape)}: render it again")
        if array.dtype == np.float32 and not np.isfinite(array).all():
            raise SourceError(f"shard {name}: {field} holds values that are not finite: render it again")
        result[field] = array
    _place_where_no_face(result)
    return result


def _place_where_no_face(labels: Labels) -> None:
    """Samples without a face need no pose: give them a valid one, so that they can be looked at like the others."""
    empty = (labels["has_face"] == 0) & ((labels["focal"] <= 0) | (np.abs(labels["R"]).sum((1, 2)) == 0))
    if empty.any():
        labels["R"][empty] = np.eye(3)
        labels["position"][empty] = labels["log_scale"][empty] = 0
        labels["focal"][empty] = 400.0
