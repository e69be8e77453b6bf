"""Ours and the named peers on the same frames, block by block in turn."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial

import numpy as np
from numpy.typing import NDArray

from realtime3d.bench.measure import Metric, block, blocks_in_turn, one, ratio
from realtime3d.bench.peers.client import Frames, PeerProcess
from realtime3d.bench.peers.spec import Peer
from realtime3d.bench.pipeline import Walk
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.errors import MissingError, UsageError
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image


def peers(bench: Bench) -> Result:
    """Ours with one thread and the peers named by --peer, each in its own environment, block by block in turn."""
    if not bench.peers:
        raise UsageError("no peer is named: add --peer openseeface=DIR, --peer 3ddfa=DIR or --peer facelandmarker=FILE")
    images = bench.frames()
    with ExitStack() as stack:
        tracker = stack.enter_context(bench.tracker(threads=1, max_faces=1))
        frames = stack.enter_context(closing(Frames(images, _boxes(tracker, images))))
        tracker.reset()
        walk = Walk(tracker, images)
        walk.settle(bench.effort)
        others, failures = _started(bench.peers, frames, stack)
        mine, *theirs = blocks_in_turn(
            [partial(block, walk.step), *(other.block for other in others.values())], bench.effort
        )
    metrics: dict[str, Metric] = {"ours_ms": mine.wall, "ours_cpu_ms": mine.cpu, "faces": walk.faces_seen}
    notes = ["ours runs its nets on one thread; all follow one face at most", *failures]
    for (peer, other), timing in zip(others.items(), theirs, strict=True):
        metrics |= {
            f"{peer.name}_ms": timing.wall,
            f"{peer.name}_times_as_fast": ratio(mine.rate, timing.rate, "higher"),
            f"{peer.name}_cpu_ms": timing.cpu,
            f"{peer.name}_cpu_ratio": ratio(timing.cpu, mine.cpu, "higher"),
            f"{peer.name}_faces": one(other.faces / other.frames, "faces"),
        }
        versions = ", ".join(f"{name} {version}" for name, version in other.versions.items())
        notes.append(f"{peer.name}: {peer.known.title}; it gives {peer.known.gives}; {versions}")
    return Result({"picture": "640x480", "faces": 1, "threads": 1}, metrics, notes)


def _started(peers: tuple[Peer, ...], frames: Frames, stack: ExitStack) -> tuple[dict[Peer, PeerProcess], list[str]]:
    """Those that run, and why others do not; an error where none does."""
    running: dict[Peer, PeerProcess] = {}
    failures: list[str] = []
    for peer in peers:
        try:
            running[peer] = stack.enter_context(closing(PeerProcess(peer, frames)))
        except MissingError as error:
            failures.append(f"{peer.name}: not measured: {error}")
    if not running:
        raise MissingError("; ".join(failures))
    return running, failures


def _boxes(tracker: FaceTracker, images: tuple[Image, ...]) -> NDArray[np.float32]:
    """A face box for each frame, for peers that need one: ours; the last one where nobody is seen."""
    height, width = images[0].shape[:2]
    box = np.array([0, 0, width, height], np.float32)
    boxes = []
    for i, image in enumerate(images):
        faces = tracker.process(image, t=i / 30).faces
        box = faces[0].box.astype(np.float32) if faces else box
        boxes.append(box)
    return np.stack(boxes)
