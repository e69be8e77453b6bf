"""What matters live: how old a result is, how many streams fit, how soon the first result comes, what memory does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from realtime3d.bench import scenes
from realtime3d.bench.machine import resident_mb
from realtime3d.bench.measure import FULL, Effort, Metric, one, percentile
from realtime3d.bench.pipeline import Walk
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.clock import now_ns
from realtime3d.config import Config
from realtime3d.errors import MissingError
from realtime3d.io.latest import Closed, Latest, join
from realtime3d.tracker import FaceTracker
from realtime3d.types import Frame, Image

STREAMS = (1, 2, 4, 8)
BATCH_OF_FRAMES = 250  # between two looks at the memory
MEMORY_FRAMES = 30  # different pictures while it is watched


def latency(bench: Bench) -> Result:
    """From capture to result: a source gives 30 frames a second on the clock, the newest wins, others are dropped."""
    seconds = max(1.0, 2 * bench.effort.block_s)
    ages: list[list[float]] = []
    dropped = 0
    with bench.tracker() as tracker:
        images = bench.frames()
        Walk(tracker, images).settle(bench.effort)
        tracker.reset()
        _paced(images, bench.effort.warm_up_s, lambda frame: tracker.process_frame(frame))
        for _ in range(bench.effort.repeats):
            found, lost = _paced(images, seconds, lambda frame: tracker.process_frame(frame))
            ages.append(found)
            dropped += lost
    frames = sum(map(len, ages)) + dropped
    metrics = {f"p{share}_ms": Metric(tuple(percentile(a, share / 100) for a in ages), "ms") for share in (50, 95, 99)}
    metrics["dropped"] = one(100 * dropped / frames, "%", "lower")
    return Result({"picture": "640x480", "faces": 1, "source_fps": scenes.FPS}, metrics)


def _paced(images: tuple[Image, ...], seconds: float, process: Callable[[Frame], object]) -> tuple[list[float], int]:
    """Ages of results in ms, and how many frames were dropped."""
    box: Latest[Frame] = Latest()
    count = max(3, round(seconds * scenes.FPS))
    producer = threading.Thread(target=_produce, args=(box, images, count), name="bench-camera", daemon=True)
    producer.start()
    ages: list[float] = []
    try:
        while True:
            frame = box.get(5.0)
            if frame is not None:
                process(frame)
                ages.append((now_ns() - frame.t_ns) / 1e6)
    except Closed:
        join(producer, 5.0)
    return ages, box.dropped


def _produce(box: Latest[Frame], images: tuple[Image, ...], count: int) -> None:
    """Frames at their times, stamped as a camera does; the consumer waits for the end mark whatever happens."""
    error: BaseException | None = None
    try:
        frames = scenes.Endless(images)
        start = now_ns()
        for i in range(count):
            due = start + round(i * 1e9 / scenes.FPS)
            time.sleep(max(0.0, (due - now_ns()) / 1e9))
            frame = frames.next(now_ns())
            box.put(replace(frame, image=frame.image.copy()))  # a camera's frames are new memory
    except BaseException as failure:  # it is raised where frames are taken
        error = failure
    box.close(error)


def streams(bench: Bench) -> Result:
    """1, 2, 4 and 8 streams side by side in one process, each with a tracker of one thread of its own, unpaced."""
    metrics: dict[str, Metric] = {}
    best: list[float] = [0.0]
    for count in STREAMS:
        values = _side_by_side(bench, count)
        metrics[f"total_fps_{count}"] = Metric(values, "fps", "higher")
        best = max(best, list(values), key=lambda v: sorted(v)[len(v) // 2])
    for rate in (15, 30):
        metrics[f"streams_at_{rate}_fps"] = Metric(tuple(v / rate for v in best), "streams", "higher")
    notes = ["streams_at_N_fps is the best total rate over N"]
    return Result({"picture": "640x480", "faces": 1, "threads": 1}, metrics, notes)


def _side_by_side(bench: Bench, count: int) -> tuple[float, ...]:
    """Frames a second of all streams together, one value a repeat."""
    trackers = [bench.tracker(threads=1) for _ in range(count)]
    walks = [Walk(tracker, bench.frames()) for tracker in trackers]
    try:
        for walk in walks:
            walk.settle(bench.effort)
        return tuple(_total_fps(walks, bench.effort) for _ in range(bench.effort.repeats))
    finally:
        for tracker in trackers:
            tracker.close()


def _total_fps(walks: list[Walk], effort: Effort) -> float:
    start, end = time.perf_counter(), time.perf_counter() + effort.block_s
    errors: list[BaseException] = []

    def follow(walk: Walk) -> None:
        try:
            while time.perf_counter() < end:
                walk.step()
        except BaseException as error:  # it is raised in the caller's thread
            errors.append(error)

    for walk in walks:
        walk.results = 0
    threads = [threading.Thread(target=follow, args=(walk,), daemon=True) for walk in walks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(walk.results for walk in walks) / (time.perf_counter() - start)


FIRST_RESULT = """
import json, sys, time
from pathlib import Path
start = time.perf_counter()
import realtime3d
from realtime3d.config import Config
imported = time.perf_counter()
from realtime3d.bench import scenes
frames = scenes.clip_frames(Path(sys.argv[2]) if sys.argv[2] else None)
read = time.perf_counter()
config = Config().updated(json.loads(sys.argv[1]))
tracker = realtime3d.FaceTracker(config=config).open()
opened = time.perf_counter()
tracker.process(frames[0], t=0.0)
print(json.dumps({"import_s": imported - start, "open_s": opened - read, "first_s": time.perf_counter() - opened}))
"""


def cold_start(bench: Bench) -> Result:
    """A fresh process: importing, opening models and detector, and the first result after that."""
    rounds = [_fresh(FIRST_RESULT, bench) for _ in range(min(bench.effort.repeats, 5))]
    metrics = {name: Metric(tuple(r[name] for r in rounds), "s") for name in rounds[0]}
    metrics["until_first_result_s"] = Metric(tuple(sum(r.values()) for r in rounds), "s")
    return Result({"picture": "640x480"}, metrics, ["the system's file cache is warm from the second round on"])


MEMORY = """
import json, sys
from pathlib import Path
from realtime3d.bench import live
from realtime3d.config import Config
config = Config().updated(json.loads(sys.argv[1]))
print(json.dumps(live.held_mb(config, Path(sys.argv[2]) if sys.argv[2] else None, *map(int, sys.argv[3:]))))
"""


def memory(bench: Bench) -> Result:
    """Memory of a fresh process that follows one face: after settling, at the end, growth over the second half."""
    if resident_mb() is None:
        raise MissingError("this system does not say how much memory a process holds: run this scenario on Linux")
    looks = max(4, 2 * bench.effort.repeats)
    held: list[float] = _fresh(MEMORY, bench, str(looks), str(BATCH_OF_FRAMES))
    half = held[len(held) // 2 :]
    growth = (half[-1] - half[0]) / ((len(half) - 1) * BATCH_OF_FRAMES / 1000)
    metrics = {
        "after_settling": one(held[0], "MB", "lower"),
        "at_the_end": one(held[-1], "MB", "lower"),
        "growth": one(growth, "MB per 1000 frames", "lower"),
    }
    notes = [f"{MEMORY_FRAMES} decoded frames are part of it"]
    return Result({"picture": "640x480", "faces": 1, "frames": looks * BATCH_OF_FRAMES}, metrics, notes)


def held_mb(config: Config, clip: Path | None, looks: int, frames: int) -> list[float]:
    """Memory of this process in MB, after settling and after each further `frames` frames."""
    images = scenes.sized(scenes.clip_frames(clip)[:MEMORY_FRAMES], *scenes.SIZES["480p"])
    scenes.clip_frames.cache_clear()
    held: list[float] = []
    with FaceTracker(config=config) as tracker:
        walk = Walk(tracker, images)
        walk.settle(FULL)
        for _ in range(looks):
            held.append(resident_mb() or 0.0)
            for _ in range(frames):
                walk.step()
            walk.stages.clear()
        held.append(resident_mb() or 0.0)
    return held


def _fresh(code: str, bench: Bench, *more: str) -> Any:
    """What `code` prints as JSON in a process of its own; it gets the settings, the clip and `more`."""
    words = [sys.executable, "-c", code, json.dumps(bench.config.as_dict()), str(bench.clip or ""), *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingError(f"a fresh process could not start ({reason}): run `realtime3d doctor`")
    return json.loads(done.stdout.splitlines()[-1])
