"""The tracker and the detector: when it is asked, and what becomes of faces that it does not see."""

from __future__ import annotations

import numpy as np

from realtime3d.types import FaceBox
from tests.helpers.track_scene import MS, answer, head
from tests.helpers.track_steps import ABSENT, box, step, tracker


def test_a_face_out_of_sight_is_looked_for_in_the_detectors_box() -> None:
    t = tracker()
    step(t, 0, [head(0)], [answer(head(0))])
    step(t, 33, None, [ABSENT])
    asked = t.update([box(head(30))], 66 * MS)
    assert [(a.id, a.pose) for a in asked] == [(0, None)]
    assert t.confirm([answer(head(30))]).faces[0].status == "tracked"


def test_profile_that_the_detector_never_sees_survives() -> None:
    t = tracker()
    step(t, 0, [head(0)], [answer(head(0))])
    for n in range(1, 300):
        yaw = min(90.0, 3.0 * n)
        found = [head(0, yaw=yaw)] if yaw < 50 else []
        outcome = step(t, 33 * n, found, [answer(head(0, yaw=yaw), presence=0.7)])
        assert [(face.id, face.status) for face in outcome.faces] == [(0, "tracked")]


def test_no_frozen_mesh_on_a_wall() -> None:
    """Nets that half believe in a frontal face which the detector never finds must not keep it."""
    t = tracker()
    step(t, 0, [head(0)], [answer(head(0))])
    lost_at = next(n for n in range(1, 200) if step(t, 33 * n, [], [answer(head(0), presence=0.7)]).lost)
    assert lost_at * 33 < 1700


def test_a_box_that_was_no_face_does_not_keep_others_out() -> None:
    t = tracker(max_faces=1)
    wall, person = head(-300, z=500), head(300, z=900)
    assert step(t, 0, [wall, person], [ABSENT]).faces == ()
    assert step(t, 33, [wall, person], [answer(person)]).faces[0].id == 0


def test_when_the_detector_is_wanted() -> None:
    t = tracker(detect_every=10, detect_weak=3)
    assert t.needs_detection(0)
    step(t, 0, [], [])
    assert t.needs_detection(33 * MS)
    step(t, 33, [head(0)], [answer(head(0))])
    wanted = []
    for n in range(2, 14):
        wanted.append(t.needs_detection(33 * n * MS))
        step(t, 33 * n, [head(0)] if wanted[-1] else None, [answer(head(0))])
    assert wanted == [False] * 9 + [True] + [False] * 2
    step(t, 33 * 14, None, [answer(head(0), presence=0.4)])
    assert t.needs_detection(33 * 15 * MS)
    assert t.needs_detection(5000 * MS)


def test_the_detector_rests_while_all_places_are_taken_by_faces_beyond_doubt() -> None:
    t = tracker(max_faces=2, detect_every=10, detect_weak=3)
    left, right = head(-200), head(200)
    step(t, 0, [left], [answer(left)])
    for n in range(1, 10):
        assert not t.needs_detection(33 * n * MS)
        step(t, 33 * n, None, [answer(left)])
    assert t.needs_detection(330 * MS)  # a place is free
    step(t, 330, [left, right], [answer(left), answer(right)])
    for n in range(11, 60):
        assert not t.needs_detection(33 * n * MS)
        step(t, 33 * n, None, [answer(left), answer(right)])
    step(t, 2000, None, [answer(left), answer(right, presence=0.85)])  # the detector may have doubts about it
    assert t.needs_detection(2033 * MS)
    step(t, 2033, None, [answer(left), ABSENT])
    assert t.needs_detection(2066 * MS)


def test_the_detector_goes_on_while_it_looks_for_a_face_in_vain() -> None:
    """However sure the nets are now: a doubt is not forgotten because nobody looked any more."""
    t = tracker(max_faces=1, detect_every=3)
    step(t, 0, [head(0)], [answer(head(0), presence=0.85)])
    searches = []
    for n in range(1, 16):
        searches.append(t.needs_detection(33 * n * MS))
        step(t, 33 * n, [] if searches[-1] else None, [answer(head(0), presence=0.85 if n < 4 else 0.97)])
    assert searches == [n % 3 == 0 for n in range(1, 16)]
    step(t, 600, [head(0)], [answer(head(0))])
    assert not any(t.needs_detection(ms * MS) for ms in (633, 900))


def test_broken_boxes_are_ignored() -> None:
    t = tracker()
    boxes = [
        FaceBox(np.array(xyxy, np.float32)) for xyxy in ([np.nan] * 4, [5, 5, 5, 5], [9, 9, 2, 2], [0, 0, 1e9, 1e9])
    ]
    assert len(t.update([*boxes, box(head(0))], 0)) <= 2
