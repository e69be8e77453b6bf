"""What a face shows, from its 52 weights and its geometry alone: FACS's action units and seven posed emotions.

Both say how a face looks, not what somebody feels (docs/how-to/expressions.md). An action unit is the weights of its
own actions with a gain, less what other actions leak into it; emotions are a small net on the same numbers. Gains and
net are in a file beside the face model's, `MODEL_expressions.npz`: `realtime3d training expressions` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.face.arkit import NAMES
from realtime3d.outside import DAMAGED, read_arrays
from realtime3d.types import Array, FloatArray

FORMAT = 1
_LAYERS, _ARRAYS = ("matrix_", "bias_"), ("format", "gains", "offsets", "emotions", "units", "weights")  # of its file
EMOTIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
ACTIONS: Mapping[str, tuple[str, ...]] = {  # of ARKit's, without side: what an action unit does
    "AU01": ("browInnerUp",),
    "AU02": ("browOuterUp",),
    "AU04": ("browDown",),
    "AU05": ("eyeWide",),
    "AU06": ("cheekSquint",),
    "AU07": ("eyeSquint",),
    "AU09": ("noseSneer",),
    "AU10": ("mouthUpperUp",),
    "AU12": ("mouthSmile",),
    "AU14": ("mouthDimple",),
    "AU15": ("mouthFrown",),
    "AU17": ("mouthShrugLower",),
    "AU20": ("mouthStretch",),
    "AU26": ("jawOpen",),
}
LIPS, LIDS, NONE = "AU25", "AU45", "AU23"  # from how far lips and lids are apart; ARKit's actions have no AU23
ACTION_UNITS = tuple(sorted((*ACTIONS, LIPS, LIDS, NONE)))  # OpenFace's 17
STRONGEST = 5.0  # FACS's intensity E
LIPS_MM = 0.7, 12.0  # gap between the lips that is none, and more of it that is the strongest
LIDS_OPEN = 0.6, 0.1  # part of their own resting gap at which lids begin to count as closing, and are closed
INNER_LIPS = ((61, 67), (62, 66), (63, 65))  # (upper, lower) of the 68 points


def file_of(face_model: Path) -> Path:
    """Where the head of a face model's file is."""
    return face_model.with_name(f"{face_model.stem}_expressions.npz")


@dataclass(frozen=True)
class Features:
    """What action units and emotions are read from."""

    weights: Array  # (52,) in the order of `arkit.NAMES`, counted from the person's own neutral face where it is known
    lips_mm: float  # gap between the lips
    lids_open: float  # part of the lids' own resting gap, mean of both eyes

    @classmethod
    def of(
        cls, weights: Mapping[str, float], lips_mm: float, lids_open: float, neutral: Mapping[str, float] | None = None
    ) -> Features:
        """`neutral` has the weights of the person's own neutral face, as far as they are known."""
        found = np.array([weights[name] for name in NAMES])
        if neutral:
            rest = np.array([neutral.get(name, 0.0) for name in NAMES]).clip(0, 0.95)
            found = ((found - rest) / (1 - rest)).clip(0, 1)
        return cls(found, lips_mm, lids_open)

    def row(self) -> Array:
        """(54,) for the net."""
        return np.append(self.weights, (self.lips_mm / LIPS_MM[1], self.lids_open))


