"""The morphable model `S' = s + S·alpha + E·eta`, its landmarks, and the way from eta to ARKit's 52 weights.

Vertices are millimetres in the head frame (x right in the picture, y down, z away from the viewer, origin between the
eyeballs). alpha and eta are in standard deviations: the bases carry the millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.errors import MissingError
from realtime3d.face.bare import ACTIONS, BARE_FORMAT, EYES, LACKING, LAYOUT, Need, nothing_but
from realtime3d.face.eyes import Eyeballs, ball_rows
from realtime3d.face.fits import check_mesh, check_model, floats, integers
from realtime3d.face.gaze import EyeTurns
from realtime3d.face.landmarks import LandmarkBasis, SurfacePoints
from realtime3d.face.mesh import HeadMesh, quads_of, split_seams, unpacked
from realtime3d.outside import DAMAGED, read_arrays
from realtime3d.types import FloatArray

# 1 is a live head with a texture coordinate for each vertex; 2 has a full head beside it, seams and eyes that turn.
FORMATS = (1, 2, 3)  # 3 is BARE_FORMAT
LIVE, FULL = "live", "full"
UNFIT = (*DAMAGED, IndexError)  # of arrays that are not what they have to be
FULL_KEYS = "full_"  # of arrays that only the full head needs


@dataclass(frozen=True)
class FaceModel:
    """Arrays of one face model; `FaceModel.load()` reads the one that ships with the package."""

    mean: FloatArray  # (V, 3)
    shape_basis: FloatArray  # (99, V, 3) mm per standard deviation
    expression_basis: FloatArray  # (29, V, 3) mm per standard deviation
    extra_basis: FloatArray  # (5, V, 3) mm per unit of `extra_names`
    triangles: NDArray[np.int32]  # (T, 3)
    uv: FloatArray  # (U, 2) in [0, 1], v down
    region: NDArray[np.uint8]  # (V,) index into region_names
    region_names: Sequence[str]  # "face", "lips", ...
    extra_names: Sequence[str]  # of the 5 extras: turns of the eyes, tongue
    arkit_names: Sequence[str]  # the 52, alphabetical
    landmark_sets: Mapping[str, SurfacePoints]  # "ibug68", "mediapipe478"
    retarget_gram: FloatArray  # (52, 52) normal equations of the actions' displacements
    retarget_cross: FloatArray  # (52, 29 + 5) the same against eta and extras
    uv_vertex: NDArray[np.int32] | None = None  # (U,) whose the rows of `uv` are; None: one for each vertex
    uv_triangles: NDArray[np.int32] | None = None  # (T, 3) the triangles as rows of `uv`; None: as they are
    arkit_to_motion: FloatArray | None = None  # (29 + 5, 52) the motion that is nearest to each of ARKit's actions
    balls: Eyeballs | None = None  # None: gaze moves the eyes linearly
    full_in: Path | None = field(default=None, repr=False, compare=False)  # the file that holds the full head
    path: Path = field(default=Path("model.npz"), repr=False, compare=False)  # the file that it was read from

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a face model file (.npz)."""
        arrays = _read(Path(path), lambda key: not key.startswith(FULL_KEYS))
        try:
            full_in = Path(path) if int(arrays["format"]) == 2 else None
            model = replace(cls._from_arrays(arrays, full_in), path=Path(path))
            check_model(model)
            return model
        except UNFIT as error:
            raise _no_model(Path(path), error) from error

    @classmethod
    def _from_arrays(cls, arrays: dict[str, NDArray], full_in: Path | None) -> FaceModel:
        ends = ("landmarks_", "_vertices")
        sets = [key.removeprefix(ends[0]).removesuffix(ends[1]) for key in arrays if key.endswith(ends[1])]

        def real(key: str) -> FloatArray:
            return floats(arrays[key])

        def ints(key: str) -> NDArray[np.int32]:
            return integers(arrays[key])

        def texts(key: str) -> tuple[str, ...]:
            return tuple(map(str, arrays[key]))

        if int(arrays["format"]) == BARE_FORMAT:
            arrays = {**nothing_but(arrays), **arrays}

        def points(name: str) -> SurfacePoints:
            return SurfacePoints(ints(f"landmarks_{name}_vertices"), real(f"landmarks_{name}_weights"))

        return cls(
            mean=real("mean"),
            shape_basis=real("shape_basis"),
            expression_basis=real("expression_basis"),
            extra_basis=real("extra_basis"),
            triangles=ints("triangles"),
            uv=real("uv"),
            region=arrays["region"],
            region_names=texts("region_names"),
            extra_names=texts("extra_names"),
            arkit_names=texts("arkit_names"),
            landmark_sets={name: points(name) for name in sets},
            retarget_gram=real("retarget_gram"),
            retarget_cross=real("retarget_cross"),
            uv_vertex=ints("uv_vertex") if "uv_vertex" in arrays else None,
            uv_triangles=ints("uv_triangles") if "uv_triangles" in arrays else None,
            arkit_to_motion=real("arkit_to_motion") if "arkit_to_motion" in arrays else None,
            balls=Eyeballs.read(arrays, real("mean"), texts("region_names")) if "eye_sine" in arrays else None,
            full_in=full_in,
        )

    @property
    def has_layout(self) -> bool:
        """Whether it has texture coordinates."""
        return len(self.uv) > 0

    @property
    def has_actions(self) -> bool:
        """Whether it says what ARKit's 52 actions are on it."""
        return len(self.arkit_names) > 0

    def check(self, need: Need) -> None:
        """MissingError where it lacks its texture layout, ARKit's actions or eyes that turn."""
        there = {LAYOUT: self.has_layout, ACTIONS: self.has_actions, EYES: self.n_extras > 0}
        if not there[need]:
            raise MissingError(f"{LACKING[need]}: take --models compact or accurate")

    def check_landmarks(self, name: str) -> None:
        """MissingError where it does not have these landmarks."""
        if name not in self.landmark_sets:
            there = ", ".join(self.landmark_sets) or "none"
            raise MissingError(
                f"this face model has no landmarks {name} (it has {there}): take --models compact or accurate"
            )

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of detail that `mesh` has."""
        return (LIVE, FULL) if self.full_in else (LIVE,)

    def mesh(self, level: str = LIVE) -> HeadMesh:
        """The head as it is tracked ("live"), or with all vertices, in quads ("full"): of the same coefficients.

        The full head's first vertices are the live one's. It is read from the model's file when it is first asked for.
        """
        if level == LIVE:
            return self._live
        if level != FULL:
            raise ValueError(f"no level {level!r}; there are {', '.join(self.levels)}")
        return self._full

    def solid(self, level: str = LIVE) -> HeadMesh:
        """`mesh` without lashes: strips that hide lids and eyes wherever a texture has no transparency."""
        return self._solid_full if level == FULL else self.mesh(level)

    @cached_property
    def _solid_full(self) -> HeadMesh:
        lashes = [i for i, name in enumerate(self.region_names) if name == "lashes"]
        return self._full.without(np.isin(self._full.region, lashes))

    @cached_property
    def _live(self) -> HeadMesh:
        if not self.has_layout:
            uv = np.zeros((len(self.mean), 2), np.float32)
            owner, rows = np.arange(len(uv), dtype=np.int32), self.triangles
        elif self.uv_vertex is not None and self.uv_triangles is not None:
            uv, owner, rows = self.uv, self.uv_vertex, self.uv_triangles
        else:
            uv, owner, rows = split_seams(self.uv, self.triangles)
        return HeadMesh(
            self.mean, self.shape_basis, self._motion, self.n_expression, quads_of(self.triangles), self.region,
            uv, owner, quads_of(rows), self.balls,
        )  # fmt: skip

    @cached_property
    def _full(self) -> HeadMesh:
        if self.full_in is None:
            raise MissingError("this face model has a live head only: use a model set whose face model has a full one")
        arrays = _read(self.full_in, lambda key: key.startswith(FULL_KEYS) or key == "format")
        try:
            shape, motion = (
                unpacked(arrays[f"full_{name}"], float(step))
                for name, step in zip(("shape", "motion"), arrays["full_steps_mm"], strict=True)
            )
            live = self._live
            mean, region = np.concatenate([live.mean, arrays["full_mean"]]), arrays["full_region"]
            if int(arrays["full_faces"].max()) + 1 != len(mean):
                raise ValueError("its full head is another one's")
            full = HeadMesh(
                mean,
                np.concatenate([live.shape_basis, shape], axis=1),
                np.concatenate([live.motion_basis, motion], axis=1),
                self.n_expression,
                integers(arrays["full_faces"]),
                region,
                floats(arrays["full_uv"]),
                integers(arrays["full_uv_vertex"]),
                integers(arrays["full_uv_faces"]),
                self.balls and self.balls.with_rows(ball_rows(mean, region, self.region_names)),
            )
            check_mesh(full, self.region_names)
            return full
        except UNFIT as error:
            raise _no_model(self.full_in, error) from error

    @property
    def n_shape(self) -> int:
        """How many identity coefficients there are: 99."""
        return len(self.shape_basis)

    @property
    def n_expression(self) -> int:
        """How many expression coefficients there are: 29."""
        return len(self.expression_basis)

    @property
    def n_extras(self) -> int:
        """How many extras there are: 5."""
        return len(self.extra_basis)

    @cached_property
    def eye_turns(self) -> EyeTurns:
        """How far the eyeballs turn with the extras."""
        self.check(EYES)
        return EyeTurns.of(self)

    @cached_property
    def _motion(self) -> FloatArray:
        return np.concatenate([self.expression_basis, self.extra_basis])

    def neutral(self, alpha: ArrayLike) -> FloatArray:
        """Identity coefficients (..., 99) to resting faces (..., V, 3) of the live head."""
        return self._live.neutral(alpha)

    def deform(self, neutral: FloatArray, eta: ArrayLike, extras: ArrayLike | None = None) -> FloatArray:
        """Resting faces (..., V, 3) with expression (..., 29) and, where given, gaze and tongue (..., 5)."""
        return self._live.deform(neutral, eta, extras)

    def landmarks(self, name: str, vertices: NDArray) -> NDArray:
        """Surface points of a set on (..., V, 3) vertices: (..., P, 3)."""
        if name not in self.landmark_sets:
            raise ValueError(f"no landmark set {name!r}; known: {', '.join(self.landmark_sets)}")
        return self.landmark_sets[name].on(vertices)

    @cached_property
    def _landmark_bases(self) -> dict[str, LandmarkBasis]:
        bases = np.concatenate([self.shape_basis, self._motion])
        return {name: LandmarkBasis.of(self, points, bases) for name, points in self.landmark_sets.items()}

    def face_landmarks(self, name: str, alpha: ArrayLike, eta: ArrayLike, extras: ArrayLike) -> FloatArray:
        """`landmarks` of one face in the head frame, (P, 3), without making its mesh."""
        if name not in self.landmark_sets:
            raise ValueError(f"no landmark set {name!r}; known: {', '.join(self.landmark_sets)}")
        return self._landmark_bases[name].face(*(np.asarray(part, dtype=np.float32) for part in (alpha, eta, extras)))

    def actions(self, neutral: FloatArray, level: str = LIVE) -> FloatArray:
        """(52, V, 3) mm: by how much each of ARKit's actions at full strength moves a resting head (V, 3)."""
        self.check(ACTIONS)
        if self.arkit_to_motion is None:
            raise MissingError("this face model does not say how ARKit's actions move it: take one that ships")
        motion = np.ascontiguousarray(self.arkit_to_motion.T)
        eta, extras = motion[:, : self.n_expression], motion[:, self.n_expression :]
        moved: FloatArray = self.mesh(level).deform(neutral, eta, extras) - neutral
        return moved

    def blendshapes(self, eta: ArrayLike, extras: ArrayLike | None = None) -> dict[str, float]:
        """ARKit's 52 weights in [0, 1] that move the face as eta and extras do."""
        from realtime3d.face.retarget import solve

        self.check(ACTIONS)
        e = np.zeros(self.n_extras) if extras is None else np.asarray(extras, dtype=np.float64)
        motion = np.concatenate([np.asarray(eta, dtype=np.float64), e])
        weights = solve(self.retarget_gram, self.retarget_cross @ motion)
        return dict(zip(self.arkit_names, map(float, weights), strict=True))


def _read(path: Path, wanted: Callable[[str], bool]) -> dict[str, NDArray]:
    """Arrays of a face model file whose format this version knows."""
    try:
        arrays = read_arrays(path, wanted)
        version = int(arrays["format"])
    except DAMAGED as error:
        raise _no_model(path, error) from error
    if version not in FORMATS:
        raise MissingError(
            f"{path} is a face model of format {version}, this version reads {' and '.join(map(str, FORMATS))}: "
            "rebuild it with `realtime3d training face-model`"
        )
    return arrays


def _no_model(path: Path, error: Exception) -> MissingError:
    return MissingError(f"{path} is no face model ({error}): reinstall realtime3d or name another file")
