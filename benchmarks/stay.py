"""Hours of a live source at speed, with page, avatars and files on: does anything grow?

    python -m benchmarks.stay --hours 8                 frames as fast as they are followed
    python -m benchmarks.stay --minutes 30 --paced      in real time
    python -m benchmarks.stay --hours 8 --most 900      ends after 900 s, with as much as was done

Somebody is there for 20 s, then nobody for 4 s. A back end without nets answers; `--nets` takes the real ones. The page
has two viewers in a process of their own, one that draws 30 pictures a second and one that reads four, and comes and
goes. Memory, threads, open files and the number of Python objects are looked at a hundred times.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from realtime3d import FaceTracker
from realtime3d.avatar.options import SendOptions
from realtime3d.bench.machine import commit, load, machine, resident_mb
from realtime3d.config import Config
from realtime3d.jobs import Job
from realtime3d.running import open_run
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceStatus
from realtime3d.types import Frame, Image

FPS, SIZE = 30, (240, 320)  # small pictures: what grows does so by frames, not by pixels
LOOKS = 100
AWAY_S, THERE_S = 4, 20  # seconds without and with a face
BOX = (110.0, 60.0, 200.0, 165.0)


class Stage(Source):
    """A camera: plain pictures, and a clock that runs as fast as somebody looks, or as the real one."""

    def __init__(self, frames: int, paced: bool, most_s: float) -> None:
        self._count, self._paced, self._most_s = frames, paced, most_s
        tone = np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1]))[..., None]  # little work for the page's JPEG
        self._pictures: list[Image] = [((tone + 40 * i) // 5 * [1, 2, 3] % 256).astype(np.uint8) for i in range(4)]
        self.seen = 0
        self.looks: list[dict[str, float]] = []
        self.over = threading.Event()

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("stage", SIZE[1], SIZE[0], float(FPS), None, None, live=True)

    @property
    def status(self) -> SourceStatus:
        return SourceStatus()

    def __iter__(self) -> Iterator[Frame | Gap]:
        start = time.monotonic()
        every = self._most_s / LOOKS if self._most_s else 0.0
        for index in range(self._count):
            now = time.monotonic() - start
            if self._most_s and now > self._most_s:
                break
            if self._paced:
                time.sleep(max(0.0, index / FPS - now))
            if now >= every * len(self.looks) if every else index % max(1, self._count // LOOKS) == 0:
                self.looks.append({"hours": round(index / FPS / 3600, 3), **looked()})
            self.seen = index + 1
            yield Frame(index, index * 1_000_000_000 // FPS, self._pictures[index % len(self._pictures)], "stage")
        self.looks.append({"hours": round(self.seen / FPS / 3600, 3), **looked()})
        self.over.set()

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


def run(stage: Stage, nets: bool, page: bool, folder: Path) -> dict[str, Any]:
    config = Config() if nets else Config().updated({"models": {"backend": "fake", "threads": 1}})
    cv2.setNumThreads(1)  # on pictures that small threads wait for each other
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    port = receiver.getsockname()[1]
    outputs = {"csv": folder / "stage.csv", "jsonl": folder / "stage.jsonl", "parquet": folder / "stage.parquet"}
    sending = SendOptions(targets=tuple(f"{kind}://127.0.0.1:{port}" for kind in ("vmc", "livelink", "udp")))
    job = Job(source=stage, outputs=outputs, config=config, send=sending, blendshapes=True)
    start = time.perf_counter()
    if page:
        followed_by_page(job, stage, folder)
    else:
        with FaceTracker(config=config, boxes=Boxes()) as tracker, open_run(job, tracker) as opened:
            opened.follow()
    receiver.close()
    warm, last = stage.looks[len(stage.looks) // 10], stage.looks[-1]
    return {
        "frames": stage.seen,
        "hours_of_source": round(stage.seen / FPS / 3600, 2),
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(time.process_time(), 1),
        "page": page,
        "written_mb": round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6),
        "grown": {name: round(last[name] - warm[name], 1) for name in warm if name != "hours"},
        "after_a_tenth": warm,
        "at_the_end": last,
        "looks": stage.looks[:: max(1, LOOKS // 10)],
        "most_objects": Counter(type(o).__name__ for o in gc.get_objects()).most_common(8),
    }


def followed_by_page(job: Job, stage: Stage, folder: Path) -> None:
    """The stage behind the live page, which has viewers until it is over."""
    from realtime3d.view.web.serve import Address, serve

    class Watched(Job):
        def tracker(self) -> FaceTracker:
            return FaceTracker(config=self.config, boxes=Boxes())

    viewers: list[subprocess.Popen[bytes]] = []

    def ready(links: dict[str, str]) -> None:
        url = "ws" + links["page"].removeprefix("http") + "ws"
        viewers.append(subprocess.Popen([sys.executable, "-m", "benchmarks.stay", "--viewer", url]))

    values = {name: getattr(job, name) for name in Job.__dataclass_fields__}
    try:
        serve(
            Watched(**values),
            stage,  # type: ignore[arg-type]
            folder / "none.mp4",
            Address(),
            folder / "saved",
            ready=ready,
            stopped=lambda: stage.over.is_set() and written(folder / "stage.json"),
            need_page=False,
        )
    finally:
        for viewer in viewers:
            viewer.terminate()
            viewer.wait()


def written(sidecar: Path) -> bool:
    """Whether the run's files are finished: a busy machine takes its time for that."""
    return sidecar.exists() and json.loads(sidecar.read_text(encoding="utf-8"))["state"] != "running"


async def view(url: str) -> None:
    """Two viewers until the server is gone: one as fast as a screen, one slow, who comes again after some messages."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async def read(pause_s: float, messages: int, seen: Callable[[int], None]) -> None:
        async with connect(url, max_size=None, ping_interval=None) as socket:
            for number in range(messages):
                await socket.recv()
                seen(number)
                await asyncio.sleep(pause_s)

    async def again(pause_s: float, messages: int) -> None:
        count = 0

        def seen(_: int) -> None:
            nonlocal count
            count += 1

        while True:
            try:
                await read(pause_s, messages, seen)
            except (ConnectionClosed, TimeoutError):  # a machine that is too busy answers no ping in time
                continue
            except OSError:
                print(f"a viewer got {count} messages", file=sys.stderr)
                return

    await asyncio.gather(again(1 / FPS, 1_000_000), again(0.25, 100))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--nets", action="store_true")
    parser.add_argument("--no-page", action="store_true")
    parser.add_argument("--most", type=float, default=0.0, help="seconds after which the source ends")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--viewer", metavar="URL", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.viewer:
        asyncio.run(view(args.viewer))
        return
    frames = round(60 * FPS * (60 * args.hours + args.minutes)) or 60 * FPS
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = run(Stage(frames, args.paced, args.most), args.nets, not args.no_page, Path(folder))
    result = {"commit": commit(), "machine": machine(), "load": load(), "paced": args.paced, **found}
    print(json.dumps(result, indent=1, default=str))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
