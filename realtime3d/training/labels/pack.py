"""The training pack: fitted photographs in a few files that any machine can train from, without MediaPipe.

A pack is a folder of `part_NN.npz` files, each under 16 MB: the photographs as JPEG, shrunk to `SIDE` pixels, with
their fits and the face model's fingerprint. Photographs stay outside the repository; a pack is made from a folder of
them and never committed either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.files import whole
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.types import Image

FORMAT = 1
SIDE = 288
QUALITY = 88
PART_BYTES = 15_000_000
WORST_RESIDUAL = 0.05  # fits beyond it are dropped
FIT_FIELDS = ("R", "t", "focal", "alpha", "actions", "motion", "residual", "box")


@dataclass(frozen=True)
class FittedPhoto:
    """One photograph; its camera looks through its middle with `focal` pixels."""

    image: Image
    R: NDArray[np.float32]  # (3, 3)
    t: NDArray[np.float32]  # (3,) mm
    focal: float
    alpha: NDArray[np.float32]
    actions: NDArray[np.float32]
    motion: NDArray[np.float32]  # (34,) eta and extras
    residual: float
    box: NDArray[np.float32]  # (4,) px, of the 478 landmarks


@dataclass(frozen=True)
class Pack:
    """All photographs of a pack, decoded when asked for."""

    jpeg: tuple[bytes, ...]
    files: tuple[str, ...]
    fits: dict[str, NDArray[np.float32]]
    model: FaceModel
    arkit_to_motion: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.files)

    def photo(self, i: int, flip: bool = False) -> FittedPhoto:
        """One photograph, as it is or in a mirror (left and right exchanged in its labels too)."""
        row = {key: self.fits[key][i] for key in FIT_FIELDS}
        photo = FittedPhoto(self.image(i), **{**row, "focal": float(row["focal"]), "residual": float(row["residual"])})
        return self._mirrored(photo) if flip else photo

    def image(self, i: int) -> Image:
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpeg[i], np.uint8), cv2.IMREAD_COLOR), np.uint8)

    def _mirrored(self, photo: FittedPhoto) -> FittedPhoto:
        mirror = np.diag([-1.0, 1, 1]).astype(np.float32)
        x0, y0, x1, y1 = photo.box
        right = photo.image.shape[1] - 1
        actions = photo.actions[self.other_side]
        return replace(
            photo,
            image=np.ascontiguousarray(photo.image[:, ::-1]),
            R=(mirror @ photo.R @ mirror).astype(np.float32),
            t=mirror @ photo.t,
            actions=actions,
            motion=self.arkit_to_motion @ actions,
            box=np.array([right - x1, y0, right - x0, y1], dtype=np.float32),
        )

    @cached_property
    def usual(self) -> NDArray[np.float32]:
        """(99,) the mean shape of the people in the pack: real faces do not lie around the model's mean."""
        return self.fits["alpha"].mean(axis=0)

    @cached_property
    def other_side(self) -> NDArray[np.intp]:
        """(52,) for each action the same one on the other side of the face."""
        names = list(self.model.arkit_names)
        swap = {"Left": "Right", "Right": "Left"}
        return np.array(
            [
                names.index(next((n.removesuffix(s) + swap[s] for s in swap if n.endswith(s)), n))
                for n in self.model.arkit_names
            ]
        )

    @classmethod
    def load(cls, folder: Path, model_file: Path) -> Pack:
        """Read a pack that was fitted with this face model."""
        parts = sorted(folder.glob("part_*.npz"))
        if not parts:
            raise SourceError(f"no training pack in {folder}: make one with `realtime3d training pack`")
        jpeg: list[bytes] = []
        files: list[str] = []
        fits: dict[str, list[NDArray]] = {key: [] for key in FIT_FIELDS}
        for part in parts:
            data = _read_part(part, fingerprint(model_file))
            ends = np.cumsum(data["jpeg_bytes"])
            jpeg += [data["jpeg"][a:b].tobytes() for a, b in zip(ends - data["jpeg_bytes"], ends, strict=True)]
            files += map(str, data["files"])
            for key in FIT_FIELDS:
                fits[key].append(data[key].astype(np.float32))
        with np.load(model_file, allow_pickle=False) as arrays:
            to_motion = arrays["arkit_to_motion"]
        joined = {key: np.concatenate(values) for key, values in fits.items()}
        return cls(tuple(jpeg), tuple(files), joined, FaceModel.load(model_file), to_motion)


def fingerprint(model_file: Path) -> str:
    """What a fit depends on: mean and bases of the face model, not its labels."""
    with np.load(model_file, allow_pickle=False) as data:
        parts = [data[key].tobytes() for key in ("mean", "shape_basis", "expression_basis", "extra_basis")]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def _read_part(path: Path, expected: str) -> dict[str, NDArray]:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
        version, made_with = int(arrays["format"]), str(arrays["face_model"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise SourceError(f"{path} is no part of a training pack ({error}): make the pack again") from error
    if version != FORMAT:
        raise SourceError(f"{path} has pack format {version}, this version reads {FORMAT}: make the pack again")
    if made_with != expected:
        raise SourceError(f"{path} was fitted with another face model: fit the photographs and make the pack again")
    return arrays


def write_pack(photos: Iterable[tuple[str, FittedPhoto]], folder: Path, model_file: Path) -> list[Path]:
    """Write photographs into parts; a part appears only when it is whole."""
    written: list[Path] = []
    names: list[str] = []
    jpeg: list[NDArray[np.uint8]] = []
    rows: list[FittedPhoto] = []

    def flush() -> None:
        if rows:
            written.append(_write_part(folder / f"part_{len(written):02d}.npz", names, jpeg, rows, model_file))
        for held in (names, jpeg, rows):
            held.clear()

    for name, photo in photos:
        small = shrink(photo, SIDE)
        names.append(name)
        jpeg.append(cv2.imencode(".jpg", small.image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].ravel())
        rows.append(small)
        if sum(map(len, jpeg)) > PART_BYTES:
            flush()
    flush()
    if not written:
        raise SourceError("no photograph with a good fit: nothing to put into a pack")
    return written


def _write_part(
    path: Path, names: list[str], jpeg: list[NDArray[np.uint8]], rows: list[FittedPhoto], model_file: Path
) -> Path:
    arrays: dict[str, Any] = {
        key: np.array([getattr(row, key) for row in rows], dtype=np.float32) for key in FIT_FIELDS
    }
    with whole(path, make_folder=True) as draft:
        np.savez(
            draft, format=np.array(FORMAT), face_model=np.array(fingerprint(model_file)), files=np.array(names),
            jpeg=np.concatenate(jpeg), jpeg_bytes=np.array([len(j) for j in jpeg]), **arrays,
        )  # fmt: skip
    return path


def shrink(photo: FittedPhoto, side: int) -> FittedPhoto:
    """The photograph at most `side` pixels large; its middle stays its middle."""
    height, width = photo.image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return photo
    new = (max(round(width * factor), 1), max(round(height * factor), 1))
    image = cv2.resize(photo.image, new, interpolation=cv2.INTER_AREA)
    return replace(photo, image=image, focal=photo.focal * factor, box=(photo.box + 0.5) * factor - 0.5)


def trusted(files: tuple[str, ...], residual: NDArray) -> NDArray[np.intp]:
    """Rows of fits that may go into a pack: good ones of people who are not kept out of training."""
    people = held_out_people(files)
    allowed = np.array([not is_held_out(file, people) for file in files], dtype=bool)
    return np.flatnonzero(allowed & (residual < WORST_RESIDUAL))
