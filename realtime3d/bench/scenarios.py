"""What can be measured: a name, what it means, and the function that does it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime3d.bench.measure import Effort, Metric
from realtime3d.bench.peers.spec import Peer
from realtime3d.config import Config
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image


@dataclass(frozen=True, slots=True)
class Bench:
    """What every scenario gets."""

    config: Config
    effort: Effort
    clip: Path | None = None  # None: the bundled one
    peers: tuple[Peer, ...] = ()  # that the user named

    def tracker(self, **changes: Any) -> FaceTracker:
        """A tracker as configured; `changes` are options of `FaceTracker`."""
        return FaceTracker(config=self.config, **changes)

    def frames(self, size: str = "480p") -> tuple[Image, ...]:
        """The clip's frames at one of `scenes.SIZES`; of larger ones fewer, for they stay in memory."""
        from realtime3d.bench.scenes import LIMIT, SIZES, clip_frames, sized

        count = LIMIT if size == "480p" else LIMIT // 4
        return sized(clip_frames(self.clip)[:count], *SIZES[size])


@dataclass(frozen=True, slots=True)
class Result:
    """What a scenario found. `workload` says on what; `notes` what the reader must know."""

    workload: dict[str, Any]
    metrics: dict[str, Metric]
    notes: list[str] = field(default_factory=list)


SCENARIOS = {  # name -> function, imported when it runs; the order of the report
    "nets": "realtime3d.bench.nets:nets",
    "pipeline": "realtime3d.bench.pipeline:pipeline",
    "overlay": "realtime3d.bench.pipeline:overlay",
    "encoding": "realtime3d.bench.files:encoding",
    "peer": "realtime3d.bench.pipeline:peer",
    "peers": "realtime3d.bench.peers.side_by_side:peers",
    "latency": "realtime3d.bench.live:latency",
    "faces": "realtime3d.bench.crowd:faces",
    "sizes": "realtime3d.bench.pipeline:sizes",
    "detector": "realtime3d.bench.pipeline:detector",
    "streams": "realtime3d.bench.streams:streams",
    "cold-start": "realtime3d.bench.live:cold_start",
    "memory": "realtime3d.bench.live:memory",
}
QUICK = ("nets", "pipeline", "overlay", "peer", "latency")


def scenario(name: str) -> Callable[[Bench], Result]:
    """The function of a scenario; the first line of its docstring says what it measures."""
    module, _, function = SCENARIOS[name].partition(":")
    found: Callable[[Bench], Result] = getattr(importlib.import_module(module), function)
    return found
