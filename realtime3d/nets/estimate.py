"""From crops to coefficients: one batched call of each net, whatever the number of faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.backends.base import Answers, Net
from realtime3d.clock import Stopwatch
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import ANCHOR_MM, Camera, rotation_from_6d, sigmoid
from realtime3d.nets.crop import CROP_MM, Crop, crop_from_box, crop_from_pose, pose_from_crop, warp
from realtime3d.types import FaceCoeffs, FloatArray, Image, Pose

# A crop that misses by more than the nets were trained to bear while a face is followed (training/jitter.py).
MISS_SHIFT, MISS_ZOOM, MISS_ROLL_DEG = 0.08, 0.15, 12.0  # crop sides, log of the size, degrees
LOOKS = 3  # at one face in one picture: each brings the answers for different boxes of it nearer to each other
ZOOMS = (0.94, 1.0, 1.06)  # of the views whose answers are averaged where there is time for all
SEEN = 0.3  # presence below which there is nothing to look at again


class Estimator:
    """Runs the nets on crops. Has no memory."""

    def __init__(self, track_net: Net, shape_net: Net) -> None:
        """`track_net` answers pose, expression and presence, `shape_net` the identity's shape."""
        self._track = track_net
        self._shape = shape_net
        self.size = track_net.spec.size

    def warm_up(self, model: FaceModel) -> None:
        """Run both nets once: the first run is slow, and its answers must fit the face model."""
        expected = {
            "rotation": 6,
            "position": 2,
            "log_scale": 1,
            "presence": 1,
            "pose_log_sigma": 1,
            "expression": model.n_expression,
            "extras": model.n_extras,
            "shape": model.n_shape,
        }
        answers: dict[str, FloatArray] = {}
        for net in (self._track, self._shape):
            answers.update(net.run(np.zeros((1, net.spec.size, net.spec.size, 3), np.uint8)))
        for name, width in expected.items():
            if name not in answers or answers[name].shape != (1, width):
                found = answers[name].shape if name in answers else "missing"
                raise MissingError(
                    f"the nets {self._track.spec.name} and {self._shape.spec.name} do not fit the face model: "
                    f"{name} is {found}, it must be {(1, width)}; use nets and face model of one set"
                )

    def box_crop(self, xyxy: ArrayLike, camera: Camera, roll: float = 0.0) -> Crop:
        """Where the nets look for a face of which only a box is known."""
        return crop_from_box(xyxy, camera, self.size, roll)

    def pose_crop(self, pose: Pose) -> Crop:
        """Where the nets look for a head whose pose is known."""
        return crop_from_pose(pose, self.size)

    def misses(self, crop: Crop, answer: FaceCoeffs) -> bool:
        """Whether the head is seen, but not where this crop was placed: then a second look is surer than the first."""
        pose = answer.pose
        x, y, z = (crop.R @ (pose.R @ ANCHOR_MM + pose.t)).tolist()
        across, down, _ = (crop.R @ pose.R[:, 1]).tolist()
        shift = math.hypot(x, y) / z * crop.focal / crop.size
        zoom = abs(math.log(crop.focal * CROP_MM / (z * crop.size)))
        roll = abs(math.degrees(math.atan2(across, down))) if math.hypot(across, down) > 0.2 else 0.0
        seen = answer.presence > SEEN
        return seen and (shift > MISS_SHIFT or zoom > MISS_ZOOM or roll > MISS_ROLL_DEG)

    def estimate(
        self,
        image: Image,
        camera: Camera,
        crops: Sequence[Crop],
        want_shape: Sequence[bool] = (),
        watch: Stopwatch | None = None,
    ) -> list[FaceCoeffs]:
        """One FaceCoeffs for each crop, in order; `shape` is filled where it is wanted."""
        if not crops:
            return []
        watch = watch or Stopwatch()
        with watch.measure("crop"):
            pixels = np.array([warp(image, camera, crop) for crop in crops])
        with watch.measure("nets"):
            answers = _finite(self._track.run(pixels), self._track)
        with watch.measure("shape"):
            shapes = self._shapes(image, camera, crops, pixels, want_shape)
        return [_coeffs(answers, i, crop, shapes[i]) for i, crop in enumerate(crops)]

    def estimate_surely(self, image: Image, camera: Camera, crops: Sequence[Crop]) -> list[FaceCoeffs]:
        """The same with all nets from three distances (`ZOOMS`) to each face: their mean errs less than one look."""
        zoomed = [replace(crop, focal=crop.focal * zoom) for zoom in ZOOMS for crop in crops]
        answers = self.estimate(image, camera, zoomed, [True] * len(zoomed))
        return [_mean(answers[i :: len(crops)]) for i in range(len(crops))]

    def _shapes(
        self, image: Image, camera: Camera, crops: Sequence[Crop], pixels: Image, want: Sequence[bool]
    ) -> list[FloatArray | None]:
        wanted = [i for i, yes in enumerate(want) if yes]
        shapes: list[FloatArray | None] = [None] * len(crops)
        if not wanted:
            return shapes
        size = self._shape.spec.size
        if size == self.size:
            inputs = pixels[wanted]
        else:
            resized = (replace(crops[i], focal=crops[i].focal * size / self.size, size=size) for i in wanted)
            inputs = np.stack([warp(image, camera, crop) for crop in resized])
        answers = _finite(self._shape.run(inputs), self._shape)
        for row, i in enumerate(wanted):
            shapes[i] = np.array(answers["shape"][row], dtype=np.float32)
        return shapes

    def close(self) -> None:
        """Free the nets."""
        self._track.close()
        self._shape.close()


def _finite(answers: Answers, net: Net) -> Answers:
    broken = [name for name, values in answers.items() if not all(map(math.isfinite, values.ravel().tolist()))]
    if broken:
        names = ", ".join(map(repr, broken))
        raise MissingError(f"net {net.spec.name} gave no number for {names}: its file is broken, reinstall it")
    return answers


def _mean(answers: Sequence[FaceCoeffs]) -> FaceCoeffs:
    """The middle of several answers of all nets for one face."""
    R = np.sum([answer.pose.R for answer in answers], axis=0)
    return FaceCoeffs(
        pose=Pose(rotation_from_6d(R[:, :2].T.ravel()), np.mean([answer.pose.t for answer in answers], axis=0)),
        expression=np.mean([answer.expression for answer in answers], axis=0),
        extras=np.mean([answer.extras for answer in answers], axis=0),
        presence=sum(answer.presence for answer in answers) / len(answers),
        pose_sigma_deg=sum(answer.pose_sigma_deg for answer in answers) / len(answers),
        shape=np.mean([answer.shape for answer in answers if answer.shape is not None], axis=0),
    )


def _coeffs(answers: Answers, i: int, crop: Crop, shape: FloatArray | None) -> FaceCoeffs:
    """Row `i` of the answers; copies, because nets reuse their buffers."""
    log_scale, presence, log_sigma = (float(answers[k][i, 0]) for k in ("log_scale", "presence", "pose_log_sigma"))
    log_scale = min(max(log_scale, -2.5), 2.5)  # beyond, this is no crop of a head
    return FaceCoeffs(
        pose=pose_from_crop(answers["rotation"][i], answers["position"][i], log_scale, crop),
        expression=np.array(answers["expression"][i], dtype=np.float32),
        extras=np.array(answers["extras"][i], dtype=np.float32),
        presence=sigmoid(presence),
        pose_sigma_deg=math.exp(min(max(log_sigma, -10.0), 10.0)),
        shape=shape,
    )
