"""The tracker's promises: ids, life cycle, held and lost, crossings, returns, crowds."""

from __future__ import annotations

import numpy as np
import pytest
from track_scene import FACE_POINTS, MS, N_SHAPE, answer, head

from realtime3d.association import Heads, prediction_cost, settle, unmistakable
from realtime3d.geometry import Camera
from realtime3d.track import Tracker, TrackerSettings, TrackOutcome
from realtime3d.types import FaceBox, FaceCoeffs, Pose

CAMERA = Camera.from_fov(1280, 720)


def tracker(**settings: float) -> Tracker:
    return Tracker(CAMERA, FACE_POINTS, TrackerSettings(**settings))  # type: ignore[arg-type]


def box(pose: Pose) -> FaceBox:
    xy = CAMERA.project(FACE_POINTS @ pose.R.T + pose.t)
    return FaceBox(np.concatenate([xy.min(0), xy.max(0)]).astype(np.float32), 0.9)


def step(t: Tracker, ms: int, boxes: list[Pose] | None, answers: list[FaceCoeffs]) -> TrackOutcome:
    asked = t.update(None if boxes is None else [box(pose) for pose in boxes], ms * MS)
    assert len(asked) == len(answers), asked
    return t.confirm(answers)


ABSENT = answer(head(0), presence=0.02)


def test_first_frame_gives_faces_at_once_largest_first() -> None:
    near, far = head(-150, z=500), head(200, z=900)
    t = tracker()
    asked = t.update([box(far), box(near)], 0)
    assert [track.id for track in asked] == [-1, -2]
    assert all(track.pose is None for track in asked)
    assert asked[0].box is not None and asked[0].box.xyxy == pytest.approx(box(near).xyxy)
    outcome = t.confirm([answer(near), answer(far)])
    assert [(face.id, face.status) for face in outcome.faces] == [(0, "tracked"), (1, "tracked")]
    assert outcome.faces[0].coeffs.pose is near or outcome.faces[0].coeffs.pose.t == pytest.approx(near.t)


def test_refused_boxes_use_up_no_id() -> None:
    t = tracker()
    assert step(t, 0, [head(0), head(300)], [ABSENT, answer(head(300))]).faces[0].id == 0
    assert step(t, 33, [head(300), head(-300)], [answer(head(300)), answer(head(-300))]).faces[1].id == 1


def test_crop_follows_the_motion() -> None:
    t = tracker()
    for n in range(20):
        step(t, 33 * n, [head(10.0 * n)] if n == 0 else None, [answer(head(10.0 * n))])
    (track,) = t.update(None, 33 * 20 * MS)
    assert track.pose is not None
    assert track.pose.t == pytest.approx(head(200).t, abs=2)


def test_held_keeps_the_last_pose_then_lost_and_the_id_is_not_reused() -> None:
    t = tracker(hold_s=0.5)
    pose = head(50, yaw=20)
    step(t, 0, [pose], [answer(pose)])
    confidences = []
    for ms in range(100, 501, 100):
        (face,) = step(t, ms, None, [ABSENT]).faces
        assert face.status == "held" and face.coeffs.pose is pose
        confidences.append(face.confidence)
    assert confidences == sorted(confidences, reverse=True) and confidences[0] < 0.97
    ended = step(t, 501, None, [ABSENT])
    assert ended.faces == () and ended.lost == (0,)
    assert step(t, 4000, [head(0)], [answer(head(0))]).faces[0].id == 1


def test_hold_of_zero_loses_at_once() -> None:
    t = tracker(hold_s=0.0)
    step(t, 0, [head(0)], [answer(head(0))])
    assert step(t, 33, None, [ABSENT]).lost == (0,)


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


def test_a_mesh_that_runs_away_is_let_go() -> None:
    """A face left; nets that see one in the background a little smaller on each frame do not keep it alive."""
    t = tracker()
    step(t, 0, [head(0)], [answer(head(0))])
    frames, lost = 0, False
    while not lost and frames < 100:
        frames += 1
        boxes: list[Pose] | None = [] if t.needs_detection(33 * frames * MS) else None
        lost = bool(step(t, 33 * frames, boxes, [answer(head(0, z=700 * 1.15**frames), presence=0.55)]).lost)
    assert frames * 33 < 1200


def test_returned_face_gets_its_id_back_only_within_time() -> None:
    def away(ms: int) -> TrackOutcome:
        t = tracker(reid_s=3.0)
        step(t, 0, [head(100)], [answer(head(100))])
        step(t, 33, None, [ABSENT])
        step(t, 600, None, [ABSENT])
        return step(t, ms, [head(160)], [answer(head(160))])

    assert (away(2500).faces[0].id, away(2500).returned) == (0, (0,))
    assert (away(3500).faces[0].id, away(3500).returned) == (1, ())


