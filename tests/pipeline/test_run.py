"""A whole run: order, laziness, failures in every part and thread, memory bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exact_scene import Scene, head

from realtime3d import FaceTracker
from realtime3d.errors import OutputError, SourceError
from realtime3d.face import FrameResult
from realtime3d.io.base import Frame, Gap, SourceInfo, SourceStatus
from realtime3d.pipeline import QUEUE_FRAMES, Recorder, run
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self


class ListSource:
    """Gives the items it was made of; an exception among them is raised."""

    def __init__(self, items: Iterable[Frame | Gap | Exception], dropped: int = 0) -> None:
        self.info = SourceInfo("list", 640, 480, 30.0, None, None)
        self.status = SourceStatus(dropped=dropped)
        self._items = items
        self.closed = False

    def __iter__(self) -> Iterator[Frame | Gap]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> ListSource:
        return self

    def __exit__(self, *rest: object) -> None:
        self.close()


class ListSink:
    """Keeps what it gets; does what `on_write` says first."""

    def __init__(self, needs_image: bool = False, on_write: object = None) -> None:
        self.needs_image = needs_image
        self.results: list[FrameResult] = []
        self.images: list[Image | None] = []
        self.state = "new"
        self.threads: set[str] = set()
        self._on_write = on_write

    def __enter__(self) -> Self:
        self.state = "open"
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        self.threads.add(threading.current_thread().name)
        if callable(self._on_write):
            self._on_write(result)
        self.results.append(result)
        self.images.append(image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.state = "finished"


class CountingRenderer:
    """Marks a copy of the picture."""

    drawn = 0

    def draw(self, image: Image, result: FrameResult) -> Image:
        self.drawn += 1
        out = image.copy()
        out[0, 0] = result.frame.index
        return out

    def close(self) -> None:
        """Nothing is held."""


def frames(scene: Scene, count: int) -> list[Frame]:
    return [Frame(i, i * 33_000_000, scene.image) for i in range(count)]


@pytest.fixture
def tracker(scene: Scene, net_folder: Path) -> Iterator[FaceTracker]:
    scene.heads = [head()]
    with (
        scene.installed() as backend,
        FaceTracker(models=net_folder, backend=backend, boxes=scene, smooth=False) as opened,
    ):
        yield opened


def raising(at: int, error: BaseException) -> object:
    def check(result: FrameResult) -> None:
        if result.frame.index == at:
            raise error

    return check


def writer_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "realtime3d-writer"]


def test_every_frame_reaches_every_sink_in_order(scene: Scene, tracker: FaceTracker) -> None:
    table, video, renderer = ListSink(), ListSink(needs_image=True), CountingRenderer()
    seen: list[int] = []
    summary = run(
        ListSource(frames(scene, 50)),
        tracker,
        [table, video],
        renderer,  # type: ignore[arg-type]
        observe=lambda result: seen.append(result.frame.index),
    )
    order = list(range(50))
    assert [r.frame.index for r in table.results] == [r.frame.index for r in video.results] == seen == order
    assert [int(image[0, 0, 0]) for image in video.images if image is not None] == order
    assert table.threads == video.threads == {"realtime3d-writer"}
    assert (table.state, video.state) == ("finished", "finished")
    assert (summary.frames, summary.faces, renderer.drawn) == (50, 50, 50)
    assert {"read", "detect", "track", "crop", "nets", "draw", "write"} <= set(summary.stages)
    assert sum(summary.stages.values()) <= summary.seconds
    assert writer_threads() == []


def test_nothing_is_drawn_when_nobody_wants_a_picture(scene: Scene, tracker: FaceTracker) -> None:
    table, renderer = ListSink(), CountingRenderer()
    run(ListSource(frames(scene, 5)), tracker, [table], renderer)  # type: ignore[arg-type]
    assert renderer.drawn == 0
    assert table.images == [None] * 5


def test_without_a_renderer_pictures_stay_as_they_are(scene: Scene, tracker: FaceTracker) -> None:
    video = ListSink(needs_image=True)
    run(ListSource(frames(scene, 3)), tracker, [video])
    assert all(image is result.frame.image for image, result in zip(video.images, video.results, strict=True))


def test_an_early_end_finishes_the_files(scene: Scene, tracker: FaceTracker) -> None:
    sink = ListSink()

    def first_three(items: Iterable[Frame]) -> Iterator[Frame]:
        for n, item in enumerate(items):
            if n == 3:
                return
            yield item

    summary = run(ListSource(frames(scene, 50)), tracker, [sink], until=first_three)
    assert (summary.frames, len(sink.results), sink.state) == (3, 3, "finished")


def test_dropped_frames_are_counted(scene: Scene, tracker: FaceTracker) -> None:
    sink = ListSink()
    summary = run(ListSource(frames(scene, 4), dropped=7), tracker, [sink])
    assert summary.dropped == 7
    assert [r.dropped for r in sink.results] == [7, 0, 0, 0]


def test_a_source_that_fails_ends_the_run_with_finished_files(scene: Scene, tracker: FaceTracker) -> None:
    sink = ListSink()
    with pytest.raises(SourceError, match="unplugged"):
        run(ListSource([*frames(scene, 3), SourceError("unplugged")]), tracker, [sink])
    assert (len(sink.results), sink.state) == (3, "finished")
    assert writer_threads() == []


@pytest.mark.parametrize("at", [0, 2, 49])
def test_a_sink_that_fails_ends_the_run(scene: Scene, tracker: FaceTracker, at: int) -> None:
    bad, good = ListSink(on_write=raising(at, OutputError("disk full"))), ListSink()
    source = ListSource(frames(scene, 50))
    with pytest.raises(OutputError, match="disk full"):
        run(source, tracker, [good, bad])
    assert (good.state, bad.state) == ("finished", "finished")
    assert len(bad.results) == at
    assert writer_threads() == []


def test_a_sink_that_fails_while_the_queue_is_full_does_not_hang(scene: Scene, tracker: FaceTracker) -> None:
    started = threading.Event()

    def slow_then_broken(result: FrameResult) -> None:
        started.wait(5)
        raise OutputError("gone")

    def start_late(result: FrameResult) -> None:
        if result.frame.index == QUEUE_FRAMES:
            started.set()

    with pytest.raises(OutputError, match="gone"):
        run(ListSource(frames(scene, 100)), tracker, [ListSink(on_write=slow_then_broken)], observe=start_late)


def test_the_first_of_two_failures_is_raised(scene: Scene, tracker: FaceTracker) -> None:
    bad = ListSink(on_write=raising(1, OutputError("second")))
    with pytest.raises(SourceError, match="first"):
        run(ListSource([frames(scene, 1)[0], SourceError("first")]), tracker, [bad])


def test_an_interrupt_in_the_middle_finishes_the_files(scene: Scene, tracker: FaceTracker) -> None:
    sink = ListSink()

    def interrupt(result: FrameResult) -> None:
        if result.frame.index == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ListSource(frames(scene, 50)), tracker, [sink], observe=interrupt)
    assert (len(sink.results), sink.state) == (6, "finished")


def test_a_sink_that_cannot_be_opened_closes_those_before_it(scene: Scene, tracker: FaceTracker) -> None:
    class Unopenable(ListSink):
        def __enter__(self) -> Self:
            raise OutputError("read-only folder")

    first = ListSink()
    with pytest.raises(OutputError, match="read-only"):
        run(ListSource(frames(scene, 5)), tracker, [first, Unopenable()])
    assert (first.state, first.results) == ("finished", [])


def test_a_stuck_sink_is_named_after_a_while(scene: Scene, tracker: FaceTracker) -> None:
    release = threading.Event()
    sink = ListSink(on_write=lambda result: release.wait(20))
    result = tracker.process(scene.image, t=0)
    with pytest.raises(OutputError, match="realtime3d-writer is stuck in ListSink"), Recorder([sink], stuck_s=0.3) as r:
        for _ in range(QUEUE_FRAMES + 3):
            r.write(result, None)
    release.set()


def test_slow_progress_is_not_stuck(scene: Scene, tracker: FaceTracker) -> None:
    sink = ListSink(on_write=lambda result: time.sleep(0.15))
    result = tracker.process(scene.image, t=0)
    with Recorder([sink], queue_frames=4, stuck_s=0.6) as recorder:
        for _ in range(8):
            recorder.write(result, None)
    assert len(sink.results) == 8


def test_waiting_pictures_are_bounded(scene: Scene, tracker: FaceTracker) -> None:
    waiting: list[int] = []
    given = 0

    def count(result: FrameResult) -> None:
        waiting.append(given - result.frame.index)
        time.sleep(0.002)

    def give(result: FrameResult) -> None:
        nonlocal given
        given = result.frame.index

    run(ListSource(frames(scene, 60)), tracker, [ListSink(on_write=count)], observe=give)
    assert max(waiting) <= QUEUE_FRAMES + 2


class WatchingWindow:
    """A window that the user closes after some pictures."""

    def __init__(self, close_after: int = 10**9) -> None:
        self.shown: list[np.ndarray] = []
        self.waits: list[tuple[str, bool]] = []
        self._close_after = close_after

    def show(self, result: FrameResult, image: Image) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.shown.append(image)

    def wait(self, status: SourceStatus, image: Image | None) -> None:
        self.waits.append((status.message, image is not None))

    @property
    def closed(self) -> bool:
        return len(self.shown) >= self._close_after


def test_a_closed_window_ends_the_run_cleanly(scene: Scene, tracker: FaceTracker) -> None:
    window, sink = WatchingWindow(close_after=4), ListSink()
    summary = run(ListSource(frames(scene, 50)), tracker, [sink], CountingRenderer(), window=window)  # type: ignore[arg-type]
    assert (summary.frames, len(sink.results), sink.state) == (4, 4, "finished")
    assert int(window.shown[-1][0, 0, 0]) == 3  # drawn


def test_silence_of_a_camera_is_told_and_time_goes_on(scene: Scene, tracker: FaceTracker) -> None:
    gone = SourceStatus("reconnecting", "camera 0 is gone")
    first, second = frames(scene, 2)
    late = Frame(2, 5_000_000_000, scene.image)
    window, sink = WatchingWindow(), ListSink()
    gaps = [Gap(t, gone) for t in (200_000_000, 3_000_000_000)]
    run(ListSource([Gap(-1, gone), first, second, *gaps, late]), tracker, [sink], window=window)
    assert window.waits == [("camera 0 is gone", False), *[("camera 0 is gone", True)] * 2]
    assert [r.frame.index for r in sink.results] == [0, 1, 2]
    assert sink.results[-1].faces[0].status == "tracked"
    assert [r.lost for r in sink.results] == [(), (), (0,)]  # it was lost while nothing came


def test_track_gives_the_same_results_and_closes_the_source(scene: Scene, tracker: FaceTracker) -> None:
    source = ListSource([*frames(scene, 2), Gap(3_000_000_000, SourceStatus()), Frame(2, 4_000_000_000, scene.image)])
    results = list(tracker.track(source))
    assert [r.frame.index for r in results] == [0, 1, 2]
    assert [r.lost for r in results] == [(), (), (0,)]  # it was lost while nothing came
    assert source.closed
    half = ListSource(frames(scene, 9))
    iterator = tracker.track(half)
    assert next(iterator).frame.index == 0
    iterator.close()
    assert half.closed


def test_track_reads_pictures_from_an_iterable(scene: Scene, tracker: FaceTracker) -> None:
    results = list(tracker.track([(0.0, scene.image), (0.5, scene.image[..., 0])]))
    assert [r.frame.t_ns for r in results] == [0, 500_000_000]
    assert [face.id for r in results for face in r.faces] == [0, 0]
