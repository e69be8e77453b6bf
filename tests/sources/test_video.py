"""Video files as they come: odd times, turned pictures, exact starts, and everything that can be wrong with them."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime3d.errors import SourceError, UsageError
from realtime3d.sources import video as video_source
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame
from tests.helpers.io_media import number_of, numbered, write_video

VARIABLE = [0.0, 0.04, 0.05, 0.3, 0.31, 1.7, 1.74, 1.9]


def read(path: Path | str, **options: object) -> list[Frame]:
    with open_source(path, SourceOptions(**options)) as source:  # type: ignore[arg-type]
        return [item for item in source if isinstance(item, Frame)]


def test_times_of_a_variable_frame_rate_are_kept(tmp_path: Path) -> None:
    frames = read(write_video(tmp_path / "vfr.mp4", VARIABLE))
    assert [frame.t_ns / 1e9 for frame in frames] == pytest.approx(VARIABLE, abs=2e-5)


def test_times_count_from_the_start_of_the_container(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.ts", [10 + i / 25 for i in range(5)])
    assert [frame.t_ns / 1e9 for frame in read(path)] == pytest.approx([i / 25 for i in range(5)], abs=2e-5)


@pytest.mark.parametrize(
    ("turn", "corner"), [(None, "left top"), (90, "left bottom"), (-90, "right top"), (180, "right bottom")]
)
def test_a_phone_video_is_turned_upright(tmp_path: Path, turn: int | None, corner: str) -> None:
    path = tmp_path / "phone.mp4"
    red = np.zeros((96, 160, 3), np.uint8)
    red[:40, :60, 2] = 255  # the sensor's left top
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        if turn is not None:
            stream.set_display_rotation(turn)  # anticlockwise
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="bgr24")))
        container.mux(stream.encode(None))
    with open_source(path) as source:
        frame = next(iter(source))
        assert isinstance(frame, Frame)
        image = frame.image
        assert image.shape == (source.info.height, source.info.width, 3)
    assert image.shape[:2] == ((160, 96) if turn in (90, -90) else (96, 160))
    x = 8 if "left" in corner else -8
    y = 8 if "top" in corner else -8
    assert image[y, x, 2] > 200
    assert image[-y, -x, 2] < 60


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "rgb8"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24").reformat(format="rgb8")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert [(f.t_ns, number_of(f.image)) for f in read(path)] == [(i * 100_000_000, i) for i in range(4)]


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mp4", [0, 0.04], aspect=Fraction(4, 3))
    assert read(path)[0].image.shape == (96, 213, 3)


@pytest.mark.parametrize(
    "encoder",
    [
        {"bf": "3", "g": "12"},
        {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"},
        {"bf": "0", "g": "250"},
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
def test_every_start_gives_the_same_frames_as_reading_from_the_beginning(
    tmp_path: Path, encoder: dict[str, str], suffix: str
) -> None:
    path = write_video(tmp_path / f"clip{suffix}", [i / 25 for i in range(60)], options=encoder)
    whole = [(f.index, f.t_ns) for f in read(path)]
    assert len(whole) == 60
    for index, t_ns in whole[::7] + whole[-1:]:
        part = read(path, start_s=round(t_ns / 1e9, 6))
        assert [(f.index, f.t_ns) for f in part] == whole[index:]
        assert [number_of(f.image) for f in part] == list(range(index, 60))


def test_where_no_seek_leads_to_the_start_the_file_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "clip.mp4", [i / 25 for i in range(20)])
    monkeypatch.setattr(video_source, "SEEK_EARLIER_S", ())
    assert [(f.index, number_of(f.image)) for f in read(path, start_s=0.6)] == [(i, i) for i in range(15, 20)]


def test_frames_without_times_get_the_nominal_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "raw.h264", [i / 25 for i in range(10)], options={"bf": "0"})
    frames = read(path)
    assert [number_of(f.image) for f in frames] == list(range(10))
    times = np.array([f.t_ns for f in frames])
    assert (np.diff(times) == times[1] - times[0]).all()
    assert [(f.index, f.t_ns) for f in read(path, start_s=times[4] / 1e9)] == [(f.index, f.t_ns) for f in frames[4:]]


def test_times_that_go_back_are_put_in_order(tmp_path: Path) -> None:
    path = write_video(tmp_path / "one.ts", [i / 25 for i in range(10)], options={"bf": "0"})
    twice = tmp_path / "twice.ts"
    twice.write_bytes(path.read_bytes() * 2)
    with open_source(twice) as source:
        times = [item.t_ns for item in source]
        assert len(times) == 20
        assert any("put in order" in text for text in source.status.warnings)
    assert all(a < b for a, b in itertools.pairwise(times))
    assert times[19] - times[10] == pytest.approx(9 * 0.04e9, abs=1e5)


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4", "cut.ts"])
def test_a_truncated_file_gives_what_it_has_and_says_so(tmp_path: Path, name: str) -> None:
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    whole = write_video(tmp_path / name, [i / 25 for i in range(100)], container_options=options)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with open_source(whole) as source:
        frames = [item for item in source if isinstance(item, Frame)]
        warnings = source.status.warnings
    assert 5 < len(frames) < 95
    assert [number_of(f.image) for f in frames[:-1]] == list(range(len(frames) - 1))
    if not name.endswith("ts"):  # which announces no length
        assert any("cut off" in text for text in warnings)


def test_a_damaged_middle_costs_only_the_damaged_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", [i / 25 for i in range(100)], options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    frames = read(path)
    assert len(frames) > 60
    assert number_of(frames[0].image) == 0
    assert number_of(frames[-1].image) == 99


def test_frames_that_change_size_are_given_as_they_are(tmp_path: Path) -> None:
    small = write_video(tmp_path / "a.ts", [i / 25 for i in range(5)])
    large = write_video(tmp_path / "b.ts", [1 + i / 25 for i in range(5)], size=(320, 192))
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    shapes = {frame.image.shape for frame in read(both)}
    assert shapes == {(96, 160, 3), (192, 320, 3)}


def _audio_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _song_with_cover(path: Path) -> None:
    with av.open(str(path), "w") as container:
        sound, cover = container.add_stream("aac", rate=48_000), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def _no_frames(path: Path) -> None:
    with av.open(str(path), "w", options={"movflags": "empty_moov+frag_keyframe"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        container.start_encoding()


def _without_index(path: Path) -> None:
    write_video(path, [i / 25 for i in range(50)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_FILES = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.with_suffix(".txt").write_text("hello world\n" * 500),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(50_000)),
    "sound only": _audio_only,
    "song with a cover": _song_with_cover,
    "no frames": _no_frames,
    "without index": _without_index,
    "missing": lambda path: None,
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_is_no_video_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.mp4"
    BAD_FILES[kind](path)
    path = path.with_suffix(".txt") if kind == "text" else path
    with pytest.raises(SourceError) as caught:
        open_source(path)
    text = str(caught.value)
    assert path.name in text
    assert ": " in text
    assert "\n" not in text


def test_a_file_that_may_not_be_read_is_one_clear_line(tmp_path: Path) -> None:
    path = write_video(tmp_path / "secret.mp4", [0, 0.04])
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(SourceError, match="permission"):
        open_source(path)


@pytest.mark.parametrize("name", ["Gesicht_ä_脸_😀.mp4", "with space & 'quotes'.mp4", "x" * 200 + ".mp4"])
def test_unusual_names(tmp_path: Path, name: str) -> None:
    assert len(read(write_video(tmp_path / name, [0, 0.04]))) == 2


def test_a_title_in_another_encoding_is_no_reason_to_refuse_a_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [0, 0.04], title="Gr\u00fc\u00dfe aus K\u00f6ln")
    data = path.read_bytes()
    assert "K\u00f6ln".encode() in data
    path.write_bytes(data.replace("\u00f6".encode(), b"\xf6 "))  # Latin-1
    assert len(read(path)) == 2


def test_a_very_long_path(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(8):
        folder /= "d" * 120
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"this system has no such long paths ({error})")
    assert len(read(write_video(folder / "clip.mp4", [0, 0.04]))) == 2


@pytest.mark.parametrize("name", ["y" * 5000 + ".mp4", "a\0b.mp4"], ids=["long", "nul"])
def test_impossible_names_are_one_clear_line(name: str) -> None:
    with pytest.raises(SourceError):
        open_source(name)


@pytest.mark.parametrize("options", [{"every": 0}, {"start_s": -1}, {"start_s": 2, "end_s": 1}, {"fps": 0}])
def test_impossible_options_are_usage_errors(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        open_source(tmp_path, SourceOptions(**options))  # type: ignore[arg-type]


def test_something_that_is_no_source_at_all() -> None:
    with pytest.raises(UsageError):
        open_source(None)  # type: ignore[arg-type]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's allocator")
def test_frames_take_no_new_pages_from_the_system(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.mp4", [i / 25 for i in range(60)], options={"preset": "ultrafast"}, size=(1280, 720)
    )
    script = (
        "import resource, sys; from realtime3d.sources.choose import open_source\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for frame in open_source(sys.argv[1]):\n"
        "    if frame.index == 20: before = faults()\n"
        "print((faults() - before) / 40)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150  # a picture has 675 pages
