"""`realtime3d video -`: a video from the standard input."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from realtime3d import cli
from tests.helpers.cli_clip import FRAMES, write_clip
from tests.helpers.paths import ROOT

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(without_nets: list[str]) -> Start:
    def run(*words: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "realtime3d", "video", "-", *map(str, words), *without_nets]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=pipe, stdout=pipe, stderr=pipe
        )

    return run


@pytest.fixture(scope="module")
def matroska(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = write_clip(tmp_path_factory.mktemp("stdin") / "clip.mkv")
    return path.read_bytes()


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_frame_with_its_time(start: Start, matroska: bytes, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    child = start("--csv", tmp_path / "out", "--overlay", f"{tmp_path / 'out'}{os.sep}")
    out, err = child.communicate(matroska, timeout=240)
    assert child.returncode == 0, err
    assert b"the standard input" in out
    table = rows(tmp_path / "out" / "stdin.csv")
    assert [int(row["frame"]) for row in table] == list(range(FRAMES))
    assert float(table[-1]["timestamp"]) == pytest.approx((FRAMES - 1) / 24, abs=2e-3)
    assert json.loads((tmp_path / "out" / "stdin.json").read_text())["source"]["name"] == "the standard input"
    with av.open(str(tmp_path / "out" / "stdin.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == FRAMES


@pytest.mark.parametrize("content", [b"", b"x" * 4000], ids=["nothing", "no video"])
def test_nothing_and_no_video_are_4(start: Start, tmp_path: Path, content: bytes) -> None:
    child = start("--csv", tmp_path / "a.csv")
    _, err = child.communicate(content, timeout=240)
    assert child.returncode == 4
    assert b"the standard input is empty or no video" in err.splitlines()[-1]
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("begun", [True, False], ids=["in the middle", "before anything came"])
def test_ctrl_c_ends_the_wait_for_more(start: Start, matroska: bytes, tmp_path: Path, begun: bool) -> None:
    table = tmp_path / "a.csv"
    child = start("--csv", table, "-v")
    assert child.stdin is not None and child.stderr is not None
    if begun:
        child.stdin.write(matroska)
        child.stdin.flush()
        wait_until(lambda: table.exists() and table.read_bytes().count(b"\n") > 3, child)
    else:
        wait_until(lambda: any(thread_names(child.pid)), child)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 130
    child.stdin.close()
    if begun:
        assert json.loads((tmp_path / "a.json").read_text())["state"] == "interrupted"
        assert rows(table)


def thread_names(process: int) -> list[str]:
    """Threads that read, by name where the system knows it: then the run is waiting for its input."""
    tasks = Path(f"/proc/{process}/task")
    if not tasks.exists():
        pytest.skip("needs /proc")
    waits = [(task / "wchan").read_text() for task in tasks.iterdir() if (task / "wchan").exists()]
    return [name for name in waits if "pipe" in name]


def wait_until(done: Callable[[], bool], child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 200
    while not done():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)


def test_it_cannot_be_resumed(without_nets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["video", "-", "--csv", str(tmp_path / "a.csv"), "--resume", *without_nets]) == 2
    assert "--resume cannot go back" in capsys.readouterr().err
