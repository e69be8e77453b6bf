"""The tracker among people: crossings, look-alike places, crowds."""

from __future__ import annotations

import math

import numpy as np

from realtime3d.geometry import Camera
from realtime3d.tracking.tracks import TrackerSettings, Tracks
from tests.helpers.track_scene import FACE_POINTS, MS, N_SHAPE, Person, Room, head

CAMERA = Camera.from_fov(1280, 720)


def crossing(seed: int) -> tuple[Room, float]:
    """Two people at random depths and speeds who walk past each other, all in the picture."""
    rng = np.random.default_rng(seed)
    speed, near = rng.uniform(150, 900), rng.uniform(500, 900)
    far, yaws = near * rng.uniform(1.05, 1.5), rng.uniform(-50, 50, 2)
    paths = (
        lambda t: head(-0.42 * near + speed * t, z=near, yaw=yaws[0]),
        lambda t: head((0.42 * near - speed * t) * far / near, y=10, z=far, yaw=yaws[1]),
    )
    return Room([Person(path, rng.normal(size=N_SHAPE)) for path in paths], seed=seed), 0.84 * near / speed


def switches(room: Room, t: Tracks, seconds: float) -> int:
    owner: dict[int, int] = {}
    count = 0
    for _, tracked in room.run(t, seconds):
        for track_id, who in tracked.items():
            count += owner.setdefault(track_id, who) != who
            owner[track_id] = who
    assert sorted(owner) == [0, 1]
    return count


def test_twenty_crossings_keep_their_ids_by_motion_alone() -> None:
    assert sum(switches(room, Tracks(CAMERA, FACE_POINTS), seconds) for room, seconds in map(crossing, range(20))) <= 1


def test_shape_is_asked_for_only_while_people_may_be_mixed_up() -> None:
    room, seconds = crossing(3)
    t = Tracks(CAMERA, FACE_POINTS)
    asked = []
    for n in range(round(seconds * 30)):
        boxes = room.detect(n / 30) if t.needs_detection(n * 33 * MS) else None
        tracks = t.update(boxes, n * 33 * MS)
        asked.append(t.asks_shape(0))
        t.confirm([room.look(track, n / 30)[0] for track in tracks])
    assert 0 < sum(asked) < 0.5 * len(asked)
    assert not asked[0] and not asked[-1]


def test_shape_decides_where_motion_misleads() -> None:
    """Two people meet, one behind the other, and turn back: motion says they crossed, shape knows better."""
    paths = (
        lambda t: head(-250 + 240 * min(t, 2 - t), z=700),
        lambda t: head(255 - 235 * min(t, 2 - t), z=745),
    )
    swapped = 0
    for seed in range(10):
        shapes = np.random.default_rng(seed).normal(size=(2, N_SHAPE))
        room = Room([Person(path, shape) for path, shape in zip(paths, shapes, strict=True)], seed=seed)
        swapped += switches(room, Tracks(CAMERA, FACE_POINTS, shape_distance=room.shape_distance), 2.0)
    assert swapped == 0


def test_a_hundred_faces_stay_themselves() -> None:
    camera = Camera.from_fov(3840, 2160, 90)
    grid = [(x, y) for y in np.linspace(-1600, 1600, 10) for x in np.linspace(-3000, 3000, 10)]

    def person(i: int, x: float, y: float) -> Person:
        return Person(lambda t: head(x + 60 * math.sin(t * 3 + i), y, z=3500))

    room = Room([person(i, x, y) for i, (x, y) in enumerate(grid)], camera)
    t = Tracks(camera, FACE_POINTS, TrackerSettings(max_faces=100))
    frames = room.run(t, 0.5)
    assert len(frames[0][0].faces) == 100
    assert all(frame[1] == frames[0][1] for frame in frames)
