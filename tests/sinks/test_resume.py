"""A run that is killed at any moment leaves whole files, and going on gives exactly what one run would have given."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from realtime3d.errors import OutputError
from realtime3d.sinks.killed_video import previous_video
from realtime3d.sinks.resume import find_resume_point
from realtime3d.sinks.sidecar import SidecarSink
from realtime3d.sinks.tables import CsvSink, TableOptions, timed_lines
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame
from tests.helpers.io_media import number_of, write_video
from tests.helpers.io_run import START_S, outputs, run
from tests.helpers.paths import ROOT

FRAMES = 130
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a POSIX matter")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    times = [i / 25 + (0.011 if i % 3 else 0) for i in range(FRAMES)]  # uneven
    return write_video(path, times, options={"g": "12", "bf": "2"}, sound="aac")


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run(clip, folder, resume=False)
    return folder


def start(clip: Path, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    script = ROOT / "tests" / "helpers" / "io_run.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(script), str(clip), str(folder), *words], env=environment)


def kill_after_bytes(child: subprocess.Popen[bytes], file: Path, size: int, extra_s: float) -> None:
    """`kill -9` once `file` has grown to `size`; the run may be over by then."""
    while child.poll() is None and not (file.exists() and file.stat().st_size >= size):
        time.sleep(0.001)
    time.sleep(extra_s)
    child.kill()
    child.wait(30)


def overlay(folder: Path) -> list[tuple[int, int]]:
    with open_source(outputs(folder)["overlay"]) as source:
        return [(item.t_ns, number_of(item.image)) for item in source if isinstance(item, Frame)]


def sound_seconds(folder: Path) -> float:
    with av.open(str(outputs(folder)["overlay"])) as container:
        return sum(frame.samples for frame in container.decode(audio=0)) / 48_000


def assert_same(found: Path, wanted: Path) -> None:
    assert outputs(found)["csv"].read_text() == outputs(wanted)["csv"].read_text()
    assert outputs(found)["jsonl"].read_text() == outputs(wanted)["jsonl"].read_text()
    assert overlay(found) == overlay(wanted)
    assert sound_seconds(found) == pytest.approx(sound_seconds(wanted), abs=0.05)
    if "parquet" in outputs(found):
        import pyarrow.parquet

        tables = [pyarrow.parquet.read_table(outputs(folder)["parquet"]) for folder in (found, wanted)]
        assert tables[0].equals(tables[1])
    sidecars = [json.loads((folder / "out.json").read_text()) for folder in (found, wanted)]
    assert [content["state"] for content in sidecars] == ["complete"] * 2
    assert sidecars[0]["frames"] == sidecars[1]["frames"]
    assert sidecars[0]["identities"] == sidecars[1]["identities"]
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in wanted.iterdir())


@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_again_and_again_ends_as_if_it_never_was(
    clip: Path, whole: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    full = outputs(whole)["csv"].stat().st_size
    words: list[str] = []
    for _ in range(3):
        child = start(clip, tmp_path, *words)
        kill_after_bytes(child, outputs(tmp_path)["csv"], chance.randrange(full), chance.random() * 0.02)
        words = ["resume"]
    run(clip, tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_what_a_killed_run_leaves_can_be_read_as_it_is(clip: Path, whole: Path, tmp_path: Path) -> None:
    child = start(clip, tmp_path)
    kill_after_bytes(child, outputs(tmp_path)["csv"], outputs(whole)["csv"].stat().st_size * 8 // 10, 0)
    assert child.returncode == -signal.SIGKILL
    rows = outputs(tmp_path)["csv"].read_text().splitlines()
    assert len(rows) > 50
    assert len({row.count(",") for row in rows}) == 1
    lines = outputs(tmp_path)["jsonl"].read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(10, 10 + len(lines)))
    shown = overlay(tmp_path)
    assert len(shown) > 30
    assert [number for _, number in shown] == list(range(10, 10 + len(shown)))
    assert json.loads((tmp_path / "out.json").read_text())["state"] == "running"


@pytest.mark.parametrize("missing", ["csv", "jsonl", "overlay"])
def test_an_output_that_is_gone_is_made_again(clip: Path, whole: Path, tmp_path: Path, missing: str) -> None:
    run(clip, tmp_path, resume=False)
    outputs(tmp_path)[missing].unlink()
    run(clip, tmp_path, resume=True)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("rest", [b"", b"half a video"])
def test_a_kill_while_the_overlay_was_being_taken_over_loses_nothing(
    clip: Path, whole: Path, tmp_path: Path, rest: bytes
) -> None:
    run(clip, tmp_path, resume=False)
    video = outputs(tmp_path)["overlay"]
    video.rename(previous_video(video))
    video.write_bytes(rest)
    run(clip, tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_resuming_a_finished_run_changes_nothing(clip: Path, whole: Path, tmp_path: Path) -> None:
    run(clip, tmp_path, resume=False)
    run(clip, tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_resuming_nothing_is_a_run_from_the_start(clip: Path, whole: Path, tmp_path: Path) -> None:
    point = find_resume_point(outputs(tmp_path), START_S)
    assert point.timestamp_s == START_S
    run(clip, tmp_path, resume=True)
    assert_same(tmp_path, whole)


def test_a_video_of_another_encoder_is_refused_and_left_as_it_is(clip: Path, whole: Path, tmp_path: Path) -> None:
    for path in outputs(whole).values():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    other = outputs(tmp_path)["overlay"]
    other.write_bytes(clip.read_bytes())
    with pytest.raises(OutputError, match="another encoder"):
        run(clip, tmp_path, resume=True)
    assert other.read_bytes() == clip.read_bytes()
    assert not previous_video(other).exists()


@pytest.mark.parametrize("cut", [1, 10, 700, 1500])
def test_a_row_that_is_not_whole_is_not_counted(whole: Path, tmp_path: Path, cut: int) -> None:
    for kind in ("csv", "jsonl"):
        data = outputs(whole)[kind].read_bytes()
        path = outputs(tmp_path)[kind]
        path.write_bytes(data[:-cut])
        kept = [end for end, _ in timed_lines(path)]
        assert kept[-1] == data[:-cut].rfind(b"\n") + 1


def test_other_columns_are_not_mixed_into_one_table(whole: Path, tmp_path: Path) -> None:
    from tests.helpers.io_faces import tiny_model

    path = tmp_path / "out.csv"
    path.write_bytes(outputs(whole)["csv"].read_bytes())
    with (
        pytest.raises(OutputError, match="other columns"),
        CsvSink(path, TableOptions(tiny_model(), raw=True, resume_s=2.0)),
    ):
        pass


@pytest.mark.parametrize("key", ["source", "models", "settings", "columns"])
def test_another_run_is_not_mixed_into_the_files_of_this_one(tmp_path: Path, key: str) -> None:
    facts = {name: {"value": 1} for name in ("source", "models", "settings", "columns")}
    with SidecarSink(tmp_path / "a.json", facts):
        pass
    SidecarSink(tmp_path / "a.json", facts, resume=True)
    with pytest.raises(OutputError, match=f"other {key}"):
        SidecarSink(tmp_path / "a.json", {**facts, key: {"value": 2}}, resume=True)
