"""What sending costs: time of each protocol, age of the picture when a packet leaves, memory over a million packets.

python benchmarks/senders.py                 # all of it (half an hour); writes benchmarks/results/senders.json
python benchmarks/senders.py --packets 20000 # a shorter memory run, writes nothing

The age is measured with a camera made of the demo clip: 30 pictures a second, stamped when they are handed out,
followed by the tracker, sent to all targets at once over this machine's own network.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import realtime3d as r3d
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.avatar.sender import Sender
from realtime3d.bench.machine import machine
from realtime3d.clock import now_ns
from realtime3d.demo import clip_path
from realtime3d.face.state import FrameResult
from realtime3d.pipeline import run
from realtime3d.sinks.tables import CsvSink, TableOptions
from realtime3d.sources.base import Source, SourceInfo, SourceStatus
from realtime3d.types import Frame, Image

ROOT = Path(__file__).resolve().parent.parent
UDP = ("vmc", "livelink", "ifacialmocap", "openseeface", "osc", "udp")
RATE, LIVE_S = 30, 60
STEPS = 10  # readings of memory over a run


class Clip(Source):
    """The demo clip as a camera."""

    def __init__(self, pictures: Sequence[Image], seconds: float) -> None:
        self._pictures, self._seconds = pictures, seconds
        height, width = pictures[0].shape[:2]
        self._info = SourceInfo("clip as a camera", width, height, float(RATE), None, None, live=True, zero_ns=now_ns())

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def status(self) -> SourceStatus:
        return SourceStatus()

    def __iter__(self) -> Iterator[Frame]:
        start = time.monotonic()
        for index in range(int(self._seconds * RATE)):
            wait = start + index / RATE - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            yield Frame(index, now_ns(), self._pictures[index % len(self._pictures)], "clip")

    def close(self) -> None:
        pass


class Listener:
    """Takes datagrams of all targets and throws them away."""

    def __init__(self) -> None:
        self._sockets = {name: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for name in UDP}
        self.urls = {}
        for name, one in self._sockets.items():
            one.bind(("127.0.0.1", 0))
            self.urls[name] = f"{name}://127.0.0.1:{one.getsockname()[1]}"
            threading.Thread(target=self._take, args=(one,), daemon=True).start()

    @staticmethod
    def _take(one: socket.socket) -> None:
        while True:
            one.recv(65535)


def pictures() -> list[Image]:
    with r3d.open_source(str(clip_path())) as source:
        return [item.image for item in source if isinstance(item, Frame)]


def recorded(count: int) -> list[FrameResult]:
    """Results of the clip, tracked once; without their pictures."""
    with r3d.FaceTracker() as tracker:
        found = list(itertools.islice(tracker.track(str(clip_path())), count))
    nothing = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), found[0].frame.image.shape)
    return [replace(result, frame=replace(result.frame, image=nothing)) for result in found]


def costs(results: Sequence[FrameResult], urls: dict[str, str], turns: int = 20) -> dict[str, dict[str, float]]:
    """Milliseconds from a result to its packet, weights and shaping included, each protocol alone."""
    found = {}
    for name, url in urls.items():
        (sender,) = Sending(SendOptions((url,))).senders
        with sender:
            play(sender, results, turns)
        found[name] = {"p50_ms": round(sender.encode_ms.at(50), 3), "p95_ms": round(sender.encode_ms.at(95), 3)}
        print(f"{name:14} {found[name]['p50_ms']:.3f} ms, p95 {found[name]['p95_ms']:.3f}")
    return found


def play(sender: Sender, results: Sequence[FrameResult], turns: int, first: int = 0) -> None:
    for i in range(first * len(results), (first + turns) * len(results)):
        result = results[i % len(results)]
        sender.write(replace(result, frame=replace(result.frame, t_ns=i * 1_000_000_000 // RATE)), None)


def ages(urls: dict[str, str], seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds from a picture to its packets, all targets at once beside the tracker."""
    camera = Clip(pictures(), seconds)
    senders = Sending(SendOptions(tuple(urls.values())), zero_ns=camera.info.zero_ns, live=True).senders
    with r3d.FaceTracker() as tracker:
        tracker.process(camera._pictures[0], 0.0)  # nets are loaded before the clock runs
        tracker.reset()
        summary = run(camera, tracker, senders)
    found = {}
    for name, sender in zip(urls, senders, strict=True):
        age = sender.latency_ms
        found[name] = {"p50_ms": round(age.at(50), 1), "p95_ms": round(age.at(95), 1), "frames": age.count}
        print(f"{name:14} {found[name]['p50_ms']:.1f} ms after the picture, p95 {found[name]['p95_ms']:.1f}")
    print(f"{summary.frames} frames at {summary.fps:.1f}/s")
    return found


def resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def memory(results: Sequence[FrameResult], url: str, packets: int) -> dict[str, Any]:
    """What the process holds while so many packets are sent: resident memory, and Python's own count of blocks.

    Ten readings; the first, after a tenth, comes when everything that is bounded is full.
    """
    (sender,) = Sending(SendOptions((url,))).senders
    readings, blocks, turns = [], [], 0
    start = time.perf_counter()
    with sender:
        for step in range(1, STEPS + 1):
            while sender.line.sent < packets * step / STEPS:
                play(sender, results, 1, first=turns)
                turns += 1
            gc.collect()
            readings.append(round(resident_mb(), 2))
            blocks.append(sys.getallocatedblocks())
    return {
        "packets": sender.line.sent,
        "seconds": round(time.perf_counter() - start, 1),
        "resident_mb": readings,
        "grown_mb": round(readings[-1] - readings[0], 2),
        "grown_blocks": blocks[-1] - blocks[0],
    }


def in_a_fresh_process(name: str, table: Path, packets: int) -> dict[str, Any]:
    """`memory` of one protocol without nets and pictures, whose freed memory would hide a leak."""
    command = [sys.executable, __file__, "--packets", str(packets), "--memory-of", name, "--table", str(table)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(
        f"{name:14} {found['packets']} packets in {found['seconds']:.0f} s, {found['resident_mb'][0]:.1f} MB after a "
        f"tenth, {found['grown_mb']:+.2f} MB and {found['grown_blocks']:+d} blocks since",
        flush=True,
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--live-seconds", type=float, default=LIVE_S)
    parser.add_argument("--memory-of", choices=UDP, help=argparse.SUPPRESS)
    parser.add_argument("--table", help=argparse.SUPPRESS)
    args = parser.parse_args()
    listener = Listener()
    if args.memory_of:
        results = list(r3d.read_table(args.table))
        print(json.dumps(memory(results, listener.urls[args.memory_of], args.packets)))
        return
    results = recorded(250)
    found: dict[str, Any] = {"machine": machine(), "load": os.getloadavg()}
    found |= {"cost": costs(results, listener.urls), "age": ages(listener.urls, args.live_seconds), "memory": {}}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "clip.csv"
        with CsvSink(table, TableOptions(results[0].faces[0].model, blendshapes=True)) as sink:
            for result in results:
                sink.write(result, None)
        for name in UDP:
            found["memory"][name] = in_a_fresh_process(name, table, args.packets)
    if args.packets >= 1_000_000:
        path = ROOT / "benchmarks" / "results" / "senders.json"
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(f"written: {path}")


if __name__ == "__main__":
    main()
