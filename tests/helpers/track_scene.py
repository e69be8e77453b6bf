"""A simulated room with people, a detector and nets, for tests of the tracker: exact truth, seeded noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from realtime3d.geometry import ANCHOR_MM, Camera, euler_to_matrix, rotvec_to_matrix
from realtime3d.nets.crop import CROP_MM
from realtime3d.tracking.life import TrackOutcome
from realtime3d.tracking.motion import place_of
from realtime3d.tracking.tracks import Tracks
from realtime3d.types import FaceBox, FaceCoeffs, Pose, Track

FACE_POINTS = np.array([[x, y, z] for x in (-65, 0, 65) for y, z in ((-35, 0), (30, -20), (85, 5))], dtype=np.float64)
N_SHAPE, N_EXPRESSION, N_EXTRAS = 12, 7, 2
MS = 1_000_000


def head(x: float, y: float = 0.0, z: float = 700.0, pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> Pose:
    """A head at millimetres, turned by degrees."""
    return Pose(euler_to_matrix(*np.radians([pitch, yaw, roll])), np.array([x, y, z], dtype=np.float64))


def answer(pose: Pose, presence: float = 0.97, shape: np.ndarray | None = None) -> FaceCoeffs:
    zeros = np.zeros(N_EXPRESSION, np.float32), np.zeros(N_EXTRAS, np.float32)
    return FaceCoeffs(pose, *zeros, presence, 3.0, None if shape is None else shape.astype(np.float32))


@dataclass
class Person:
    """`path(seconds)` is the head's pose, None while out of the room."""

    path: Callable[[float], Pose | None]
    shape: np.ndarray = field(default_factory=lambda: np.zeros(N_SHAPE))


@dataclass
class Room:
    """Who is visible, what the detector finds and what the nets say."""

    people: Sequence[Person]
    camera: Camera = field(default_factory=lambda: Camera.from_fov(1280, 720))
    seed: int = 0
    noise_deg: float = 0.7
    noise_faces: float = 0.012
    noise_shape: float = 0.5
    detector_yaw_deg: float = 60.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self._seen: tuple[float, dict[int, tuple[Pose, float]]] = math.nan, {}
        self.first_owner: dict[int, int] = {}  # track id -> whose face it showed first

    def visible(self, t: float) -> dict[int, tuple[Pose, float]]:
        """Person -> pose and the part of the face (0..1) that nobody nearer covers."""
        if self._seen[0] != t:
            self._seen = t, self._visible(t)
        return self._seen[1]

    def _visible(self, t: float) -> dict[int, tuple[Pose, float]]:
        poses = {i: pose for i, p in enumerate(self.people) if (pose := p.path(t)) is not None}
        free = {}
        for i, pose in poses.items():
            mine = place_of(pose)
            covers = [place_of(other) for j, other in poses.items() if j != i and other.t[2] < pose.t[2]]
            gaps = [np.hypot(*(mine - c)[:2]) * np.exp(mine[2]) / 140 for c in covers]
            free[i] = pose, float(np.clip(min(gaps, default=1.0), 0, 1))
        return {i: (pose, part) for i, (pose, part) in free.items() if self._in_picture(pose) and part > 0.15}

    def _in_picture(self, pose: Pose) -> bool:
        x, y = self.camera.project(pose.R @ ANCHOR_MM + pose.t)
        return 0 <= x < self.camera.width and 0 <= y < self.camera.height

    def detect(self, t: float) -> list[FaceBox]:
        boxes = []
        for pose, part in self.visible(t).values():
            yaw = np.degrees(np.arccos(np.clip(pose.R[2, 2], -1, 1)))
            if part > 0.6 and yaw < self.detector_yaw_deg:
                xy = self.camera.project(FACE_POINTS @ pose.R.T + pose.t)
                box = np.concatenate([xy.min(0), xy.max(0)])
                boxes.append(FaceBox((box + self.rng.normal(0, 0.03 * (box[2] - box[0]), 4)).astype(np.float32), 0.9))
        return boxes

    def look(self, track: Track, t: float, want_shape: bool = True) -> tuple[FaceCoeffs, int | None]:
        """What the nets see in a track's crop, and whose face it is."""
        if track.pose is not None:
            aim = place_of(track.pose)
        else:
            assert track.box is not None
            middle = (track.box.xyxy[:2] + track.box.xyxy[2:]) / 2
            aim = np.array([*self.camera.rays(middle)[:2], np.log(self.camera.fx * 130 / np.ptp(track.box.xyxy[::2]))])
        best, who = 0.62, None  # crop sides between the crop's middle and a face, as far as the nets see one
        for i, (pose, part) in self.visible(t).items():
            place = place_of(pose)
            off = np.hypot(*(place - aim)[:2]) * np.exp(aim[2]) / CROP_MM
            badness = off + 0.4 * (1 - part)
            if off < 0.55 and part > 0.4 and abs(place[2] - aim[2]) < 0.7 and badness < best:
                best, who = badness, i
        if who is None:
            return answer(head(*self.rng.normal(0, 50, 2), 700), presence=float(self.rng.uniform(0.01, 0.15))), None
        return self._noisy(self.visible(t)[who][0], self.people[who].shape if want_shape else None), who

    def _noisy(self, pose: Pose, shape: np.ndarray | None) -> FaceCoeffs:
        R = rotvec_to_matrix(self.rng.normal(0, np.radians(self.noise_deg), 3)) @ pose.R
        sd = self.noise_faces * 150
        t = (pose.t + self.rng.normal(0, [sd, sd, 0])) * np.exp(self.rng.normal(0, 0.012))
        noisy = None if shape is None else shape + self.rng.normal(0, self.noise_shape, N_SHAPE)
        return answer(Pose(R, t), presence=float(self.rng.uniform(0.9, 1.0)), shape=noisy)

    def shape_distance(self, track_id: int, shape: np.ndarray) -> float | None:
        """What an identity cache would say that knows everybody whom the tracker met."""
        if track_id not in self.first_owner:
            return None
        known = self.people[self.first_owner[track_id]].shape
        return float(np.sqrt(((shape - known) ** 2).mean()) / self.noise_shape)

    def run(self, tracker: Tracks, seconds: float, fps: float = 30.0) -> list[tuple[TrackOutcome, dict[int, int]]]:
        """Every frame's outcome, and whose face each tracked id shows."""
        frames = []
        for n in range(round(seconds * fps)):
            t = n / fps
            t_ns = round(t * 1e9) + 1
            boxes = self.detect(t) if tracker.needs_detection(t_ns) else None
            looks = [self.look(track, t) for track in tracker.update(boxes, t_ns)]
            outcome = tracker.confirm([coeffs for coeffs, _ in looks])
            shown = {id(coeffs): who for coeffs, who in looks if who is not None}
            tracked = {f.id: shown[id(f.coeffs)] for f in outcome.faces if f.status == "tracked"}
            for track_id, who in tracked.items():
                self.first_owner.setdefault(track_id, who)
            frames.append((outcome, tracked))
        return frames
