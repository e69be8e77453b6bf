"""A whole run: source, tracker, overlay, sinks, and the thread that writes.

The caller's thread reads and tracks; one more thread draws and writes the files, behind a bounded queue. What is shown
in a window is drawn by the caller's thread. A camera has its own thread inside its source.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from realtime3d.errors import OutputError
from realtime3d.face.state import FrameResult
from realtime3d.sinks.base import Sink
from realtime3d.sources.base import Gap, Source, SourceStatus
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime3d.render.base import Renderer

QUEUE_FRAMES = 8  # pictures that may wait to be written
STUCK_S = 30.0  # without progress for so long, a thread counts as stuck
POLL_S = 0.1


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
    files: list[Path] = field(default_factory=list)  # that were written
    frames: int = 0
    dropped: int = 0  # by the source
    faces: int = 0  # faces summed over frames
    seconds: float = 0.0  # from the first frame asked for to the last file finished
    stages: dict[str, float] = field(default_factory=dict)  # stage -> seconds, summed over frames

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    def add(self, result: FrameResult, extra: dict[str, float]) -> None:
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
    picture. `until` may end the frames early
    (Ctrl-C); `observe` is called with each result, for progress bars. The first failure, of whichever part and thread,
    ends the run and is raised after everything is closed.
    """
    summary = Summary()
    start = time.perf_counter()
    wanted = window is not None or any(sink.needs_image for sink in sinks)
    draw = (renderer.draw if renderer else _as_it_is) if wanted else None
    here = window is not None or (renderer is not None and not renderer.any_thread)
    draw_here, draw_there = (draw, None) if here else (None, draw)
    with Recorder(sinks, draw_there) as recorder:
        asked = time.perf_counter()
        for item in until(source):
            if isinstance(item, Gap):
                missed = tracker.miss(item.t_ns)
                if window:
                    window.wait(item.status, draw_here(missed.frame.image, missed) if missed and draw_here else None)
            else:
                extra = {"read": time.perf_counter() - asked}
                result = tracker.process_frame(item, source.status.dropped - summary.dropped)
                extra |= _deliver(result, draw_here, recorder, window)
                summary.add(result, extra)
                if observe:
                    observe(result)
            if window and window.closed:
                break
            asked = time.perf_counter()
    if draw_there:
        summary.stages["draw"] = recorder.drawing_s
    summary.seconds = time.perf_counter() - start
    return summary


def _as_it_is(image: Image, result: FrameResult) -> Image:
    return image


def _deliver(
    result: FrameResult,
    draw: Callable[[Image, FrameResult], Image] | None,
    recorder: Recorder,
    window: Window | None,
) -> dict[str, float]:
    """Draw, show and write one result; seconds spent by stage."""
    start = time.perf_counter()
    image = draw(result.frame.image, result) if draw else None
    drawn = time.perf_counter()
    if window and image is not None:
        window.show(result, image)
    shown = time.perf_counter()
    recorder.write(result, image)
    return {"draw": drawn - start, "show": shown - drawn, "write": time.perf_counter() - shown}


class Recorder:
    """Writes results to sinks in a thread of its own, in order; with `draw`, it makes their pictures there, too.

    `write` waits while the queue is full, so that memory stays bounded and no frame is lost. An error of a sink is
    raised by the next `write`, or at the end. Sinks are opened and finished in the caller's thread.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        draw: Callable[[Image, FrameResult], Image] | None = None,
        queue_frames: int = QUEUE_FRAMES,
        stuck_s: float = STUCK_S,
    ) -> None:
        self._sinks = sinks
        self._draw = draw
        self.drawing_s = 0.0
        self._stuck_s = stuck_s
        self._queue: queue.Queue[tuple[FrameResult, Image | None] | None] = queue.Queue(queue_frames)
        self._open = ExitStack()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._written = 0
        self._writing: str = ""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for sink in self._sinks:
                opened.enter_context(sink)
            self._open = opened.pop_all()
        if self._sinks:
            self._thread = threading.Thread(target=self._work, name="realtime3d-writer", daemon=True)
            self._thread.start()
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        """Hand one result to all sinks."""
        if self._thread:
            self._put((result, image))

    def _put(self, item: tuple[FrameResult, Image | None] | None) -> None:
        waited_since, written = time.monotonic(), self._written
        while self._error is None:
            try:
                return self._queue.put(item, timeout=POLL_S)
            except queue.Full:
                if self._written != written:
                    waited_since, written = time.monotonic(), self._written
                elif time.monotonic() - waited_since > self._stuck_s:
                    raise self._stuck() from None
        raise self._error

    def _work(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                result, image = item
                if image is None and self._draw is not None:
                    self._writing = "the renderer"
                    start = time.perf_counter()
                    image = self._draw(result.frame.image, result)
                    self.drawing_s += time.perf_counter() - start
                for sink in self._sinks:
                    self._writing = type(sink).__name__
                    sink.write(result, image)
                self._written += 1
        except BaseException as error:  # whatever it is, it is raised where results are given
            self._error = error

    def _stuck(self) -> OutputError:
        return OutputError(
            f"thread {self._thread.name if self._thread else ''} is stuck in {self._writing} for {self._stuck_s:g} s: "
            "look at the disk or the program that reads the output"
        )

    def _join(self) -> None:
        """Wait for the queue to be written; as long as it takes, but not without progress."""
        if self._thread is None:
            return
        if self._error is None:
            self._put(None)
        waited_since, written = time.monotonic(), self._written
        while self._thread.is_alive():
            self._thread.join(POLL_S)
            if self._written != written:
                waited_since, written = time.monotonic(), self._written
            elif time.monotonic() - waited_since > self._stuck_s:
                raise self._stuck()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        first = error
        try:
            self._join()
        except OutputError as stuck:
            first = first or stuck
        first = first or self._error
        self._open.__exit__(type(first) if first else None, first, first.__traceback__ if first else None)
        if first is not None and first is not error:
            raise first
