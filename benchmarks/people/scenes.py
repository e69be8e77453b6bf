"""What the people of `people.py` do: motions in seconds, and the pictures a camera takes of them, with exact truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.people.cast import Actor, Cast, Shot, add
from realtime3d.geometry import Camera, Matrix, euler_to_matrix
from realtime3d.tracking.motion import place_of, pose_at
from realtime3d.training.model.actions import sample_actions
from realtime3d.types import FloatArray, Image, Pose

FPS = 30
SOFT_PX, NOISE = 0.6, 2.5  # the camera: blur of its lens, and its noise in grey levels
WALK_MM_S = 500.0  # on average; half as much again at the picture's edge
SPEECH_HZ, MOODS_A_SECOND = 3.5, 0.8
BLINK_EVERY_S, BLINK_S = 2.6, 0.2
FACE_MM = 150.0
CLIP_S = 24.0
TURN_DEG, TURN_S = 85.0, 1.2
DARK = 0.13  # of the light
EYES_AT = 0.42  # of the picture's height

Way = Callable[[float], "Shot | None"]  # seconds to a person, None: not there
Pixel = NDArray[np.float64]
Signal = Callable[[float], float]


@dataclass(frozen=True)
class Moment:
    """One frame of a sequence and its truth."""

    t: float  # s
    image: Image
    heads: tuple[Pose | None, ...]  # by person; None: outside the picture


@dataclass(frozen=True)
class Play:
    """A sequence: who does what, where, in which light."""

    camera: Camera
    seconds: float
    people: Sequence[Way]
    seed: int
    light: Signal = field(default=lambda t: 1.0)  # factor on every grey level; the noise stays
    fps: int = FPS

    @property
    def frames(self) -> int:
        return round(self.seconds * self.fps)

    def __iter__(self) -> Iterator[Moment]:
        rng = np.random.default_rng(self.seed)
        wall = backdrop(rng, self.camera.width, self.camera.height)
        for n in range(self.frames):
            t = n / self.fps
            shots = [path(t) for path in self.people]
            poses = tuple(None if s is None or not in_picture(s.pose, self.camera) else s.pose for s in shots)
            picture = wall
            for shot in sorted((s for s in shots if s is not None), key=lambda s: -s.pose.t[2]):
                picture = add(picture, shot, self.camera)
            yield Moment(t, taken(picture, self.light(t), rng), poses)


def taken(picture: Image, light: float, rng: np.random.Generator) -> Image:
    """What a webcam makes of it."""
    soft = cv2.GaussianBlur(picture, (0, 0), SOFT_PX).astype(np.float32) * light
    return np.clip(soft + NOISE * rng.standard_normal(soft.shape, np.float32) + 0.5, 0, 255).astype(np.uint8)


def backdrop(rng: np.random.Generator, width: int, height: int) -> Image:
    """A room out of focus: soft stains of colour and a few upright things."""
    base = rng.uniform(60, 190) * rng.uniform(0.85, 1.15, 3)
    stains = (base + rng.normal(0, 18, (6, 8, 1)) + rng.normal(0, 6, (6, 8, 3))).astype(np.float32)
    room = cv2.resize(stains, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(4, 9)):
        x, w = rng.uniform(-0.1, 1), rng.uniform(0.04, 0.25)
        top, bottom = np.sort(rng.uniform(0, 1, 2))
        corner, size = (x * width, top * height), (w * width, (bottom - top) * height)
        cv2.rectangle(room, np.rint([*corner, *size]).astype(int).tolist(), (base * rng.uniform(0.5, 1.4)).tolist(), -1)
    return np.clip(cv2.GaussianBlur(room, (0, 0), height / 160), 0, 255).astype(np.uint8)


def in_picture(pose: Pose, camera: Camera) -> bool:
    """Whether the middle of the face is."""
    x, y = camera.project(np.exp(place_of(pose)[2]) * np.array([*place_of(pose)[:2], 1.0]))
    return bool(0 <= x < camera.width and 0 <= y < camera.height)


def at(camera: Camera, pixel: ArrayLike, depth: float, R: Matrix) -> Pose:
    """A head whose face's middle is seen at a pixel."""
    x, y = camera.rays(pixel)[:2]
    return pose_at(np.array([x, y, np.log(depth)]), R)


def still(shot: Shot) -> Way:
    """Somebody who does not move."""
    return lambda t: shot


def eased(x: float) -> float:
    """0 before 0, 1 after 1, along half a cosine between."""
    return float((1 - np.cos(np.pi * np.clip(x, 0, 1))) / 2)


