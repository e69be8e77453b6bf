"""`realtime3d video` from the command line to the files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from realtime3d import cli
from tests.helpers.cli_clip import FPS, FRAMES, write_clip

Video = Callable[..., int]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def overlay_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_all_outputs_in_one_pass(video: Video, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    import pyarrow.parquet

    table, lines, film = tmp_path / "a.csv", tmp_path / "a.jsonl", tmp_path / "a.mp4"
    outputs = ["--csv", table, "--jsonl", lines, "--overlay", film, "--parquet", tmp_path / "a.parquet"]
    assert video(clip, *outputs) == 0
    found = rows(table)
    assert [int(row["frame"]) for row in found] == list(range(FRAMES))
    assert float(found[-1]["timestamp"]) == pytest.approx((FRAMES - 1) / FPS, abs=1e-6)
    assert len(lines.read_text().splitlines()) == FRAMES
    assert overlay_frames(film) == FRAMES
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").num_rows == FRAMES
    out = capsys.readouterr().out
    assert f"clip.mp4: {FRAMES} frames" in out
    assert all(str(path) in out for path in (table, lines, film, tmp_path / "a.json"))


def test_the_sidecar_tells_how_the_table_was_made(video: Video, clip: Path, tmp_path: Path) -> None:
    assert video(clip, "--csv", tmp_path / "a.csv", "--fov", "70", "--blendshapes", "--raw") == 0
    facts = json.loads((tmp_path / "a.json").read_text())
    assert facts["state"] == "complete"
    assert facts["settings"]["camera"]["fov"] == 70
    assert facts["backend"] == {"name": "fake", "device": "cpu"}
    assert facts["models"]["set"] == "tiny"
    assert all(len(file["sha256"]) == 64 for file in facts["models"]["files"].values())
    header = (tmp_path / "a.csv").read_text().partition("\n")[0].split(",")
    assert facts["columns"] == header
    assert {"jawOpen", "raw_exp_0"} <= set(header)


def test_a_part_of_the_input(video: Video, clip: Path, tmp_path: Path) -> None:
    assert video(clip, "--start", "0.25", "--end", "0:00.75", "--every", "3", "--csv", tmp_path / "a.csv") == 0
    assert [int(row["frame"]) for row in rows(tmp_path / "a.csv")] == [6, 9, 12, 15]


def test_several_inputs_fill_folders(video: Video, clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "öther.mp4", frames=5)
    out = tmp_path / "out"
    assert video(clip, other, "--csv", out, "--overlay", out) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "clip.csv", "clip.json", "clip.mp4", "öther.csv", "öther.json", "öther.mp4",
    ]  # fmt: skip
    assert [row["frame"] for row in rows(out / "öther.csv")] == list("01234")
    assert rows(out / "öther.csv")[0]["face_id"] == "0"  # each input is a stream of its own


def test_quiet_says_nothing(video: Video, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert video(clip, "--csv", tmp_path / "a.csv", "-q") == 0
    assert capfd.readouterr() == ("", "")


def test_an_existing_file_is_kept(video: Video, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("precious")
    assert video(clip, "--csv", tmp_path / "a.csv") == 5
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "a.csv").read_text() == "precious"
    assert video(clip, "--csv", tmp_path / "a.csv", "--overwrite") == 0
    assert len(rows(tmp_path / "a.csv")) == FRAMES


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["none.mp4"], 4, "does not exist"),
        (["0"], 2, "`realtime3d live 0`"),
        (["/dev/video3"], 2, "`realtime3d live /dev/video3`"),
        (["CLIP", "--start", "soon"], 2, "no time"),
        (["CLIP", "--start", "2", "--end", "1"], 2, "--end"),
        (["CLIP", "--start", "60"], 4, "before the start"),
        (["CLIP", "--overlay", "CLIP", "--overwrite"], 5, "is the input"),
        (["CLIP", "--profile", "."], 5, "is a folder"),
        (["CLIP", "--backend", "nonsense"], 3, "no back end 'nonsense'"),
        (["CLIP", "--models", "nowhere"], 3, "nowhere"),
        (["CLIP", "--config", "none.toml"], 2, "none.toml"),
        (["CLIP", "--boxes", "none.csv"], 2, "none.csv"),
        (["CLIP", "--intrinsics", "none.yml"], 2, "none.yml"),
    ],
)
def test_failures_are_one_line_with_a_code(
    words: list[str],
    code: int,
    says: str,
    clip: Path,
    without_nets: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(clip) if word == "CLIP" else word for word in words]
    out = [] if "--overlay" in words else ["--csv", str(tmp_path / "a.csv")]
    assert cli.main(["video", given[0], *without_nets, *given[1:], *out, "-q"]) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.startswith("realtime3d: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_a_source_error(content: bytes, video: Video, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    assert video(broken, "--csv", tmp_path / "a.csv", "-q") == 4


def test_resuming_a_cut_table_gives_the_whole_one(video: Video, clip: Path, tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    outputs = ["--csv", table, "--jsonl", lines, "--no-smooth"]
    assert video(clip, *outputs) == 0
    whole, whole_lines = table.read_text(), lines.read_text()
    cut = whole.splitlines(keepends=True)[:12]
    table.write_text("".join(cut)[:-40])  # killed in the middle of a row
    assert video(clip, *outputs, "--resume") == 0
    found = rows(table)
    assert [int(row["frame"]) for row in found] == list(range(FRAMES))
    assert [line.split(",")[0] for line in whole.splitlines()] == [
        line.split(",")[0] for line in table.read_text().splitlines()
    ]
    assert len(lines.read_text().splitlines()) == len(whole_lines.splitlines())


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_ctrl_c_finishes_the_files_and_ends_with_130(clip: Path, without_nets: list[str], tmp_path: Path) -> None:
    long = write_clip(tmp_path / "long.mp4", frames=900)
    table, film = tmp_path / "a.csv", tmp_path / "a.mp4"
    command = [sys.executable, "-m", "realtime3d", "video", long, *without_nets, "--csv", table, "--overlay", film]
    child = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while child.poll() is None and (not table.exists() or table.stat().st_size < 20_000):
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, "Traceback" in err) == (130, False)
    assert "long.mp4: " in out
    assert json.loads((tmp_path / "a.json").read_text())["state"] == "interrupted"
    assert 0 < len(rows(table)) == overlay_frames(film) < 900


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_ctrl_c_twice_ends_at_once_and_can_be_taken_up(
    clip: Path, without_nets: list[str], video: Video, tmp_path: Path
) -> None:
    long, table = write_clip(tmp_path / "long.mp4", frames=400), tmp_path / "a.csv"
    command = [sys.executable, "-m", "realtime3d", "video", long, *without_nets, "--csv", table]
    child = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while child.poll() is None and (not table.exists() or table.stat().st_size < 20_000):
        time.sleep(0.01)
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):  # so that both arrive together
        child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, "Traceback" in err) == (130, False)
    assert json.loads((tmp_path / "a.json").read_text())["state"] == "running"  # it was given no time to finish
    assert 0 < len(rows(table)) < 400
    assert video(long, "--csv", table, "--resume") == 0
    assert [int(row["frame"]) for row in rows(table)] == list(range(400))


@pytest.mark.skipif(not shutil.which("mount") or os.name == "nt" or os.geteuid() != 0, reason="needs root for a tmpfs")
def test_a_full_disk_is_an_output_error(clip: Path, without_nets: list[str], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "realtime3d", "video", str(clip), *without_nets, "--raw", "--csv", small / "a.csv"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 5
        assert "disk is full" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        whole = (small / "a.csv").read_text()
        assert whole.endswith("\n")
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_a_killed_run_is_taken_up_without_losing_or_doubling_a_row(
    clip: Path, without_nets: list[str], video: Video, tmp_path: Path
) -> None:
    long = write_clip(tmp_path / "long.mp4", frames=400)
    table, lines, film = tmp_path / "a.csv", tmp_path / "a.jsonl", tmp_path / "a.mp4"
    words = [long, *without_nets, "--csv", table, "--jsonl", lines, "--overlay", film, "--resume"]
    for size in (20_000, 150_000):
        child = subprocess.Popen([sys.executable, "-m", "realtime3d", "video", *map(str, words)], stdout=-3, stderr=-3)
        while child.poll() is None and (not table.exists() or table.stat().st_size < size):
            time.sleep(0.01)
        child.kill()
        child.wait()
    assert len(rows(table)) < 400
    assert overlay_frames(film) < 400
    assert video(long, "--csv", table, "--jsonl", lines, "--overlay", film, "--resume") == 0
    assert [int(row["frame"]) for row in rows(table)] == list(range(400))
    assert [json.loads(line)["frame"] for line in lines.read_text().splitlines()] == list(range(400))
    assert overlay_frames(film) == 400
