"""What fitting photographs must know beside the face model: MediaPipe's habits, and the usual face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.files import whole


@dataclass(frozen=True)
class Calibration:
    """What fitting knows about MediaPipe's landmarks and about people beside the face model."""

    spread: NDArray[np.floating]  # (478,) mm over renders: how far each landmark's place can be trusted
    offset: NDArray[np.floating]  # (478, 3) mm from its place on the model to where MediaPipe sees it on people
    alpha: NDArray[np.floating]  # (99,) the usual face

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        with whole(path, make_folder=True) as draft:
            np.savez_compressed(draft, **{key: np.float32(value) for key, value in self.__dict__.items()})

    @classmethod
    def load(cls, path: Path) -> Calibration:
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(data["spread"], data["offset"], data["alpha"])
        except (OSError, ValueError, KeyError) as error:
            raise SourceError(f"{path} cannot be read ({error}): run `realtime3d training face-model`") from error


def calibration_file(model: Path) -> Path:
    """Beside the face model: what fitting knows about landmarks and people. Nothing else needs it."""
    return model.with_name(model.stem + "_calibration.npz")
