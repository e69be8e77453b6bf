"""The reader of eyes: what a net says of crops becomes gaze, lids and how surely they are seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, NetSpec
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.face.seats import CORNERS, Seats
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.nets.eye_crop import eye_warp, facing, plane_of
from realtime3d.nets.eyes import EyeReader
from realtime3d.types import FaceCoeffs, Image, Pose
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(640, 480)
SIZE = 48


class SaysNet:
    """Answers each crop by a function of it."""

    def __init__(self, say: Callable[[Image], list[float]]) -> None:
        self.spec = NetSpec("tiny.eyes", FACE_MODEL, "", "image", SIZE, ("gaze", "lids", "gaze_log_sigma"))
        self.runs: list[int] = []
        self._say = say

    def run(self, images: NDArray[np.uint8]) -> Answers:
        self.runs.append(len(images))
        rows = np.array([self._say(image) for image in images], np.float32)
        return {"gaze": rows[:, :2], "lids": rows[:, 2:4], "gaze_log_sigma": rows[:, 4:]}

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def face(*angles: float, t: tuple[float, float, float] = (0, 0, 600)) -> FaceCoeffs:
    pose = Pose(euler_to_matrix(*np.radians(angles or (0, 0, 0))), np.array(t, dtype=np.float64))
    return FaceCoeffs(pose, np.zeros(29, np.float32), np.float32([0, 0, 0, 0, 0.5]), 0.9, 3.0)


def read(model: FaceModel, say: Callable[[Image], list[float]], *faces: FaceCoeffs, image: Image | None = None):
    net = SaysNet(say)
    reader = EyeReader(net)
    reader.warm_up(model)
    net.runs.clear()
    picture = np.zeros((480, 640, 3), np.uint8) if image is None else image
    return reader.read(picture, CAMERA, faces, [np.zeros(99, np.float32)] * len(faces)), net.runs


OPEN, SHUT = [0.0, -0.06, 0.18, 0.10, -4.5], [0.0, -0.06, 0.01, 0.02, -1.5]


def halves(left: list[float], right: list[float]) -> tuple[Callable[[Image], list[float]], Image]:
    """A picture whose halves differ, and answers by the half that is seen: the person's left is the picture's right."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, 320:] = 200
    return (lambda crop: left if crop.mean() > 100 else right), image


def test_both_eyes_of_all_faces_are_one_batch(model: FaceModel) -> None:
    found, runs = read(model, lambda crop: OPEN, face(), face(t=(150, 0, 700)))
    assert runs == [4]
    for one in found:
        assert one.eyes is not None
        np.testing.assert_allclose(one.eyes.certainty, 1)
        assert one.extras[4] == np.float32(0.5)  # the tongue is not the eyes'
    assert read(model, lambda crop: OPEN)[1] == []


def test_irises_outwards_turn_each_eye_to_its_own_side(model: FaceModel) -> None:
    say, image = halves([0.15, -0.06, 0.18, 0.1, -4.5], [0.3, -0.06, 0.18, 0.1, -4.5])
    (found,), _ = read(model, say, face(), image=image)
    assert found.extras[0] > 0.3  # the left eye to the person's left
    assert found.extras[2] < -0.6  # the right eye, twice as far to the right


def test_a_wink_has_the_gaze_of_the_open_eye(model: FaceModel) -> None:
    say, image = halves([0.15, -0.06, 0.18, 0.1, -4.5], [0.3, 0.2, 0.01, 0.02, -4.5])
    (found,), _ = read(model, say, face(), image=image)
    assert found.eyes is not None
    assert found.eyes.certainty[0] == 1
    assert found.eyes.certainty[1] == 0
    np.testing.assert_allclose(found.extras[:2], found.extras[2:4])
    assert found.extras[0] > 0.3


def test_nothing_is_certain_of_eyes_that_are_shut(model: FaceModel) -> None:
    (found,), _ = read(model, lambda crop: SHUT, face())
    assert found.eyes is not None
    assert found.eyes.certainty.max() == 0
    assert found.eyes.seen.min() == 1


def test_an_unsure_net_lowers_the_certainty(model: FaceModel) -> None:
    (found,), _ = read(model, lambda crop: [0, 0, 0.18, 0.1, np.log(0.07)], face())
    assert found.eyes is not None
    assert 0.2 < found.eyes.certainty[0] < 0.8


def test_heads_in_profile_and_far_away_keep_what_the_other_net_said(model: FaceModel) -> None:
    for coeffs in (face(0, 80, 0), face(t=(0, 0, 6000))):
        before = replace(coeffs, extras=np.float32([0.1, 0.2, 0.3, 0.4, 0]))
        (found,), runs = read(model, lambda crop: OPEN, before)
        assert runs == []
        np.testing.assert_array_equal(found.extras, before.extras)
        assert found.eyes is not None
        assert found.eyes.seen.max() == 0


def test_a_net_without_the_answers_is_refused(model: FaceModel) -> None:
    net = SaysNet(lambda crop: OPEN)
    net.run = lambda images: {"gaze": np.zeros((len(images), 2), np.float32)}  # type: ignore[method-assign]
    with pytest.raises(MissingError, match="lids"):
        EyeReader(net).warm_up(model)


def test_numbers_that_are_none_are_refused(model: FaceModel) -> None:
    net = SaysNet(lambda crop: OPEN)
    reader = EyeReader(net)
    reader.warm_up(model)
    reader._net = SaysNet(lambda crop: [np.nan, 0, 0, 0, 0])
    with pytest.raises(MissingError, match="no number"):
        reader.read(np.zeros((480, 640, 3), np.uint8), CAMERA, [face()], [np.zeros(99, np.float32)])


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 30, 20), (-20, -40, -10)])
@pytest.mark.parametrize("distortion", [(), (0.05, 0.01, 0.0, 0.0)])
@pytest.mark.parametrize("distance", [180.0, 600.0])
def test_corners_lie_at_the_same_place_of_every_crop(
    model: FaceModel, angles: tuple[float, ...], distortion: tuple[float, ...], distance: float
) -> None:
    camera = replace(CAMERA, distortion=distortion)
    pose = face(*angles, t=(30, 20, distance)).pose
    seats = Seats.of(model).mean
    for side, name in enumerate(("left", "right")):
        corners = model.landmarks("ibug68", model.mean)[list(CORNERS[name])].astype(np.float64)
        middle = corners.mean(axis=0)
        np.testing.assert_allclose(middle, seats[side, :2].mean(axis=0), atol=1e-4)
        assert facing(pose, middle) > 0.5
        image = np.zeros((480, 640, 3), np.uint8)
        for corner in corners:
            on_plane = np.array([corner[0], corner[1], middle[2]])  # the plane has no depth
            place = camera.project(pose.R @ on_plane + pose.t)
            cv2.circle(
                image, tuple((place * 16).astype(int).tolist()), int(16 * 1500 / distance), (255,) * 3, -1, shift=4
            )
        crop = eye_warp(image, camera, plane_of(pose, middle, side), SIZE)[..., 0].astype(float)
        half = SIZE // 2
        for part, wanted in ((slice(half, None), corners[0]), (slice(None, half), corners[1])):
            weight = crop[:, part]
            rows, columns = np.mgrid[:SIZE, :half]
            at = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum() + (part.start or 0, 0)
            across = (wanted - middle)[:2] / 40 * SIZE * (1 if side == 0 else -1, 1) + (SIZE - 1) / 2
            np.testing.assert_allclose(at, across, atol=0.6)
