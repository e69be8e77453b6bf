"""A whole run: source, tracker, overlay, sinks, and the thread that writes.

The caller's thread reads and tracks. Results reach files and receivers through the threads of `sinks.writers`. What is
shown in a window is drawn by the caller's thread. A camera has its own thread inside its source.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from realtime3d.face.state import FrameResult
from realtime3d.sinks.base import Sink
from realtime3d.sinks.writers import Delivery
from realtime3d.sources.base import Gap, Source, SourceStatus
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image

if TYPE_CHECKING:
    from realtime3d.render.base import Renderer


class Window(Protocol):
    """Where a run is watched. Everything happens in the thread that runs the pipeline."""

    def show(self, result: FrameResult, image: Image) -> None:
        """Show a drawn picture."""
        ...

    def wait(self, status: SourceStatus, image: Image | None) -> None:
        """No new picture, for this reason: stay alive and say so. `image`: the last one, with faces as of now."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the user has ended the run."""
        ...


@dataclass(slots=True)
class Summary:
    """What a run did."""

    source: str = ""  # its name
    sent: list[str] = field(default_factory=list)  # one line for each program that got values
    files: list[Path] = field(default_factory=list)  # that were written
    frames: int = 0  # that were followed
    dropped: int = 0  # by the source
    faces: int = 0  # faces summed over frames
    seconds: float = 0.0  # from the first frame asked for to the last file finished
    stages: dict[str, float] = field(default_factory=dict)  # stage -> seconds, summed over frames
    left_out: dict[str, int] = field(default_factory=dict)  # receiver -> results it never saw, replaced by newer ones

    @property
    def fps(self) -> float:
        """Frames a second, files included."""
        return self.frames / self.seconds if self.seconds else 0.0

    def add(self, result: FrameResult, extra: dict[str, float]) -> None:
        """One frame more; `extra` has the seconds of stages that the tracker does not know."""
        self.frames += 1
        self.dropped += result.dropped
        self.faces += len(result.faces)
        for stage, seconds in [*result.timings.items(), *extra.items()]:
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds


def run(
    source: Source,
    tracker: FaceTracker,
    sinks: Sequence[Sink] = (),
    renderer: Renderer | None = None,
    *,
    window: Window | None = None,
    until: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    observe: Callable[[FrameResult], None] | None = None,
) -> Summary:
    """Track every frame of `source` and give it to all sinks; files are finished whatever happens.

    The overlay is drawn by `renderer` (none: pictures stay as they are), and only when a sink or the window wants a
    picture. `until` may end the frames early (Ctrl-C); `observe` is called with each result, for progress bars. The
    first failure, of whichever part and thread, ends the run and is raised after everything is closed.
    """
    summary = Summary()
    start = time.perf_counter()
    wanted = window is not None or any(sink.needs_image for sink in sinks)
    draw = (renderer.draw if renderer else _as_it_is) if wanted else None
    here = window is not None or (renderer is not None and not renderer.any_thread)
    draw_here, draw_there = (draw, None) if here else (None, draw)
    with Delivery(sinks, draw_there) as delivery:
        asked = time.perf_counter()
        for item in until(source):
            if isinstance(item, Gap):
                missed = tracker.miss(item.t_ns)
                if missed:
                    delivery.missed(missed)
                if window:
                    window.wait(item.status, draw_here(missed.frame.image, missed) if missed and draw_here else None)
            else:
                extra = {"read": time.perf_counter() - asked}
                result = tracker.process_frame(item, source.status.dropped - summary.dropped)
                extra |= _deliver(result, draw_here, delivery, window)
                summary.add(result, extra)
                if observe:
                    observe(result)
            if window and window.closed:
                break
            asked = time.perf_counter()
    if draw_there:
        summary.stages["draw"] = delivery.drawing_s
    summary.left_out = delivery.left_out
    summary.seconds = time.perf_counter() - start
    return summary


def _as_it_is(image: Image, result: FrameResult) -> Image:
    return image


def _deliver(
    result: FrameResult,
    draw: Callable[[Image, FrameResult], Image] | None,
    delivery: Delivery,
    window: Window | None,
) -> dict[str, float]:
    """Draw, show and write one result; seconds spent by stage."""
    start = time.perf_counter()
    image = draw(result.frame.image, result) if draw else None
    drawn = time.perf_counter()
    if window and image is not None:
        window.show(result, image)
    shown = time.perf_counter()
    delivery.write(result, image)
    return {"draw": drawn - start, "show": shown - drawn, "write": time.perf_counter() - shown}
