"""One face of a table, from the columns of its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.arkit import NAMES
from realtime3d.face.expressions import ACTION_UNITS, EMOTIONS
from realtime3d.face.gaze import Gaze
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.sinks.columns import (
    GAZE,
    RAW_PREFIX,
    ROTATION,
    TRANSLATION,
    UNITS,
    gaze_cells,
    gaze_of,
    landmark_columns,
)
from realtime3d.sinks.more import LANDMARK_SETS
from realtime3d.types import FaceCoeffs, FloatArray, IdentityState, Pose

Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class RecordedFace(FaceState):
    """A face of a table. What the table has is not computed again."""

    weights: Mapping[str, float] | None = field(default=None, repr=False)  # ARKit's 52
    units: Mapping[str, float | None] | None = field(default=None, repr=False)
    shown: Mapping[str, float] | None = field(default=None, repr=False)  # emotions
    gaze: Gaze | None = field(default=None, repr=False)
    points: Mapping[str, NDArray] = field(default_factory=dict, repr=False)  # name -> (P, 2) px and (P, 3) mm

    def blendshapes(self) -> dict[str, float]:
        return super().blendshapes() if self.weights is None else dict(self.weights)

    def gaze_deg(self) -> Gaze:
        return super().gaze_deg() if self.gaze is None else self.gaze

    def action_units(self, neutral: Mapping[str, float] | None = None) -> dict[str, float | None]:
        return super().action_units(neutral) if self.units is None or neutral else dict(self.units)

    def emotions(self, neutral: Mapping[str, float] | None = None) -> dict[str, float]:
        return super().emotions(neutral) if self.shown is None or neutral else dict(self.shown)

    def landmarks(self, name: str = "ibug68") -> FloatArray:
        return self.points[name][:, :2].copy() if name in self.points else super().landmarks(name)

    def landmarks_mm(self, name: str = "ibug68") -> FloatArray:
        return self.points[name][:, 2:].copy() if name in self.points else super().landmarks_mm(name)


class Rows:
    """Makes faces of the rows of a table."""

    def __init__(self, columns: Columns, model: FaceModel) -> None:
        self._columns, self._model = columns, model
        self.has_weights = all(name in columns for name in NAMES)
        sets = {name: landmark_columns(name, "xyXYZ") for name in LANDMARK_SETS}
        known = [name for name, wanted in sets.items() if all(column in columns for column in wanted)]
        self._points = {name: sets[name] for name in known[-1:]}  # the largest: the columns of a smaller one are in it

    def face(self, row: int, camera: Camera) -> RecordedFace:
        c, model = self._columns, self._model
        pose, shape = self._pose(row), self._numbered(row, "id_", model.n_shape)
        expression = self._numbered(row, "exp_", model.n_expression)
        tracked = "success" not in c or bool(c["success"][row])
        confidence = float(c["confidence"][row]) if "confidence" in c else 1.0
        extras = np.zeros(model.n_extras, np.float32)
        return RecordedFace(
            id=int(c["face_id"][row]),
            status="tracked" if tracked else "held",
            confidence=confidence,
            pose=pose,
            expression=expression,
            extras=extras,
            shape=shape,
            raw=self._raw(row) or FaceCoeffs(pose, expression, extras, confidence, 0.0, shape),
            identity=IdentityState(shape, True, 0),
            model=model,
            camera=camera,
            weights={name: float(np.nan_to_num(c[name][row])) for name in NAMES} if self.has_weights else None,
            units=self._units(row) if all(name in c for name in UNITS) else None,
            shown={name: float(c[name][row]) for name in EMOTIONS} if all(name in c for name in EMOTIONS) else None,
            gaze=gaze_of(self._values(row, GAZE).tolist()) if all(name in c for name in GAZE) else None,
            points={name: self._landmarks(row, columns) for name, columns in self._points.items()},
        )

    def _raw(self, row: int) -> FaceCoeffs | None:
        """The values before smoothing, where the table has them."""
        c, model, raw = self._columns, self._model, RAW_PREFIX
        extras = [raw + name for name in model.extra_names]
        needed = [raw + name for name in (*TRANSLATION, *ROTATION, "presence", "pose_sigma_deg")]
        if not all(name in c for name in (*needed, *extras)):
            return None
        shape = self._numbered(row, f"{raw}id_", model.n_shape, missing=np.nan)
        return FaceCoeffs(
            self._pose(row, raw),
            self._numbered(row, f"{raw}exp_", model.n_expression),
            np.nan_to_num(self._values(row, extras)),
            float(c[f"{raw}presence"][row]),
            float(c[f"{raw}pose_sigma_deg"][row]),
            shape if np.isfinite(shape).all() else None,
        )

    def _units(self, row: int) -> dict[str, float | None]:
        found = zip(ACTION_UNITS, self._values(row, UNITS).tolist(), strict=True)
        return {name: value if np.isfinite(value) else None for name, value in found}

    def _pose(self, row: int, prefix: str = "") -> Pose:
        angles, t = ([float(self._columns[prefix + name][row]) for name in names] for names in (ROTATION, TRANSLATION))
        return Pose(euler_to_matrix(*angles), np.array(t))

    def _landmarks(self, row: int, names: Sequence[str]) -> FloatArray:
        return np.ascontiguousarray(self._values(row, names).reshape(5, -1).T)

    def _numbered(self, row: int, prefix: str, count: int, missing: float = 0.0) -> FloatArray:
        """`prefix0 ...`; `missing` where the table has none."""
        if f"{prefix}0" not in self._columns:
            return np.full(count, missing, np.float32)
        return np.nan_to_num(self._values(row, [f"{prefix}{i}" for i in range(count)]), nan=missing)

    def _values(self, row: int, names: Sequence[str]) -> FloatArray:
        return np.array([self._columns[name][row] for name in names], np.float32)


def columns_of_json(face: Mapping[str, Any], extras: Sequence[str]) -> dict[str, Any]:
    """A face of a line of JSONL as the cells that a row of CSV has; `extras` names the model's."""
    row: dict[str, Any] = {"face_id": face["face_id"], "confidence": face["confidence"]}
    row["success"] = float(face["status"] == "tracked")
    row |= _posed(face, "") | face.get("blendshapes", {})
    if "raw" in face:
        raw = face["raw"]
        row |= _posed({**raw, "id": raw["id"] or ()}, RAW_PREFIX)
        row |= {RAW_PREFIX + name: raw[name] for name in ("presence", "pose_sigma_deg")}
        row |= {RAW_PREFIX + name: value for name, value in zip(extras, raw["extras"], strict=True)}
    row |= {f"{name}_r": value for name, value in face.get("action_units", {}).items()} | face.get("emotions", {})
    if "gaze" in face:
        row |= dict(zip(GAZE, gaze_cells(face["gaze"]), strict=True))
    for key, axes in (("landmarks", "xy"), ("landmarks_mm", "XYZ")):
        for i, point in enumerate(face.get(key, ())):
            row |= {f"{axis}_{i}": value for axis, value in zip(axes, point, strict=True)}
    return row


def _posed(face: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    names = (*TRANSLATION, *ROTATION)
    row: dict[str, Any] = {prefix + name: v for name, v in zip(names, (*face["pose_T"], *face["pose_R"]), strict=True)}
    row |= {f"{prefix}exp_{i}": value for i, value in enumerate(face["exp"])}
    return row | {f"{prefix}id_{i}": value for i, value in enumerate(face["id"])}