def wander(rng: np.random.Generator, size: float, slowest_hz: float, period_s: float | None = None) -> Signal:
    """A smooth wandering about 0 with this standard deviation; repeats itself after `period_s` where given."""
    hz = slowest_hz * np.array([1, 1.7, 2.9, 4.3])
    if period_s is not None:
        hz = np.maximum(np.rint(hz * period_s), 1) / period_s
    phase, weight = rng.uniform(0, 2 * np.pi, 4), np.array([1, 0.8, 0.5, 0.25])
    weight *= size * np.sqrt(2 / (weight**2).sum())
    return lambda t: float((weight * np.sin(2 * np.pi * hz * t + phase)).sum())


def looking(
    rng: np.random.Generator,
    degrees: Sequence[float],
    around: Sequence[float] = (0, 0, 0),
    period_s: float | None = None,
) -> Callable[[float], Matrix]:
    """A head that looks about: spreads of pitch, yaw and roll, and where they wander about, in degrees."""
    waves = [wander(rng, size, 0.25, period_s) for size in degrees]
    return lambda t: euler_to_matrix(*np.radians([a + wave(t) for a, wave in zip(around, waves, strict=True)]))


def talking(cast: Cast, rng: np.random.Generator, seconds: float) -> Callable[[float], FloatArray]:
    """Eta and extras of a face that talks and changes its mind; after `seconds` it begins again, without a jump."""
    count = max(round(seconds * MOODS_A_SECOND), 2)
    names = list(cast.model.arkit_names)
    lids = [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]
    keys = 0.8 * sample_actions(rng, count, names)
    keys[:, lids] *= 0.3  # training shows closed eyes far more often than life does
    jaw, blinks = cast.to_motion[:, names.index("jawOpen")], max(round(seconds / BLINK_EVERY_S), 1)
    words, loud = round(SPEECH_HZ * seconds) / seconds, wander(rng, 0.3, 0.4, seconds)

    def motion(t: float) -> FloatArray:
        k, along = divmod(t / seconds % 1 * count, 1)
        mood = keys[int(k)] + eased(along) * (keys[(int(k) + 1) % count] - keys[int(k)])
        speech = 0.25 * max(loud(t), 0) * (1 - np.cos(2 * np.pi * words * t))
        closed = np.sin(np.pi * min(t % (seconds / blinks) / BLINK_S, 1)) ** 2
        mood[lids] = np.maximum(mood[lids], closed)
        return (cast.to_motion @ mood + speech * jaw).astype(np.float32)

    return motion


def crossing(cast: Cast, camera: Camera, rng: np.random.Generator) -> Play:
    """Two people walk past each other, one in front of the other."""
    seconds, middle = rng.uniform(2, 4), rng.uniform(-0.06, 0.06) * camera.width
    near = rng.uniform(480, 700)
    actors = cast.draw(rng, 2)
    depths = rng.permutation([near, near * rng.uniform(1.15, 1.7)])
    eyes = np.array([0, rng.uniform(-0.35, 0.35) * FACE_MM * camera.fx / depths.max()])

    def walker(actor: Actor, side: int, depth: float, lower: float) -> Way:
        pace, turn = (
            rng.uniform(0.6, 1.0),
            looking(rng, (5, 12, 4), (rng.normal(0, 5), -side * rng.uniform(-10, 35), 0)),
        )
        face = talking(cast, rng, seconds)
        reach = camera.width / 2 - 0.62 * FACE_MM * camera.fx / depth

        def path(t: float) -> Shot:
            along = np.clip((t / seconds - 0.5) / pace, -0.5, 0.5) * 2  # -1 .. 1
            pixel = np.array(
                [camera.cx + middle * (1 - abs(along)) + side * reach * along, EYES_AT * camera.height + lower]
            )
            return Shot(actor, at(camera, pixel, depth, turn(t)), face(t))

        return path

    people = [walker(*each) for each in zip(actors, (1, -1), depths, eyes, strict=True)]
    return Play(camera, seconds, people, int(rng.integers(1 << 31)))


@dataclass(frozen=True)
class Absence:
    """Someone who goes out of the picture and comes back."""

    play: Play
    gone: float  # s, when the face's middle leaves the picture ...
    back: float  # ... and when it is inside again


