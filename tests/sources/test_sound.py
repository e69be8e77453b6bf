"""The sound of an input reaches the overlay, from whatever container."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
import pytest

from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sources.sound import Sound
from tests.helpers.io_faces import result
from tests.helpers.io_media import numbered, write_video
from tests.helpers.io_sinks import video_frames

FRAMES = 30


def overlay_of(source: Path) -> Path:
    """A video of as many frames, with the sound of `source`."""
    made = source.with_name("overlay.mp4")
    with VideoSink(made, VideoOptions(fps=25, sound=source)) as sink:
        for i in range(FRAMES):
            sink.write(result(i, i / 25), numbered(i))
    return made


def seconds_of_sound(path: Path) -> float:
    seconds = 0.0
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            with contextlib.suppress(av.error.InvalidDataError):  # what was damaged before
                seconds += sum(frame.samples / frame.sample_rate for frame in packet.decode())
    return seconds


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("clip.ts", "aac"),  # its packets carry headers of their own
        ("clip.flv", "libmp3lame"),  # cannot be sought in
        ("clip.avi", "libmp3lame"),  # times rounded until two are equal
        ("clip.mkv", "pcm_s16le"),  # has to be encoded
    ],
)
def test_sound_is_kept(tmp_path: Path, name: str, sound: str) -> None:
    made = overlay_of(write_video(tmp_path / name, [i / 25 for i in range(FRAMES)], sound=sound))
    assert len(video_frames(made)) == FRAMES
    assert seconds_of_sound(made) == pytest.approx(FRAMES / 25, abs=0.15)


def test_damaged_sound_leaves_the_rest_whole(tmp_path: Path) -> None:
    source = write_video(tmp_path / "clip.ts", [i / 25 for i in range(FRAMES)], sound="aac")
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = b"\0" * 2000
    source.write_bytes(data)
    made = overlay_of(source)
    assert len(video_frames(made)) == FRAMES
    assert 0.5 < seconds_of_sound(made) < FRAMES / 25 + 0.15


def test_sound_that_mp4_refuses_ends_and_the_pictures_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_video(tmp_path / "clip.mkv", [i / 25 for i in range(FRAMES)], sound="aac")
    packets = Sound.until

    def broken(self: Sound, time_s: float) -> Iterator[Any]:
        yield from packets(self, time_s)
        if time_s > 0.5:
            raise av.error.InvalidDataError(1, "malformed")

    monkeypatch.setattr(Sound, "until", broken)
    with caplog.at_level(logging.WARNING):
        made = overlay_of(source)
    assert len(video_frames(made)) == FRAMES
    assert 0.3 < seconds_of_sound(made) < 0.8
    assert "goes on without sound" in caplog.text
