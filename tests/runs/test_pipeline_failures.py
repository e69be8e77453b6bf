"""A whole run: failures in every part and thread, memory bounds."""

from __future__ import annotations

import threading
import time

import pytest

from realtime3d import FaceTracker
from realtime3d.errors import OutputError, SourceError
from realtime3d.face.state import FrameResult
from realtime3d.pipeline import run
from realtime3d.sinks.writers import QUEUE_FRAMES, QueuedWriter
from realtime3d.types import Image
from tests.helpers.exact_scene import Scene
from tests.helpers.run_parts import CountingRenderer, ListSink, ListSource, frames, raising, writer_threads


def test_a_source_that_fails_ends_the_run_with_finished_files(scene: Scene, steady: FaceTracker) -> None:
    sink = ListSink()
    with pytest.raises(SourceError, match="unplugged"):
        run(ListSource([*frames(scene, 3), SourceError("unplugged")]), steady, [sink])
    assert (len(sink.results), sink.state) == (3, "finished")
    assert writer_threads() == []


@pytest.mark.parametrize("at", [0, 2, 49])
def test_a_sink_that_fails_ends_the_run(scene: Scene, steady: FaceTracker, at: int) -> None:
    bad, good = ListSink(on_write=raising(at, OutputError("disk full"))), ListSink()
    source = ListSource(frames(scene, 50))
    with pytest.raises(OutputError, match="disk full"):
        run(source, steady, [good, bad])
    assert (good.state, bad.state) == ("finished", "finished")
    assert len(bad.results) == at
    assert writer_threads() == []


def test_a_sink_that_fails_while_the_queue_is_full_does_not_hang(scene: Scene, steady: FaceTracker) -> None:
    started = threading.Event()

    def slow_then_broken(result: FrameResult) -> None:
        started.wait(5)
        raise OutputError("gone")

    def start_late(result: FrameResult) -> None:
        if result.frame.index == QUEUE_FRAMES:
            started.set()

    with pytest.raises(OutputError, match="gone"):
        run(ListSource(frames(scene, 100)), steady, [ListSink(on_write=slow_then_broken)], observe=start_late)


def test_the_first_of_two_failures_is_raised(scene: Scene, steady: FaceTracker) -> None:
    bad = ListSink(on_write=raising(1, OutputError("second")))
    with pytest.raises(SourceError, match="first"):
        run(ListSource([frames(scene, 1)[0], SourceError("first")]), steady, [bad])


def test_an_interrupt_in_the_middle_finishes_the_files(scene: Scene, steady: FaceTracker) -> None:
    sink = ListSink()

    def interrupt(result: FrameResult) -> None:
        if result.frame.index == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ListSource(frames(scene, 50)), steady, [sink], observe=interrupt)
    assert (len(sink.results), sink.state) == (6, "finished")


def test_a_sink_that_cannot_be_opened_closes_those_before_it(scene: Scene, steady: FaceTracker) -> None:
    class Unopenable(ListSink):
        def __enter__(self) -> Unopenable:
            raise OutputError("read-only folder")

    first = ListSink()
    with pytest.raises(OutputError, match="read-only"):
        run(ListSource(frames(scene, 5)), steady, [first, Unopenable()])
    assert (first.state, first.results) == ("finished", [])


def test_a_failing_renderer_ends_the_run(scene: Scene, steady: FaceTracker) -> None:
    class Broken(CountingRenderer):
        def draw(self, image: Image, result: FrameResult) -> Image:
            raise MemoryError("no room to draw in")

    video = ListSink(needs_image=True)
    with pytest.raises(MemoryError, match="no room"):
        run(ListSource(frames(scene, 50)), steady, [video], Broken())  # type: ignore[arg-type]
    assert video.state == "finished"


def test_a_stuck_sink_is_named_after_a_while(scene: Scene, steady: FaceTracker) -> None:
    release = threading.Event()
    sink = ListSink(on_write=lambda result: release.wait(20))
    result = steady.process(scene.image, t=0)
    with (
        pytest.raises(OutputError, match="realtime3d-writer is stuck in ListSink"),
        QueuedWriter([sink], stuck_s=0.3) as r,
    ):
        for _ in range(QUEUE_FRAMES + 3):
            r.write(result, None)
    release.set()
    for thread in threading.enumerate():
        if thread.name == "realtime3d-writer":
            thread.join(5)
    assert writer_threads() == []


def test_the_first_drawing_may_take_long(scene: Scene, steady: FaceTracker) -> None:
    """Inner loops are compiled then; on a busy machine that took longer than a sink may hang."""
    result, sink, calls = steady.process(scene.image, t=0), ListSink(needs_image=True), []

    def draw(image: Image, result: FrameResult) -> Image:
        calls.append(0)
        time.sleep(1.5 if len(calls) == 1 else 0)
        return image

    with QueuedWriter([sink], draw, queue_frames=2, stuck_s=0.5) as recorder:
        for _ in range(5):
            recorder.write(result, None)
    assert len(sink.results) == 5


def test_slow_progress_is_not_stuck(scene: Scene, steady: FaceTracker) -> None:
    sink = ListSink(on_write=lambda result: time.sleep(0.15))
    result = steady.process(scene.image, t=0)
    with QueuedWriter([sink], queue_frames=4, stuck_s=0.6) as recorder:
        for _ in range(8):
            recorder.write(result, None)
    assert len(sink.results) == 8


def test_waiting_pictures_are_bounded(scene: Scene, steady: FaceTracker) -> None:
    waiting: list[int] = []
    given = 0

    def count(result: FrameResult) -> None:
        waiting.append(given - result.frame.index)
        time.sleep(0.002)

    def give(result: FrameResult) -> None:
        nonlocal given
        given = result.frame.index

    run(ListSource(frames(scene, 60)), steady, [ListSink(on_write=count)], observe=give)
    assert max(waiting) <= QUEUE_FRAMES + 2
