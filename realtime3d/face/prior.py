"""What an expression probably is, given what else the face shows: a Gaussian that is weighed against the nets' answer.

Faces are not any 29 numbers: both sides move alike, and brows, cheeks and lips move together in certain ways. A
`Prior` knows how, on the whole and given action units or emotions, and how far the nets err on clear faces and on
hidden ones. What it gives is the mean of both, each weighed by its uncertainty: the surer the nets, the less it moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError, UsageError
from realtime3d.face.expressions import ACTIONS, EMOTIONS, STRONGEST
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.outside import DAMAGED, read_arrays
from realtime3d.types import FloatArray

KINDS = ("none", "facs", "emotion")
FORMAT = 1
DOUBT = 0.25  # how much of the scores is not believed: they come from the answer that is to be mended
_C, _U, _E = 29, len(ACTIONS) + 1, len(EMOTIONS)
SHAPES = {
    "mean": (_C,), "spread": (_C, _C), "unit_means": (_U, _C), "unit_spread": (_C, _C), "emotion_means": (_E, _C),
    "emotion_spread": (_C, _C), "errors": (2, _C, _C), "sigmas": (2,),
}  # fmt: skip
MOST_CLEAR, MOST_HIDDEN = 1.0, 3.0  # standard deviations by which one coefficient is moved at most


def file_of(face_model: Path) -> Path:
    """Where the prior of a face model's file is."""
    return face_model.with_name(f"{face_model.stem}_prior.npz")


def checked(kind: str) -> str:
    """UsageError where there is no such prior."""
    if kind not in KINDS:
        raise UsageError(f"no prior {kind!r}; choose from {', '.join(KINDS)}")
    return kind


@dataclass(frozen=True)
class Prior:
    """Means and covariances of expression coefficients, in standard deviations."""

    mean: FloatArray  # (29,) of all faces
    spread: FloatArray  # (29, 29)
    unit_means: FloatArray  # (15, 29): what each unit of ACTIONS at its strongest adds, and where none is there
    unit_spread: FloatArray  # (29, 29) that is left
    emotion_means: FloatArray  # (7, 29)
    emotion_spread: FloatArray  # (29, 29) within one emotion
    errors: FloatArray  # (2, 29, 29) of the nets: on clear faces, on half-hidden ones
    sigmas: FloatArray  # (2,) degrees: the rotation's error that the nets expect on such faces

    @classmethod
    def load(cls, path: Path) -> Prior:
        """Read a face model's `MODEL_prior.npz`."""
        try:
            data = read_arrays(path, {"format", *SHAPES}.__contains__)
            if int(data["format"]) != FORMAT:
                raise MissingError(f"{path} is of another version: make it anew with `realtime3d training prior`")
            return cls(**{name: _numbers(data[name], shape) for name, shape in SHAPES.items()})
        except DAMAGED as error:
            raise MissingError(
                f"{path} is needed for a prior ({error}): copy it from where its face model comes from, or make it "
                "with `realtime3d training prior`"
            ) from error

    def save(self, path: Path) -> None:
        """Write it to a file or a draft of one."""
        np.savez_compressed(path, format=FORMAT, **{field.name: getattr(self, field.name) for field in fields(self)})

    def applied(self, face: FaceState, kind: str) -> FaceState:
        """The face with its expression moved; `raw` stays what the nets said."""
        if checked(kind) == "none":
            return face
        hidden = self._hidden(face.raw.pose_sigma_deg)
        expected, spread = self._given_units(face) if kind == "facs" else self._given_emotions(face)
        error = (1 - hidden) * self.errors[0] + hidden * self.errors[1]
        answer = face.expression.astype(np.float64)
        weight = np.linalg.solve((spread + error).T, spread.T).T
        moved = expected + weight @ (answer - expected) - answer
        most = MOST_CLEAR + hidden * (MOST_HIDDEN - MOST_CLEAR)
        return replace(face, expression=(answer + moved.clip(-most, most)).astype(np.float32))

    def _hidden(self, sigma_deg: float) -> float:
        """0 for a face that is as clear as those that were clear in training, 1 as half-hidden ones."""
        low, high = np.log(np.asarray(self.sigmas, dtype=np.float64))
        return float(np.clip((np.log(max(sigma_deg, 1e-3)) - low) / max(high - low, 1e-3), 0, 1))

    def _given_units(self, face: FaceState) -> tuple[NDArray, NDArray]:
        units = face.action_units()
        strength = [(units[name] or 0.0) / STRONGEST for name in ACTIONS]
        return self._doubted(np.append(strength, 1.0) @ self.unit_means, self.unit_spread)

    def _given_emotions(self, face: FaceState) -> tuple[NDArray, NDArray]:
        return self._doubted(*self.mixed(face.emotions()))

    def mixed(self, emotions: Mapping[str, float]) -> tuple[NDArray, NDArray]:
        """Mean and covariance of faces that show these emotions."""
        p = np.array([emotions[name] for name in EMOTIONS])
        mean = p @ self.emotion_means
        apart = self.emotion_means - mean
        return mean, self.emotion_spread + np.einsum("k,ki,kj->ij", p, apart, apart)

    def _doubted(self, mean: NDArray, spread: NDArray) -> tuple[NDArray, NDArray]:
        return (1 - DOUBT) * mean + DOUBT * self.mean, (1 - DOUBT) * spread + DOUBT * self.spread


def _numbers(values: NDArray, shape: tuple[int, ...]) -> NDArray:
    if values.shape != shape or not np.isfinite(values).all():
        raise ValueError(f"an array is {values.shape} where {shape} is needed, or has values that are no numbers")
    return values


@lru_cache(maxsize=4)
def _prior_of(face_model: Path) -> Prior:
    return Prior.load(file_of(face_model))


def with_prior(result: FrameResult, kind: str) -> FrameResult:
    """A result whose expressions are moved towards what their faces' action units or emotions make probable."""
    if checked(kind) == "none":
        return result
    return replace(result, faces=tuple(_prior_of(face.model.path).applied(face, kind) for face in result.faces))


def moved_by_prior_mm(face: FaceState) -> float:
    """How far the prior moved a single picture's face: its surface's root mean square in mm."""
    return moved_mm(face.model, face.raw.expression, face.expression)


def moved_mm(model: FaceModel, before: FloatArray, after: FloatArray) -> float:
    """Root mean square of how far the face's surface lies from where it was, in mm."""
    there = model.region == list(model.region_names).index("face")
    way = np.einsum("k,kvc->vc", after - before, model.expression_basis[:, there])
    return float(np.sqrt((way.astype(np.float64) ** 2).sum(axis=1).mean()))