@dataclass(frozen=True)
class ExpressionHead:
    """Reads action units and emotions."""

    gains: FloatArray  # (14, 52) action units, in the order of ACTIONS, by weight
    offsets: FloatArray  # (14,)
    layers: tuple[tuple[FloatArray, FloatArray], ...]  # matrices (in, out) and biases; the last give EMOTIONS

    @classmethod
    def load(cls, path: Path) -> ExpressionHead:
        """Read a face model's `MODEL_expressions.npz`."""
        try:
            data = read_arrays(path, lambda name: name.startswith(_LAYERS) or name in _ARRAYS)
            count = sum(key.startswith("matrix_") for key in data)
            layers = tuple((data[f"matrix_{i}"], data[f"bias_{i}"]) for i in range(count))
            head, version = cls(data["gains"], data["offsets"], layers), int(data["format"])
            names = [tuple(map(str, data[key])) for key in ("emotions", "units", "weights")]
            if version != FORMAT or names != [EMOTIONS, tuple(ACTIONS), NAMES]:
                raise MissingError(f"{path} is of another version: make it anew with `realtime3d training expressions`")
            head._check()
        except DAMAGED as error:
            raise MissingError(
                f"{path} is needed for action units and emotions ({error}): copy it from where its face model comes "
                "from, or make it with `realtime3d training expressions`"
            ) from error
        return head

    def _check(self) -> None:
        """ValueError where its arrays do not fit together."""
        if any(matrix.ndim != 2 for matrix, _ in self.layers):
            raise ValueError("its layers are no matrices")
        sizes = [len(NAMES) + 2, *(matrix.shape[1] for matrix, _ in self.layers)]
        shapes = [(len(ACTIONS), len(NAMES)), (len(ACTIONS),)]
        for before, after in pairwise(sizes):
            shapes += [(before, after), (after,)]
        arrays = [self.gains, self.offsets, *(array for layer in self.layers for array in layer)]
        if [array.shape for array in arrays] != shapes or sizes[-1] != len(EMOTIONS):
            raise ValueError("its arrays do not fit together")
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("it has values that are no numbers")

    def save(self, path: Path) -> None:
        """Write it to a file or a draft of one."""
        arrays: dict[str, Any] = {f"matrix_{i}": matrix for i, (matrix, _) in enumerate(self.layers)}
        arrays |= {f"bias_{i}": bias for i, (_, bias) in enumerate(self.layers)}
        arrays |= {"emotions": np.array(EMOTIONS), "units": np.array(tuple(ACTIONS)), "weights": np.array(NAMES)}
        np.savez_compressed(path, format=FORMAT, gains=self.gains, offsets=self.offsets, **arrays)

    @property
    def size(self) -> int:
        """Numbers of the emotions' net."""
        return sum(matrix.size + bias.size for matrix, bias in self.layers)

    def action_units(self, features: Features) -> dict[str, float | None]:
        """OpenFace's 17 names with intensities 0 to 5; None where nothing can be said."""
        found = STRONGEST * (self.gains @ features.weights + self.offsets).clip(0, 1)
        closed = (LIDS_OPEN[0] - features.lids_open) / (LIDS_OPEN[0] - LIDS_OPEN[1])
        units: dict[str, float | None] = dict(zip(ACTIONS, found.tolist(), strict=True))
        units[LIPS] = STRONGEST * min(max((features.lips_mm - LIPS_MM[0]) / LIPS_MM[1], 0.0), 1.0)
        units[LIDS] = STRONGEST * min(max(closed, 0.0), 1.0)
        units[NONE] = None
        return {name: units[name] for name in ACTION_UNITS}

    def emotions(self, features: Features) -> dict[str, float]:
        """The seven with probabilities that sum to 1."""
        return dict(zip(EMOTIONS, softmax(self.scores(features.row())).tolist(), strict=True))

    def scores(self, row: NDArray) -> Array:
        """(..., 54) -> (..., 7): what `softmax` makes probabilities of."""
        values = np.asarray(row, dtype=np.float64)
        for i, (matrix, bias) in enumerate(self.layers):
            values = np.einsum("...i,ij->...j", values, matrix.astype(np.float64)) + bias
            if i < len(self.layers) - 1:
                values = np.maximum(values, 0)
        return values


@lru_cache(maxsize=4)
def head_of(face_model: Path) -> ExpressionHead:
    """The head of a face model's file."""
    return ExpressionHead.load(file_of(face_model))


@lru_cache(maxsize=4)
def has_head(face_model: Path) -> bool:
    """Whether there is one."""
    return file_of(face_model).is_file()


def softmax(scores: NDArray) -> Array:
    """(..., K) scores to probabilities."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def lip_gap_mm(points: FloatArray) -> float:
    """Between the inner lips of the 68 points (68, 3) in the head's frame."""
    return max(sum(float(points[lower, 1] - points[upper, 1]) for upper, lower in INNER_LIPS) / len(INNER_LIPS), 0.0)
