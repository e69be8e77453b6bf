"""The eyes' own pixels: where each eye looks, how far its lids are open, and how surely that is seen. Has no memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from realtime3d.backends.base import Net
from realtime3d.errors import MissingError
from realtime3d.face.eyes import SIDES
from realtime3d.face.model import FaceModel
from realtime3d.face.seats import Seats
from realtime3d.geometry import Camera
from realtime3d.nets.eye_crop import FACING, eye_warp, facing, plane_of, sight
from realtime3d.types import Array, EyesSeen, FaceCoeffs, FloatArray, Image

WIDTHS = {"gaze": 2, "lids": 2, "gaze_log_sigma": 1}  # what the net answers for each eye
SURE, UNSURE = 0.035, 0.11  # spread of the iris's place in eye widths: all is known below, nothing above
SHUT, PARTED = 0.07, 0.15  # opening in eye widths: no iris shows below, enough of it above
FEWEST_PX = (6.0, 10.0)  # of the picture across an eye: too few below, enough above
AN_EYE_MM = 28.0
RESTING = (0.18, 0.10)  # heights of lids where no eye is seen


@dataclass(frozen=True)
class _Eye:
    """One eye of one face."""

    face: int
    side: int
    seat: Array
    sight: Array
    seen: float


class EyeReader:
    """Runs the net on both eyes of all faces, in one batch."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._seats: Seats | None = None

    def warm_up(self, model: FaceModel) -> None:
        """Run the net once: the first run is slow, and its answers must be the known ones."""
        size = self._net.spec.size
        answers = self._net.run(np.zeros((2, size, size, 3), np.uint8))
        for name, width in WIDTHS.items():
            if name not in answers or answers[name].shape != (2, width):
                raise MissingError(f"net {self._net.spec.name} does not answer {name}: use nets of one set")
        self._seats = Seats.of(model)

    def read(
        self, image: Image, camera: Camera, faces: Sequence[FaceCoeffs], shapes: Sequence[FloatArray]
    ) -> list[FaceCoeffs]:
        """`faces` with the gaze in their extras and with `eyes`; `shapes` are their identities."""
        if self._seats is None:
            raise RuntimeError("warm_up comes first")
        eyes, crops = [], []
        for face, (coeffs, shape) in enumerate(zip(faces, shapes, strict=True)):
            seats = self._seats.of_face(shape)
            for side in range(len(SIDES)):
                middle = seats[side, :2].mean(axis=0)
                seen = _seen(coeffs, camera, middle)
                if seen > 0:
                    eyes.append(_Eye(face, side, seats[side], sight(coeffs.pose, middle), seen))
                    crops.append(eye_warp(image, camera, plane_of(coeffs.pose, middle, side), self._net.spec.size))
        found: list[list[tuple[_Eye, Array]]] = [[] for _ in faces]
        if crops:
            answers = self._net.run(np.stack(crops))
            rows = np.concatenate([answers[name] for name in WIDTHS], axis=1).astype(np.float64)
            if not np.isfinite(rows).all():
                raise MissingError(f"net {self._net.spec.name} gave no number: its file is broken, reinstall it")
            for eye, row in zip(eyes, rows, strict=True):
                found[eye.face].append((eye, row))
        return [self._with(coeffs, own) for coeffs, own in zip(faces, found, strict=True)]

    def _with(self, coeffs: FaceCoeffs, found: Sequence[tuple[_Eye, Array]]) -> FaceCoeffs:
        """One face with what was found of its eyes."""
        assert self._seats is not None  # checked by the caller
        lids = np.tile(np.array(RESTING, np.float32)[:, None], (1, 2))
        certainty, seen = np.zeros(2, np.float32), np.zeros(2, np.float32)
        looks = coeffs.extras[:4].reshape(2, 2).astype(np.float64)
        for eye, row in found:
            lids[:, eye.side] = row[2:4]
            seen[eye.side] = eye.seen
            certainty[eye.side] = (
                eye.seen * _ramp(-np.exp(row[4]), -UNSURE, -SURE) * _ramp(row[2] + row[3], SHUT, PARTED)
            )
            looks[eye.side] = self._seats.look(eye.side, eye.seat, row[:2], eye.sight)
        extras = coeffs.extras.copy()
        extras[:4] = _shared(looks, certainty).ravel()
        return replace(coeffs, extras=extras, eyes=EyesSeen(lids[0], lids[1], certainty, seen))

    def close(self) -> None:
        """Free the net."""
        self._net.close()


def _seen(coeffs: FaceCoeffs, camera: Camera, middle: Array) -> float:
    """How well the camera sees an eye, 0..1: how it faces, and how many pixels it has."""
    pixels = camera.fx * AN_EYE_MM / max(float((coeffs.pose.R @ middle + coeffs.pose.t)[2]), 1.0)
    return _ramp(facing(coeffs.pose, middle), *FACING) * _ramp(pixels, *FEWEST_PX)


def _ramp(value: float, low: float, high: float) -> float:
    return float(min(max((value - low) / (high - low), 0.0), 1.0))


def _shared(looks: Array, certainty: FloatArray) -> Array:
    """Each eye's look, and that of the other one as far as that is known better: a wink has the open eye's gaze."""
    out = looks.copy()
    for side in (0, 1):
        mine, other = float(certainty[side]), float(certainty[1 - side])
        share = mine / max(mine, other) if max(mine, other) > 0 else 1.0
        out[side] = share * looks[side] + (1 - share) * looks[1 - side]
    return out
