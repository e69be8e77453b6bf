"""OpenSeeFace's datagrams: `openseeface://host:11573`, for VSeeFace, vpuppr and Unity projects. 1,785 bytes a face.

OpenSeeFace solves for the head with rows and columns exchanged and ends behind the camera (a solution with negative
depth, which looks the same). Its receivers undo that, so the same is done here: see `pose`. Points come from our mesh,
in its unit, from the tip of the nose, x to the person's right, y up, z out of the face.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from realtime3d.avatar import angles
from realtime3d.avatar.angles import from_yaw_first, quaternion
from realtime3d.avatar.base import REST_MM, AvatarFrame, Packet

PORT = 11573
RECORD = struct.Struct("<di2f2fBf4f3f3f68f136f210f14f")
MOST_FACES = 65507 // RECORD.size  # in one datagram
UNIT_MM = 122.0  # one unit of OpenSeeFace's head: its eyeballs lie 0.516 apart, a person's 63 mm
KEPT = tuple(i for i in range(68) if i not in (48, 54))  # its 66 landmarks are iBUG's without the outer mouth corners
EYES = ((36, 39), (42, 45))  # corners of the right and of the left eye
EYEBALL = 0.385  # its eyeball's centre lies this part of the eye's width behind the corners
_SOLVED = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])  # our axes to its, for turns
Matrix = NDArray[np.float64]
Triple = tuple[float, float, float]


def pose(R: Matrix, nose_mm: Matrix) -> tuple[angles.Quaternion, Triple, Triple]:
    """(quaternion x y z w, Euler angles in degrees, translation) as OpenSeeFace says them of our turn and nose."""
    turn = _SOLVED @ R
    x, y, z, w = quaternion(turn)
    tx, ty, tz = (-nose_mm / UNIT_MM).tolist()
    return (-x, -y, -z, w), euler(turn), (ty, tx, tz)  # its quaternion is that of the inverse


def euler(M: Matrix) -> Triple:
    """What cv2.RQDecomp3x3 says of a rotation, in degrees."""
    (_, _, _), (m10, m11, m12), (m20, m21, m22) = M.tolist()
    x = math.atan2(m21, m22)
    y = math.atan2(-m20, math.hypot(m21, m22))
    s, c = math.sin(x), math.cos(x)
    z = math.atan2(m10 * math.cos(y) + (m11 * s + m12 * c) * math.sin(y), m11 * c - m12 * s)
    return math.degrees(x), math.degrees(y), math.degrees(z)


def points(landmarks_mm: Matrix, eyes_deg: Sequence[tuple[float, float]]) -> tuple[Matrix, Matrix]:
    """(70 points in its frame, the pupils in our head's frame): 66 landmarks, pupils and eyeballs, right eye first."""
    nose = landmarks_mm[30]
    pupils, balls = [], []
    for (outer, inner), (pitch, yaw) in zip(EYES, (eyes_deg[1], eyes_deg[0]), strict=True):
        depth = EYEBALL * np.linalg.norm(landmarks_mm[outer] - landmarks_mm[inner])
        ball = (landmarks_mm[outer] + landmarks_mm[inner]) / 2 + (0.0, 0.0, depth)
        balls.append(ball)
        pupils.append(ball - depth * from_yaw_first(pitch, yaw, 0.0)[:, 2])
    every = np.concatenate([landmarks_mm[list(KEPT)], pupils, balls])
    return -(every - nose) / UNIT_MM, np.array(pupils)


def features(frame: AvatarFrame) -> list[float]:
    """Its 14 features in -1 to 1, in its order and signs: a smile pulls `mouth_corner_updown` below 0."""
    w = frame.all_weights
    values = [w["eyeWideLeft"] - w["eyeBlinkLeft"], w["eyeWideRight"] - w["eyeBlinkRight"]]
    for side in ("Left", "Right"):
        up, down, inner = w[f"browOuterUp{side}"], w[f"browDown{side}"], w["browInnerUp"]
        values += [inner - up - down, max(inner, up) - down, up - down]
    for side in ("Left", "Right"):
        smile, wide = w[f"mouthSmile{side}"], w[f"mouthStretch{side}"]
        values += [w[f"mouthFrown{side}"] - smile, max(smile, wide, w[f"mouthDimple{side}"]) - w["mouthPucker"]]
    round_ = max(w["mouthPucker"], w["mouthFunnel"])
    values += [w["jawOpen"] - w["mouthClose"], (values[9] + values[11]) / 2 - round_ / 2]
    return [max(-1.0, min(1.0, value)) for value in values]


def encode(frame: AvatarFrame, now_s: float) -> bytes:
    """One face's 1,785 bytes. `frame.face` must be there: image and points come from it."""
    face = frame.face
    if face is None:
        raise ValueError("a face that is not there has no points")
    landmarks = face.model.face_landmarks("ibug68", face.shape, face.expression, face.extras).astype(np.float64)
    solid, pupils = points(landmarks, frame.eyes_deg)
    image = face.landmarks("ibug68").astype(np.float64)
    pupils_px = face.camera.project(pupils @ face.pose.R.T + face.pose.t)
    place = np.add(frame.position_mm, (0.0, 0.0, REST_MM))
    quaternion, degrees, translation = pose(frame.R, place + frame.R @ landmarks[30])
    w = frame.all_weights
    return RECORD.pack(
        now_s,
        frame.face_id,
        *map(float, frame.picture),
        1 - w["eyeBlinkRight"],
        1 - w["eyeBlinkLeft"],
        1,
        0.0,
        *quaternion,
        *degrees,
        *translation,
        *[frame.confidence] * 68,
        *np.concatenate([image[list(KEPT)], pupils_px]).ravel().tolist(),
        *(solid * (1.0, -1.0, -1.0)).ravel().tolist(),
        *features(frame),
    )


class OpenSeeFace:
    """All faces of a moment in one datagram; nothing where nobody is there."""

    many = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock  # seconds since 1970: a stamp for the receiver, not a time of ours

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        there = [frame for frame in frames if frame.face is not None][:MOST_FACES]
        now_s = self._clock()
        return [b"".join(encode(frame, now_s) for frame in there)] if there else []

    def goodbye(self, t_s: float) -> Sequence[Packet]:
        return []
