"""Inputs that are damaged, odd, or hang in a driver; and their sound."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime3d.cli.interrupt import Interrupt
from realtime3d.errors import SourceError, UsageError
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.camera import CameraDevice
from realtime3d.sources.choose import open_source
from realtime3d.sources.live import LiveSource
from realtime3d.types import Frame
from tests.helpers.faults import cases, fault
from tests.helpers.io_faces import result
from tests.helpers.io_live import QUICK, gaps_until, next_frame
from tests.helpers.io_media import FakeCapture, numbered, write_video
from tests.helpers.io_sinks import video_frames

FRAMES = 30
Spoil = Callable[[Path], object]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", [i / 25 for i in range(FRAMES)])


def hole(path: Path, begin: float, size: int, fill: bytes = b"\0") -> None:
    """Overwrite a part, which begins at this fraction of the file."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * begin)
    data[at : at + size] = fill * len(data[at : at + size])
    path.write_bytes(data)


UNREADABLE: dict[str, Spoil] = {
    "an empty film": lambda path: os.truncate(path, 0),
    "a film of which only the beginning is there": lambda path: os.truncate(path, 400),
    "a text with the name of a film": lambda path: path.write_text("this is no film\n" * 100),
    "random bytes with the name of a film": lambda path: path.write_bytes(os.urandom(20_000)),
    "a film that is not there": lambda path: path.unlink(),
    "a pipe with the name of a film": lambda path: (path.unlink(), os.mkfifo(path)),
    "a folder with the name of a film": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.skipif(os.name == "nt", reason="makes a pipe")
@pytest.mark.parametrize("spoil", cases("sources", "one line, exit code 4", UNREADABLE))
def test_a_film_that_cannot_be_read(spoil: Spoil, film: Path) -> None:
    spoil(film)
    with pytest.raises(SourceError) as caught:
        open_source(film)
    assert "\n" not in str(caught.value)


@fault("sources", "a film with a hole in its pictures", "what can be decoded is used, with a warning")
def test_a_film_with_a_hole(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.ts", [i / 25 for i in range(FRAMES)], options={"g": "5"})
    hole(film, 0.4, 3000)
    with open_source(film) as source:
        count = sum(isinstance(item, Frame) for item in source)
        assert 10 <= count < FRAMES
    assert source.status.warnings


SOUNDS = {
    "a transport stream with AAC": ("film.ts", "aac", 0.0),
    "a transport stream with AAC, from its middle": ("film.ts", "aac", 0.4),
    "an FLV with MP3": ("film.flv", "libmp3lame", 0.0),
    "an FLV with MP3, from its middle": ("film.flv", "libmp3lame", 0.4),
    "an AVI with MP3": ("film.avi", "libmp3lame", 0.0),
}


@pytest.mark.parametrize(("name", "codec", "start_s"), cases("sources", "the overlay has its sound", SOUNDS))
def test_sound_reaches_the_overlay(name: str, codec: str, start_s: float, tmp_path: Path) -> None:
    import av

    film = write_video(tmp_path / name, [i / 25 for i in range(FRAMES)], sound=codec)
    made = tmp_path / "overlay.mp4"
    with VideoSink(made, VideoOptions(fps=25, sound=film, sound_start_s=start_s)) as sink:
        for i in range(15):
            sink.write(result(i, i / 25), numbered(i))
    assert len(video_frames(made)) == 15
    with av.open(str(made)) as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert seconds == pytest.approx(0.6, abs=0.15)


# -- cameras ----------------------------------------------------------------------------------------------------------


def camera(capture: type[FakeCapture]) -> LiveSource:
    return LiveSource(CameraDevice(0, QUICK, capture, exists=lambda target: True), QUICK)


@pytest.fixture
def hanging() -> Iterator[type[FakeCapture]]:
    """A camera whose driver does not come back from opening, until the test is over."""
    over = threading.Event()

    class Hanging(FakeCapture.fresh()):  # type: ignore[misc]
        def isOpened(self) -> bool:
            over.wait(30)
            return False

    yield Hanging
    over.set()


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@fault("sources", "Ctrl-C while a camera's driver hangs in opening", "ends at once, exit code 130")
def test_a_driver_that_hangs_can_be_left(hanging: type[FakeCapture]) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with Interrupt() as stop:
        with pytest.raises(KeyboardInterrupt), stop.waiting():
            camera(hanging)
        assert stop.requested
    assert time.monotonic() - start < 60


@fault("sources", "a camera that is unplugged and comes back", "tries go on; then the picture does")
def test_a_camera_that_comes_back() -> None:
    capture = FakeCapture.fresh()
    with camera(capture) as source:
        items = iter(source)
        before = next_frame(items)
        capture.plugged.clear()
        gaps_until(items, "reconnecting")
        capture.plugged.set()
        assert next_frame(items, lambda frame: frame.index > before.index)


@fault("sources", "a camera that is not there", "one line that names those that are, exit code 4")
def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="camera 73"):
        LiveSource(CameraDevice(73, SourceOptions(), exists=lambda target: False), SourceOptions())


@fault("sources", "a camera that is closed by another thread", "the loop ends")
def test_a_camera_that_is_closed_elsewhere() -> None:
    source = camera(FakeCapture.fresh())
    threading.Timer(0.2, source.close).start()
    assert sum(1 for _ in source) > 0
    assert source.status.state == "ended"


ODD: dict[str, object] = {
    "no pictures at all": [],
    "pictures of numbers with a point": [numbered(1).astype(float)],
    "a picture without pixels": [numbered(1)[:0]],
    "something that is no source": 1.5,
}


@pytest.mark.parametrize(
    "spec", cases("sources", "one line that says what a source is", {k: (v,) for k, v in ODD.items()})
)
def test_what_is_no_source(spec: object) -> None:
    with pytest.raises((SourceError, UsageError)) as caught:
        open_source(spec)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
