"""Several films in one command, and one of them is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realtime3d.sinks.tables import CsvSink
from tests.helpers.cli_clip import write_clip
from tests.helpers.faults import fault

Video = Callable[..., Any]


@fault("files", "one broken film among several", "the others are done, the broken one is listed; its exit code")
def test_one_broken_film_does_not_end_the_batch(video: Video, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film" * 100)
    last = write_clip(tmp_path / "last.mp4", frames=5)
    answer = video(clip, broken, last, "--csv", tmp_path / "out")
    assert answer.code == 4
    assert "broken.mp4" in answer.err and "1 of 3" in answer.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"clip.csv", "clip.json", "last.csv", "last.json"}


@fault("files", "one broken film among several, with --fail-fast", "the run ends there; exit code of that failure")
def test_fail_fast_ends_at_the_first(video: Video, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film" * 100)
    video(broken, clip, "--csv", tmp_path / "out", "--fail-fast").is_one_line(4, "broken.mp4")
    assert list((tmp_path / "out").iterdir()) == []


@fault("files", "an error in the program itself, among several films", "exit code 1 at once, with the line to report")
def test_a_bug_ends_the_batch(video: Video, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(CsvSink, "write", buggy)
    other = write_clip(tmp_path / "other.mp4", frames=5)
    answer = video(clip, other, "--csv", tmp_path / "out")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "report this line" in answer.err
