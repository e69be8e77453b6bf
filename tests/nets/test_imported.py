"""Cut-outs and poses of imported nets: what the originals' programs do, written down a second time."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.geometry import Camera, geodesic_deg, rotvec_to_matrix
from realtime3d.nets.cutout import MARGINS, Cutout
from realtime3d.nets.imported import REFERENCE, from_camera_pose, from_scaled_pose

# A face in the Basel model's axes, mm: x right, y up, z towards the viewer. Corners of the eyes, nose, chin, ears.
FACE = np.array([[-44, 26, 87], [43, 26, 87], [0, -8, 132], [0, -86, 96], [-73, 19, 18], [73, 19, 18.0]])
TO_OURS = np.diag([1.0, -1.0, -1.0])
ANCHOR = FACE.mean(axis=0) @ TO_OURS
BOX = [220.0, 130.0, 380.0, 290.0]
THEIRS = 2880 * 240 / 224  # px: the focal length of the originals' camera in the picture
FAR = Camera(THEIRS, THEIRS, 319.5, 239.5, 640, 480)
K = np.array([[2880.0, 0, 112], [0, 2880.0, 112], [0, 0, 1]])


def picture(width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8), (width, height))


def originals_crop(image: NDArray[np.uint8], x: float, y: float, w: float, h: float) -> NDArray[np.uint8]:
    """Step by step: a square, a quarter more to each side, black borders where it leaves the picture."""
    middle, half = (x + w / 2, y + h / 2), max(w, h) / 2
    left, top, right, bottom = (np.float32(m + s * half * 1.5) for s in (-1, 1) for m in middle)
    height, width = image.shape[:2]
    fill = [max(math.ceil(-left), 0), max(math.ceil(-top), 0)]
    more = [max(math.ceil(right - width + 1), 0), max(math.ceil(bottom - height + 1), 0)]
    wide = cv2.copyMakeBorder(image, fill[1], more[1], fill[0], more[0], cv2.BORDER_CONSTANT, value=(0, 0, 0))
    x0, y0, x1, y1 = (math.ceil(v) for v in (left + fill[0], top + fill[1], right + fill[0], bottom + fill[1]))
    side = max(x1 - x0, y1 - y0)
    return cv2.resize(wide[y0 : y0 + side, x0 : x0 + side], (227, 227), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    "box", [(220, 130, 160, 160), (10, 5, 99, 140), (480.5, 300.25, 150, 170), (201.3, 99.8, 77, 61)]
)
def test_the_square_is_the_originals(box: tuple[float, float, float, float]) -> None:
    x, y, w, h = box
    cutout = Cutout.around([x, y, x + w, y + h], "square")
    np.testing.assert_array_equal(cutout.pixels(picture(), 227), originals_crop(picture(), x, y, w, h))


def test_margins() -> None:
    around_landmarks = Cutout.around([100, 100, 300, 300], "landmarks")
    assert (around_landmarks.left, around_landmarks.top) == (math.ceil(200 - 192.55), math.ceil(200 - 225.91))
    assert around_landmarks.side == max(math.ceil(200 + 194.23) - 8, math.ceil(200 + 160.87) + 25)
    with pytest.raises(MissingError, match="there is no crop 'round'"):
        Cutout.around([0, 0, 1, 1], "round")
    assert set(MARGINS) == {"square", "landmarks"}


def test_boxes_outside_tiny_and_huge() -> None:
    assert not Cutout.around([-500, -500, -400, -400], "square").pixels(picture(), 64).any()
    assert Cutout.around([50, 50, 50.1, 50.1], "square").pixels(picture(), 64).shape == (64, 64, 3)
    huge = Cutout.around([-1e6, -1e6, 1e6, 1e6], "square").pixels(picture(), 64)
    assert huge.shape == (64, 64, 3)
    large = Cutout.around([-3000, -3000, 4000, 4000], "square")  # sampled, not cut out first
    smaller = Cutout(large.left, large.top, large.side).pixels(np.full((480, 640, 3), 200, np.uint8), 224)
    assert 1 < np.count_nonzero(smaller[..., 0] > 100) < 500


def seen_by_facepose(answer: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where FacePoseNet's own camera sees the face, in the picture: (P, 2) px."""
    reference = REFERENCE.scale * (FACE @ TO_OURS) @ REFERENCE.R.T + REFERENCE.shift
    points = cv2.projectPoints(reference, answer[:3], answer[3:], K, None)[0][:, 0]
    cutout = Cutout.around(BOX, "square")
    return (points + 0.5) * cutout.side / 224 - 0.5 + [cutout.left, cutout.top]


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.3, 0, 0), (0, 0.6, 0), (0, -1.1, 0), (0, 0, 0.5), (0.2, -0.5, 0.3)])
def test_facepose_lands_where_its_own_camera_sees_the_face(turn: tuple[float, float, float]) -> None:
    answer = np.array([*turn, 12.0, -20.0, 2200.0])
    pose = from_camera_pose(answer, ANCHOR, Cutout.around(BOX, "square"), FAR)
    ours = FAR.project(FACE @ TO_OURS @ pose.R.T + pose.t)
    assert np.abs(ours - seen_by_facepose(answer)).max() < 0.1
    assert geodesic_deg(pose.R, rotvec_to_matrix(turn) @ REFERENCE.R) < 2.5  # the ray to the face


