"""One contract for everything that takes results."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import OutputError
from tests.helpers.io_faces import face, result
from tests.helpers.io_sinks import (
    every_sink,
    feed,
    make,
    rows_in,
    small_disk,
    video_frames,
)


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


def test_a_read_only_file_system_is_one_clear_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        done = subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("this user may not mount a small file system")
        for kind in ("csv", "jsonl", "sidecar", "video"):
            _, sink = make(kind, disk)
            with pytest.raises(OutputError, match="read-only"), sink:
                feed(sink)
