"""The overlay video: H.264 of any size, real times, the sound of the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime3d.sinks.video import VideoOptions, VideoSink
from tests.helpers.io_faces import result
from tests.helpers.io_media import number_of, numbered, write_video
from tests.helpers.io_sinks import (
    feed,
    video_frames,
)


@pytest.mark.parametrize(("width", "height"), [(160, 96), (161, 97), (20, 11)])
def test_any_size_becomes_h264_in_yuv420p(tmp_path: Path, width: int, height: int) -> None:
    import av

    with VideoSink(tmp_path / "a.mp4", VideoOptions()) as sink:
        for i in range(4):
            sink.write(result(i, i / 25), numbered(i, width, height))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream: Any = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (width + width % 2, height + height % 2)
    assert [number_of(frame.image[:height, :width]) for frame in video_frames(tmp_path / "a.mp4")] == [0, 1, 2, 3]


def test_colours_come_back_as_they_were(tmp_path: Path) -> None:
    image = np.zeros((96, 160, 3), np.uint8)
    for i, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (40, 120, 200)]):
        image[:, i * 40 : (i + 1) * 40] = colour
    with VideoSink(tmp_path / "a.mp4", VideoOptions()) as sink:
        sink.write(result(0, 0), image)
    back = video_frames(tmp_path / "a.mp4")[0].image.astype(int)
    for x in (20, 60, 100, 140):
        assert np.abs(back[48, x] - image[48, x]).max() < 12


def test_the_overlay_keeps_irregular_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.05, 0.3, 0.31, 1.7, 1.74]
    with VideoSink(tmp_path / "a.mp4", VideoOptions(zero_ns=2_000_000_000)) as sink:
        for i, t in enumerate(times):
            sink.write(result(i, 2 + t), numbered(i))
    assert [f.t_ns / 1e9 for f in video_frames(tmp_path / "a.mp4")] == pytest.approx(times, abs=2e-5)


def test_pictures_that_change_size_are_fitted(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.mp4", VideoOptions()) as sink:
        for i, size in enumerate([(160, 96), (320, 192), (96, 160)]):
            sink.write(result(i, i / 25), numbered(i, *size))
    frames = video_frames(tmp_path / "a.mp4")
    assert {frame.image.shape for frame in frames} == {(96, 160, 3)}
    assert number_of(frames[1].image) == 1
    assert frames[2].image[:, :40].max() < 40  # black bars beside an upright picture


@pytest.mark.parametrize(
    ("codec", "suffix", "kept"), [("aac", ".mp4", "aac"), ("libmp3lame", ".mkv", "mp3"), ("pcm_s16le", ".mkv", "aac")]
)
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_the_sound_is_kept(tmp_path: Path, codec: str, suffix: str, kept: str, start: float) -> None:
    import av

    source = write_video(tmp_path / f"in{suffix}", [i / 25 for i in range(75)], sound=codec)
    options = VideoOptions(zero_ns=round(start * 1e9), sound=source, sound_start_s=start)
    with VideoSink(tmp_path / "a.mp4", options) as sink:
        for i in range(round(start * 25), 75):
            sink.write(result(i, i / 25), numbered(i))
    with av.open(str(tmp_path / "a.mp4")) as container:
        audio: Any = container.streams.audio[0]
        assert audio.codec_context.codec.canonical_name == kept
        samples = [(frame.time, frame.samples) for frame in container.decode(audio)]
    seconds = sum(count for _, count in samples) / 48_000
    assert seconds == pytest.approx(3 - start, abs=0.12)
    assert abs(samples[0][0] or 0.0) < 0.1
    assert len(video_frames(tmp_path / "a.mp4")) == 75 - round(start * 25)


def test_an_input_without_sound_is_no_problem(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", [0, 0.04])
    with VideoSink(tmp_path / "a.mp4", VideoOptions(sound=source)) as sink:
        feed(sink, 3)
    assert len(video_frames(tmp_path / "a.mp4")) == 3
