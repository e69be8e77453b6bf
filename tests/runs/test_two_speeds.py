"""Sinks of the newest results: whatever they do, the run and the files beside them do not notice."""

from __future__ import annotations

import threading
import time

import pytest

from realtime3d import FaceTracker
from realtime3d.errors import OutputError
from realtime3d.face.state import FrameResult
from realtime3d.pipeline import run
from realtime3d.sinks import writers
from realtime3d.sources.base import Gap, SourceStatus
from tests.helpers.exact_scene import Scene
from tests.helpers.run_parts import CountingRenderer, ListSink, ListSource, frames

FRAMES = 40


@pytest.fixture(autouse=True)
def short_goodbyes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "GOODBYE_S", 0.2)


def test_a_sink_that_hangs_holds_nobody_up(scene: Scene, steady: FaceTracker, caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    stuck, table = ListSink(pace="newest", on_write=lambda result: release.wait(60)), ListSink()
    summary = run(ListSource(frames(scene, FRAMES)), steady, [stuck, table])
    assert len(table.results) == summary.frames == FRAMES
    assert summary.left_out == {"ListSink": FRAMES}
    assert stuck.state == "open" and not release.is_set()
    assert "ListSink hangs and is left alone" in caplog.text
    release.set()


def test_a_slow_sink_gets_the_newest_and_the_rest_is_counted(scene: Scene, steady: FaceTracker) -> None:
    slow, table = ListSink(pace="newest", on_write=lambda result: time.sleep(0.02)), ListSink()
    summary = run(ListSource(frames(scene, FRAMES)), steady, [slow, table])
    indices = [result.frame.index for result in slow.results]
    assert indices == sorted(set(indices)) and indices[-1] == FRAMES - 1
    assert summary.left_out == {"ListSink": FRAMES - len(indices)}
    assert [result.frame.index for result in table.results] == list(range(FRAMES))
    assert slow.state == "finished" and slow.threads == {"realtime3d-ListSink"}


def test_a_slow_file_does_not_delay_the_newest(scene: Scene, steady: FaceTracker) -> None:
    held = threading.Event()
    seen = ListSink(pace="newest", on_write=lambda result: held.set())
    file = ListSink(on_write=lambda result: held.wait(5))
    run(ListSource(frames(scene, FRAMES)), steady, [file, seen])
    assert seen.results and len(file.results) == FRAMES


def test_a_sink_that_fails_is_told_once_and_left_out(
    scene: Scene, steady: FaceTracker, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(result: FrameResult) -> None:
        raise OutputError("the receiver refuses the token")

    broken = ListSink(pace="newest", on_write=refuse)
    table = ListSink()
    summary = run(ListSource(frames(scene, FRAMES)), steady, [broken, table])
    assert len(table.results) == summary.frames == FRAMES
    assert caplog.text.count("the receiver refuses the token") == 1
    assert broken.state == "finished" and summary.left_out["ListSink"] >= 1


def test_a_bug_in_a_sink_ends_the_run(scene: Scene, steady: FaceTracker) -> None:
    broken = ListSink(pace="newest", on_write=lambda result: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division"):
        run(ListSource(frames(scene, FRAMES)), steady, [broken])


@pytest.mark.parametrize("any_thread", [True, False])
def test_pictures_are_drawn_for_whom_they_are_wanted(scene: Scene, steady: FaceTracker, any_thread: bool) -> None:
    camera, table, renderer = ListSink(True, pace="newest"), ListSink(), CountingRenderer(any_thread)
    run(ListSource(frames(scene, FRAMES)), steady, [camera, table], renderer)  # type: ignore[arg-type]
    assert len(camera.images) == len(camera.results)
    for result, image in zip(camera.results, camera.images, strict=True):
        assert image is not None and int(image[0, 0, 0]) == result.frame.index
    assert renderer.drawn == (len(camera.images) if any_thread else FRAMES)
    if any_thread:
        assert all(image is None for image in table.images)


def test_silence_of_the_camera_is_news(scene: Scene, steady: FaceTracker) -> None:
    statuses: list[list[str]] = []

    def note(result: FrameResult) -> None:
        statuses.append([face.status for face in result.faces])

    def slowly() -> object:
        for item in [frames(scene, 1)[0], *(Gap(round(s * 1e9), SourceStatus("waiting")) for s in (0.1, 0.2, 9.0))]:
            yield item
            time.sleep(0.05)

    table = ListSink()
    run(ListSource(slowly()), steady, [ListSink(pace="newest", on_write=note), table])  # type: ignore[arg-type]
    assert statuses[0] == ["tracked"] and ["held"] in statuses and statuses[-1] == []
    assert len(table.results) == 1
