"""How heads and boxes go together: all pairs at once, in lengths of a face and in multiples of what is usual.

A head's place is (x/z, y/z, log z) of its anchor, as `motion.place_of` gives it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.geometry import Camera, geodesic_deg, overlap
from realtime3d.tracking.assign import assign
from realtime3d.tracking.motion import place_of
from realtime3d.types import Array, Pose

FACE_LENGTH_MM = 150.0  # one "face": the length in which distances between heads are counted
SAME_FACES = 0.4  # of the nearer, larger one: a face whose middle is that close to its middle would be hidden by it
DOUBT_COST = 20.0  # of an answer whose presence is 0 instead of 1, where several speak of one face
CROWD_FACES = 0.8  # tracks nearer to each other than this may be mixed up
USUAL_FACES, USUAL_LOG_SIZE, USUAL_DEG = 0.12, 0.05, 15.0  # spread of a good prediction one frame ahead
RETURN_LOG_SIZE = 0.35  # log of the factor by which the size of a face that returns may differ, and again per second
LOOSER_S = 0.1  # without sight the spread grows by itself in this time
LIMIT = 40.0  # squared multiples of the usual spread: no pair beyond
OWN_COST = 0.8 * LIMIT  # a face in the track's own crop is never too far, but others may fit better
OVERLAP = 0.5  # boxes that share more than this are one face
NEAREST_MM = 30.0  # from the camera
SMALLEST_PX = 12.0  # length of a face (FACE_LENGTH_MM) in the picture, below which nets see nothing
FRONTAL = float(np.cos(np.radians(40)))  # within this angle to the camera a detector should see a face ...
DETECTABLE_PX = 40.0  # ... of this width


@dataclass(frozen=True, slots=True)
class Heads:
    """N heads at once."""

    places: Array  # (N, 3)
    R: Array  # (N, 3, 3)

    @classmethod
    def of(cls, poses: Sequence[Pose]) -> Heads:
        if not poses:
            return cls(np.zeros((0, 3)), np.zeros((0, 3, 3)))
        return cls(np.array([place_of(pose) for pose in poses]), np.array([pose.R for pose in poses]))

    def __getitem__(self, index: Sequence[int]) -> Heads:
        return Heads(self.places[index], self.R[index])


def offsets(a: Array, b: Array) -> tuple[Array, Array]:
    """Sideways distance in faces and difference of log depth of places (N, 3) and (M, 3): each (N, M)."""
    sideways = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    depth = (a[:, None, 2] + b[None, :, 2]) / 2
    return sideways * np.exp(depth) / FACE_LENGTH_MM, np.abs(a[:, None, 2] - b[None, :, 2])


def prediction_cost(expected: Heads, seen: Heads, unseen_s: ArrayLike) -> Array:
    """Cost (N, M) of meeting M heads where N tracks, out of sight for `unseen_s` (N,), were expected."""
    sideways, depth = offsets(expected.places, seen.places)
    loose = 1 + np.asarray(unseen_s, dtype=np.float64)[:, None] / LOOSER_S
    turn = np.minimum(geodesic_deg(expected.R[:, None], seen.R[None]) / USUAL_DEG, 3.0)  # turned away unseen: no proof
    return ((sideways / USUAL_FACES) ** 2 + (depth / USUAL_LOG_SIZE) ** 2 + turn**2) / loose**2


def unmistakable(expected: Heads, seen: Heads, unseen_s: Sequence[float], sources: Sequence[int]) -> bool:
    """Whether M answers, each seen in the crop of another track (`sources`), are far from each other and from where all
    other tracks were expected: `prediction_cost` and `settle` would leave each to its own.
    """
    places = seen.places.tolist()
    for i, awaited in enumerate(expected.places.tolist()):
        reach = USUAL_FACES * math.sqrt(LIMIT) * (1 + unseen_s[i] / LOOSER_S)
        if any(sources[k] != i and _faces_apart(awaited, place) < reach for k, place in enumerate(places)):
            return False
    return not any(_hidden(a, b) for a, b in combinations(places, 2))


def crowded(places: Sequence[Array]) -> list[int]:
    """Which of N places are so close to another that their faces may be mixed up."""
    pairs = combinations(enumerate(place.tolist() for place in places), 2)
    return sorted({n for (i, a), (j, b) in pairs if _faces_apart(a, b) < CROWD_FACES for n in (i, j)})


def _faces_apart(a: Sequence[float], b: Sequence[float]) -> float:
    """Sideways distance of two places, in faces: `offsets` in plain numbers, quicker for the few pairs of a frame."""
    return math.hypot(a[0] - b[0], a[1] - b[1]) * math.exp((a[2] + b[2]) / 2) / FACE_LENGTH_MM


def _hidden(a: Sequence[float], b: Sequence[float]) -> bool:
    """`same_face` for two places."""
    return math.hypot(a[0] - b[0], a[1] - b[1]) * math.exp(min(a[2], b[2])) < SAME_FACES * FACE_LENGTH_MM


def return_cost(last: Heads, seen: Heads, gone_s: ArrayLike, reach_faces: float) -> Array:
    """Cost (N, M) that heads seen now are those last seen `gone_s` (N,) ago; infinite where the place says no.

    `reach_faces`: how far a head may get, and again per second; for its size it is RETURN_LOG_SIZE.
    """
    sideways, depth = offsets(last.places, seen.places)
    growth = 1 + np.asarray(gone_s, dtype=np.float64)[:, None]
    cost = (sideways / (reach_faces * growth)) ** 2 + (depth / (RETURN_LOG_SIZE * growth)) ** 2
    return np.where(cost < 1, cost, np.inf)


def same_face(places: Array) -> NDArray[np.bool_]:
    """Which of N places cannot be two faces, because the nearer one would hide the other: (N, N)."""
    x, y, log_z = places.T
    sideways = np.hypot(x[:, None] - x, y[:, None] - y)
    return sideways * np.exp(np.minimum(log_z[:, None], log_z)) < SAME_FACES * FACE_LENGTH_MM


def settle(
    place_cost: Array, shape_cost: Array, places: Array, presence: Array, sources: Sequence[int]
) -> tuple[dict[int, int], list[int]]:
    """Which track (row of the costs) owns which answer (column), and the columns that are distinct faces.

    Several crops may show one face: of such answers the one that its own track expected most, and that is surest of a
    face, is kept. `sources` names the track in whose crop each answer was seen; those from N on are crops of faces
    that may be new.
    """
    n, m = place_cost.shape
    own = np.array([place_cost[source, k] if source < n else np.inf for k, source in enumerate(sources)])
    same = same_face(places)
    speaker = np.full(m, -1)  # the distinct face that each answer means
    for k in np.lexsort((-presence, own + DOUBT_COST * (1 - presence))):
        if speaker[k] < 0:
            speaker[same[k] & (speaker < 0)] = k
    cost = place_cost.copy()
    for k, source in enumerate(sources):
        if source < n:
            cost[source, speaker[k]] = min(cost[source, speaker[k]], OWN_COST)
    faces = np.unique(speaker).tolist()
    return {i: faces[j] for i, j in assign((cost + shape_cost)[:, faces], LIMIT)}, faces


def face_boxes(points: Array, poses: Sequence[Pose], camera: Camera) -> Array:
    """The boxes (N, 4) px around `points` (P, 3) of the head frame at N poses."""
    if not poses:
        return np.zeros((0, 4))
    R, t = np.array([pose.R for pose in poses]), np.array([pose.t for pose in poses])
    seen = points @ R.transpose(0, 2, 1) + t[:, None]
    seen[..., 2] = np.maximum(seen[..., 2], 1.0)
    xy = camera.project(seen)
    return np.concatenate([xy.min(1), xy.max(1)], axis=1)


def box_cost(a: Array, b: Array) -> Array:
    """Boxes (N, 4) and (M, 4) of faces by two sources (N, M): below 1 they may be one, by their middles and sizes."""
    side_a, side_b = (np.maximum((x[:, 2:] - x[:, :2]).max(-1, initial=0), 1e-6) for x in (a, b))
    middles = np.linalg.norm((a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) / 2, axis=-1)
    shift = middles / np.sqrt(side_a[:, None] * side_b[None])
    return (shift / 0.6) ** 2 + (np.log(side_a[:, None] / side_b[None]) / 0.8) ** 2


def candidates(found: Array, tracked: Array, refused: Array, free: int) -> list[int]:
    """Which boxes `found` (N, 4) may be new faces: at most `free`, largest first.

    Not those over a tracked face, one of several over each other, and `refused` ones (which the nets took for no
    face) only where slots are left.
    """
    area = (found[:, 2:] - found[:, :2]).prod(1)
    taken: NDArray[np.bool_] = np.asarray(
        (overlap(found, tracked) > OVERLAP).any(1) | ~np.isfinite(found).all(1) | ~(found[:, 2:] > found[:, :2]).all(1)
    )
    doubtful = (overlap(found, refused) > OVERLAP).any(1)
    twins = overlap(found, found) > OVERLAP
    chosen: list[int] = []
    for j in np.lexsort((-area, doubtful)).tolist():
        if len(chosen) < free and not taken[j]:
            chosen.append(j)
            taken |= twins[j]
    return sorted(chosen, key=lambda j: -float(area[j]))


def in_sight(pose: Pose, camera: Camera) -> bool:
    """Whether a face there could be seen at all: finite, not too near, not too small, not all outside the picture."""
    u, v, log_z = place_of(pose).tolist()
    z = math.exp(log_z)
    if not NEAREST_MM < z < FACE_LENGTH_MM * camera.fx / SMALLEST_PX:
        return False
    edge = 0.6 * FACE_LENGTH_MM / z
    x, y = u * camera.fx + camera.cx, v * camera.fy + camera.cy
    inside_x = -edge * camera.fx < x < camera.width + edge * camera.fx
    inside_y = -edge * camera.fy < y < camera.height + edge * camera.fy
    return inside_x and inside_y


def leaving(box: Array, camera: Camera) -> bool:
    """Whether a face's box is cut by the picture's border, or outside."""
    return bool(box[0] < 0 or box[1] < 0 or box[2] >= camera.width or box[3] >= camera.height)


def detectable(pose: Pose, box: Array, camera: Camera) -> bool | None:
    """Whether a detector should find a face there: frontal, all in the picture. None: too small to tell."""
    inside = not leaving(box, camera)
    facing = pose.R[:, 2] @ pose.t > FRONTAL * np.linalg.norm(pose.t)
    if inside and facing and box[2] - box[0] < DETECTABLE_PX:
        return None
    return bool(inside and facing)
