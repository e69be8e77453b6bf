"""The manifest: what it says after whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from realtime3d.batch.manifest import BLOCK, Manifest
from realtime3d.errors import OutputError
from tests.helpers.faults import fault
from tests.helpers.paths import ROOT

NOTES = {"frames": 3, "rows": 3, "seconds": 0.1}


def test_two_films_of_one_name_get_two(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m") as manifest:
        for folder in "abc":
            manifest.add(f"/{folder}/take.mp4", "take", 1, 1)
        manifest.add("/a/take.mp4", "take", 1, 1)
        assert [film.name for film in manifest.waiting()] == ["take", "take-2", "take-3"]


def test_what_is_done_stays_done_until_the_file_changes(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m") as manifest:
        manifest.add("/a.mp4", "a", 10, 1)
        (film,) = manifest.waiting()
        manifest.done(film, NOTES)
        manifest.add("/a.mp4", "a", 10, 1)
        assert list(manifest.waiting()) == []
        assert manifest.counts().done == 1
        manifest.add("/a.mp4", "a", 11, 2)
        assert [film.name for film in manifest.waiting()] == ["a"]


def test_tries_are_kept(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m") as manifest:
        manifest.add("/a.mp4", "a", 10, 1)
        (film,) = manifest.waiting()
        manifest.failed(film, 1, "no such host", aside=False)
    with Manifest(tmp_path / "m") as manifest:
        assert [film.tries for film in manifest.waiting()] == [1]
        manifest.failed(film, 3, "no such host", aside=True)
        assert list(manifest.set_aside()) == [("a", "/a.mp4", 3, "no such host")]
        assert manifest.counts().left == 0
        manifest.try_again()
        assert [film.tries for film in manifest.waiting()] == [0]


def test_films_come_block_by_block(tmp_path: Path) -> None:
    """Those that were done meanwhile, and those that were added, too."""
    with Manifest(tmp_path / "m") as manifest:
        manifest.begin()
        for number in range(BLOCK + 5):
            manifest.add(f"/{number}.mp4", f"f{number}", 1, 1)
        manifest.commit()
        films = manifest.waiting()
        first = next(films)
        manifest.add("/late.mp4", "late", 1, 1)
        rest = list(films)
        assert first.name == "f0"
        assert [film.name for film in rest[-2:]] == [f"f{BLOCK + 4}", "late"]


@fault("batch", "a damaged manifest", "one line")
def test_a_damaged_manifest_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"no database" * 100)
    with pytest.raises(OutputError, match="name another folder"), Manifest(tmp_path / "m"):
        pass


@fault("batch", "kill -9 while the manifest is written", "what was committed is there")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a POSIX matter")
def test_kill_9_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from realtime3d.batch.manifest import Manifest\n"
        "with Manifest(Path(sys.argv[1])) as m:\n"
        "  for i in range(10**9):\n"
        "    m.begin(); m.add(f'/{i}.mp4', f'f{i}', 1, 1); m.commit()\n"
        "    print(i, flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "m")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    for _ in range(20):
        child.stdout.readline()
    time.sleep(0.05)
    child.kill()
    told = [20, *(int(line) + 1 for line in child.stdout.read().split("\n") if line.strip().isdigit())][-1]
    child.wait()
    with Manifest(tmp_path / "m") as manifest:
        assert manifest.counts().films >= told
        assert len(list(manifest.waiting())) == manifest.counts().films
