"""Who comes back, and who only appears where somebody has left."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.tracking.life import TELLING_FRAMES, TrackOutcome
from realtime3d.tracking.tracks import Tracks
from realtime3d.types import Pose
from tests.helpers.track_scene import FACE_POINTS, N_SHAPE, Person, Room, answer, head
from tests.helpers.track_steps import ABSENT, CAMERA, box, step

SHAPE = np.ones(N_SHAPE)


def frames_of(t: Tracks, start_ms: int, pose: Pose, count: int) -> list[TrackOutcome]:
    """A face that is found by the detector and then followed; what happens in each frame."""
    seen = answer(pose, shape=SHAPE)
    return [step(t, start_ms + 33 * n, [pose] if n == 0 else None, [seen]) for n in range(count)]


@pytest.mark.parametrize(("distance", "x", "same"), [(0.3, 2060, True), (0.6, 2060, False), (0.3, -2000, False)])
def test_who_was_lost_gets_the_id_back_when_place_and_some_frames_of_shape_agree(
    distance: float, x: float, same: bool
) -> None:
    t = Tracks(CAMERA, FACE_POINTS, shape_distance=lambda track_id, shape: distance)
    step(t, 0, [head(2000, z=5000)], [answer(head(2000, z=5000), shape=SHAPE)])
    step(t, 33, None, [ABSENT])
    assert step(t, 600, None, [ABSENT]).lost == (0,)
    outcomes = frames_of(t, 900, head(x, z=5000), TELLING_FRAMES)
    assert [face.id for outcome in outcomes[:-1] for face in outcome.faces] == [1] * (TELLING_FRAMES - 1)
    last = outcomes[-1]
    found = [face.id for face in last.faces], last.lost, last.returned
    assert found == (([0], (1,), (0,)) if same else ([1], (), ()))


def test_a_single_frame_that_looks_alike_proves_nothing_and_a_mean_does() -> None:
    shapes: list[np.ndarray] = []
    t = Tracks(CAMERA, FACE_POINTS, shape_distance=lambda track_id, shape: shapes.append(shape) or 0.1)
    step(t, 0, [head(0)], [answer(head(0), shape=SHAPE)])
    step(t, 33, None, [ABSENT])
    step(t, 600, None, [ABSENT])
    for n, value in enumerate((1.0, 2.0, 4.0, 5.0)):
        step(t, 900 + 33 * n, [head(0)] if n == 0 else None, [answer(head(0), shape=value * SHAPE)])
    assert shapes[-1] == pytest.approx(3.0 * SHAPE)


def test_after_a_second_a_newcomer_is_nobody_else() -> None:
    t = Tracks(CAMERA, FACE_POINTS, shape_distance=lambda track_id, shape: 0.1 if now > 2000 else 2.0)
    step(t, 0, [head(0)], [answer(head(0), shape=SHAPE)])
    step(t, 33, None, [ABSENT])
    step(t, 600, None, [ABSENT])
    for now in range(900, 2300, 33):
        outcome = step(t, now, [head(0)] if now == 900 else None, [answer(head(0), shape=SHAPE)])
    assert [face.id for face in outcome.faces] == [1]


@pytest.mark.parametrize(("x", "expected"), [(370.0, 1), (0.0, 0)])
def test_who_appears_at_the_border_may_be_anybody_but_in_the_middle_somebody_was_hidden(
    x: float, expected: int
) -> None:
    """Held for 0.3 s, then a box nearby: at x = 370 mm the face was cut by the picture's border."""
    t = Tracks(CAMERA, FACE_POINTS, shape_distance=lambda track_id, shape: 2.0)
    step(t, 0, [head(x)], [answer(head(x), shape=SHAPE)])
    for now in range(33, 300, 33):
        assert step(t, now, None, [ABSENT]).faces[0].status == "held"
    beside = head(x - 60)
    asked = t.update([box(beside)], 320_000_000)
    outcome = t.confirm([answer(beside, shape=SHAPE) if track.box else ABSENT for track in asked])
    assert [face.id for face in outcome.faces if face.status == "tracked"] == [expected]


def test_a_stranger_who_comes_through_the_same_door_gets_no_id_of_who_left() -> None:
    def leaves_and_returns(t: float) -> Pose | None:
        out, back = 150 + 500 * max(0.0, t - 0.6), 900 - 700 * (t - 2.2)
        return head(min(out, 900)) if t < 2.2 else head(max(back, 250))

    def stranger(t: float) -> Pose | None:
        return head(max(1000 - 700 * (t - 1.4), -200), z=720) if t > 1.4 else None

    rng = np.random.default_rng(0)
    people = [Person(path, rng.normal(size=N_SHAPE)) for path in (leaves_and_returns, stranger)]
    room = Room(people, seed=1)
    owners: dict[int, set[int]] = {}
    last: dict[int, int] = {}
    for _, tracked in room.run(Tracks(CAMERA, FACE_POINTS, shape_distance=room.shape_distance), 4.2):
        for track_id, who in tracked.items():
            owners.setdefault(who, set()).add(track_id)
            last[who] = track_id
    assert last[0] == 0
    assert 0 not in owners[1]
