"""The experiments of `people.py`: each renders its sequences, runs the tracker on them and gives its figures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.people.cast import Cast, Shot
from benchmarks.people.scenes import FACE_MM, FPS, Play, absence, at, crossing, dark, profile, still, talking_head
from benchmarks.people.score import Story, follow
from realtime3d import FaceTracker
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera, Matrix, euler_to_matrix, geodesic_deg, rotation_to_ray
from realtime3d.types import Array, Pose

VGA = Camera.from_fov(640, 480)
STARTS, PATIENCE_S, LEARN_FPS = 10, 16.0, 15
STILL_S, SETTLE_S = 6.0, 2.0
CORNER_PX, CORNER_MARGIN_PX = 165, 160  # a face, and its middle from the edges: all of it is in the picture


@dataclass(frozen=True)
class Figure:
    """One number of the table, and the bar it must meet, where there is one."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        if self.at_most is not None:
            return bool(self.value <= self.at_most)
        return bool(self.value >= self.at_least) if self.at_least is not None else None


@dataclass(frozen=True)
class Bench:
    """What every experiment works with."""

    cast: Cast
    models: str
    seed: int
    count: int | None  # sequences or people; None: each experiment's own number
    sheets: Path | None  # folder for pictures of the sequences
    quick: bool

    def each(self, letter: str, usual: int, quick: int) -> Iterator[tuple[int, np.random.Generator]]:
        """Number and random source of every sequence, with a progress bar."""
        count = self.count or (quick if self.quick else usual)
        for k in tqdm(range(count), desc=letter, unit="", disable=None):
            yield k, np.random.default_rng([self.seed, ord(letter), k])

    def tracker(self, fov: float | None = None) -> FaceTracker:
        return FaceTracker(models=self.models, fov=fov)

    def sheet(self, name: str) -> Path | None:
        return None if self.sheets is None else self.sheets / f"{name}.jpg"


def crossing_people(bench: Bench) -> list[Figure]:
    """a. Two people walk past each other, one in front of the other."""
    with bench.tracker() as tracker:
        stories = [
            Story.of(follow(tracker, crossing(bench.cast, VGA, rng), bench.sheet(f"a_{k:02d}")))
            for k, rng in bench.each("a", 20, 3)
        ]
    n = len(stories)
    return [
        Figure("crossings", n),
        Figure("crossings in which an id passed to the other person", sum(s.switched for s in stories), "", n / 20),
        Figure("people who were found", sum(len(s.first) for s in stories) / (2 * n), "part"),
        Figure("people with the same id before and after", sum(s.kept for s in stories) / (2 * n), "part"),
        Figure("ids beyond two a crossing", sum(max(len(s.ids) - 2, 0) for s in stories)),
    ]


def leave_and_return(bench: Bench) -> list[Figure]:
    """b. Out of the picture for 0.5 to 2.5 s and back at another place; a stranger may come in between."""
    taken_for = 0
    alone: list[bool] = []
    beside: list[bool] = []
    with bench.tracker() as tracker:
        for k, rng in bench.each("b", 20, 3):
            for stranger, returned in ((False, alone), (True, beside)):
                scene = absence(bench.cast, VGA, rng, stranger)
                seen = follow(tracker, scene.play, bench.sheet(f"b_{k:02d}_{'stranger' if stranger else 'alone'}"))
                before = Story.of([s for s in seen if s.t < scene.gone]).last.get(0)
                after = Story.of([s for s in seen if s.t >= scene.gone])
                known = before is not None
                returned.append(known and after.last.get(0) == before)
                taken_for += known and before in (after.first.get(1), after.last.get(1))
    return [
        Figure("people who got their id back", float(np.mean(alone)), "part"),
        Figure("the same, with a stranger in the picture", float(np.mean(beside)), "part"),
        Figure("strangers who were given the id of who had left", taken_for / len(beside), "part"),
    ]


