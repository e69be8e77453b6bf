"""Two people through the nets that ship and the real detector: rendered from a public-domain photograph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.people.cast import Actor, Cast, Shot
from benchmarks.people.scenes import Play, Way, at
from benchmarks.people.score import Seen, Story, follow
from realtime3d import FaceTracker
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.nets import modelset

CAMERA = Camera.from_fov(480, 360)
FACE_PX = 150 * CAMERA.fx / 1000  # at a metre


@pytest.fixture(scope="module")
def people() -> list[Actor]:
    """Two with the skin of one photograph and different shapes."""
    return Cast(modelset.find().files["face_model"].path).draw(np.random.default_rng(4), 2)


@pytest.fixture(scope="module")
def tracker() -> Iterator[FaceTracker]:
    with FaceTracker(backend="onnxruntime") as opened:
        yield opened


def shot(actor: Actor, faces_aside: float, depth: float = 1000.0, yaw: float = 0.0, faces_down: float = 0.0) -> Shot:
    """Someone at lengths of a face from the picture's middle."""
    pixel = np.array([CAMERA.cx + faces_aside * FACE_PX, 0.4 * CAMERA.height + faces_down * FACE_PX])
    R = euler_to_matrix(0, np.radians(yaw), 0)
    return Shot(actor, at(CAMERA, pixel, depth, R), actor.scene.photo.motion)


def past_each_other(people: list[Actor], seconds: float = 1.4) -> list[Way]:
    """The second walks behind the first."""
    front, behind = people
    return [
        lambda t: shot(front, 2.4 * (1 - 2 * t / seconds), 850, yaw=8),
        lambda t: shot(behind, -2.6 * (1 - 2 * t / seconds), 1100, yaw=-10, faces_down=-0.2),
    ]


@pytest.fixture(scope="module")
def crossing(people: list[Actor], tracker: FaceTracker) -> list[Seen]:
    return follow(tracker, Play(CAMERA, 1.4, past_each_other(people), seed=1))


def test_two_people_who_cross_keep_their_ids(crossing: list[Seen]) -> None:
    story = Story.of(crossing)
    assert sorted(story.first.values()) == [0, 1]  # both were found
    assert sorted(story.last) == [0, 1] and Story.of(crossing[-5:]).last.keys() == {0, 1}  # and are there at the end
    assert not story.switched


def test_mixed_up_ids_would_be_noticed(crossing: list[Seen]) -> None:
    """The same answers, told of people who turned back when they met."""
    half = len(crossing) // 2
    turned = [Seen(s.t, s.heads if n < half else s.heads[::-1], s.faces, s.lost) for n, s in enumerate(crossing)]
    assert Story.of(turned).switched


def test_who_returns_gets_the_id_back_and_a_newcomer_does_not(people: list[Actor], tracker: FaceTracker) -> None:
    known, newcomer = people

    def person(t: float) -> Shot | None:
        return shot(known, -2.0) if t < 0.6 else shot(known, -0.9) if t > 1.4 else None

    def other(t: float) -> Shot | None:
        return shot(newcomer, 2.6) if t > 1.4 else None  # too far from where the first one left

    seen = follow(tracker, Play(CAMERA, 2.4, [person, other], seed=2))
    assert Story.of([s for s in seen if s.t < 0.6]).last == {0: 0}
    assert [track_id for s in seen if s.t < 1.4 for track_id in s.lost] == [0]
    assert all(not s.faces for s in seen if 1.2 < s.t < 1.4)
    after = Story.of([s for s in seen if s.t > 1.4])
    assert after.last[0] == 0  # by then enough of the shape was seen
    assert after.first[1] == after.last[1] != 0
    assert not after.switched
