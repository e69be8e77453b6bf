"""Hours of a live source at speed, with avatars and files on: does anything grow?

    python -m benchmarks.stay --hours 8                 frames as fast as they are followed
    python -m benchmarks.stay --minutes 30 --paced      in real time

Somebody is there for 20 s, then nobody for 4 s. A back end without nets answers; `--nets` takes the real ones. Memory,
threads, open files and the number of Python objects are looked at a hundred times.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d import FaceTracker
from realtime3d.avatar.options import SendOptions
from realtime3d.bench.machine import commit, load, machine, resident_mb
from realtime3d.config import Config
from realtime3d.jobs import Job, open_run
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceStatus
from realtime3d.types import Frame, Image

FPS, SIZE = 30, (480, 640)
LOOKS = 100
AWAY_S, THERE_S = 4, 20  # seconds without and with a face
BOX = (220.0, 120.0, 400.0, 330.0)


class Stage(Source):
    """A camera that never ends: noise, and a clock that runs as fast as somebody looks, or as the real one."""

    def __init__(self, frames: int, paced: bool) -> None:
        self._count, self._paced = frames, paced
        chance = np.random.default_rng(0)
        self._pictures: list[Image] = [chance.integers(0, 255, (*SIZE, 3), np.uint8) for _ in range(4)]
        self.seen = 0

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("stage", SIZE[1], SIZE[0], float(FPS), None, None, live=True)

    @property
    def status(self) -> SourceStatus:
        return SourceStatus()

    def __iter__(self) -> Iterator[Frame | Gap]:
        start = time.monotonic()
        for index in range(self._count):
            if self._paced:
                time.sleep(max(0.0, start + index / FPS - time.monotonic()))
            self.seen = index + 1
            yield Frame(index, index * 1_000_000_000 // FPS, self._pictures[index % len(self._pictures)], "stage")

    def close(self) -> None:
        """There is nothing to close."""


class Boxes:
    """A detector: somebody is there for a while, and then not."""

    def open(self) -> None:
        """Nothing to open."""

    def detect(self, frame: Frame) -> list[Any]:
        from realtime3d.types import FaceBox

        there = frame.index % (FPS * (AWAY_S + THERE_S)) >= FPS * AWAY_S
        return [FaceBox(np.array(BOX, np.float32), 1.0)] if there else []

    def close(self) -> None:
        """Nothing to close."""


def looked() -> dict[str, float]:
    """What this process holds."""
    gc.collect()
    return {
        "mb": round(resident_mb() or 0.0, 1),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "objects": len(gc.get_objects()),
    }


def run(frames: int, paced: bool, nets: bool, folder: Path) -> dict[str, Any]:
    config = Config() if nets else Config().updated({"models": {"backend": "fake", "threads": 1}})
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    port = receiver.getsockname()[1]
    source, looks = Stage(frames, paced), []
    every = max(1, frames // LOOKS)
    outputs = {"csv": folder / "stage.csv", "jsonl": folder / "stage.jsonl", "parquet": folder / "stage.parquet"}
    sending = SendOptions(targets=(f"vmc://127.0.0.1:{port}", f"udp://127.0.0.1:{port}"))
    job = Job(source=source, outputs=outputs, config=config, send=sending, blendshapes=True)

    def observe(result: Any) -> None:
        if source.seen % every == 0:
            looks.append(looked())

    start = time.perf_counter()
    with FaceTracker(config=config, boxes=Boxes()) as tracker, open_run(job, tracker) as opened:
        summary = opened.follow(observe=observe)
    receiver.close()
    warm = looks[len(looks) // 10]
    return {
        "frames": summary.frames,
        "hours_of_source": round(summary.frames / FPS / 3600, 2),
        "seconds": round(time.perf_counter() - start, 1),
        "grown": {name: round(looks[-1][name] - warm[name], 1) for name in warm},
        "after_a_tenth": warm,
        "at_the_end": looks[-1],
        "most_objects": Counter(type(o).__name__ for o in gc.get_objects()).most_common(8),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--nets", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    frames = round(60 * FPS * (60 * args.hours + args.minutes)) or 60 * FPS
    with tempfile.TemporaryDirectory() as folder:
        found = run(frames, args.paced, args.nets, Path(folder))
    result = {"commit": commit(), "machine": machine(), "load": load(), "paced": args.paced, **found}
    print(json.dumps(result, indent=1, default=str))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
