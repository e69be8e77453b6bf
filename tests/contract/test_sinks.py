"""One contract for everything that takes results, and what each kind writes."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from io_faces import ARKIT, face, result, tiny_model
from io_media import number_of, numbered, write_video

from realtime3d.errors import OutputError
from realtime3d.geometry import matrix_to_euler
from realtime3d.io.base import Sink
from realtime3d.io.files import check_output
from realtime3d.io.sidecar import SidecarSink
from realtime3d.io.sources import open_source
from realtime3d.io.tables import CsvSink, JsonlSink, TableOptions
from realtime3d.io.video import VideoOptions, VideoSink
from realtime3d.types import Frame

HAS_ARROW = importlib.util.find_spec("pyarrow") is not None
needs_arrow = pytest.mark.skipif(not HAS_ARROW, reason="pyarrow is not installed (the parquet extra)")
TABLE = TableOptions(tiny_model())

POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
OPENFACE = ["frame", "face_id", "timestamp", "confidence", "success", *POSE]
CONTRACT = [
    *OPENFACE,
    *("box_x", "box_y", "box_w", "box_h"),
    *(f"exp_{i}" for i in range(29)),
    *(f"id_{i}" for i in range(99)),
]


def _parquet(path: Path) -> Sink:
    from realtime3d.io.parquet import ParquetSink

    return ParquetSink(path, TABLE)


KINDS: dict[str, tuple[str, Callable[[Path], Sink]]] = {
    "csv": ("a.csv", lambda path: CsvSink(path, TABLE)),
    "jsonl": ("a.jsonl", lambda path: JsonlSink(path, TABLE)),
    "parquet": ("a.parquet", _parquet),
    "sidecar": ("a.json", lambda path: SidecarSink(path, {})),
    "video": ("a.mp4", lambda path: VideoSink(path, VideoOptions())),
}
every_sink = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=needs_arrow if kind == "parquet" else ()) for kind in KINDS]
)


def make(kind: str, folder: Path) -> tuple[Path, Sink]:
    name, factory = KINDS[kind]
    return folder / name, factory(folder / name)


def feed(sink: Sink, count: int = 10, first: int = 0) -> None:
    for i in range(first, first + count):
        image = numbered(i)
        sink.write(result(i, i / 25, face(0, i), image=image), image if sink.needs_image else None)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system that is soon full."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount on this system")
    if done.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # a reader may still map a file


@every_sink
def test_the_constructor_makes_nothing_and_with_makes_the_file(kind: str, tmp_path: Path) -> None:
    path, sink = make(kind, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with sink:
        feed(sink)
    assert path.stat().st_size > 0
    assert list(tmp_path.iterdir()) == [path]


@every_sink
def test_a_run_without_frames_leaves_no_broken_file(kind: str, tmp_path: Path) -> None:
    path, sink = make(kind, tmp_path)
    with sink:
        pass
    assert path.exists() is (kind != "video")


@every_sink
def test_the_file_is_finished_when_the_run_fails(kind: str, tmp_path: Path) -> None:
    path, sink = make(kind, tmp_path)
    with pytest.raises(RuntimeError), sink:
        feed(sink)
        raise RuntimeError("elsewhere")
    assert rows_in(kind, path) == 10


def rows_in(kind: str, path: Path) -> int:
    """How many frames a reader finds."""
    if kind == "video":
        with open_source(path) as source:
            return sum(1 for _ in source)
    if kind == "parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).num_rows
    if kind == "sidecar":
        return json.loads(path.read_text())["frames"]["read"]
    return len(path.read_text().splitlines()) - (kind == "csv")


@every_sink
def test_a_folder_that_is_gone_is_one_clear_line(kind: str, tmp_path: Path) -> None:
    _, sink = make(kind, tmp_path / "not there")
    with pytest.raises(OutputError, match="does not exist") as caught, sink:
        feed(sink)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 5


@every_sink
def test_a_full_disk_is_one_clear_line_and_what_is_written_stays(kind: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", {"parquet": "512k", "video": "2m"}.get(kind, "64k")) as disk:
        path, sink = make(kind, disk)
        if kind == "parquet":
            sink._limits = (5, 1e9)  # type: ignore[attr-defined]
        if kind == "sidecar":
            (disk / "ballast").write_bytes(bytes(63 * 1024))
        rng = np.random.default_rng(0)
        with pytest.raises(OutputError, match="disk is full") as caught, sink:
            for i in range(3000):
                image = rng.integers(0, 255, (96, 160, 3), np.uint8)
                sink.write(result(i, i / 25, face(0, i), image=image), image)
        assert "\n" not in str(caught.value)
        if kind in ("csv", "jsonl"):
            text = path.read_text()
            assert text.endswith("\n")
            assert len({line.count(",") for line in text.splitlines()}) == 1
            assert rows_in(kind, path) > 5
        if kind == "video":
            assert len(video_frames(path)) > 5
        if kind == "parquet":
            import pyarrow.parquet

            assert pyarrow.parquet.read_table(f"{path}.parts").num_rows >= 5


def test_the_csv_has_the_columns_of_the_contract(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        sink.write(result(7, 0.28, face(3, 1), face(4, 2, held=True)), None)
        sink.write(result(8, 0.32), None)
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == CONTRACT
    assert [(row["frame"], row["face_id"], row["timestamp"], row["success"]) for row in rows] == [
        ("7", "3", "0.280000", "1"),
        ("7", "4", "0.280000", "0"),
    ]


def test_the_csv_has_the_units_and_signs_of_openface(tmp_path: Path) -> None:
    shown = face(0, 1)
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        sink.write(result(0, 0.0, shown), None)
    with open(tmp_path / "a.csv", newline="") as file:
        row = {name: float(value) for name, value in next(csv.DictReader(file)).items()}
    assert [row[f"pose_T{axis}"] for axis in "xyz"] == pytest.approx(shown.pose.t, abs=5e-4)
    angles = matrix_to_euler(shown.pose.R)
    assert angles == pytest.approx((0.1, -0.2, 0.301))
    assert [row[f"pose_R{axis}"] for axis in "xyz"] == pytest.approx(angles, abs=5e-7)
    left, top, right, bottom = shown.box
    assert [row[f"box_{name}"] for name in "xywh"] == pytest.approx((left, top, right - left, bottom - top), abs=0.02)
    assert [row[f"exp_{i}"] for i in range(29)] == pytest.approx(shown.expression, abs=1e-5)
    assert [row[f"id_{i}"] for i in range(99)] == pytest.approx(shown.shape, abs=1e-5)


def test_py_feat_reads_it_as_openfaces(tmp_path: Path) -> None:
    io = pytest.importorskip("feat.utils.io", reason="py-feat is not installed")
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        feed(sink, 5)
    table = io.read_openface(str(tmp_path / "a.csv"))
    assert list(table.facepose_columns) == list(POSE)
    assert table[list(POSE)].iloc[0].tolist() == pytest.approx([10.5, -20.25, 600.125, 0.1, -0.2, 0.3])


def test_more_columns_come_behind_the_contract(tmp_path: Path) -> None:
    options = TableOptions(tiny_model(), blendshapes=True, raw=True)
    with CsvSink(tmp_path / "a.csv", options) as sink:
        sink.write(result(0, 0.0, face(0, 1)), None)
        sink.write(result(1, 0.04, face(0, 2, saw_shape=False)), None)
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])
    assert names[: len(CONTRACT)] == CONTRACT
    assert names[len(CONTRACT) : len(CONTRACT) + 52] == ARKIT
    rest = names[len(CONTRACT) + 52 :]
    assert all(name.startswith("raw_") for name in rest)
    assert {"raw_pose_Tx", "raw_pose_Rz", "raw_presence", "raw_exp_28", "raw_gazeLeftYaw", "raw_id_98"} <= set(rest)
    assert rows[0]["raw_id_0"] != ""
    assert {rows[1][f"raw_id_{i}"] for i in range(99)} == {""}
    assert None not in rows[1].values()


def test_every_row_of_the_csv_is_in_the_file_at_once(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        for i in range(3):
            sink.write(result(i, i / 25, face(0, i)), None)
            assert len((tmp_path / "a.csv").read_text().splitlines()) == 2 + i


def test_live_times_count_from_the_opening(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TableOptions(tiny_model(), zero_ns=5_000_000_000_000)) as sink:
        sink.write(result(0, 5000.25, face()), None)
    assert ",0.250000," in (tmp_path / "a.csv").read_text()


def test_numbers_that_are_not_finite_do_not_break_a_line(tmp_path: Path) -> None:
    broken = face(0, 1)
    broken.expression[3] = np.nan
    with JsonlSink(tmp_path / "a.jsonl", TABLE) as lines, CsvSink(tmp_path / "a.csv", TABLE) as rows:
        for sink in (lines, rows):
            sink.write(result(0, 0.0, broken), None)
    assert json.loads((tmp_path / "a.jsonl").read_text())["faces"][0]["exp"][3] is None
    with open(tmp_path / "a.csv", newline="") as file:
        assert np.isnan(float(next(csv.DictReader(file))["exp_3"]))


def test_jsonl_has_a_line_for_every_frame(tmp_path: Path) -> None:
    options = TableOptions(tiny_model(), blendshapes=True, raw=True)
    with JsonlSink(tmp_path / "a.jsonl", options) as sink:
        sink.write(result(0, 0.0), None)
        sink.write(result(1, 0.04, face(2, 1, frozen=True), dropped=3), None)
    empty, full = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    assert empty == {"frame": 0, "timestamp": 0.0, "faces": [], "lost": [], "dropped": 0}
    assert full["dropped"] == 3
    found = full["faces"][0]
    assert (found["face_id"], found["status"], found["id_frozen"]) == (2, "tracked", True)
    assert set(found["blendshapes"]) == set(ARKIT)
    assert len(found["raw"]["id"]) == len(found["id"]) == 99


def test_the_sidecar_says_what_the_numbers_mean_and_when_identities_froze(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    sidecar = SidecarSink(path, {"source": {"name": "clip.mp4"}, "models": {"track": {"sha256": "00"}}, "settings": {}})
    with sidecar:
        assert json.loads(path.read_text())["state"] == "running"
        sidecar.write(result(0, 0.0, face(0)), None)
        sidecar.write(result(50, 2.0, face(0, frozen=True), dropped=2), None)
        assert json.loads(path.read_text())["identities"] == {"0": {"frozen_at_s": 2.0, "frames": 60}}
    content = json.loads(path.read_text())
    assert content["state"] == "complete"
    assert content["frames"] == {"first": 0, "last": 50, "read": 2, "dropped": 2}
    assert content["camera"]["fx"] == pytest.approx(138.56, abs=0.01)
    assert content["models"]["track"]["sha256"] == "00"
    assert "radians" in content["conventions"]["pose_R"]
    assert content["versions"]["numpy"] == np.__version__


def test_the_sidecar_of_an_interrupted_run_says_so(tmp_path: Path) -> None:
    with SidecarSink(tmp_path / "a.json", {}, interrupted=lambda: True):
        pass
    assert json.loads((tmp_path / "a.json").read_text())["state"] == "interrupted"


def test_the_sidecar_of_a_failed_run_says_why(tmp_path: Path) -> None:
    with pytest.raises(OutputError), SidecarSink(tmp_path / "a.json", {}):
        raise OutputError("the disk is full")
    content = json.loads((tmp_path / "a.json").read_text())
    assert (content["state"], content["error"]) == ("failed", "the disk is full")


@needs_arrow
def test_parquet_is_typed_and_says_what_it_holds(tmp_path: Path) -> None:
    import pyarrow.parquet

    from realtime3d.io.parquet import ParquetSink

    path = tmp_path / "a.parquet"
    options = TableOptions(tiny_model(), raw=True)
    with ParquetSink(path, options, rows_per_part=4) as sink:
        feed(sink, 9)
        sink.write(result(9, 0.36, face(1, 9, saw_shape=False)), None)
        assert pyarrow.parquet.read_table(f"{path}.parts").num_rows == 8  # a data set while the run goes on
    table = pyarrow.parquet.read_table(path)
    assert table.column_names[: len(CONTRACT)] == CONTRACT
    assert table["frame"].to_pylist() == list(range(10))
    kinds = {name: str(table.schema.field(name).type) for name in ("frame", "timestamp", "success", "pose_Tx", "exp_0")}
    assert kinds == {"frame": "int64", "timestamp": "double", "success": "int8", "pose_Tx": "double", "exp_0": "float"}
    assert table["raw_id_5"].null_count == 1
    assert b"radians" in table.schema.metadata[b"realtime3d.pose_R"]
    assert not Path(f"{path}.parts").exists()


@needs_arrow
def test_row_groups_of_the_whole_file_are_larger_than_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet

    from realtime3d.io import parquet

    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 10)
    with parquet.ParquetSink(tmp_path / "a.parquet", TABLE, rows_per_part=4) as sink:
        feed(sink, 30)
    file = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [12, 12, 6]
    assert file.read()["frame"].to_pylist() == list(range(30))


def test_without_pyarrow_the_line_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime3d.errors import MissingError

    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingError, match=r"pip install 'realtime3d\[parquet\]'"):
        _parquet(tmp_path / "a.parquet")


# The overlay video


def video_frames(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return [item for item in source if isinstance(item, Frame)]


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


def test_starting_anew_forgets_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / "a.mp4.previous").write_bytes(b"old")
    with VideoSink(tmp_path / "a.mp4", VideoOptions()) as sink:
        feed(sink, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


# What all outputs share


def test_an_output_that_exists_is_refused_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OutputError, match="--overwrite"):
        check_output(path, overwrite=False)
    check_output(path, overwrite=True)


@pytest.mark.parametrize("left", ["a.parquet.parts", "a.mp4.previous"])
def test_what_a_killed_run_left_is_not_thrown_away_unless_told(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir()
    path = tmp_path / left.rpartition(".")[0]
    with pytest.raises(OutputError, match="--resume"):
        check_output(path, overwrite=False)
    check_output(path, overwrite=True)


@pytest.mark.parametrize("way", ["same", "dots", "link", "hard link"])
def test_an_output_that_is_the_input_is_refused(tmp_path: Path, way: str) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    output = {
        "same": clip,
        "dots": tmp_path / "sub" / ".." / "clip.mp4",
        "link": tmp_path / "link.mp4",
        "hard link": tmp_path / "hard.mp4",
    }[way]
    if way == "link":
        output.symlink_to(clip)
    if way == "hard link":
        os.link(clip, output)
    with pytest.raises(OutputError, match="is the input"):
        check_output(output, overwrite=True, inputs=[clip])


def test_the_folders_above_an_output_are_made(tmp_path: Path) -> None:
    check_output(tmp_path / "a" / "b" / "c.csv", overwrite=False)
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["n" * 300 + ".csv", "a\0.csv", "file/below.csv", "folder"])
def test_impossible_outputs_are_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path / name, overwrite=True)
    assert "\n" not in str(caught.value)


def test_a_read_only_file_system_is_one_clear_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        done = subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("this user may not mount a small file system")
        for kind in ("csv", "jsonl", "sidecar", "video"):
            _, sink = make(kind, disk)
            with pytest.raises(OutputError, match="read-only"), sink:
                feed(sink)
