"""The columns of all tables: their names, order, types and precision, and a face's values for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime3d.clock import to_s
from realtime3d.face.expressions import ACTION_UNITS
from realtime3d.face.gaze import Gaze, angles_of, direction_of
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import matrix_to_euler
from realtime3d.sinks.more import LANDMARK_SETS, NOTHING_MORE, MoreColumns
from realtime3d.types import Pose

TRANSLATION = ("pose_Tx", "pose_Ty", "pose_Tz")
ROTATION = ("pose_Rx", "pose_Ry", "pose_Rz")
QUATERNION = ("pose_qw", "pose_qx", "pose_qy", "pose_qz")
HEAD = ("head_pitch", "head_yaw", "head_roll")
BOX = ("box_x", "box_y", "box_w", "box_h")
RAW_PREFIX = "raw_"
UNITS = tuple(f"{unit}_r" for unit in ACTION_UNITS)
SHOWN = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # Py-Feat's order
GAZE = (
    *("gaze_angle_x", "gaze_angle_y"),
    *("gaze_left_pitch", "gaze_left_yaw", "gaze_right_pitch", "gaze_right_yaw", "gaze_confidence"),
)


NO_FACE = -1  # `face_id` of a frame without faces


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What all tables of a run share."""

    model: FaceModel  # its sizes and names make the columns
    zero_ns: int = 0  # SourceInfo.zero_ns
    blendshapes: bool = False
    raw: bool = False
    resume_s: float | None = None  # keep the rows before this timestamp and go on behind them; None starts anew
    more: MoreColumns = NOTHING_MORE


Values = Callable[[FaceState], "Iterable[float | None] | None"]  # None: nothing is known in this row, or cell


@dataclass(frozen=True)
class Group:
    """Columns that come together."""

    names: tuple[str, ...]
    digits: int  # behind the decimal point, in text
    kind: str  # NumPy's name of the type
    values: Values
    nobody: tuple[float, ...] | None = None  # the values of a frame without faces; None: nothing is known

    def of(self, face: FaceState | None) -> Iterable[float | None] | None:
        """A row's values; no face: a frame without faces."""
        return self.nobody if face is None else self.values(face)


def table_columns(options: TableOptions) -> tuple[str, ...]:
    """The header of a table."""
    groups = groups_of(options)
    return ("frame", "face_id", "timestamp", *(name for group in groups for name in group.names))


def groups_of(options: TableOptions) -> tuple[Group, ...]:
    """The columns of a table behind its first three."""
    return column_groups(options.model, blendshapes=options.blendshapes, raw=options.raw, more=options.more)


def column_groups(
    model: FaceModel, *, blendshapes: bool = False, raw: bool = False, more: MoreColumns = NOTHING_MORE
) -> tuple[Group, ...]:
    """All columns behind `frame,face_id,timestamp`, in order."""
    expression = tuple(f"exp_{i}" for i in range(model.n_expression))
    shape = tuple(f"id_{i}" for i in range(model.n_shape))
    groups = [
        Group(("confidence",), 4, "float32", lambda face: (face.confidence,), (0.0,)),
        Group(("success",), 0, "int8", lambda face: (float(face.status == "tracked"),), (0.0,)),
        Group(TRANSLATION, 3, "float64", lambda face: face.pose.t),
        Group(ROTATION, 6, "float64", lambda face: matrix_to_euler(face.pose.R)),
        Group(BOX, 2, "float32", _box),
        Group(QUATERNION, 6, "float64", lambda face: face.pose.quaternion()),
        Group(HEAD, 3, "float64", lambda face: face.euler_deg()),
        Group(expression, 5, "float32", lambda face: face.expression),
        Group(shape, 5, "float32", lambda face: face.shape),
    ]
    if blendshapes:
        model.check("actions")
        names = tuple(model.arkit_names)
        groups.append(Group(names, 4, "float32", lambda face: list(face.blendshapes().values())))
    if raw:
        groups += _raw_groups(expression, shape, tuple(model.extra_names))
    if more.gaze:
        model.check("eyes")
        groups.append(Group(GAZE, 5, "float32", _gaze))
    if more.action_units:
        groups.append(Group(UNITS, 3, "float32", lambda face: face.action_units(more.neutral).values()))
    if more.emotions:
        groups.append(Group(SHOWN, 4, "float32", lambda face: _shown(face.emotions(more.neutral))))
    if more.landmarks is not None:
        model.check_landmarks(more.landmarks)
        groups += _landmark_groups(more.landmarks)
    return tuple(group for group in groups if group.names)