@pytest.mark.parametrize("fov", [20, 60, 90])
def test_other_cameras_see_the_face_as_large_and_at_the_same_place(fov: float) -> None:
    answer, camera = np.array([0.1, 0.4, -0.1, 5.0, 8.0, 2300.0]), Camera.from_fov(640, 480, fov)
    pose = from_camera_pose(answer, ANCHOR, Cutout.around(BOX, "square"), camera)
    ours, expected = camera.project(FACE @ TO_OURS @ pose.R.T + pose.t), seen_by_facepose(answer)
    assert np.abs(ours.mean(axis=0) - expected.mean(axis=0)).max() < 6
    assert np.ptp(ours, axis=0) == pytest.approx(np.ptp(expected, axis=0), rel=0.12)


def test_the_reference_head_is_about_upright_and_frontal() -> None:
    cutout = Cutout.around([239.5, 159.5, 399.5, 319.5], "square")
    pose = from_camera_pose(np.array([0, 0, 0, 0, 0, 2200.0]), ANCHOR, cutout, FAR)
    assert geodesic_deg(pose.R, np.eye(3)) < 3
    assert pose.t == pytest.approx((REFERENCE.shift + np.array([0, 0, 2200])) / REFERENCE.scale, abs=5)


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.3, 0, 0), (0, 0.7, 0), (0, 0, -0.4), (-0.2, 0.5, 0.3)])
def test_the_later_facepose_lands_where_its_projection_puts_the_face(turn: tuple[float, float, float]) -> None:
    pitch, yaw, roll = turn
    c, s = np.cos(turn), np.sin(turn)
    first = np.array([[1, 0, 0], [0, c[0], s[0]], [0, -s[0], c[0]]])
    second = np.array([[c[1], 0, -s[1]], [0, 1, 0], [s[1], 0, c[1]]])
    third = np.array([[c[2], s[2], 0], [-s[2], c[2], 0], [0, 0, 1]])
    answer = np.array([8.1e-4, pitch, yaw, roll, 108.0, 120.0])
    flat = (answer[0] * first @ second @ third @ (FACE.T * 1000))[:2].T + answer[4:]  # of micrometres, rows from below
    flat[:, 1] = 225 - flat[:, 1]
    cutout = Cutout.around(BOX, "landmarks")
    expected = (flat + 0.5) * cutout.side / 224 - 0.5 + [cutout.left, cutout.top]
    flat_camera = Camera(90000, 90000, 319.5, 239.5, 640, 480)
    pose = from_scaled_pose(answer, ANCHOR, cutout, flat_camera)
    ours = flat_camera.project(FACE @ TO_OURS @ pose.R.T + pose.t)
    assert np.abs(ours - expected).max() < 0.5


@pytest.mark.parametrize("to_pose", [from_camera_pose, from_scaled_pose])
def test_any_answer_is_a_pose(to_pose: object) -> None:
    rng = np.random.default_rng(2)
    for size in (0.0, 1.0, 1e3, 1e6):
        for sign in (1, -1):
            pose = to_pose(sign * size * rng.normal(size=6), ANCHOR, Cutout.around(BOX, "square"), FAR)  # type: ignore[operator]
            assert np.isfinite(pose.t).all()
            np.testing.assert_allclose(pose.R @ pose.R.T, np.eye(3), atol=1e-9)
