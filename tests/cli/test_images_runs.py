"""Runs of `realtime3d images`: several processes, taken up again, killed, out of room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from realtime3d.pictures import pool, work
from tests.helpers.faults import cases, fault
from tests.helpers.paths import ROOT
from tests.helpers.picture_lists import everything, rows

Images = Callable[..., int]


def test_several_processes_write_the_same(images: Images, faces: Path, tmp_path: Path) -> None:
    assert images(faces) == 0
    one = everything(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    assert images(faces, "--workers", "2") == 0
    two = everything(tmp_path / "out")
    del one["faces.json"], two["faces.json"]  # when it ran
    assert one == two


@fault("pictures", "a run that was ended in the middle, then --resume", "each picture once, in order")
def test_resume_goes_on_and_loses_nothing(images: Images, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert images(faces, "--formats", "posed") == 0
    whole = (out / "faces.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    for left in (b"".join(lines[:3]), b"".join(lines[:3]) + lines[3][:50], lines[0], b"", lines[0][:20]):
        (out / "faces.csv").write_bytes(left)
        shutil.rmtree(out / "id4")
        if left == lines[0][:20]:  # killed while it wrote the header
            assert images(faces, "--formats", "posed", "--resume") == 5
            assert images(faces, "--formats", "posed", "--overwrite") == 0
        else:
            assert images(faces, "--formats", "posed", "--resume") == 0
        assert (out / "faces.csv").read_bytes() == whole
        assert (out / "id4" / "id4_posed.ply").exists()
    assert images(faces, "--formats", "posed", "--resume", "--blendshapes") == 5  # other columns


DAMAGE = {
    "--resume of a table of pictures with an empty line": b"\n",
    "--resume of a table of pictures with bytes that are no text": b"\x00\xff\x01\n",
    "--resume of a table of pictures with an open quote": b'id3,"p3.png,1\n',
    "--resume of a table of pictures with words for numbers": b"id3,p3.png,1" + b",high" * 9 + b"\n",
    "--resume of a table of pictures with a cell of a megabyte": b"id3," + b"9" * 1_000_000 + b"\n",
}


@pytest.mark.parametrize("damage", cases("pictures", "each picture once, in order", DAMAGE))
def test_resume_of_a_damaged_table(damage: bytes, images: Images, faces: Path, tmp_path: Path) -> None:
    table = tmp_path / "out" / "faces.csv"
    assert images(faces, "--formats", "none") == 0
    whole = table.read_bytes()
    lines = whole.splitlines(keepends=True)
    table.write_bytes(b"".join(lines[:4]) + damage + b"".join(lines[4:]))
    assert images(faces, "--formats", "none", "--resume") == 0
    assert table.read_bytes() == whole


def test_resume_does_not_do_again_what_is_done(
    images: Images, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert images(faces, "--formats", "posed") == 0
    done: list[str] = []
    usual = work.PictureWorker.do
    monkeypatch.setattr(work.PictureWorker, "do", lambda self, task: done.append(task.id) or usual(self, task))
    with open(faces, "a") as file:
        file.write("id5,p0.png,100,60,90,100\n")
    assert images(faces, "--formats", "posed", "--resume") == 0
    assert done == ["id4", "id5"]
    assert [row["id"] for row in rows(tmp_path / "out" / "faces.csv")] == [f"id{i}" for i in range(6)]


@fault("pictures", "the output is there already", "one line, exit code 5; nothing is touched without --overwrite")
def test_nothing_is_written_over_unasked(images: Images, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "id2").mkdir(parents=True)
    assert images(faces) == 5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["id2"]
    assert images(faces, "--overwrite", "--formats", "none") == 0
    assert images(faces, "--formats", "none") == 5


@fault(
    "pictures",
    "the disk becomes full at the second picture",
    "one line that names the picture, exit code 5; the table has what was done",
)
def test_a_disk_that_is_full_ends_the_run_with_one_line(
    images: Images, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.name == "nt" or not hasattr(os, "geteuid"):
        pytest.skip("needs links")
    out = tmp_path / "out"
    out.mkdir()
    (out / "id1").symlink_to("/dev/full")
    assert images(faces, "--overwrite", "--formats", "posed") == 5
    assert "id1" in capsys.readouterr().err
    assert [row["id"] for row in rows(out / "faces.csv")] == ["id0"]


@fault(
    "pictures",
    "a worker is killed by a picture, as when memory is out",
    "that picture is in errors.csv, the others are done, exit code 4",
)
def test_a_process_that_dies_costs_one_picture(faces: Path, net_folder: Path, tmp_path: Path) -> None:
    """A worker that is killed by a picture, as by the kernel when memory is out."""
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys\n"
        "from realtime3d.pictures import work\n"
        "usual = work.PictureWorker.do\n"
        "def do(self, task):\n"
        "    return os._exit(9) if task.id == 'id2' else usual(self, task)\n"
        "work.PictureWorker.do = do\n"
        "if __name__ == '__main__':\n"
        "    from realtime3d import cli\n"
        "    sys.exit(cli.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, str(script), "images", str(faces), "--out", str(tmp_path / "out"), "--workers", "2",
               "--formats", "none", "--no-overlay", "--models", str(net_folder), "--backend", "fake"]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 4, done.stderr
    assert [row["id"] for row in rows(tmp_path / "out" / "faces.csv")] == ["id0", "id1", "id3", "id4"]
    (problem,) = rows(tmp_path / "out" / "errors.csv")
    assert (problem["id"], problem["problem"]) == ("id2", pool.DIED)


@fault("pictures", "kill -9 of a run with workers", "no worker stays")
@pytest.mark.skipif(os.name == "nt", reason="kills by a signal")
def test_a_killed_run_leaves_no_process(faces: Path, net_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys, time\n"
        "from realtime3d.pictures import work\n"
        "def do(self, task):\n"
        "    open(os.path.join(sys.argv[-1], str(os.getpid())), 'w').close()\n"
        "    time.sleep(300)\n"
        "work.PictureWorker.do = do\n"
        "if __name__ == '__main__':\n"
        "    from realtime3d import cli\n"
        "    sys.exit(cli.main(sys.argv[1:-1]))\n"
    )
    seen = tmp_path / "workers"
    seen.mkdir()
    command = [sys.executable, str(script), "images", str(faces), "--out", str(tmp_path / "out"), "--workers", "2",
               "--models", str(net_folder), "--backend", "fake", str(seen)]  # fmt: skip
    run = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        assert until(lambda: len(list(seen.iterdir())) == 2, 120)
    finally:
        run.kill()
        run.wait(30)
    workers = [int(path.name) for path in seen.iterdir()]
    assert until(lambda: not any(map(alive, workers)), 30)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