def ten_starts(bench: Bench) -> list[Figure]:
    """c. One clip, ten starts: frozen shapes against single frames' shapes, as far as they differ from each other."""
    from realtime3d.training.learning.losses import region_mask, without_similarity

    model = bench.cast.model
    front = region_mask(model)
    basis = without_similarity(model.shape_basis, model.mean, front)[:, front].reshape(model.n_shape, -1)
    square = basis @ basis.T / front.sum()

    def spread_mm(shapes: list[Array]) -> float:
        """Root mean square distance of two of them, over the front of the face, after moving, turning and scaling."""
        off = np.array(shapes) - np.mean(shapes, axis=0)
        return float(np.sqrt(2 * ((off @ square) * off).sum() / (len(shapes) - 1)))

    ratios, frozen_mm, single_mm, waits = [], [], [], []
    with bench.tracker() as tracker:
        for k, rng in bench.each("c", 5, 1):
            clip = replace(talking_head(bench.cast, VGA, rng), fps=LEARN_FPS)
            if bench.sheets is not None:
                follow(tracker, replace(clip, seconds=3.0), bench.sheet(f"c_{k:02d}"))
            frames = [cv2.imencode(".jpg", moment.image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1] for moment in clip]
            runs = [_until_frozen(tracker, frames, n * len(frames) // STARTS) for n in range(STARTS)]
            frozen = [run.shape for run in runs if run.shape is not None]
            waits += [run.seconds for run in runs if run.shape is not None]
            if len(frozen) > 1:
                frozen_mm.append(spread_mm(frozen))
                single_mm.append(spread_mm([shape for run in runs for shape in run.single]))
                ratios.append(single_mm[-1] / frozen_mm[-1])
    return [
        Figure("starts after which a shape was frozen", len(waits) / (STARTS * (k + 1)), "part"),
        Figure("until it was frozen", _mean(waits), "s"),
        Figure("shapes of single frames differ by", _mean(single_mm), "mm"),
        Figure("frozen shapes differ by", _mean(frozen_mm), "mm"),
        Figure("times less, mean over people", _mean(ratios), "x", at_least=2.0),
        Figure("times less, worst person", min(ratios, default=math.nan), "x", at_least=2.0),
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


@dataclass(frozen=True)
class Learning:
    """One start of the tracker: the frozen shape, how long it took, and single frames' shapes until then."""

    shape: Array | None
    seconds: float
    single: list[Array]


def _until_frozen(tracker: FaceTracker, frames: Sequence[NDArray[np.uint8]], start: int) -> Learning:
    tracker.reset()
    single: list[Array] = []
    for n in range(round(PATIENCE_S * LEARN_FPS)):
        image = cv2.imdecode(frames[(start + n) % len(frames)], cv2.IMREAD_COLOR)
        for face in tracker.process(image, n / LEARN_FPS).faces[:1]:
            if face.raw.shape is not None:
                single.append(face.raw.shape.astype(np.float64))
            if face.identity.frozen:
                return Learning(face.identity.shape.astype(np.float64), n / LEARN_FPS, single)
    return Learning(None, PATIENCE_S, single)


def corner(bench: Bench) -> list[Figure]:
    """d. The same head in the middle and towards the corners of a wide picture, with two angles of view."""
    figures = []
    for fov in (None, 95.0):
        camera = Camera.from_fov(1280, 720) if fov is None else Camera.from_fov(1280, 720, fov)
        name = "default angle of view" if fov is None else f"{fov:.0f} degrees"
        error: dict[str, list[float]] = {"middle": [], "corners": [], "turned": [], "side": []}
        missed = 0
        with bench.tracker(fov) as tracker:
            for k, rng in bench.each("d", 12, 2):
                (actor,), depth = bench.cast.draw(rng, 1), FACE_MM * camera.fx / CORNER_PX
                R = euler_to_matrix(*np.radians(rng.normal(0, (7, 12, 4))))
                for place, pose in _places(camera, depth, R):
                    found = _rotation_error(tracker, Shot(actor, pose, actor.scene.photo.motion), camera, k)
                    missed += found is None
                    error[place] += [] if found is None else [found]
        middle, corners, facing, side = (_mean(error[place]) for place in error)
        figures += [
            Figure(f"{name}: error of the rotation in the middle", middle, "deg"),
            Figure(f"{name}: more of it in the corners", corners - middle, "deg", at_most=1.5),
            Figure(f"{name}: the same, for heads turned to the camera", facing - middle, "deg"),
            Figure(f"{name}: more of it in the middle, seen from the corners' side", side - middle, "deg"),
            Figure(f"{name}: more of it in the corners than so", corners - side, "deg"),
            Figure(f"{name}: faces that were not found", missed),
        ]
    return figures


def _places(camera: Camera, depth: float, R: Matrix) -> Iterator[tuple[str, Pose]]:
    """The middle and four corners, at the same rotation: there the camera looks at the head from another side.

    Then corners where it shows the same side as in the middle, and the middle where it shows the corners' sides.
    """
    middle, reach = np.array([camera.cx, camera.cy]), np.array([camera.width, camera.height]) / 2 - CORNER_MARGIN_PX
    yield "middle", at(camera, middle, depth, R)
    for sign in itertools.product((-1, 1), (-1, 1)):
        pixel = middle + sign * reach
        yield "corners", at(camera, pixel, depth, R)
        to_ray = rotation_to_ray(camera.rays(pixel))
        yield "turned", at(camera, pixel, depth, to_ray @ R)
        yield "side", at(camera, middle, depth, to_ray.T @ R)


def _rotation_error(tracker: FaceTracker, shot: Shot, camera: Camera, seed: int) -> float | None:
    """Degrees in one picture; None: the face was not found."""
    (seen,) = follow(tracker, Play(camera, 1 / FPS, [still(shot)], seed))
    faces = {who: face for face in seen.faces for track_id, who in seen.owners().items() if track_id == face.id}
    return float(geodesic_deg(faces[0].raw.pose.R, shot.pose.R)) if 0 in faces else None


def still_face(bench: Bench) -> list[Figure]:
    """e. A face that does not move, seen through the camera's noise: spread over time, raw and smoothed."""
    raw, smooth = [], []
    with bench.tracker() as tracker:
        for k, rng in bench.each("e", 8, 1):
            (actor,), depth = bench.cast.draw(rng, 1), rng.uniform(450, 900)
            pose = at(VGA, np.array([VGA.cx, VGA.cy]), depth, euler_to_matrix(*np.radians(rng.normal(0, (6, 12, 4)))))
            shot = Shot(actor, pose, actor.scene.photo.motion)
            seen = follow(tracker, Play(VGA, STILL_S, [still(shot)], k), bench.sheet(f"e_{k:02d}"))
            faces = [frame.faces[0] for frame in seen if frame.t > SETTLE_S and frame.faces]
            if faces:
                raw.append(_jitter([_unsmoothed(face) for face in faces]))
                smooth.append(_jitter(faces))
    if not raw:
        return [Figure("faces that were found", 0, at_least=1)]
    names = ("yaw", "deg"), ("mesh in the camera's frame", "mm"), ("mesh in the head's frame", "mm")
    figures = []
    for (name, unit), before, after in zip(names, np.mean(raw, axis=0), np.mean(smooth, axis=0), strict=True):
        figures += [
            Figure(f"{name}: deviation, raw", before[0], unit),
            Figure(f"{name}: times less when smoothed", before[0] / after[0], "x", at_least=5.0),
            Figure(f"{name}: change from frame to frame, times less", before[1] / after[1], "x", at_least=5.0),
        ]
    return figures


def _unsmoothed(face: FaceState) -> FaceState:
    return replace(face, pose=face.raw.pose, expression=face.raw.expression, extras=face.raw.extras)


def _jitter(faces: Sequence[FaceState]) -> Array:
    """(3, 2) of the yaw (deg) and of vertices in the camera's and in the head's frame (mm): standard deviation over
    time, and root mean square change from frame to frame."""
    last = faces[-1]  # one shape for all: what is still being learned is no jitter
    faces = [replace(face, shape=last.shape, neutral=last.neutral) for face in faces]
    yaw = np.array([[[face.euler_deg()[1]]] for face in faces])
    series = (yaw, np.array([face.vertices() for face in faces]), np.array([face.vertices_head() for face in faces]))
    return np.array([[_rms(x - x.mean(axis=0)), _rms(np.diff(x, axis=0))] for x in series])


def _rms(x: Array) -> float:
    return float(np.sqrt((x.astype(np.float64) ** 2).sum(-1).mean()))


def hard_to_find(bench: Bench) -> list[Figure]:
    """f. A head that turns to profile on both sides and back, and one that talks while the light goes down."""
    figures = []
    with bench.tracker() as tracker:
        for name, letter, play_of in (("profile", "f", profile), ("poor light", "g", dark)):
            lost, extra, unseen, frames = 0, 0, 0, 0
            for k, rng in bench.each(letter, 10, 1):
                seen = follow(
                    tracker, play_of(bench.cast, VGA, rng), bench.sheet(f"f_{name.replace(' ', '_')}_{k:02d}")
                )
                lost += sum(len(frame.lost) for frame in seen)
                extra += max(len(Story.of(seen).ids) - 1, 0)
                unseen += sum(not any(face.status == "tracked" for face in frame.faces) for frame in seen)
                frames += len(seen)
            figures += [
                Figure(f"{name}: tracks lost", lost, at_most=0),
                Figure(f"{name}: further ids", extra, at_most=0),
                Figure(f"{name}: frames in which it was not tracked", unseen / frames, "part"),
            ]
    return figures


EXPERIMENTS: dict[str, Callable[[Bench], list[Figure]]] = {
    "a": crossing_people,
    "b": leave_and_return,
    "c": ten_starts,
    "d": corner,
    "e": still_face,
    "f": hard_to_find,
}