@pytest.mark.parametrize(("distance", "x", "expected"), [(1.1, 160, 0), (3.0, 160, 1), (1.1, -3000, 1)])
def test_return_needs_shape_and_place(distance: float, x: float, expected: int) -> None:
    t = Tracker(CAMERA, FACE_POINTS, shape_distance=lambda track_id, shape: distance)
    there, z = head(2000, z=5000), 5000
    shape = np.ones(N_SHAPE)
    step(t, 0, [there], [answer(there, shape=shape)])
    step(t, 33, None, [ABSENT])
    step(t, 600, None, [ABSENT])
    here = head(2060 if x > 0 else x + 1000, z=z)
    assert step(t, 900, [here], [answer(here, shape=shape)]).faces[0].id == expected


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


def test_a_gap_forgets_the_motion() -> None:
    t = tracker()
    for n in range(10):
        step(t, 33 * n, [head(10.0 * n)] if n == 0 else None, [answer(head(10.0 * n))])
    (track,) = t.update(None, (300 + 700) * MS)
    assert track.pose is not None
    assert track.pose.t == pytest.approx(head(90).t)


def test_no_picture_holds_and_loses() -> None:
    t = tracker(hold_s=0.5)
    step(t, 0, [head(0)], [answer(head(0))])
    assert t.miss(300 * MS).faces[0].status == "held"
    assert t.miss(900 * MS).lost == (0,)
    assert t.miss(9000 * MS) == TrackOutcome(())


def test_after_a_very_long_gap_an_id_ends_even_if_a_face_is_there() -> None:
    t = tracker()
    step(t, 0, [head(0)], [answer(head(0))])
    outcome = step(t, 60_000, [head(0)], [answer(head(0))])
    assert outcome.lost == (0,) and [face.id for face in outcome.faces] == [1]


NAN = float("nan")
BROKEN = [
    answer(Pose(np.full((3, 3), NAN), np.zeros(3))),
    answer(Pose(np.eye(3), np.array([0, NAN, 500]))),
    answer(Pose(np.eye(3), np.array([0, 0, -500.0]))),
    answer(Pose(np.eye(3), np.array([0, 0, 1e9]))),
    answer(head(5000)),
    answer(head(0), presence=NAN),
    FaceCoeffs(head(0), np.full(7, NAN, np.float32), np.zeros(2, np.float32), 0.99, 3.0),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_impossible_answers_count_as_not_seen(broken: FaceCoeffs) -> None:
    t = tracker()
    assert step(t, 0, [head(0)], [broken]).faces == ()
    step(t, 33, [head(0)], [answer(head(0))])
    assert step(t, 66, None, [broken]).faces[0].status == "held"
    assert step(t, 99, None, [answer(head(0))]).faces[0].status == "tracked"


def test_broken_boxes_are_ignored() -> None:
    t = tracker()
    boxes = [FaceBox(np.array(xyxy, np.float32)) for xyxy in ([NAN] * 4, [5, 5, 5, 5], [9, 9, 2, 2], [0, 0, 1e9, 1e9])]
    assert len(t.update([*boxes, box(head(0))], 0)) <= 2


def test_time_must_rise_and_answers_must_match() -> None:
    t = tracker()
    t.update([box(head(0))], 5)
    with pytest.raises(ValueError, match="1 tracks were asked for, 0 answers"):
        t.confirm([])
    with pytest.raises(ValueError, match="time must rise"):
        t.update(None, 5)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_detector_and_nets_say_the_books_are_right(seed: int) -> None:
    """Random boxes, answers and pauses: ids rise, nobody is counted twice, the lost stay lost unless they return."""
    rng = np.random.default_rng(seed)
    t = tracker(max_faces=4)
    alive: set[int] = set()
    ever: list[int] = []
    now = 0
    for _ in range(600):
        now += int(rng.choice([16, 33, 66, 400, 2500], p=[0.3, 0.5, 0.17, 0.02, 0.01]))
        places = [head(*rng.uniform([-300, -100, 500, -40, -90], [300, 100, 900, 40, 90])) for _ in range(6)]
        if rng.random() < 0.05:
            outcome = t.miss(now * MS)
        else:
            asked = t.update([box(p) for p in places[: rng.integers(7)]] if rng.random() < 0.5 else None, now * MS)
            assert len(asked) == len({track.id for track in asked})
            kept = [track.pose if track.pose is not None and rng.random() < 0.8 else places[0] for track in asked]
            presences = rng.choice([0.05, 0.4, 0.95], p=[0.2, 0.2, 0.6], size=len(asked))
            outcome = t.confirm([answer(p, presence=float(x)) for p, x in zip(kept, presences, strict=True)])
        ids = [face.id for face in outcome.faces]
        assert ids == sorted(set(ids)) and len(ids) <= 4
        assert all(0 <= face.confidence <= 1 and face.status in ("tracked", "held") for face in outcome.faces)
        assert not set(outcome.lost) & set(ids) or set(outcome.returned) >= set(outcome.lost) & set(ids)
        new = set(ids) - alive - set(outcome.returned)
        assert all(i == len(ever) + k for k, i in enumerate(sorted(new)))
        assert set(outcome.returned) <= set(ever)
        ever += sorted(new)
        assert (alive | new | set(outcome.returned)) - set(outcome.lost) <= set(ids)
        alive = set(ids)
    assert len(ever) > 5
