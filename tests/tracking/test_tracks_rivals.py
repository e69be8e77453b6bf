"""One face, one track: duplicates, ghosts, and more faces than places."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.tracking.association import Heads, prediction_cost, settle, unmistakable
from tests.helpers.track_scene import answer, head
from tests.helpers.track_steps import ABSENT, box, step, tracker


def test_two_crops_of_one_face_are_one_track() -> None:
    t = tracker()
    step(t, 0, [head(-200), head(200)], [answer(head(-200)), answer(head(200))])
    outcome = step(t, 33, None, [answer(head(-200)), answer(head(-195))])
    assert [(face.id, face.status) for face in outcome.faces] == [(0, "tracked"), (1, "held")]
    assert step(t, 600, None, [answer(head(-200)), answer(head(-199))]).lost == (1,)


def test_a_small_face_inside_a_large_one_is_none() -> None:
    """The nearer face would hide it; the surer of the two answers stays."""
    t = tracker()
    ghost, person = head(30, z=2000), head(200, z=600)
    step(t, 0, [person, ghost], [answer(person), answer(ghost, presence=0.85)])
    for n in range(1, 10):
        near = head(200 - 19 * n, z=600)
        outcome = step(t, 33 * n, None, [answer(near), answer(ghost, presence=0.6)])
    assert [(face.id, face.status) for face in outcome.faces] == [(0, "tracked"), (1, "held")]


def test_two_boxes_over_one_face_start_one_track() -> None:
    t = tracker()
    outcome = step(t, 0, [head(0), head(75)], [answer(head(0)), answer(head(5))])
    assert [face.id for face in outcome.faces] == [0]


def test_max_faces_takes_the_largest_and_gives_the_place_of_a_held_face_to_a_visible_one() -> None:
    t = tracker(max_faces=1)
    asked = t.update([box(head(-300, z=900)), box(head(300, z=600))], 0)
    assert len(asked) == 1
    assert t.confirm([answer(head(300, z=600))]).faces[0].id == 0
    other = head(-300, z=900)
    outcome = step(t, 33, [other], [ABSENT])
    assert [(face.id, face.status) for face in outcome.faces] == [(0, "held")]
    outcome = step(t, 66, [other], [ABSENT, answer(other)])
    assert [(face.id, face.status) for face in outcome.faces] == [(1, "tracked")]
    assert outcome.lost == (0,)


def test_who_is_followed_stays_when_a_larger_face_comes() -> None:
    t = tracker(max_faces=1)
    step(t, 0, [head(0, z=900)], [answer(head(0, z=900))])
    outcome = step(t, 33, [head(0, z=900), head(400, z=500)], [answer(head(0, z=900))])
    assert [face.id for face in outcome.faces] == [0]


@pytest.mark.parametrize("seed", range(3))
def test_whom_the_nets_take_for_their_own_settling_would_leave_alone(seed: int) -> None:
    """The short way for people apart from each other decides as the long one, and is taken only then."""
    rng = np.random.default_rng(seed)
    short = 0
    for _ in range(300):
        n = int(rng.integers(2, 7))
        poses = [head(*rng.uniform([-600, -300, 600], [600, 300, 1200])) for _ in range(n)]
        seen = [head(*(pose.t + rng.normal(0, 25, 3)), yaw=rng.normal(0, 8)) for pose in poses]
        sources = sorted(rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist())
        expected, answers = Heads.of(poses), Heads.of([seen[i] for i in sources])
        unseen_s = rng.choice([0.0, 0.033, 0.3], n)
        m = len(sources)
        owners, faces = settle(
            prediction_cost(expected, answers, unseen_s), np.zeros((n, m)), answers.places, np.full(m, 0.9), sources
        )
        if unmistakable(expected, answers, unseen_s, sources):
            short += 1
            assert owners == {i: k for k, i in enumerate(sources)} and faces == list(range(m))
    assert 30 < short < 270
