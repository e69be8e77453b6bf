"""The same batch on a real Ray that is started here, with workers that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="the [batch] extra is not installed")
pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
import pyarrow.parquet

from realtime3d.batch.plan import BatchJob
from realtime3d.batch.run import run_batch
from realtime3d.errors import SourceError
from tests.batch.conftest import FRAMES
from tests.helpers.faults import fault
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow  # Ray alone takes some seconds to start, and a second to end
LIMIT_S = 240.0


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Actors find this checkout as the test does."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    yield
    ray.shutdown()


def frames_of(out: Path) -> dict[str, list[int]]:
    return {
        folder.name.removeprefix("film="): sorted(
            frame
            for part in folder.iterdir()
            for frame in pyarrow.parquet.read_table(part, partitioning=None)["frame"].to_pylist()
        )
        for folder in (out / "table").iterdir()
    }


def test_the_same_rows_as_without(job: Callable[..., BatchJob], tmp_path: Path) -> None:
    summary = run_batch(job(ray="local", workers=2))
    assert (summary.counts.done, summary.workers) == (3, 2)
    assert frames_of(tmp_path / "out") == {film: list(range(count)) for film, count in FRAMES.items()}


def members() -> list[int]:
    """Processes of Ray's actors, by what they call themselves."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if name.startswith(b"ray::Member"):
                found.append(int(folder.name))
    return found


@fault("batch", "Ray's workers are killed", "replaced; every row once")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_that_are_killed_are_replaced(job: Callable[..., BatchJob], films: Path, tmp_path: Path) -> None:
    from tests.helpers.cli_clip import write_clip

    for number in range(8):
        write_clip(films / f"more{number}.mp4", 300)
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.2) and len(killed) < 3:
            there = [process for process in members() if process not in killed]
            if there and any((tmp_path / "out" / "table").glob("*")):
                killed.append(there[0])
                os.kill(there[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        summary = run_batch(job(ray="local", workers=2, tries=10))
    finally:
        over.set()
        killer.join(LIMIT_S)
    assert killed
    assert summary.counts.done == 11
    wanted = {**FRAMES, **{f"more{number}": 300 for number in range(8)}}
    assert frames_of(tmp_path / "out") == {film: list(range(count)) for film, count in wanted.items()}


@fault("batch", "a Ray cluster that is not there", "one line")
def test_a_cluster_that_is_not_there(job: Callable[..., BatchJob]) -> None:
    with pytest.raises(SourceError, match="no Ray cluster at"):
        run_batch(job(ray="127.0.0.1:1"))


def test_ray_reports_nothing() -> None:
    """As Ray itself sees it, in a process that our code has started."""
    code = (
        "from realtime3d.batch.ray_ import send_nothing; send_nothing()\n"
        "try:\n    from ray._common.usage import usage_lib\n"
        "except ImportError:\n    from ray._private.usage import usage_lib\n"
        "print(usage_lib.usage_stats_enabled())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "False"
