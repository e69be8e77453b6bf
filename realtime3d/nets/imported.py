"""The nets of an imported set: one look at a box. They say neither whether there is a face nor how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.backends.base import Net
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera, Matrix, rotation_to_ray, rotvec_to_matrix
from realtime3d.nets.cutout import UNITS, Cutout
from realtime3d.types import Array, FaceCoeffs, FloatArray, Image, Pose

FOCAL = 2880.0  # of FacePoseNet's camera, UNITS; its middle is the crop's
POSE_WIDTH = 6
TURN = np.diag([1.0, -1.0, -1.0])  # from the Basel model's axes (y up, z to the viewer) to ours
MICROMETRES = 1000.0  # in a mm
ROWS = 225.0  # the later net's rows count upwards from here


@dataclass(frozen=True, slots=True)
class Similarity:
    """`x_to = scale * R @ x_from + shift`."""

    scale: float
    R: Matrix
    shift: Array


# FacePoseNet's reference head from the Basel model's mean in our axes: fitted to the 51 landmarks within the face, off
# by 2.25 mm (root mean square). docs/decisions.md has the reason.
REFERENCE = Similarity(0.8973, rotvec_to_matrix(np.radians([2.19, -0.79, 0.06])), np.array([-1.16, -10.96, 62.44]))


class ImportedEstimator:
    """Runs the three nets on one cut-out each. Has no memory."""

    def __init__(self, nets: Mapping[str, Net], crops: Mapping[str, str]) -> None:
        """Nets and the names of their crops (`cutout.MARGINS`) by part."""
        self._nets, self._crops = dict(nets), dict(crops)
        self._anchor = np.zeros(3)

    def warm_up(self, model: FaceModel) -> None:
        """Run all nets once: their answers must fit the face model, whose middle of the face is taken for the poses."""
        widths = {"expression": model.n_expression, "shape": model.n_shape, "pose": POSE_WIDTH}
        for part, net in self._nets.items():
            size = net.spec.size
            answers = net.run(np.zeros((1, size, size, 3), np.uint8))
            found = answers[net.spec.outputs[0]].shape
            if found != (1, widths[part]):
                raise MissingError(
                    f"net {net.spec.name} does not fit the face model: its answer is {found}, it must be "
                    f"{(1, widths[part])}; import nets and face model of one project"
                )
        self._anchor = model.landmarks("ibug68", model.mean).mean(axis=0).astype(np.float64)
        pose = self._nets["pose"].spec
        if pose.outputs[0] not in POSES:
            raise MissingError(
                f"net {pose.name} answers {pose.outputs[0]}, known are {' and '.join(POSES)}: import it again"
            )

    def look(
        self, image: Image, camera: Camera, boxes: Sequence[ArrayLike], scores: Sequence[float] = ()
    ) -> list[FaceCoeffs]:
        """One FaceCoeffs for each box, in order. `scores`, how sure a detector is of them, become their presence."""
        if not boxes:
            return []
        answers = {part: self._run(part, image, boxes) for part in self._nets}
        to_pose = POSES[self._nets["pose"].spec.outputs[0]]
        cutouts = self._cutouts("pose", boxes)
        return [
            FaceCoeffs(
                pose=to_pose(answers["pose"][i].astype(np.float64), self._anchor, cutouts[i], camera),
                expression=answers["expression"][i],
                extras=np.zeros(0, np.float32),
                presence=float(scores[i]) if scores else 1.0,
                pose_sigma_deg=math.nan,
                shape=answers["shape"][i],
            )
            for i in range(len(boxes))
        ]

    def _cutouts(self, part: str, boxes: Sequence[ArrayLike]) -> list[Cutout]:
        return [Cutout.around(box, self._crops[part]) for box in boxes]

    def _run(self, part: str, image: Image, boxes: Sequence[ArrayLike]) -> FloatArray:
        net = self._nets[part]
        size, name = net.spec.size, net.spec.outputs[0]
        pixels = np.stack([cutout.pixels(image, size) for cutout in self._cutouts(part, boxes)])
        answers = np.array(net.run(pixels)[name], dtype=np.float32)
        if not np.isfinite(answers).all():
            raise MissingError(f"net {net.spec.name} gave no number for {name!r}: its file is broken, import it again")
        return answers

    def close(self) -> None:
        """Free the nets."""
        for net in self._nets.values():
            net.close()


def from_camera_pose(answer: Array, anchor: Array, cutout: Cutout, camera: Camera) -> Pose:
    """FacePoseNet: rotation vector and translation of its reference head, in a camera that sees the crop."""
    R, t = rotvec_to_matrix(answer[:3]), answer[3:]
    turned = R @ REFERENCE.R
    place = turned @ anchor + (R @ REFERENCE.shift + t) / REFERENCE.scale  # of the anchor, in the Basel model's mm
    place[2] = max(place[2], 1.0)
    relative = rotation_to_ray(place).T @ turned
    return cutout.pose(relative, anchor, place[:2] / place[2] * FOCAL + UNITS / 2, FOCAL / place[2], camera)


def from_scaled_pose(answer: Array, anchor: Array, cutout: Cutout, camera: Camera) -> Pose:
    """The later net: scale (UNITS a micrometre), pitch, yaw and roll, and where the Basel model's origin is seen."""
    scale, pitch, yaw, roll, x, y = answer.tolist()
    first, second, third = map(rotvec_to_matrix, np.diag([-pitch, -yaw, -roll]))
    R = TURN @ first @ second @ third @ TURN
    per_mm = max(scale * MICROMETRES, 1e-9)
    uv = np.array([x, ROWS - y]) + per_mm * (R @ anchor)[:2]
    return cutout.pose(R, anchor, uv, per_mm, camera)


POSES: dict[str, Callable[[Array, Array, Cutout, Camera], Pose]] = {
    "camera_pose": from_camera_pose,
    "scaled_pose": from_scaled_pose,
}
