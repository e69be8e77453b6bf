"""Kills, stops, signals, closed descriptors, and two programs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime3d.errors import OutputError
from realtime3d.sinks.lock import Lock
from tests.helpers.cli_clip import FRAMES, write_clip
from tests.helpers.faults import cases, fault
from tests.helpers.paths import ROOT

Video = Callable[..., Any]
Program = Callable[..., subprocess.Popen[str]]
LONG = 600
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", frames=LONG)


def frames(table: Path) -> list[int]:
    return [int(line.split(",")[0]) for line in table.read_text().splitlines()[1:]]


def wait_for(table: Path, child: subprocess.Popen[str], size: int = 20_000) -> None:
    while child.poll() is None and not (table.exists() and table.stat().st_size >= size):
        time.sleep(0.005)
    assert child.poll() is None, child.communicate()


@pytest.fixture
def running(program: Program, long: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has written a part of a.csv and is stopped."""
    child = program(long, "--csv", tmp_path / "a.csv")
    wait_for(tmp_path / "a.csv", child)
    child.send_signal(signal.SIGSTOP)
    yield child
    if child.poll() is None:
        child.kill()
        child.communicate()


@pytest.mark.parametrize(
    "words",
    cases(
        "processes",
        "the second is told in one line, exit code 5; the first one's file is whole",
        {
            "two programs on one CSV": ["--csv", "a.csv", "--overwrite"],
            "a second program on the same sidecar": ["--jsonl", "a.jsonl", "--overwrite"],
            "a second program that resumes while the first one runs": ["--csv", "a.csv", "--resume"],
        },
    ),
)
def test_two_programs_at_once(
    words: list[str], running: subprocess.Popen[str], video: Video, long: Path, tmp_path: Path
) -> None:
    words = [str(tmp_path / word) if word.startswith("a.") else word for word in words]
    video(long, *words).is_one_line(5, "another run is writing")
    running.send_signal(signal.SIGCONT)
    assert (running.communicate(timeout=120)[1], running.returncode) == ("", 0)
    assert frames(tmp_path / "a.csv") == list(range(LONG))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]


@fault("processes", "kill -9, then the same command", "one line names --resume and --overwrite, exit code 5")
def test_a_killed_run_is_not_overwritten(
    running: subprocess.Popen[str], video: Video, long: Path, tmp_path: Path
) -> None:
    running.kill()
    running.communicate()
    before = (tmp_path / "a.csv").read_bytes()
    video(long, "--csv", tmp_path / "a.csv").is_one_line(5, "--overwrite", "--resume")
    assert (tmp_path / "a.csv").read_bytes() == before


@fault("processes", "kill -9, then --resume", "the lock does not block; each frame once")
def test_a_killed_run_is_taken_up(running: subprocess.Popen[str], video: Video, long: Path, tmp_path: Path) -> None:
    running.kill()
    running.communicate()
    assert video(long, "--csv", tmp_path / "a.csv", "--resume").err == ""
    assert frames(tmp_path / "a.csv") == list(range(LONG))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]


@fault("processes", "kill -9, then --overwrite", "the lock does not block; the new run's rows only")
def test_a_killed_run_is_replaced(running: subprocess.Popen[str], video: Video, clip: Path, tmp_path: Path) -> None:
    running.kill()
    running.communicate()
    assert video(clip, "--csv", tmp_path / "a.csv", "--overwrite").err == ""
    assert frames(tmp_path / "a.csv") == list(range(FRAMES))


@fault("processes", "stopped for a while (Ctrl-Z), then continued", "as if nothing had happened")
def test_a_stopped_run_goes_on(running: subprocess.Popen[str], tmp_path: Path) -> None:
    time.sleep(1)
    running.send_signal(signal.SIGCONT)
    assert (running.communicate(timeout=120)[1], running.returncode) == ("", 0)
    assert frames(tmp_path / "a.csv") == list(range(LONG))


@pytest.mark.parametrize(
    "number",
    cases(
        "processes",
        "the files are finished, the sidecar says interrupted, exit code 130; --resume goes on",
        {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM},
    ),
)
def test_an_interrupted_run(
    number: signal.Signals, running: subprocess.Popen[str], video: Video, long: Path, tmp_path: Path
) -> None:
    for each in (number, signal.SIGCONT):
        running.send_signal(each)
    assert (running.communicate(timeout=120)[1], running.returncode) == ("", 130)
    assert json.loads((tmp_path / "a.json").read_text())["state"] == "interrupted"
    assert 0 < len(frames(tmp_path / "a.csv")) < LONG
    assert video(long, "--csv", tmp_path / "a.csv", "--resume").err == ""
    assert frames(tmp_path / "a.csv") == list(range(LONG))