def absence(cast: Cast, camera: Camera, rng: np.random.Generator, stranger: bool) -> Absence:
    """Person 0 leaves for 0.5 to 2.5 s and returns at another place; in between person 1 may come in and stay."""
    actors, depth = cast.draw(rng, 2), rng.uniform(520, 750)
    face_px = FACE_MM * camera.fx / depth
    half = np.array([camera.width, camera.height]) / 2
    exits = np.array([(-1, 0), (1, 0), (0, 1)])  # left, right, down
    way, other_way, side = exits[rng.integers(3)], exits[rng.integers(2)], int(rng.choice([-1, 1]))

    def within(side: int) -> Pixel:
        return half + (side * rng.uniform(0.5, 1), rng.uniform(-0.8, 0.2)) * (half - 0.75 * face_px)

    def beyond(way: Pixel, beside: Pixel) -> Pixel:
        return np.where(way, half + way * (half + 0.75 * face_px), beside)

    def passage(beyond: Pixel, within: Pixel) -> Passage:
        length = float(np.linalg.norm(within - beyond))
        return Passage(beyond, within, length * depth / camera.fx / WALK_MM_S, 0.75 * face_px / length)

    begin, end, others = within(way[0] or side), within(way[0] or -side), within(-way[0] or side)
    out, back, other_in = (passage(beyond(*x), x[1]) for x in ((way, begin), (way, end), (other_way, others)))
    leaves, away = rng.uniform(1.5, 2.5), rng.uniform(1.2 if stranger else 0.5, 2.5)
    gone = leaves + out.seconds - out.hidden_s
    returns, gone_for_good = gone + away - back.hidden_s, leaves + out.seconds
    turn, face, depth_back = looking(rng, (5, 12, 4)), talking(cast, rng, 5), depth * rng.uniform(0.9, 1.1)

    def person(t: float) -> Shot | None:
        if gone_for_good <= t < returns:
            return None
        pixel, z = (out.at(gone_for_good - t), depth) if t < gone_for_good else (back.at(t - returns), depth_back)
        return Shot(actors[0], at(camera, pixel, z, turn(t)), face(t))

    def other(t: float) -> Shot | None:
        if t < gone_for_good:
            return None
        return Shot(actors[1], at(camera, other_in.at(t - gone_for_good), depth * 1.02, turn(t + 9)), face(t + 2))

    seconds, people = returns + back.seconds + 1.0, [person, other] if stranger else [person]
    return Absence(Play(camera, seconds, people, int(rng.integers(1 << 31))), gone, gone + away)


@dataclass(frozen=True)
class Passage:
    """Through the picture's edge, at full speed outside and coming to rest inside."""

    beyond: Pixel
    within: Pixel
    seconds: float
    hidden: float  # part of the way that lies outside

    @property
    def hidden_s(self) -> float:
        return self.seconds * float(np.arcsin(self.hidden)) * 2 / np.pi

    def at(self, t: float) -> Pixel:
        """Seconds since the start outside."""
        return self.beyond + np.sin(np.pi / 2 * np.clip(t / self.seconds, 0, 1)) * (self.within - self.beyond)


def walk(places: Sequence[tuple[float, Pixel]]) -> Callable[[float], Pixel]:
    """From place to place (seconds, where), eased, resting before the first and after the last."""

    def pixel(t: float) -> Pixel:
        here = places[0][1]
        for (start, a), (end, b) in pairwise(places):
            here = here + eased((t - start) / (end - start)) * (b - a)
        return here

    return pixel


def talking_head(cast: Cast, camera: Camera, rng: np.random.Generator) -> Play:
    """A head that looks about and talks; the end leads into the beginning."""
    (actor,), depth = cast.draw(rng, 1), rng.uniform(480, 750)
    turn = looking(rng, (6, 14, 4), period_s=CLIP_S)
    aside, face = wander(rng, 40, 0.2, CLIP_S), talking(cast, rng, CLIP_S)
    middle = np.array([camera.cx, camera.cy])

    def path(t: float) -> Shot:
        return Shot(actor, at(camera, middle + np.array([aside(t), 0.3 * aside(t + 7)]), depth, turn(t)), face(t))

    return Play(camera, CLIP_S, [path], int(rng.integers(1 << 31)))


def profile(cast: Cast, camera: Camera, rng: np.random.Generator) -> Play:
    (actor,), depth = cast.draw(rng, 1), rng.uniform(480, 750)
    keys = [
        (0.5, 0.0),
        *((0.5 + TURN_S * n, y) for n, y in ((1, 1), (1.4, 1), (2.4, 0), (3.4, -1), (3.8, -1), (4.8, 0))),
    ]
    yaw = walk([(t, np.array([TURN_DEG * y])) for t, y in keys])
    wobble, face = looking(rng, (4, 0, 3)), talking(cast, rng, 8)
    middle = np.array([camera.cx, camera.cy])

    def path(t: float) -> Shot:
        R = euler_to_matrix(0, np.radians(float(yaw(t)[0])), 0) @ wobble(t)
        return Shot(actor, at(camera, middle, depth, R), face(t))

    return Play(camera, keys[-1][0] + 0.5, [path], int(rng.integers(1 << 31)))


def dark(cast: Cast, camera: Camera, rng: np.random.Generator) -> Play:
    """The light goes down within a second and comes back at the end."""
    return replace(
        talking_head(cast, camera, rng), seconds=7.0, light=lambda t: 1 - (1 - DARK) * (eased(t - 1) - eased(t - 5.5))
    )
