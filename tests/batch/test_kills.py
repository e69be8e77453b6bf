"""Workers and drivers killed at random moments: at the end there are the rows of an undisturbed run, each once.

REALTIME3D_KILLS=20 python -m pytest tests/batch/test_kills.py -m ""
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
import pyarrow
import pyarrow.parquet

from realtime3d.batch.plan import BatchJob
from realtime3d.batch.run import run_batch
from tests.helpers.batches import HereCrew
from tests.helpers.cli_clip import write_clip
from tests.helpers.faults import fault
from tests.helpers.paths import ROOT

KILLS = int(os.environ.get("REALTIME3D_KILLS", "4"))
FILMS = 14
LIMIT_S = 300.0
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
DRIVER = """
import pickle, sys
from realtime3d.batch.run import run_batch
if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        summary = run_batch(pickle.load(file))
    print(summary.counts.done, summary.counts.aside)
"""


def table(out: Path) -> dict[str, Any]:
    """Every film's rows in order, and whatever else lies there."""
    found = {}
    for folder in sorted((out / "table").iterdir()):
        parts = [pyarrow.parquet.read_table(part, partitioning=None) for part in sorted(folder.iterdir())]
        found[folder.name] = pyarrow.concat_tables(parts)
    return found


def workers_of(driver: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if int(stat[1]) == driver and b"spawn_main" in command:
                found.append(int(folder.name))
    return found


def wait_for_growth(out: Path, child: subprocess.Popen[str], chance: random.Random) -> None:
    """Until a random moment: while it starts, or when one to four more films are there, or a little later."""
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0.05, 2.0))
        return
    there = len(list((out / "table").glob("*"))) + chance.randrange(1, 5)
    limit = time.monotonic() + LIMIT_S
    while child.poll() is None and len(list((out / "table").glob("*"))) < there and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(chance.random() * 0.2)


@fault("batch", "workers and drivers are killed at random moments", "the same command goes on: every row once")
def test_kills_at_random_moments(
    job: Callable[..., BatchJob], films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(7)
    for number in range(FILMS):
        write_clip(films / f"more{number:02d}.mp4", chance.randrange(10, 120))
    write_clip(films / "long.mp4", 480)  # 20 s, in parts
    whole = job(out=tmp_path / "whole", chunk_s=4.0, overlap_s=0.5)
    run_batch(whole, crew=HereCrew(whole))
    disturbed = job(out=tmp_path / "out", chunk_s=4.0, overlap_s=0.5, workers=2, tries=50)
    told = tmp_path / "job.pickle"
    told.write_bytes(pickle.dumps(disturbed))
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    kills = {"workers": 0, "drivers": 0}
    finished = 0
    while True:
        child = subprocess.Popen(
            [sys.executable, str(script), str(told)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        killed = False
        while sum(kills.values()) < KILLS and child.poll() is None and not killed:
            wait_for_growth(tmp_path / "out", child, chance)
            processes = workers_of(child.pid)
            if chance.random() < 0.5 and processes:
                os.kill(chance.choice(processes), signal.SIGKILL)
                kills["workers"] += 1
            elif child.poll() is None:
                child.kill()
                kills["drivers"] += 1
                killed = True
        out, err = child.communicate(timeout=LIMIT_S)
        if child.returncode == 0:
            finished += 1
            assert out.split()[-2:] == [str(FILMS + 4), "0"], err
            if sum(kills.values()) >= KILLS:
                break
            (tmp_path / "out" / "manifest.sqlite").unlink()  # done too early: once more, over what is there
        else:
            assert child.returncode == -signal.SIGKILL, err
    found, wanted = table(tmp_path / "out"), table(tmp_path / "whole")
    assert list(found) == list(wanted)
    assert all(found[film].equals(wanted[film]) for film in wanted)
    assert not list((tmp_path / "out").glob("work/*"))
    with capsys.disabled():
        rows = sum(rows.num_rows for rows in wanted.values())
        sys.stdout.write(f" {kills}, {finished} runs to the end, {len(wanted)} films, {rows} rows ")
