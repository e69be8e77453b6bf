"""What matters live: how old a result is, how soon the first result comes, what memory does."""

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
from realtime3d.bench.machine import peak_mb, resident_mb
from realtime3d.bench.measure import Metric, one, percentile
from realtime3d.bench.pipeline import Walk
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.clock import now_ns, to_ns, to_s
from realtime3d.config import Config
from realtime3d.errors import MissingError
from realtime3d.sources.latest import Closed, Latest, join
from realtime3d.tracker import FaceTracker
from realtime3d.types import Frame, Image

BATCH_OF_FRAMES = 250  # between two looks at the memory
SETTLED_LOOKS = 2  # after so many everything is loaded and learnt
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
            due = start + to_ns(i / scenes.FPS)
            time.sleep(max(0.0, to_s(due - now_ns())))
            frame = frames.next(now_ns())
            box.put(replace(frame, image=frame.image.copy()))  # a camera's frames are new memory
    except BaseException as failure:  # it is raised where frames are taken
        error = failure
    box.close(error)


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
    """Memory of a fresh process that follows one face for 10,000 frames: its peak, and growth after the first 500."""
    if resident_mb() is None:
        raise MissingError("this system does not say how much memory a process holds: run this scenario on Linux")
    looks = max(SETTLED_LOOKS + 2, bench.effort.long_run // BATCH_OF_FRAMES)
    held: list[float] = _fresh(MEMORY, bench, str(looks), str(BATCH_OF_FRAMES))
    *held, peak = held
    metrics = {
        "peak": one(peak, "MB", "lower"),
        "after_first_500": one(held[SETTLED_LOOKS], "MB", "lower"),
        "at_the_end": one(held[-1], "MB", "lower"),
        "growth": one(held[-1] - held[SETTLED_LOOKS], "MB", "lower"),
    }
    notes = [f"{MEMORY_FRAMES} decoded frames are part of it", "growth is from the first 500 frames to the end"]
    return Result({"picture": "640x480", "faces": 1, "frames": looks * BATCH_OF_FRAMES}, metrics, notes)


def held_mb(config: Config, clip: Path | None, looks: int, frames: int) -> list[float]:
    """Memory of this process in MB, from the first frame on after each further `frames` frames; last its peak."""
    images = scenes.sized(scenes.clip_frames(clip)[:MEMORY_FRAMES], *scenes.SIZES["480p"])
    scenes.clip_frames.cache_clear()
    held: list[float] = []
    with FaceTracker(config=config) as tracker:
        walk = Walk(tracker, images)
        for _ in range(looks):
            held.append(resident_mb() or 0.0)
            for _ in range(frames):
                walk.step()
            walk.stages.clear()
        held.append(resident_mb() or 0.0)
    return [*held, peak_mb()]


def _fresh(code: str, bench: Bench, *more: str) -> Any:
    """What `code` prints as JSON in a process of its own; it gets the settings, the clip and `more`."""
    words = [sys.executable, "-c", code, json.dumps(bench.config.as_dict()), str(bench.clip or ""), *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingError(f"a fresh process could not start ({reason}): run `realtime3d doctor`")
    return json.loads(done.stdout.splitlines()[-1])
