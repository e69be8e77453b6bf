"""Faces over time: which picture region belongs to whom, who is new, who came back, who is gone.

One frame is two calls. `update` says where to look (the crops come from predicted poses and, on frames on which the
detector ran, from its boxes); after the nets have looked, `confirm` takes their answers and says who is there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.clock import to_ns, to_s
from realtime3d.config import TrackerSettings
from realtime3d.geometry import Camera
from realtime3d.tracking.assign import assign
from realtime3d.tracking.association import (
    LIMIT,
    Heads,
    box_cost,
    candidates,
    crowded,
    detectable,
    face_boxes,
    in_sight,
    leaving,
    prediction_cost,
    return_cost,
    settle,
    unmistakable,
)
from realtime3d.tracking.life import NO_TIME, Life, Newcomer, ShapeDistance, TrackOutcome
from realtime3d.tracking.motion import GAP_S, Motion
from realtime3d.tracking.shapes import Shapes
from realtime3d.types import FaceBox, FaceCoeffs, Pose, Track

CONTEST_S = 0.3  # so long after they came close two tracks may be mixed up
LEFT_S = 0.2  # out of sight for so long at the picture's border: it has left, and who appears there may be anybody


class Tracks:
    """Ids, life cycle and motion of faces. `camera` may be replaced when the pictures change size."""

    def __init__(
        self,
        camera: Camera,
        face_points: ArrayLike,
        settings: TrackerSettings | None = None,
        shape_distance: ShapeDistance | None = None,
        first_id: int = 0,
    ) -> None:
        """`face_points` (P, 3) mm in the head frame bound the projected face (the mean head's 68 landmarks).

        `shape_distance(track_id, shape)` compares a single frame's shape with a known identity
        (`IdentityCache.distance`); without it places alone decide. New faces get ids from `first_id` on.
        """
        self.camera = camera
        self.settings = settings or TrackerSettings()
        self._points = np.asarray(face_points, dtype=np.float64).reshape(-1, 3)
        self._shapes = Shapes(shape_distance or (lambda track_id, shape: None))
        self._lives: list[Life] = []  # by id
        self._gone: list[Life] = []  # ended less than reid_s ago
        self._ended: list[int] = []  # ids that ended since the last outcome
        self._asked: list[Track] = []
        self._expected: list[Pose] = []  # of the lives
        self._left: list[int] = []  # indices of the lives that went out of the picture
        self._refused = np.zeros((0, 4))  # boxes of the last detection that were no faces
        self._next_id = first_id
        self._since_detection = 0  # frames
        self._t_ns = self._before_ns = NO_TIME  # of this frame and of the one before

    @property
    def next_id(self) -> int:
        """The id of the next new face."""
        return self._next_id

    def use(self, settings: TrackerSettings) -> None:
        """Other settings from the next frame on; where there is room for fewer faces, the nearest stay."""
        self.settings = settings
        nearest_first = sorted(self._lives, key=lambda life: life.motion.pose.t[2])
        self._end(nearest_first[settings.max_faces :])

    def rename(self, names: Mapping[int, int], next_id: int) -> dict[int, int]:
        """Other ids for those known now: who is gone and has no name is forgotten, who is here gets the next free one.

        Returns the new id of everybody who stays; new faces get ids from `next_id` on.
        """
        self._gone = [life for life in self._gone if life.id in names]
        given = {}
        self._next_id = next_id
        for life in [*self._lives, *self._gone]:
            name = names.get(life.id, self._next_id)
            self._next_id = max(self._next_id, name + 1)
            given[life.id] = life.id = name
        self._lives.sort(key=lambda life: life.id)
        return given

    def needs_detection(self, t_ns: int) -> bool:
        """Whether the detector should look at the frame of `t_ns`; ask before `update`."""
        if not self._lives or t_ns - self._t_ns > to_ns(GAP_S):
            return True
        if self._is_complete():
            return False
        weak = any(
            life.coeffs.presence < self.settings.presence_weak or life.last_seen_ns < self._t_ns for life in self._lives
        )
        every = self.settings.detect_weak if weak else self.settings.detect_every
        return self._since_detection + 1 >= min(every, self.settings.detect_every)

    def _is_complete(self) -> bool:
        """Whether a search could change nothing: no place is free, and no face needs a box or could be doubted."""
        return len(self._lives) >= self.settings.max_faces and all(
            life.last_seen_ns == self._t_ns
            and life.unseen_ns is None
            and life.coeffs.presence >= self.settings.presence_unseen
            for life in self._lives
        )

    def update(self, boxes: Sequence[FaceBox] | None, t_ns: int) -> list[Track]:
        """The faces to estimate in the frame of `t_ns`; None: the detector did not run.

        Known tracks come first, by id. Faces that may be new follow, largest first, with negative ids that hold for
        this frame only. A track with a pose is cropped by it, one without by its box.
        """
        self._advance(t_ns)
        self._since_detection = self._since_detection + 1 if boxes is None else 0
        self._expected = [life.motion.predict(t_ns) for life in self._lives]
        tracks = [Track(life.id, pose=pose) for life, pose in zip(self._lives, self._expected, strict=True)]
        self._asked = tracks if boxes is None else self._with_boxes(tracks, boxes)
        return list(self._asked)

    def asks_shape(self, track_id: int) -> bool:
        """Whether ShapeNet should look at this track although its identity is frozen, to tell people apart."""
        return any(life.id == track_id and self._t_ns <= life.contested_ns for life in self._lives)

    def confirm(self, answers: Sequence[FaceCoeffs]) -> TrackOutcome:
        """The nets' answers, one for each track that the last `update` returned, in its order."""
        if len(answers) != len(self._asked):
            raise ValueError(f"{len(self._asked)} tracks were asked for, {len(answers)} answers came")
        known = len(self._lives)
        accepted = [k for k, answer in enumerate(answers) if self._accepts(k, answer)]
        owners, faces = self._settle(answers, accepted)
        for i, k in owners.items():
            self._lives[i].see(answers[k], self._t_ns)
        fresh = [k for k in faces if k >= known and k not in owners.values()]
        returned = self._admit([answers[k] for k in fresh]) + self._recognise()
        refused = [x.box.xyxy for k, x in enumerate(self._asked) if x.box and k >= known and k not in accepted]
        self._refused = np.array(refused, dtype=np.float64).reshape(-1, 4)
        return self._outcome(returned)

    def miss(self, t_ns: int) -> TrackOutcome:
        """No picture at `t_ns` (a camera that is gone, say): faces are held, then lost; instead of the two calls."""
        self._advance(t_ns)
        return self._outcome([])

    def _advance(self, t_ns: int) -> None:
        if t_ns <= self._t_ns:
            raise ValueError(f"time must rise: {t_ns} ns came after {self._t_ns} ns")
        self._before_ns, self._t_ns = self._t_ns, t_ns
        self._asked, self._expected, self._left = [], [], []
        oldest = t_ns - to_ns(self.settings.reid_s)
        self._end([life for life in self._lives if life.last_seen_ns < oldest])
        self._gone = [life for life in self._gone if life.last_seen_ns >= oldest]

    def _end(self, lives: Sequence[Life]) -> None:
        for life in lives:
            self._lives.remove(life)
            self._gone.append(life)
            self._ended.append(life.id)

    def _with_boxes(self, tracks: list[Track], boxes: Sequence[FaceBox]) -> list[Track]:
        """Tracks that are out of sight start again from their box; boxes without a track may be new faces."""
        bounds = face_boxes(self._points, self._expected, self.camera)
        found = np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4)
        self._left = self._who_left(bounds)
        cost = box_cost(bounds, found)
        cost[self._left] = np.inf
        pairs = dict(assign(cost, 1.0))
        for i, life in enumerate(self._lives):
            if i in pairs:
                life.unseen_ns = None
                if life.last_seen_ns < self._before_ns:
                    tracks[i] = Track(life.id, box=boxes[pairs[i]])
            else:
                expected = detectable(self._expected[i], bounds[i], self.camera)
                if expected is False:
                    life.unseen_ns = None
                elif expected and life.unseen_ns is None:
                    life.unseen_ns = self._t_ns
        rest = [j for j in range(len(boxes)) if j not in pairs.values()]
        free = self.settings.max_faces - sum(life.last_seen_ns == self._before_ns for life in self._lives)
        chosen = candidates(found[rest], np.delete(bounds, self._left, axis=0), self._refused, free)
        return tracks + [Track(-1 - n, box=boxes[rest[j]]) for n, j in enumerate(chosen)]

    def _who_left(self, bounds: NDArray[np.float64]) -> list[int]:
        """Indices of lives that went out of sight at the picture's border; elsewhere something hides them."""
        since = self._t_ns - to_ns(LEFT_S)
        absent = [i for i, life in enumerate(self._lives) if life.last_seen_ns < since]
        return [i for i in absent if leaving(bounds[i], self.camera)]

    def _accepts(self, index: int, answer: FaceCoeffs) -> bool:
        """Whether an answer speaks of a face: present enough, finite, in sight."""
        needed = self.settings.presence_new
        if index < len(self._lives):
            needed = self._lives[index].needed_presence(answer, self._t_ns, self.settings)
        sure = answer.presence >= needed and answer.pose_sigma_deg <= self.settings.max_sigma_deg
        finite = math.isfinite(sum(answer.expression.tolist()) + sum(answer.extras.tolist()))
        return sure and finite and in_sight(answer.pose, self.camera)

    def _settle(self, answers: Sequence[FaceCoeffs], accepted: list[int]) -> tuple[dict[int, int], list[int]]:
        """Index of a life -> index of its answer, and the answers that are distinct faces."""
        own = {k: k for k in accepted if k < len(self._lives)}
        if len(answers) <= 1 or not accepted:
            return own, accepted
        expected, seen = Heads.of(self._expected), Heads.of([answers[k].pose for k in accepted])
        unseen_s = [to_s(max(self._before_ns - life.last_seen_ns, 0)) for life in self._lives]
        rivals = [i for i, life in enumerate(self._lives) if self._t_ns <= life.contested_ns]
        if len(own) == len(accepted) and not rivals and unmistakable(expected, seen, unseen_s, accepted):
            return own, accepted
        place_cost = prediction_cost(expected, seen, unseen_s)
        place_cost[np.ix_(self._left, [j for j, k in enumerate(accepted) if k >= len(self._lives)])] = np.inf
        shape_cost = self._shapes.cost(self._lives, [answers[k] for k in accepted], rivals)
        presence = np.array([answers[k].presence for k in accepted])
        owners, faces = settle(place_cost, shape_cost, seen.places, presence, accepted)
        return {i: accepted[j] for i, j in owners.items()}, [accepted[j] for j in faces]

    def _admit(self, answers: Sequence[FaceCoeffs]) -> list[int]:
        """Faces that no track explains get a new id, or that of somebody of whom only the place is known."""
        room = self.settings.max_faces - sum(life.last_seen_ns == self._t_ns for life in self._lives)
        answers = answers[: max(room, 0)]
        if not answers:
            return []
        absent = [life for life in self._lives if life.last_seen_ns < self._t_ns] + self._gone
        near = self._return_cost(absent, answers)
        known = np.array([self._shapes.comparable(life, answer) for life in absent for answer in answers], dtype=bool)
        by_shape = np.isfinite(near) & known.reshape(near.shape)
        back = {j: absent[i] for i, j in assign(np.where(by_shape, np.inf, near), LIMIT)}
        returned = []
        for j, answer in enumerate(answers):
            life = back.get(j)
            if life is None:
                life = Life(self._next_id, Motion(answer.pose, self._t_ns), answer, self._t_ns)
                former = [absent[i] for i in np.flatnonzero(by_shape[:, j])]
                life.newcomer = Newcomer(self._t_ns, former) if former else None
                self._next_id += 1
                self._lives.append(life)
            elif life in self._gone:
                self._gone.remove(life)
                self._lives.append(life)
                returned.append(life.id)
            life.unseen_ns = None  # it was looked for in a box of the detector
            life.see(answer, self._t_ns)
        self._lives.sort(key=lambda life: life.id)
        return returned

    def _return_cost(self, absent: Sequence[Life], answers: Sequence[FaceCoeffs]) -> NDArray[np.float64]:
        """Cost (N, M) that these answers are faces that went out of sight: infinite unless the place agrees."""
        last = Heads.of([life.motion.pose for life in absent])
        gone_s = [to_s(self._t_ns - life.last_seen_ns) for life in absent]
        return return_cost(last, Heads.of([answer.pose for answer in answers]), gone_s, self.settings.reid_faces)

    def _recognise(self) -> list[int]:
        """Newcomers whose shape is that of somebody who went out of sight go on under the old id; theirs ends."""
        returned = []
        for life in [life for life in self._lives if life.last_seen_ns == self._t_ns]:
            if life.newcomer is None:
                continue
            former = life.newcomer.identified(self._shapes.distance, self.settings.reid_distance)
            if former is None:
                continue
            self._lives.remove(life)
            self._ended.append(life.id)
            if former not in self._lives:
                self._gone = [x for x in self._gone if x is not former]
                self._lives.append(former)
                returned.append(former.id)
            former.go_on_as(life)
        self._lives.sort(key=lambda life: life.id)
        return returned

    def _outcome(self, returned: Sequence[int]) -> TrackOutcome:
        """Ends who was out of sight too long, then sums up the frame."""
        absent = sorted((x for x in self._lives if x.last_seen_ns < self._t_ns), key=lambda x: x.last_seen_ns)
        surplus = absent[: max(len(self._lives) - self.settings.max_faces, 0)]
        kept_ns = to_ns(self.settings.hold_s)
        self._end([life for life in absent if life in surplus or self._t_ns - life.last_seen_ns > kept_ns])
        self._find_contests()
        lost, self._ended = tuple(sorted(self._ended)), []
        faces = tuple(life.face(self._t_ns, self.settings.hold_s) for life in self._lives)
        return TrackOutcome(faces, lost, tuple(sorted(returned)))

    def _find_contests(self) -> None:
        until = self._t_ns + to_ns(CONTEST_S)
        for i in crowded([life.motion.place for life in self._lives]):
            self._lives[i].contested_ns = until
