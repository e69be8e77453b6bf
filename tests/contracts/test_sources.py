"""One contract for everything that gives frames, and what each kind adds to it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.sinks.pictures import save_png
from realtime3d.sources.base import Gap, Source, SourceOptions
from realtime3d.sources.camera import CameraDevice
from realtime3d.sources.choose import open_source
from realtime3d.sources.live import LiveSource
from realtime3d.types import Frame
from tests.helpers.io_media import FakeCapture, number_of, numbered, write_video
from tests.helpers.io_server import LiveServer, RtspServer, transport_stream

COUNT = 12
Opener = Callable[[SourceOptions], Source]
FINITE = ("video", "video-webm", "video-ts", "pattern", "folder", "glob", "list", "arrays", "timed arrays", "generator")
SERVERS: dict[str, type[LiveServer]] = {"http": LiveServer, "rtsp": RtspServer}
LIVE = ("camera", "http", "rtsp")


@pytest.fixture(scope="module")
def stream_data() -> bytes:
    return transport_stream()


@pytest.fixture
def opener(request: pytest.FixtureRequest, tmp_path: Path, stream_data: bytes) -> Iterator[Opener]:
    kind: str = request.param
    if kind in SERVERS:
        server = SERVERS[kind](stream_data)
        yield lambda options: open_source(server.url, options)
        server.die()
    else:
        yield _local_opener(kind, tmp_path)


def _local_opener(kind: str, folder: Path) -> Opener:
    if kind == "camera":
        capture = FakeCapture.fresh()
        return lambda o: LiveSource(CameraDevice(0, o, capture, exists=lambda target: True), o)
    return _finite_opener(kind, folder)


def _finite_opener(kind: str, folder: Path) -> Opener:
    times = [i / 25 for i in range(COUNT)]
    if kind.startswith("video"):
        suffix = {"video": ".mp4", "video-webm": ".webm", "video-ts": ".ts"}[kind]
        codec = "libvpx" if suffix == ".webm" else "libx264"
        path = write_video(folder / f"clip{suffix}", times, codec=codec)
        return lambda options: open_source(path, options)
    pictures = [numbered(i) for i in range(COUNT)]
    if kind == "arrays":
        return lambda o: open_source(np.stack(pictures), o)
    if kind == "timed arrays":
        return lambda o: open_source(list(zip(times, pictures, strict=True)), o)
    if kind == "generator":
        return lambda o: open_source((picture for picture in pictures), o)
    for i, picture in enumerate(pictures):
        save_png(folder / f"{i:05d}.png", picture)
    files = sorted(folder.glob("*.png"))
    names = {"pattern": folder / "%05d.png", "folder": folder, "glob": folder / "*.png", "list": files}
    return lambda options: open_source(names[kind], options)


def frames_of(source: Source, at_most: int = 1000) -> list[Frame]:
    found: list[Frame] = []
    for item in source:
        if isinstance(item, Frame):
            found.append(item)
        if len(found) == at_most:
            break
    return found


everything = pytest.mark.parametrize("opener", FINITE + LIVE, indirect=True)
finite = pytest.mark.parametrize("opener", FINITE, indirect=True)
live = pytest.mark.parametrize("opener", LIVE, indirect=True)


@everything
def test_frames_are_bgr_pictures_with_rising_numbers_and_times(opener: Opener) -> None:
    with opener(SourceOptions()) as source:
        frames = frames_of(source, at_most=8)
        info = source.info
    assert len(frames) == 8
    for frame in frames:
        assert frame.image.shape == (info.height, info.width, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.source == info.name
        assert frame.t_ns >= info.zero_ns
    assert all(a.index < b.index and a.t_ns < b.t_ns for a, b in itertools.pairwise(frames))


@everything
def test_it_is_read_once_and_closed_as_often_as_one_likes(opener: Opener) -> None:
    source = opener(SourceOptions())
    assert len(frames_of(source, at_most=2)) == 2
    with pytest.raises(SourceError, match="open it again"):
        iter(source)
    source.close()
    source.close()
    opener(SourceOptions()).close()  # never iterated


@everything
def test_closing_it_from_another_thread_ends_the_iteration(opener: Opener) -> None:
    source = opener(SourceOptions())
    items = iter(source)
    next(items)
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()
    assert len(list(items)) <= COUNT
    source.close()


@everything
def test_only_each_third_frame_keeps_its_number(opener: Opener) -> None:
    with opener(SourceOptions(every=3)) as source:
        frames = frames_of(source, at_most=3)
    assert len(frames) == 3
    assert {(frame.index - frames[0].index) % 3 for frame in frames} == {0}


@finite
def test_a_finite_source_gives_every_frame_and_no_gap(opener: Opener) -> None:
    with opener(SourceOptions()) as source:
        items = list(source)
        assert not source.info.live
        assert source.info.zero_ns == 0
        assert source.status.dropped == 0
    assert not any(isinstance(item, Gap) for item in items)
    assert [(f.index, number_of(f.image)) for f in items if isinstance(f, Frame)] == [(i, i) for i in range(COUNT)]


@finite
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.2), (0.1, None), (0.16, 0.3), (0.2, 0.2001)])
def test_a_part_of_a_finite_source_is_the_same_frames(opener: Opener, start: float, end: float | None) -> None:
    with opener(SourceOptions(fps=25)) as source:
        whole = [(f.index, f.t_ns, number_of(f.image)) for f in frames_of(source)]
    with opener(SourceOptions(fps=25, start_s=start, end_s=end)) as source:
        part = [(f.index, f.t_ns, number_of(f.image)) for f in frames_of(source)]
    until = 1e9 if end is None else end
    assert part == [frame for frame in whole if start <= frame[1] / 1e9 + 1e-6 and frame[1] / 1e9 < until]
    assert part


@finite
def test_a_start_behind_the_end_is_an_error_that_says_so(opener: Opener) -> None:
    with opener(SourceOptions(start_s=100)) as source, pytest.raises(SourceError, match="start"):
        list(source)


@live
def test_a_live_source_drops_what_is_not_taken_and_counts_it(opener: Opener) -> None:
    with opener(SourceOptions()) as source:
        items = iter(source)
        first = next(items)
        threading.Event().wait(0.3)  # the loop is busy elsewhere
        later = [item for item in (next(items), next(items)) if isinstance(item, Frame)]
        assert isinstance(first, Frame)
        assert source.info.live
        assert source.status.dropped > 0
        missing = later[-1].index - first.index - 2
        assert 0 < missing <= source.status.dropped
