from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import OutputError
from realtime3d.files import AppendFile, output_error, write_whole
from realtime3d.sinks.pictures import save_snapshot
from realtime3d.sources.pictures import read_picture


class Reluctant:
    """A file that takes a few bytes at a time and then none."""

    def __init__(self, inner: object, room: int) -> None:
        self._inner, self._room = inner, room

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def write(self, piece: memoryview) -> int:
        if self._room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._room -= 3
        return self._inner.write(piece[:3])  # type: ignore[attr-defined]


def test_a_piece_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "a")
    file.append(b"first\n")
    file._file = Reluctant(file._file, 4)  # type: ignore[assignment]
    with pytest.raises(OutputError, match="disk is full"):
        file.append(b"second, which is long\n")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"first\n"


def test_short_writes_are_completed(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "a")
    file._file = Reluctant(file._file, 1000)  # type: ignore[assignment]
    file.append(b"a longer piece\n")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"a longer piece\n"


def test_what_is_kept_is_followed_by_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"kept|dropped")
    file = AppendFile(tmp_path / "a", keep=5)
    file.append(b"new")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"kept|new"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def fail(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputError, match="disk is full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_an_interrupt_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*files: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "list.json"
    write_whole(path, b"old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_without_advice_keep_their_reason() -> None:
    assert "Interrupted" in str(output_error("a.csv", OSError(errno.EINTR, "Interrupted system call")))
    assert "odd" in str(output_error("a.csv", ValueError("odd")))


def test_snapshots_take_the_next_free_name(tmp_path: Path) -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    names = [save_snapshot(tmp_path / "ä", picture).name for _ in range(3)]
    assert names == ["snapshot-0001.png", "snapshot-0002.png", "snapshot-0003.png"]
    back = read_picture(tmp_path / "ä" / names[0])
    assert back is not None
    assert (back == picture).all()


def test_a_snapshot_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError) as caught:
        save_snapshot(tmp_path / "taken", np.zeros((2, 2, 3), np.uint8))
    assert "\n" not in str(caught.value)
