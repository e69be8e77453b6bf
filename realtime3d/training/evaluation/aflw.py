"""AFLW2000-3D: truth, conventions and figures. The set is for evaluation only, never for training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime3d.errors import SourceError
from realtime3d.face.state import FaceState
from realtime3d.geometry import geodesic_deg, mean_rotation
from realtime3d.training.evaluation.metrics import (
    angle_difference,
    box_of,
    box_size,
    point_error,
    spearman,
)
from realtime3d.types import Array, Image

Look = Callable[[Image, Array], FaceState]  # a picture and a box to a face: FaceTracker.process_boxes
LIMIT_DEG = 99.0
FLIP = np.diag([1.0, -1.0, -1.0])  # their axes are x right, y up, z towards the viewer


@dataclass(frozen=True, slots=True)
class Aflw:
    """Pictures and truth, those with an angle beyond LIMIT_DEG left out."""

    files: list[Path]
    angles: Array  # (N, 3) pitch, yaw, roll in degrees, the set's own order and signs
    points: Array  # (N, 68, 3) px

    @property
    def rotations(self) -> Array:
        """(N, 3, 3) in the set's axes."""
        return np.stack([to_matrix(a) for a in self.angles])

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a tracker said, in the order of the pictures."""

    rotations: Array  # (N, 3, 3) in the set's axes
    points: Array  # (N, 68, 2) px
    sigma: Array  # (N,) expected error in degrees
    presence: Array  # (N,)


def load(folder: Path) -> Aflw:
    """Read labels.npz and the names of the pictures beside it."""
    try:
        with np.load(folder / "labels.npz", allow_pickle=False) as data:
            names, angles, points = data["name"], np.degrees(data["pitch_yaw_roll_rad"]), data["pts68"]
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(
            f"{folder} is no folder of AFLW2000-3D ({error}): it needs labels.npz and pictures"
        ) from error
    keep = (np.abs(angles) <= LIMIT_DEG).all(axis=1)
    files = [folder / f"{name}.jpg" for name in names[keep]]
    missing = [file.name for file in files if not file.exists()]
    if missing:
        raise SourceError(f"{folder} lacks {len(missing)} pictures, such as {missing[0]}: none may be dropped")
    return Aflw(files, angles[keep], points[keep].astype(np.float64))


def to_matrix(angles_deg: Array) -> Array:
    """R = Rx Ry Rz with the set's matrices, whose angles turn against the right-handed sense."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(angles_deg)), np.sin(np.radians(angles_deg))
    rx = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    ry = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    rz = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return rx @ ry @ rz


def to_angles(R: Array) -> Array:
    """(pitch, yaw, roll) in degrees, the inverse of `to_matrix` with yaw in [-90, 90]."""
    yaw = np.arctan2(-R[0, 2], np.hypot(R[0, 0], R[0, 1]))
    return np.degrees([np.arctan2(R[1, 2], R[2, 2]), yaw, np.arctan2(R[0, 1], R[0, 0])])


def ask(data: Aflw, look: Look, read: Callable[[Path], Image]) -> Answers:
    """Every picture with the tight box of its true points."""
    faces = [look(read(file), box_of(points)) for file, points in zip(data.files, data.points, strict=True)]
    return Answers(
        np.stack([FLIP @ face.pose.R @ FLIP for face in faces]),
        np.stack([face.landmarks("ibug68").astype(np.float64) for face in faces]),
        np.array([face.raw.pose_sigma_deg for face in faces]),
        np.array([face.confidence for face in faces]),
    )


def aligned(data: Aflw, answers: Answers) -> Array:
    """Predicted rotations with the one constant rotation between the conventions removed."""
    between = mean_rotation(answers.rotations.transpose(0, 2, 1) @ data.rotations)
    return answers.rotations @ between


def point_errors(data: Aflw, answers: Answers) -> Array:
    """(N,) error of the 68 points by box size."""
    sizes = box_size(box_of(data.points))
    return np.array([point_error(a, b[:, :2], s) for a, b, s in zip(answers.points, data.points, sizes, strict=True)])


def figures(data: Aflw, answers: Answers) -> dict[str, float]:
    """The protocol's numbers: degrees, and shares of the box's size."""
    R = aligned(data, answers)
    error = geodesic_deg(R, data.rotations)
    each = angle_difference(np.stack([to_angles(r) for r in R]), data.angles)
    points, yaw = point_errors(data, answers), np.abs(data.angles[:, 1])
    bins = {"below_30": yaw < 30, "30_to_60": (yaw >= 30) & (yaw <= 60), "beyond_60": yaw > 60}
    result = {
        "pictures": float(len(data)),
        "mean_angle_error": float(each.mean()),
        **{f"{name}_error": float(each[:, i].mean()) for i, name in enumerate(("pitch", "yaw", "roll"))},
        "geodesic": float(error.mean()),
        "geodesic_median": float(np.median(error)),
        "points68": float(points.mean()),
        "sigma_spearman": spearman(error, answers.sigma),
    }
    for name, mask in bins.items():
        if mask.any():
            result |= {f"geodesic_yaw_{name}": float(error[mask].mean())}
            result |= {f"points68_yaw_{name}": float(points[mask].mean())}
    return result
