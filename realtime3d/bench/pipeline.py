"""The whole pipeline on decoded frames in memory: detector, crops, nets, identity, smoothing, and what comes after."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import numpy as np

from realtime3d.bench import scenes
from realtime3d.bench.measure import Effort, Metric, Timing, block, blocks_in_turn, one, ratio, time_calls
from realtime3d.bench.peers.client import Frames, PeerProcess
from realtime3d.bench.peers.spec import face_mesh
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.face.state import FrameResult
from realtime3d.render.choose import create_renderer
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image

LARGE = 16  # frames of each size: at 4K they are 0.4 GB
SETTLE_FRAMES = 300  # at most, until identities are frozen; from then on ShapeNet rests


class Walk:
    """A tracker that follows an endless clip, one frame a step."""

    def __init__(self, tracker: FaceTracker, images: tuple[Image, ...]) -> None:
        self._tracker, self._frames = tracker, scenes.Endless(images)
        self.results = 0
        self.faces = 0
        self.stages: dict[str, list[float]] = {}

    def step(self) -> FrameResult:
        result = self._tracker.process_frame(self._frames.next())
        self.results += 1
        self.faces += len(result.faces)
        for stage, seconds in result.timings.items():
            self.stages.setdefault(stage, []).append(seconds * 1e3)
        return result

    def settle(self, effort: Effort) -> None:
        """Go on until every face's identity is frozen, then forget what was counted."""
        end = time.perf_counter() + effort.settle_s
        for _ in range(SETTLE_FRAMES):
            result = self.step()
            if result.faces and all(face.identity.frozen for face in result.faces):
                break
            if time.perf_counter() > end:
                break
        self.results = self.faces = 0
        self.stages.clear()

    @property
    def faces_seen(self) -> Metric:
        """Faces in a frame, on average."""
        return one(self.faces / max(self.results, 1), "faces")


def pipeline(bench: Bench) -> Result:
    """One face at 480p, from a decoded frame to its FaceState; nothing drawn, nothing written."""
    with bench.tracker() as tracker:
        walk = Walk(tracker, bench.frames())
        walk.settle(bench.effort)
        metrics = _frames(time_calls(walk.step, bench.effort))
    for stage, times in walk.stages.items():
        metrics[f"{stage}_ms"] = one(sum(times) / max(walk.results, 1), "ms")
    metrics["faces"] = walk.faces_seen
    return Result({"picture": "640x480", "faces": 1}, metrics, unseen(walk, 1))


def overlay(bench: Bench) -> Result:
    """One face at 720p with the overlay drawn over every picture by the software renderer."""
    with bench.tracker() as tracker, closing(create_renderer()) as renderer:
        walk = Walk(tracker, bench.frames("720p"))
        walk.settle(bench.effort)
        metrics = _frames(time_calls(lambda: _drawn(renderer.draw, walk.step()), bench.effort))
    return Result({"picture": "1280x720", "faces": 1, "renderer": "software"}, metrics, unseen(walk, 1))


def _frames(timing: Timing) -> dict[str, Metric]:
    return {"fps": timing.rate, "frame_ms": timing.wall, "p95_ms": timing.slow, "cpu_ms": timing.cpu}


def _drawn(draw: Callable[[Image, FrameResult], Image], result: FrameResult) -> Image:
    return draw(result.frame.image, result)


def peer(bench: Bench) -> Result:
    """Ours and MediaPipe's refined face mesh on the same 720p frames, block by block in turn."""
    theirs, images = face_mesh(), bench.frames("720p")
    no_boxes = np.zeros((len(images), 4), np.float32)  # it has a detector
    with (
        bench.tracker(max_faces=1) as tracker,
        closing(Frames(images, no_boxes)) as frames,
        closing(PeerProcess(theirs, frames)) as mesh,
    ):
        walk = Walk(tracker, images)
        walk.settle(bench.effort)
        mine, other = blocks_in_turn([partial(block, walk.step), mesh.block], bench.effort)
    metrics = {
        "ours_ms": mine.wall,
        "peer_ms": other.wall,
        "times_as_fast": ratio(mine.rate, other.rate, "higher"),
        "ours_cpu_ms": mine.cpu,
        "peer_cpu_ms": other.cpu,
        "cpu_ratio": ratio(other.cpu, mine.cpu, "higher"),
        "faces": walk.faces_seen,
        "peer_faces": one(mesh.faces / mesh.frames, "faces"),
    }
    notes = [
        f"peer: {theirs.known.title}, in a process of its own; it gives {theirs.known.gives}",
        "both follow at most one face: their detectors rest while they see it",
        *unseen(walk, 1),
    ]
    return Result({"picture": "1280x720", "faces": 1}, metrics, notes)


def sizes(bench: Bench) -> Result:
    """One face in pictures of 480p to 4K; the face grows with the picture."""
    metrics: dict[str, Metric] = {}
    notes: list[str] = []
    for name, (width, height) in scenes.SIZES.items():
        images = scenes.sized(scenes.clip_frames(bench.clip)[:LARGE], width, height)
        with bench.tracker() as tracker:
            walk = Walk(tracker, images)
            walk.settle(bench.effort)
            found = time_calls(walk.step, bench.effort)
        metrics |= {f"fps_{name}": found.rate, f"frame_{name}_ms": found.wall}
        notes += unseen(walk, 1)
    return Result({"faces": 1}, metrics, notes)


def detector(bench: Bench) -> Result:
    """One face at 480p with the detector run every frame, and every 5th, 15th and 60th."""
    metrics: dict[str, Metric] = {}
    for every in (1, 5, 15, 60):
        with bench.tracker(detect_every=every) as tracker:
            walk = Walk(tracker, bench.frames())
            walk.settle(bench.effort)
            found = time_calls(walk.step, bench.effort)
        metrics |= {f"fps_every_{every}": found.rate, f"p95_every_{every}_ms": found.slow}
    return Result({"picture": "640x480", "faces": 1}, metrics)


def unseen(walk: Walk, faces: int) -> list[str]:
    """A warning where the nets did not follow the faces that the pictures show: the figures are then too good."""
    seen = walk.faces_seen.median
    if seen > 0.95 * faces:
        return []
    return [f"only {seen:.2f} of {faces} faces were followed: these figures do not count"]
