"""What sending costs: time of each protocol, age of the picture when a packet leaves, memory over a million packets.

python benchmarks/senders.py                 # all of it (half an hour); writes benchmarks/results/senders.json
python benchmarks/senders.py --packets 20000 # a shorter memory run, writes nothing

The age is measured with a camera made of the demo clip: 30 pictures a second, stamped when they are handed out,
followed by the tracker, sent to all targets at once over this machine's own network.
"""

from __future__ import annotations

import argparse
import gc
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

import realtime3d as r3d
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.avatar.sender import Sender
from realtime3d.bench.machine import machine
from realtime3d.clock import now_ns
from realtime3d.demo import clip_path
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.pipeline import run
from realtime3d.sinks.read_back import RecordedFace
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
    """Results of the clip, tracked once."""
    with r3d.FaceTracker() as tracker:
        found = []
        for result in tracker.track(str(clip_path())):
            found.append(result)
            if len(found) == count:
                break
    blank = np.zeros((1, 1, 3), np.uint8)
    return [replace(r, frame=replace(r.frame, image=np.broadcast_to(blank[:, :1], (480, 640, 3)))) for r in found]


def weighed(results: Sequence[FrameResult]) -> list[FrameResult]:
    """The same with weights that are computed once: for a million packets in an acceptable time."""
    return [replace(r, faces=tuple(with_weights(face) for face in r.faces)) for r in results]


def with_weights(face: FaceState) -> RecordedFace:
    known = {field.name: getattr(face, field.name) for field in fields(face)}
    return RecordedFace(**known, weights=face.blendshapes())


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


def memory(results: Sequence[FrameResult], url: str, packets: int) -> dict[str, float | list[float]]:
    """Resident memory while so many packets are sent; the first tenth fills what is bounded."""
    (sender,) = Sending(SendOptions((url,))).senders
    readings, turns = [], 0
    start = time.perf_counter()
    with sender:
        for step in range(1, STEPS + 1):
            while sender.line.sent < packets * step / STEPS:  # type: ignore[attr-defined]
                play(sender, results, 1, first=turns)
                turns += 1
            gc.collect()
            readings.append(round(resident_mb(), 2))
    grown = round(readings[-1] - readings[0], 2)
    sent = sender.line.sent  # type: ignore[attr-defined]
    seconds = time.perf_counter() - start
    print(
        f"{sent} packets in {seconds:.0f} s, {readings[0]:.1f} MB after a tenth, {readings[-1]:.1f} MB: {grown:+.2f} MB"
    )
    return {"packets": sent, "seconds": round(seconds, 1), "resident_mb": readings, "grown_mb": grown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--live-seconds", type=float, default=LIVE_S)
    args = parser.parse_args()
    listener = Listener()
    results = recorded(250)
    found = {
        "machine": machine(),
        "cost": costs(results, listener.urls),
        "age": ages(listener.urls, args.live_seconds),
        "memory": {},
    }
    light = weighed(results)
    for name, url in listener.urls.items():
        print(f"{name:14} ", end="")
        found["memory"][name] = memory(light, url, args.packets)
    if args.packets >= 1_000_000:
        path = ROOT / "benchmarks" / "results" / "senders.json"
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(f"written: {path}")


if __name__ == "__main__":
    main()
