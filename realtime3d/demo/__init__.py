"""The clip that `realtime3d demo` runs on, its exact truth, and the plot of one against the other.

The clip is scikit-image's public-domain photograph of an astronaut, turned and animated by our own face model and
rasteriser (`python -m tools.demo_clip`), so that pose, expression and identity are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.demo.plot import plot
from realtime3d.errors import MissingError
from realtime3d.geometry import Camera

__all__ = ["Truth", "clip_path", "load_truth", "plot"]

_FOLDER = Path(__file__).parent
CLIP, TRUTH = "astronaut.mp4", "astronaut_truth.npz"


@dataclass(frozen=True, slots=True)
class Truth:
    """What the clip shows, frame by frame."""

    time: NDArray[np.float64]  # (F,) s, presentation times
    R: NDArray[np.float64]  # (F, 3, 3) camera from head
    t: NDArray[np.float64]  # (F, 3) mm
    expression: NDArray[np.float32]  # (F, 29) eta
    extras: NDArray[np.float32]  # (F, 5) gaze and tongue
    shape: NDArray[np.float32]  # (99,) alpha, one person
    visible: NDArray[np.float32]  # (F,) share of the 68 landmarks that lie inside the picture
    intrinsics: NDArray[np.float64]  # fx, fy, cx, cy, width, height

    @property
    def camera(self) -> Camera:
        """That the clip was drawn through."""
        fx, fy, cx, cy, width, height = map(float, self.intrinsics)
        return Camera(fx, fy, cx, cy, int(width), int(height))

    def save(self, path: Path) -> None:
        """Write it as `load_truth` reads it."""
        np.savez_compressed(path, **{field.name: getattr(self, field.name) for field in fields(self)})


def clip_path() -> Path:
    """The bundled video."""
    return _bundled(CLIP)


def load_truth(path: Path | None = None) -> Truth:
    """The truth of the bundled clip, or of another one by the same maker."""
    with np.load(path or _bundled(TRUTH), allow_pickle=False) as data:
        return Truth(**{field.name: data[field.name] for field in fields(Truth)})


def _bundled(name: str) -> Path:
    path = _FOLDER / name
    if not path.is_file():
        raise MissingError(f"{path} is not there: reinstall realtime3d")
    return path
