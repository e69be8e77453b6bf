"""The tracker's promises for one id: from the first frame through held and lost to the return."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.tracking.life import TrackOutcome
from realtime3d.types import FaceCoeffs, Pose
from tests.helpers.track_scene import MS, answer, head
from tests.helpers.track_steps import ABSENT, box, step, tracker


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


def test_an_unsure_answer_that_leaps_is_not_taken_for_the_face() -> None:
    """At the picture's border nets may see a profile in half a frontal face: not even for one frame is it shown."""
    t = tracker()
    frontal = head(0)
    step(t, 0, [frontal], [answer(frontal)])
    leapt = answer(head(0, yaw=-80), presence=0.7)
    (face,) = step(t, 33, None, [leapt]).faces
    assert face.status == "held" and face.coeffs.pose is frontal
    assert step(t, 100, None, [leapt]).faces[0].status == "tracked"  # in that time a head can
    assert step(t, 133, None, [answer(frontal)]).faces[0].coeffs.pose is frontal  # beyond doubt
    assert step(t, 166, None, [answer(head(0, yaw=30), presence=0.7)]).faces[0].status == "tracked"


def test_returned_face_gets_its_id_back_only_within_time() -> None:
    def away(ms: int) -> TrackOutcome:
        t = tracker(reid_s=3.0)
        step(t, 0, [head(100)], [answer(head(100))])
        step(t, 33, None, [ABSENT])
        step(t, 600, None, [ABSENT])
        return step(t, ms, [head(160)], [answer(head(160))])

    assert (away(2500).faces[0].id, away(2500).returned) == (0, (0,))
    assert (away(3500).faces[0].id, away(3500).returned) == (1, ())


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
