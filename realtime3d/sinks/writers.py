"""How results reach sinks, at two speeds.

Files get every result through a bounded queue and one thread: nothing is lost, and a disk that is too slow makes the
run wait. What goes over a network, to a page or to a virtual camera gets the newest result through a mailbox with one
slot and a thread of its own: it never waits, never makes anybody wait, and what it left out is counted.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

from realtime3d.errors import OutputError, Realtime3dError
from realtime3d.face.state import FrameResult
from realtime3d.sinks.base import Sink, pace_of
from realtime3d.sources.latest import Closed, Latest
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)
QUEUE_FRAMES = 8  # pictures that may wait to be written
STUCK_S = 30.0  # without progress for so long, a thread counts as stuck
FIRST_DRAWING = 10  # times as long: inner loops may be compiled then, on a machine with much else to do
POLL_S = 0.1
GOODBYE_S = 2.0  # that a sink of the newest results gets to end

RENDERER = "the renderer"

Draw: TypeAlias = Callable[[Image, FrameResult], Image]


class Delivery:
    """All sinks of a run, each at its own speed. `draw` makes pictures where `write` is given none."""

    def __init__(self, sinks: Sequence[Sink], draw: Draw | None = None) -> None:
        draw = draw and one_at_a_time(draw)
        every = [sink for sink in sinks if pace_of(sink) == "every"]
        self._every = QueuedWriter(every, draw if any(sink.needs_image for sink in every) else None)
        self._newest = [NewestWriter(sink, draw) for sink in sinks if pace_of(sink) == "newest"]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self._every)
            for writer in self._newest:
                opened.enter_context(writer)
            self._open = opened.pop_all()
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        """Hand one result to everybody."""
        for writer in self._newest:
            writer.write(result, image)
        self._every.write(result, image)

    def missed(self, result: FrameResult) -> None:
        """No picture came: the last result as of now, which is news to receivers and no frame for files."""
        for writer in self._newest:
            writer.write(result, None)

    @property
    def drawing_s(self) -> float:
        """Seconds spent drawing beside the run."""
        return self._every.drawing_s

    @property
    def left_out(self) -> dict[str, int]:
        """Results that sinks of the newest ones never saw, by name of the sink."""
        return {writer.name: writer.left_out for writer in self._newest}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._open.__exit__(kind, error, error.__traceback__ if error else None)


def one_at_a_time(draw: Draw) -> Draw:
    """A renderer serves one thread at a time."""
    lock = threading.Lock()

    def locked(image: Image, result: FrameResult) -> Image:
        with lock:
            return draw(image, result)

    return locked


class NewestWriter:
    """Gives one sink the newest result whenever it is ready for another, from a thread of its own.

    `write` never blocks. A sink that fails is told once in the log and gets nothing more: the run goes on without it.
    One that hangs at the end is named in the log and left to end with the process.
    """

    def __init__(self, sink: Sink, draw: Draw | None = None, goodbye_s: float = GOODBYE_S) -> None:
        self.name: str = getattr(sink, "name", type(sink).__name__)
        self._sink, self._draw, self._goodbye_s = sink, draw, goodbye_s
        self._mailbox: Latest[tuple[FrameResult, Image | None]] = Latest()
        self._thread = threading.Thread(target=self._work, name=f"realtime3d-{self.name}", daemon=True)
        self._bug: BaseException | None = None
        self._handed = self._taken = 0

    @property
    def left_out(self) -> int:
        """Results that were replaced by a newer one, or came after a failure."""
        return self._handed - self._taken

    def __enter__(self) -> Self:
        self._sink.__enter__()
        self._thread.start()
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        """Put a result into the mailbox."""
        if self._bug is not None:
            raise self._bug
        self._handed += 1
        self._mailbox.put((result, image))

    def _work(self) -> None:
        failure: BaseException | None = None
        try:
            while True:
                item = self._mailbox.get(POLL_S)
                if item is not None:
                    self._give(*item)
        except Closed:
            pass
        except Realtime3dError as error:
            failure = error
            _log.warning("%s gets nothing more: %s", self.name, error)
        except BaseException as error:  # a bug in the sink: raised where results are given
            failure = self._bug = error
        try:
            self._sink.__exit__(type(failure) if failure else None, failure, None)
        except Realtime3dError as error:
            _log.warning("%s did not end well: %s", self.name, error)

    def _give(self, result: FrameResult, image: Image | None) -> None:
        if image is None and self._sink.needs_image and self._draw is not None:
            image = self._draw(result.frame.image, result)
        self._sink.write(result, image)
        self._taken += 1

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._mailbox.close()
        self._thread.join(self._goodbye_s)
        if self._thread.is_alive():
            _log.warning("%s hangs and is left alone: look at the program that receives from it", self.name)
        if self._bug is not None and error is None:
            raise self._bug


class QueuedWriter:
    """Gives sinks every result, in order, from one thread; with `draw`, their pictures are drawn in it, too.

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
                elif time.monotonic() - waited_since > self._patience_s:
                    raise self._stuck() from None
        raise self._error

    def _work(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                result, image = item
                if image is None and self._draw is not None:
                    self._writing = RENDERER
                    start = time.perf_counter()
                    image = self._draw(result.frame.image, result)
                    self.drawing_s += time.perf_counter() - start
                for sink in self._sinks:
                    self._writing = type(sink).__name__
                    sink.write(result, image)
                self._written += 1
        except BaseException as error:  # whatever it is, it is raised where results are given
            self._error = error

    @property
    def _patience_s(self) -> float:
        return self._stuck_s * (FIRST_DRAWING if self._writing == RENDERER and not self._written else 1)

    def _stuck(self) -> OutputError:
        return OutputError(
            f"thread {self._thread.name if self._thread else ''} is stuck in {self._writing} for "
            f"{self._patience_s:g} s: look at the disk or the program that reads the output"
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
            elif time.monotonic() - waited_since > self._patience_s:
                raise self._stuck()

    def _abandon(self) -> None:
        """Let a stuck thread end should it ever come back."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        first = error
        try:
            self._join()
        except OutputError as stuck:
            first = first or stuck
            self._abandon()
        first = first or self._error
        self._open.__exit__(type(first) if first else None, first, first.__traceback__ if first else None)
        if first is not None and first is not error:
            raise first
