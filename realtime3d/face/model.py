"""The morphable model `S' = s + S·alpha + E·eta`, its landmarks, and the way from eta to ARKit's 52 weights.

Vertices are millimetres in the head frame (x right in the picture, y down, z away from the viewer, origin between the
eyeballs). alpha and eta are in standard deviations: the bases carry the millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.errors import MissingError
from realtime3d.types import FloatArray

FORMAT = 1


@dataclass(frozen=True)
class SurfacePoints:
    """Points fixed to the surface: a triangle and barycentric weights each."""

    vertices: NDArray[np.int32]  # (P, 3) vertex indices of the triangle
    weights: FloatArray  # (P, 3), rows sum to 1

    def on(self, vertices: NDArray) -> NDArray:
        """(..., V, 3) -> (..., P, 3)."""
        return np.einsum("pk,...pkc->...pc", self.weights, vertices[..., self.vertices, :])


@dataclass(frozen=True)
class FaceModel:
    """Arrays of one face model; `FaceModel.load()` reads the one that ships with the package."""

    mean: FloatArray  # (V, 3)
    shape_basis: FloatArray  # (99, V, 3) mm per standard deviation
    expression_basis: FloatArray  # (29, V, 3) mm per standard deviation
    extra_basis: FloatArray  # (5, V, 3) mm per unit of `extra_names`
    triangles: NDArray[np.int32]  # (T, 3)
    uv: FloatArray  # (V, 2) in [0, 1], v down
    region: NDArray[np.uint8]  # (V,) index into region_names
    region_names: Sequence[str]
    extra_names: Sequence[str]
    arkit_names: Sequence[str]  # the 52, alphabetical
    landmark_sets: Mapping[str, SurfacePoints]  # "ibug68", "mediapipe478"
    retarget_gram: FloatArray  # (52, 52) normal equations of the actions' displacements
    retarget_cross: FloatArray  # (52, 29 + 5) the same against eta and extras

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a face model file (.npz)."""
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {key: data[key] for key in data.files}
            if int(arrays["format"]) != FORMAT:
                raise MissingError(
                    f"{path} is a face model of format {int(arrays['format'])}, this version reads {FORMAT}: "
                    "rebuild it with `realtime3d training face-model`"
                )
            return cls._from_arrays(arrays)
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise MissingError(
                f"{path} is no face model ({error}): reinstall realtime3d or name another file"
            ) from error

    @classmethod
    def _from_arrays(cls, arrays: dict[str, NDArray]) -> FaceModel:
        sets = [key.removeprefix("landmarks_").removesuffix("_vertices") for key in arrays if key.endswith("_vertices")]

        def floats(key: str) -> FloatArray:
            return arrays[key].astype(np.float32)

        def texts(key: str) -> tuple[str, ...]:
            return tuple(map(str, arrays[key]))

        def points(name: str) -> SurfacePoints:
            vertices, weights = (arrays[f"landmarks_{name}_{part}"] for part in ("vertices", "weights"))
            return SurfacePoints(vertices.astype(np.int32), weights)

        return cls(
            mean=floats("mean"),
            shape_basis=floats("shape_basis"),
            expression_basis=floats("expression_basis"),
            extra_basis=floats("extra_basis"),
            triangles=arrays["triangles"].astype(np.int32),
            uv=floats("uv"),
            region=arrays["region"],
            region_names=texts("region_names"),
            extra_names=texts("extra_names"),
            arkit_names=texts("arkit_names"),
            landmark_sets={name: points(name) for name in sets},
            retarget_gram=floats("retarget_gram"),
            retarget_cross=floats("retarget_cross"),
        )

    @property
    def n_shape(self) -> int:
        return len(self.shape_basis)

    @property
    def n_expression(self) -> int:
        return len(self.expression_basis)

    @property
    def n_extras(self) -> int:
        return len(self.extra_basis)

    @cached_property
    def _shape_flat(self) -> FloatArray:
        return self.shape_basis.reshape(self.n_shape, -1)

    @cached_property
    def _motion_flat(self) -> FloatArray:
        return np.concatenate([self.expression_basis, self.extra_basis]).reshape(self.n_expression + self.n_extras, -1)

    def neutral(self, alpha: ArrayLike) -> FloatArray:
        """Identity coefficients (..., 99) to resting faces (..., V, 3)."""
        a = np.asarray(alpha, dtype=np.float32)
        return _combined(a, self._shape_flat).reshape(*a.shape[:-1], -1, 3) + self.mean

    def deform(self, neutral: FloatArray, eta: ArrayLike, extras: ArrayLike | None = None) -> FloatArray:
        """Resting faces (..., V, 3) with expression (..., 29) and, where given, gaze and tongue (..., 5)."""
        e = np.asarray(eta, dtype=np.float32)
        basis = self._motion_flat
        if extras is None:
            basis = basis[: self.n_expression]
        else:
            e = np.concatenate([e, np.asarray(extras, dtype=np.float32)], axis=-1)
        return neutral + _combined(e, basis).reshape(*e.shape[:-1], -1, 3)

    def landmarks(self, name: str, vertices: NDArray) -> NDArray:
        """Surface points of a set on (..., V, 3) vertices: (..., P, 3)."""
        if name not in self.landmark_sets:
            raise ValueError(f"no landmark set {name!r}; known: {', '.join(self.landmark_sets)}")
        return self.landmark_sets[name].on(vertices)

    @cached_property
    def _landmark_bases(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Set name -> what `face_landmarks` needs of it: mean (P, 3) and the rows of all coefficients, each P x 3."""
        bases = np.concatenate([self.shape_basis, self.expression_basis, self.extra_basis])
        return {
            name: (points.on(self.mean), points.on(bases).reshape(len(bases), -1))
            for name, points in self.landmark_sets.items()
        }

    def face_landmarks(self, name: str, alpha: ArrayLike, eta: ArrayLike, extras: ArrayLike) -> FloatArray:
        """`landmarks` of one face in the head frame, (P, 3), without making its mesh."""
        if name not in self.landmark_sets:
            raise ValueError(f"no landmark set {name!r}; known: {', '.join(self.landmark_sets)}")
        mean, rows = self._landmark_bases[name]
        return mean + _combined(np.concatenate([alpha, eta, extras], dtype=np.float32), rows).reshape(-1, 3)

    def blendshapes(self, eta: ArrayLike, extras: ArrayLike | None = None) -> dict[str, float]:
        """ARKit's 52 weights in [0, 1] that move the face as eta and extras do."""
        from realtime3d.face.retarget import solve

        e = np.zeros(self.n_extras) if extras is None else np.asarray(extras, dtype=np.float64)
        motion = np.concatenate([np.asarray(eta, dtype=np.float64), e])
        weights = solve(self.retarget_gram, self.retarget_cross @ motion)
        return dict(zip(self.arkit_names, map(float, weights), strict=True))


def _combined(weights: FloatArray, rows: FloatArray) -> FloatArray:
    """(..., K) weights of (K, N) rows, summed: (..., N).

    For one face this is not left to BLAS: its threads share the work of microseconds and then wait for more in a loop
    that keeps a core from decoder, encoder and nets for tens of milliseconds.
    """
    combined: FloatArray = np.einsum("k,kn->n", weights, rows) if weights.ndim == 1 else weights @ rows
    return combined
