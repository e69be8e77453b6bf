"""Several faces in a picture: what each of them costs."""

from __future__ import annotations

from contextlib import ExitStack

from realtime3d.bench import scenes
from realtime3d.bench.measure import Metric, in_turn, ratio
from realtime3d.bench.pipeline import Walk, unseen
from realtime3d.bench.scenarios import Bench, Result

COUNTS = (1, 2, 4, 8)
FRAMES = 60  # of each count; 80 MB


def faces(bench: Bench) -> Result:
    """1, 2, 4 and 8 faces in a picture of 960x480, in turn; what each further face costs, as a share of the first."""
    images = bench.frames()[:FRAMES]
    with ExitStack() as stack:
        walks = []
        for count in COUNTS:
            walk = Walk(stack.enter_context(bench.tracker()), scenes.crowd(images, count))
            walk.settle(bench.effort)
            walks.append(walk)
        timings = in_turn([walk.step for walk in walks], bench.effort)
    metrics: dict[str, Metric] = {}
    notes: list[str] = []
    for count, walk, timing in zip(COUNTS, walks, timings, strict=True):
        metrics |= {f"fps_{count}": timing.rate, f"frame_{count}_ms": timing.wall}
        if count > 1:
            metrics[f"further_face_of_{count}"] = _further(ratio(timings[0].rate, timing.rate, "lower"), count)
            metrics[f"further_face_of_{count}_cpu"] = _further(ratio(timing.cpu, timings[0].cpu, "lower"), count)
        metrics[f"faces_{count}"] = walk.faces_seen
        notes += unseen(walk, count)
    return Result({"picture": "960x480"}, metrics, notes)


def _further(times_the_cost: Metric, count: int) -> Metric:
    """Cost of each face after the first over the cost of a frame with one face."""
    return Metric(tuple((times - 1) / (count - 1) for times in times_the_cost.values), "x")