def landmark_columns(name: str, axes: str) -> tuple[str, ...]:
    """`x_0 ... x_67, y_0 ... y_67` for "xy", in OpenFace's order."""
    return tuple(f"{axis}_{i}" for axis in axes for i in range(LANDMARK_SETS[name]))


def _landmark_groups(name: str) -> list[Group]:
    return [
        Group(landmark_columns(name, "xy"), 2, "float32", lambda face: face.landmarks(name).T.ravel()),
        Group(landmark_columns(name, "XYZ"), 2, "float32", lambda face: face.landmarks_mm(name).T.ravel()),
    ]


def _raw_groups(expression: tuple[str, ...], shape: tuple[str, ...], extras: tuple[str, ...]) -> list[Group]:
    """What the nets said, before smoothing and caching; `raw_id_*` is empty where ShapeNet did not run."""

    def named(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(RAW_PREFIX + name for name in names)

    return [
        Group(named(TRANSLATION), 3, "float64", lambda face: face.raw.pose.t),
        Group(named(ROTATION), 6, "float64", lambda face: _angles(face.raw.pose)),
        Group(named(("presence", "pose_sigma_deg")), 4, "float32", _presence),
        Group(named(expression), 5, "float32", lambda face: face.raw.expression),
        Group(named(extras), 5, "float32", lambda face: face.raw.extras),
        Group(named(shape), 5, "float32", lambda face: face.raw.shape),
    ]


def _angles(pose: Pose) -> tuple[float, float, float]:
    return matrix_to_euler(pose.R)


def _presence(face: FaceState) -> tuple[float, float] | None:
    known = not math.isnan(face.raw.pose_sigma_deg)  # imported nets do not say
    return (face.raw.presence, face.raw.pose_sigma_deg) if known else None


def _shown(emotions: Mapping[str, float]) -> list[float]:
    return [emotions[name] for name in SHOWN]


def _gaze(face: FaceState) -> tuple[float, ...]:
    return gaze_cells(face.gaze_deg())


def gaze_cells(gaze: Gaze) -> tuple[float, ...]:
    """OpenFace's two angles are radians in the camera: positive looks to the picture's right, and down."""
    x, y, z = direction_of(*gaze["camera"]).tolist()
    return math.atan2(x, -z), math.atan2(y, -z), *gaze["left"], *gaze["right"], gaze["confidence"]


def gaze_of(cells: Sequence[float]) -> Gaze:
    """What `gaze_cells` wrote."""
    x, y = cells[:2]
    line = np.array([math.tan(x), math.tan(y), -1.0]) * (1.0 if abs(x) < math.pi / 2 else -1.0)
    left, right = (cells[2], cells[3]), (cells[4], cells[5])
    return Gaze(left=left, right=right, camera=angles_of(line), confidence=cells[6])


def _box(face: FaceState) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, face.box)
    return left, top, right - left, bottom - top


def timestamp(result: FrameResult, zero_ns: int) -> float:
    """Seconds since the source's zero, to the microsecond, as all tables have it."""
    return round(to_s(result.frame.t_ns - zero_ns), 6)


def rounded(values: Any, digits: int) -> list[float | None]:
    """Plain floats for JSON; None for what is not finite."""
    array = np.asarray(values, dtype=np.float64)
    return [round(v, digits) if np.isfinite(v) else None for v in array.ravel().tolist()]
