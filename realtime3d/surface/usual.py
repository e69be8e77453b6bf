"""The detail that faces usually have, at rest and with each expression: for what a picture shows of neither side.

`MODEL_usual.npz` beside a face model holds it, as means over many people; `realtime3d training usual` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.outside import DAMAGED, read_arrays
from realtime3d.surface.activations import ACTIVATIONS, activations
from realtime3d.surface.layout import Layout
from realtime3d.types import FloatArray

FORMAT = 1
SIZE = 256  # px of the maps: they are smooth
MOST_MM = 0.5  # what the largest level stands for


def file_of(face_model: Path) -> Path:
    """Where a face model's usual detail is."""
    return face_model.with_name(f"{face_model.stem}_usual.npz")


@dataclass(frozen=True)
class Usual:
    """Maps in one face model's texture layout."""

    maps: FloatArray  # (1 + 6, SIZE, SIZE) mm: at rest, and what each of ACTIVATIONS adds at its strongest

    def of(self, face: FaceState, layout: Layout) -> FloatArray:
        """(h, w) mm of the window: what is usual for a face with this expression."""
        shares = np.append(np.float32(1), activations(face.blendshapes()))
        usual = np.tensordot(shares, self.maps, 1).astype(np.float32)
        wide = cv2.resize(usual, (layout.size, layout.size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide[layout.window] * layout.inside, np.float32)

    @classmethod
    def load(cls, path: Path) -> Usual:
        try:
            data = read_arrays(path, {"format", "levels", "activations"}.__contains__)
            levels, version, names = data["levels"], int(data["format"]), tuple(map(str, data["activations"]))
            if version != FORMAT or names != tuple(ACTIVATIONS):
                raise MissingError(f"{path} is of another version: make it anew with `realtime3d training usual`")
            if levels.dtype != np.int8 or levels.ndim != 3 or len(levels) != 1 + len(ACTIVATIONS) or not levels.size:
                raise ValueError(f"its levels are {levels.shape} {levels.dtype}")
        except DAMAGED as error:
            raise MissingError(
                f"{path} cannot be read ({error}): copy it from where its face model comes from, or make it with "
                "`realtime3d training usual`"
            ) from error
        return cls(levels.astype(np.float32) * np.float32(MOST_MM / 127))

    def save(self, path: Path) -> None:
        """Write it to a file or a draft of one."""
        levels = np.clip(np.rint(self.maps * (127 / MOST_MM)), -127, 127).astype(np.int8)
        np.savez_compressed(path, format=FORMAT, levels=levels, activations=np.array(tuple(ACTIVATIONS)))


@lru_cache(maxsize=4)
def _loaded(path: Path) -> Usual | None:
    return Usual.load(path) if path.exists() else None


def usual_of(model: FaceModel) -> Usual | None:
    """A face model's usual detail; None where it came without."""
    return _loaded(file_of(model.path))