KILLED_WITHIN = """
import os, signal, sys
from realtime3d import cli
from realtime3d.sinks import run_files
step, done = int(sys.argv[1]), []

def die(*_):
    done.append(1)
    if len(done) > step:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(function):
    def call(*values, **more):
        die()
        return function(*values, **more)
    return call

from realtime3d.sinks import parquet, sidecar, tables, video
run_files.remove_old = dying(run_files.remove_old)
for sink in (tables.CsvSink, tables.JsonlSink, parquet.ParquetSink, video.VideoSink, sidecar.SidecarSink):
    for name in ("__enter__", "__exit__"):
        setattr(sink, name, dying(getattr(sink, name)))
sys.exit(cli.main(sys.argv[2:]))
"""
STEPS = {
    "before the first old file is removed": 0,
    "before the second old file is removed": 1,
    "before the old sidecar is removed": 4,
    "before the new sidecar is there": 5,
    "before the new table is there": 6,
    "before the new Parquet is there": 7,
    "before the new overlay is there": 9,
    "before the overlay is finished": 10,
    "before the Parquet is finished": 12,
    "before the sidecar says complete": 14,
}


@pytest.mark.parametrize(
    "step",
    cases(
        "processes",
        "--resume gives the new film only, or is refused",
        {f"kill -9 of --overwrite with another film, {text}": step for text, step in STEPS.items()},
    ),
)
@pytest.mark.slow
def test_a_kill_while_another_film_is_replaced(
    step: int, video: Video, without_nets: list[str], clip: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    import pyarrow.parquet

    kinds = {"csv": "a.csv", "parquet": "a.parquet", "jsonl": "a.jsonl", "overlay": "a.mp4"}
    out = tmp_path / "out"
    words = [word for kind, name in kinds.items() for word in (f"--{kind}", str(out / name))]
    assert video(clip, *words).code == 0
    other = write_clip(tmp_path / "other.mp4", frames=9)
    command = ["video", "-q", *without_nets, str(other), *words, "--overwrite"]
    done = subprocess.run([sys.executable, "-c", KILLED_WITHIN, str(step), *command], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    answer = video(other, *words, "--resume")
    if answer.code:
        answer.is_one_line(5, "--overwrite")
        assert step < 6
        return
    assert frames(out / "a.csv") == list(range(9))
    assert pyarrow.parquet.read_table(out / "a.parquet")["frame"].to_pylist() == list(range(9))
    assert [json.loads(line)["frame"] for line in (out / "a.jsonl").read_text().splitlines()] == list(range(9))
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "a.json", "a.jsonl", "a.mp4", "a.parquet"]


@pytest.mark.parametrize(
    ("closed", "code"),
    cases(
        "processes",
        "the run does its work; no message gets into a file",
        {
            "standard error is closed": ("2>&-", 0),
            "standard output is closed": (">&-", 0),
            "standard input is closed": ("<&-", 0),
            "all three are closed": ("<&- >&- 2>&-", 0),
        },
    ),
)
def test_closed_descriptors(closed: str, code: int, without_nets: list[str], clip: Path, tmp_path: Path) -> None:
    words = ["-m", "realtime3d", "video", str(clip), *without_nets, "--csv", str(tmp_path / "a.csv")]
    script = f'exec "$0" "$@" --overlay {tmp_path}/a.mp4 {closed}'
    done = subprocess.run(["bash", "-c", script, sys.executable, *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert frames(tmp_path / "a.csv") == list(range(FRAMES))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    cases(
        "disks",
        "one line, exit code 5",
        {"standard output on a full device: config": ["config"], "standard output on a full device: video": ["video"]},
    ),
)
def test_a_full_standard_output(words: list[str], without_nets: list[str], clip: Path, tmp_path: Path) -> None:
    if words == ["video"]:
        words = ["video", str(clip), *without_nets, "--csv", str(tmp_path / "a.csv")]
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "realtime3d", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == 5
    assert "standard output" in done.stderr.splitlines()[-1]  # the one before is about the tests' nets


@fault("processes", "Ctrl-C while the program is being loaded", "it ends without a traceback")
def test_an_early_interrupt() -> None:
    # Before the first line of ours it is the interpreter that answers.
    code = """
import os, signal, sys
from realtime3d import __main__

class Interrupting:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.exit(__main__.main())
"""
    for module in ("realtime3d.cli", "argparse", "realtime3d.cli.video"):
        command = [sys.executable, "-c", code.replace("sys.argv[1]", repr(module)), "config"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        # Within a library that is being loaded it waits until that is there: the command may be over by then.
        assert done.returncode in ((0, 130) if module == "realtime3d.cli.video" else (130, -signal.SIGINT))
        assert done.stderr == ""


@fault("processes", "a lock whose owner was killed", "is free at once")
def test_a_lock_does_not_outlive_its_owner(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from realtime3d.sinks.lock import Lock\n" + (
        "lock = Lock(Path(sys.argv[1]), 'a'); print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / ".a.lock"
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match="another run is writing a"):
        Lock(path, "a")
    child.kill()
    child.communicate()
    lock = Lock(path, "a")
    with pytest.raises(OutputError):
        Lock(path, "a")  # also within one process
    lock.close()
    lock.close()
    assert not path.exists()
