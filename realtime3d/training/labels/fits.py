"""Photographs with the face model fitted to each: what `fit` finds, and packs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.files import whole
from realtime3d.training.labels.pack import FittedPhoto


@dataclass(frozen=True)
class Fits:
    """One row a photograph that has a face. The camera of each looks through its middle with focal length `focal`."""

    files: tuple[str, ...]
    landmarks: NDArray[np.float32]  # (N, 478, 2) px, MediaPipe's
    R: NDArray[np.float32]  # (N, 3, 3)
    t: NDArray[np.float32]  # (N, 3) mm
    focal: NDArray[np.float32]  # (N,) px
    size: NDArray[np.int32]  # (N, 2) width, height
    alpha: NDArray[np.float32]  # (N, 99)
    actions: NDArray[np.float32]  # (N, 52)
    motion: NDArray[np.float32]  # (N, 34) eta and extras
    residual: NDArray[np.float32]  # (N,) mean landmark distance over the distance of the eyes' outer corners

    def save(self, path: Path) -> None:
        with whole(path, make_folder=True) as draft:
            np.savez_compressed(draft, **{**self.__dict__, "files": np.array(self.files)})

    @classmethod
    def load(cls, path: Path) -> Fits:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
        return cls(**{**arrays, "files": tuple(map(str, arrays["files"]))})

    def take(self, keep: NDArray) -> Fits:
        rows = np.flatnonzero(keep) if keep.dtype == bool else keep
        fields = {key: value[rows] for key, value in self.__dict__.items() if key != "files"}
        return Fits(files=tuple(self.files[i] for i in rows), **fields)

    def photo(self, i: int, image: NDArray[np.uint8]) -> FittedPhoto:
        """One row with its picture."""
        points = self.landmarks[i]
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        return FittedPhoto(
            image, self.R[i], self.t[i], float(self.focal[i]), self.alpha[i], self.actions[i], self.motion[i],
            float(self.residual[i]), box,
        )  # fmt: skip
