"""A rendered head turned by known angles moves as docs/conventions.md says, seen in pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime3d.geometry import Camera
from realtime3d.render.base import OverlayStyle
from realtime3d.render.choose import create_renderer
from tests.helpers.faces import grey, make_face, result_of

CAMERA = Camera.from_fov(640, 480, 30)
STYLE = OverlayStyle(mode="shaded", box=False, label=False, axes=False, bars=False)
Point = np.ndarray


def seen(angles_deg: tuple[float, float, float]) -> tuple[Point, list[Point]]:
    """From a picture alone: the middle of the lips and of the irises, (x, y) px, irises from left to right."""
    image = grey(640, 480, 255)
    drawn = create_renderer("software", STYLE).draw(image, result_of(image, make_face(CAMERA, angles_deg, (0, 0, 900))))
    blue, green, red = (drawn[..., k].astype(int) for k in range(3))
    reddish = (red > green - 40) & (red > blue + 15)  # nothing else on a green face before white
    lips = np.argwhere(reddish).mean(axis=0)[::-1]
    iris = ((blue > red + 25) & (blue > green)).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(iris)
    large = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:2] + 1
    return lips, sorted((centres[k] for k in large), key=lambda point: float(point[0]))


def test_an_upright_face_looks_into_the_camera() -> None:
    lips, (left, right) = seen((0, 0, 0))
    middle = np.array([CAMERA.cx, CAMERA.cy])
    np.testing.assert_allclose((left + right) / 2, middle, atol=2.5)  # the origin lies between the eyes
    assert lips[1] > middle[1] + 30 and abs(lips[0] - middle[0]) < 2.5  # y is down
    assert abs(left[1] - right[1]) < 1.5


@pytest.mark.parametrize("angle", [12, 25])
def test_positive_pitch_looks_down(angle: float) -> None:
    """Nose and lips lie in front of the eyes' axis: looking down moves them down."""
    assert seen((angle, 0, 0))[0][1] > seen((-angle, 0, 0))[0][1] + 3
    nose = [make_face(CAMERA, (a, 0, 0), (0, 0, 900)).landmarks("ibug68")[30, 1] for a in (-angle, 0, angle)]
    assert nose[0] < nose[1] - 3 and nose[1] < nose[2] - 3


@pytest.mark.parametrize("angle", [12, 25])
def test_positive_yaw_turns_to_the_persons_own_right(angle: float) -> None:
    neutral, right, left = seen((0, 0, 0))[0], seen((0, angle, 0))[0], seen((0, -angle, 0))[0]
    assert right[0] < neutral[0] - 3  # the picture's left
    assert left[0] > neutral[0] + 3


@pytest.mark.parametrize("angle", [-25, 10, 25])
def test_positive_roll_is_clockwise_by_that_angle(angle: float) -> None:
    _, (left, right) = seen((0, 0, angle))
    assert np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])) == pytest.approx(angle, abs=1.5)


def test_left_and_right_are_the_persons_own() -> None:
    face = make_face(CAMERA)
    points = face.landmarks("ibug68")
    assert points[36, 0] < points[45, 0]  # the person's right eye is on the picture's left
    names = list(face.model.arkit_names)
    assert {"eyeBlinkLeft", "eyeBlinkRight"} <= set(names)


def test_positive_translation_is_right_down_and_away() -> None:
    here = make_face(CAMERA, t=(0, 0, 900)).box
    assert make_face(CAMERA, t=(50, 0, 900)).box[0] > here[0] + 30
    assert make_face(CAMERA, t=(0, 50, 900)).box[1] > here[1] + 30
    away = make_face(CAMERA, t=(0, 0, 1800)).box
    assert away[2] - away[0] == pytest.approx((here[2] - here[0]) / 2, rel=0.05)
