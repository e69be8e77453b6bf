"""Disks that are full or cannot be written to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from tests.helpers.cli_clip import FRAMES, write_clip
from tests.helpers.faults import cases, fault
from tests.helpers.io_sinks import small_disk

Video = Callable[..., Any]
FULL = "one line, exit code 5; what was written is whole and --resume goes on when there is room"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", frames=200)


@pytest.mark.parametrize(
    ("kind", "size"),
    cases(
        "disks",
        FULL,
        {
            "the disk becomes full: CSV": ("csv", "64k"),
            "the disk becomes full: JSONL": ("jsonl", "64k"),
            "the disk becomes full: Parquet": ("parquet", "64k"),
            "the disk becomes full: overlay": ("overlay", "32k"),
        },
    ),
)
def test_a_disk_that_becomes_full(kind: str, size: str, video: Video, long: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size) as disk:
        path = disk / f"a.{kind.replace('overlay', 'mp4')}"
        video(long, f"--{kind}", path, "--raw").is_one_line(5, "the disk is full")
        if kind in ("csv", "jsonl"):
            assert path.read_bytes().endswith(b"\n")
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert video(long, f"--{kind}", path, "--raw", "--resume").err == ""
        if kind == "overlay":
            with av.open(str(path)) as container:
                assert sum(1 for _ in container.decode(video=0)) == 200
        elif kind == "csv":
            assert path.read_text().count("\n") == 201
        assert json.loads((disk / "a.json").read_text())["state"] == "complete"
        assert len(list(disk.iterdir())) == 2


@fault("disks", "the disk is full from the start", "one line, exit code 5; nothing of the user's is touched")
def test_a_full_disk(video: Video, clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32k") as disk:
        (disk / "ballast").write_bytes(bytes(32 * 1024))
        video(clip, "--csv", disk / "a.csv").is_one_line(5, "the disk is full")
        assert (disk / "ballast").stat().st_size == 32 * 1024


@fault("disks", "a read-only file system", "one line, exit code 5, before the first frame")
def test_a_read_only_disk(video: Video, clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True).returncode:
            pytest.skip("this user may not mount a small file system")
        video(clip, "--csv", disk / "a.csv").is_one_line(5, "read-only")


@fault(
    "disks", "the folder of the profile is on a read-only file system", "one line, exit code 5, before the first frame"
)
def test_a_profile_on_a_read_only_disk(video: Video, clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True).returncode:
            pytest.skip("this user may not mount a small file system")
        answer = video(clip, "--csv", tmp_path / "a.csv", "--profile", disk / "me.json")
        answer.is_one_line(5, "read-only", "me.json")
        assert not (tmp_path / "a.csv").exists()


@fault("disks", "no inode is left", "one line, exit code 5")
def test_no_inode_is_left(video: Video, clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m,nr_inodes=4") as disk:
        for number in range(3):
            (disk / str(number)).touch()
        video(clip, "--csv", disk / "a.csv").is_one_line(5, "the disk is full")


@fault("disks", "several films, and the disk becomes full with the first", "each is told, exit code 5")
def test_a_batch_on_a_full_disk(video: Video, long: Path, clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "96k") as disk:
        answer = video(long, clip, "--csv", disk, "--raw")
        assert answer.code == 5
        assert "disk is full" in answer.err and "bug" not in answer.err
        assert FRAMES
