"""OpenSeeFace's record, read as Unity/OpenSee.cs reads it."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime3d.avatar import openseeface
from realtime3d.avatar.angles import from_yaw_first
from realtime3d.avatar.openseeface import OpenSeeFace, encode, euler, features, pose
from tests.helpers.avatars import CAMERA, frame, tracked


def sent(weights: dict[str, float] | None = None, turn: tuple[float, float, float] = (0.0, 0.0, 0.0)):  # type: ignore[no-untyped-def]
    face = tracked(weights, turn)
    return replace(frame(weights, turn, face_id=3, picture=(640, 480)), face=face)


class Unity:
    """The fields in the order in which OpenSee.cs reads them, with its signs."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self.time, self.id = self._take("d")[0], self._take("i")[0]
        self.resolution = self._take("2f")
        self.right_open, self.left_open = self._take("2f")
        self.got_points = self._take("B")[0]
        self.error = self._take("f")[0]
        self.quaternion = self._take("4f")
        x, y, z = self._take("3f")
        self.rotation = (-math.fmod(x + 180, 360), -y, math.fmod(z - 90, 360))
        x, y, z = self._take("3f")
        self.translation = (-y, x, -z)
        self.confidence = self._take("68f")
        self.points = np.array(self._take("136f")).reshape(68, 2)
        self.points3d = np.array(self._take("210f")).reshape(70, 3) * (1, -1, 1)
        self.features = self._take("14f")
        assert self._at == len(data) == 1785

    def _take(self, form: str):  # type: ignore[no-untyped-def]
        values = struct.unpack_from("<" + form, self._data, self._at)
        self._at += struct.calcsize("<" + form)
        return values


def test_the_record_has_its_size_and_fields() -> None:
    unity = Unity(encode(sent({"eyeBlinkRight": 0.75}), 1234.5))
    assert (unity.time, unity.id, unity.resolution, unity.got_points) == (1234.5, 3, (640, 480), 1)
    assert (unity.right_open, unity.left_open) == (0.25, 1.0)
    assert unity.confidence == pytest.approx([0.9] * 68)


def test_a_frontal_face_has_no_rotation_in_unity() -> None:
    unity = Unity(encode(sent(), 0.0))
    assert [abs(math.remainder(angle, 360)) for angle in unity.rotation] == pytest.approx([0, 0, 0], abs=1e-4)
    assert unity.translation[2] > 3  # in front of the camera, in units of the head


@pytest.mark.parametrize("turn", [(15, 0, 0), (0.01, 20, 0), (0.01, 0, 15), (-10, -25, 10), (5, 35, -12)])
def test_turns_as_opencvs_decomposition_says_them(turn: tuple[float, float, float]) -> None:
    R = openseeface._SOLVED @ from_yaw_first(*turn)
    assert euler(R) == pytest.approx(cv2.RQDecomp3x3(R)[0], abs=1e-6)


@pytest.mark.parametrize("turn", [(0, 0, 0), (10, 0, 0), (0, 20, 0), (0, 0, 15), (-10, -25, 10)])
def test_the_pose_is_the_one_that_its_solver_ends_in(turn: tuple[float, float, float]) -> None:
    """OpenSeeFace starts OpenCV's solver at 0 with rows before columns, and ends behind the camera. So near to weak
    perspective (a face far away) its answer is ours."""
    R, t = from_yaw_first(*turn), np.array([100.0, -80.0, 60_000.0])
    face = sent()
    landmarks = face.face.model.face_landmarks("ibug68", face.face.shape, face.face.expression, face.face.extras)
    head = landmarks[[0, 1, 8, 15, 16, 27, 28, 29, 30, 31, 32, 33, 34, 35]].astype(np.float64) - landmarks[30]
    seen = head @ R.T + t
    size, f = 640.0, 640.0 * 60
    rows_columns = np.stack([f * seen[:, 1] / seen[:, 2] + size / 2, f * seen[:, 0] / seen[:, 2] + size / 2], 1)
    camera = np.array([[f, 0, size / 2], [0, f, size / 2], [0, 0, 1]])
    model = -head / openseeface.UNIT_MM
    start = cv2.Rodrigues(openseeface._SOLVED)[0]
    _, turned, moved = cv2.solvePnP(
        model, rows_columns, camera, np.zeros(4), start.copy(), np.array([[0.0], [0.0], [-400.0]]), True
    )
    _, degrees, translation = pose(R, t)
    assert cv2.RQDecomp3x3(cv2.Rodrigues(turned)[0])[0] == pytest.approx(degrees, abs=1.5)
    assert moved.ravel()[:2] == pytest.approx(translation[:2], rel=0.05)
    assert moved[2, 0] < 0


def test_points_are_the_meshs_own() -> None:
    face = sent()
    unity = Unity(encode(face, 0.0))
    image = face.face.landmarks("ibug68")
    assert unity.points[30] == pytest.approx(image[30], abs=1e-3)
    assert unity.points[58] == pytest.approx(image[60], abs=1e-3)  # iBUG without its two outer mouth corners
    assert unity.points[65] == pytest.approx(image[67], abs=1e-3)
    assert (unity.points >= 0).all() and (unity.points[:, 0] < CAMERA.width).all()
    x, y, _ = unity.points3d.T  # Unity reads (x, y, -z) of its head: x to the person's right, y up
    assert x[0] > 0.3 > -0.3 > x[16] and y[8] < -0.3 < 0.2 < y[27]
    assert unity.points3d[30] == pytest.approx([0, 0, 0], abs=1e-6)


def gaze(unity: Unity) -> tuple[np.ndarray, np.ndarray]:
    """Pupil less eyeball, right and left."""
    return unity.points3d[66] - unity.points3d[68], unity.points3d[67] - unity.points3d[69]


def test_pupils_move_with_the_gaze() -> None:
    rest = gaze(Unity(encode(sent(), 0.0)))
    aside = gaze(Unity(encode(sent({"eyeLookOutRight": 0.8, "eyeLookInLeft": 0.8}), 0.0)))
    down = gaze(Unity(encode(sent({"eyeLookDownRight": 0.8, "eyeLookDownLeft": 0.8}), 0.0)))
    for before, right, lower in zip(rest, aside, down, strict=True):
        assert right[0] - before[0] > 0.02  # x is to the person's right
        assert lower[1] - before[1] < -0.02
        assert np.linalg.norm(right) == pytest.approx(np.linalg.norm(before), rel=1e-4)


def test_features_have_its_signs_and_range() -> None:
    assert features(frame()) == [0.0] * 14
    blink = features(frame({"eyeBlinkLeft": 1.0}))
    assert blink[0] == -1 and blink[1] == 0
    smile = features(frame({"mouthSmileLeft": 0.6}))
    assert smile[8] < 0 and smile[9] > 0 and smile[10] == 0  # corners: up is negative there
    assert features(frame({"jawOpen": 0.5}))[12] == 0.5
    assert all(-1 <= value <= 1 for value in features(frame(dict.fromkeys(frame().weights, 1.0))))


def test_faces_share_a_datagram_and_nobody_sends_none() -> None:
    protocol = OpenSeeFace(clock=lambda: 7.0)
    (data,) = protocol.packets([sent(), sent()])
    assert len(data) == 2 * 1785
    assert protocol.packets([frame(present=False)]) == []
    (data,) = protocol.packets([sent()] * 50)
    assert len(data) <= 65507
