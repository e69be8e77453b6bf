"""A whole run: order, laziness, windows."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import numpy as np

from realtime3d import FaceTracker
from realtime3d.face.state import FrameResult
from realtime3d.pipeline import run
from realtime3d.sources.base import Frame, Gap, SourceStatus
from realtime3d.types import Image
from tests.helpers.exact_scene import Scene
from tests.helpers.run_parts import CountingRenderer, ListSink, ListSource, frames, writer_threads


def test_every_frame_reaches_every_sink_in_order(scene: Scene, steady: FaceTracker) -> None:
    table, video, renderer = ListSink(), ListSink(needs_image=True), CountingRenderer()
    seen: list[int] = []
    summary = run(
        ListSource(frames(scene, 50)),
        steady,
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
    assert renderer.threads == {"realtime3d-writer"}
    drawn = summary.stages.pop("draw")  # beside the others
    assert 0 < drawn <= summary.seconds >= sum(summary.stages.values())
    assert writer_threads() == []


def test_a_renderer_that_is_tied_to_a_thread_draws_in_the_caller_s(scene: Scene, steady: FaceTracker) -> None:
    video, renderer = ListSink(needs_image=True), CountingRenderer(any_thread=False)
    summary = run(ListSource(frames(scene, 10)), steady, [video], renderer)  # type: ignore[arg-type]
    assert [int(image[0, 0, 0]) for image in video.images if image is not None] == list(range(10))
    assert renderer.threads == {threading.current_thread().name}
    assert summary.stages["draw"] > 0


def test_nothing_is_drawn_when_nobody_wants_a_picture(scene: Scene, steady: FaceTracker) -> None:
    table, renderer = ListSink(), CountingRenderer()
    run(ListSource(frames(scene, 5)), steady, [table], renderer)  # type: ignore[arg-type]
    assert renderer.drawn == 0
    assert table.images == [None] * 5


def test_without_a_renderer_pictures_stay_as_they_are(scene: Scene, steady: FaceTracker) -> None:
    video = ListSink(needs_image=True)
    run(ListSource(frames(scene, 3)), steady, [video])
    assert all(image is result.frame.image for image, result in zip(video.images, video.results, strict=True))


def test_an_early_end_finishes_the_files(scene: Scene, steady: FaceTracker) -> None:
    sink = ListSink()

    def first_three(items: Iterable[Frame]) -> Iterator[Frame]:
        for n, item in enumerate(items):
            if n == 3:
                return
            yield item

    summary = run(ListSource(frames(scene, 50)), steady, [sink], until=first_three)
    assert (summary.frames, len(sink.results), sink.state) == (3, 3, "finished")


def test_dropped_frames_are_counted(scene: Scene, steady: FaceTracker) -> None:
    sink = ListSink()
    summary = run(ListSource(frames(scene, 4), dropped=7), steady, [sink])
    assert summary.dropped == 7
    assert [r.dropped for r in sink.results] == [7, 0, 0, 0]


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


def test_a_closed_window_ends_the_run_cleanly(scene: Scene, steady: FaceTracker) -> None:
    window, sink = WatchingWindow(close_after=4), ListSink()
    summary = run(ListSource(frames(scene, 50)), steady, [sink], CountingRenderer(), window=window)  # type: ignore[arg-type]
    assert (summary.frames, len(sink.results), sink.state) == (4, 4, "finished")
    assert int(window.shown[-1][0, 0, 0]) == 3  # drawn


def test_silence_of_a_camera_is_told_and_time_goes_on(scene: Scene, steady: FaceTracker) -> None:
    gone = SourceStatus("reconnecting", "camera 0 is gone")
    first, second = frames(scene, 2)
    late = Frame(2, 5_000_000_000, scene.image)
    window, sink = WatchingWindow(), ListSink()
    gaps = [Gap(t, gone) for t in (200_000_000, 3_000_000_000)]
    run(ListSource([Gap(-1, gone), first, second, *gaps, late]), steady, [sink], window=window)
    assert window.waits == [("camera 0 is gone", False), *[("camera 0 is gone", True)] * 2]
    assert [r.frame.index for r in sink.results] == [0, 1, 2]
    assert sink.results[-1].faces[0].status == "tracked"
    assert [r.lost for r in sink.results] == [(), (), (0,)]  # it was lost while nothing came


def test_track_gives_the_same_results_and_closes_the_source(scene: Scene, steady: FaceTracker) -> None:
    source = ListSource([*frames(scene, 2), Gap(3_000_000_000, SourceStatus()), Frame(2, 4_000_000_000, scene.image)])
    results = list(steady.track(source))
    assert [r.frame.index for r in results] == [0, 1, 2]
    assert [r.lost for r in results] == [(), (), (0,)]  # it was lost while nothing came
    assert source.closed
    half = ListSource(frames(scene, 9))
    iterator = steady.track(half)
    assert next(iterator).frame.index == 0
    iterator.close()
    assert half.closed


def test_track_reads_pictures_from_an_iterable(scene: Scene, steady: FaceTracker) -> None:
    results = list(steady.track([(0.0, scene.image), (0.5, scene.image[..., 0])]))
    assert [r.frame.t_ns for r in results] == [0, 500_000_000]
    assert [face.id for r in results for face in r.faces] == [0, 0]
