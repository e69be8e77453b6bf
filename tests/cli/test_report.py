"""What a run says: the length of its bar and its summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.cli.report import progress_bar, summary_lines
from realtime3d.pipeline import Summary
from realtime3d.sources.base import SourceInfo, SourceOptions
from realtime3d.words import counted


def source(frames: int | None = 300, fps: float | None = 30.0) -> SourceInfo:
    return SourceInfo("clip.mp4", 640, 480, fps, frames, None)


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        (SourceOptions(), 300),
        (SourceOptions(every=7), 43),
        (SourceOptions(start_s=4), 180),
        (SourceOptions(start_s=4, end_s=6, every=2), 30),
        (SourceOptions(end_s=100), 300),
        (SourceOptions(start_s=100), 0),
    ],
)
def test_the_bar_knows_how_many_frames_will_come(options: SourceOptions, frames: int) -> None:
    assert progress_bar(source(), options).total == frames


def test_one_is_no_plural() -> None:
    assert [counted(n, "film") for n in (0, 1, 2)] == ["0 films", "1 film", "2 films"]
    assert [counted(n, "was", "were") for n in (1, 20)] == ["1 was", "20 were"]


def test_the_bar_of_an_endless_source_has_no_end() -> None:
    assert progress_bar(source(frames=None), SourceOptions()).total is None
    assert progress_bar(source(fps=None), SourceOptions(every=3)).total == 100


def test_the_bar_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(source(), SourceOptions()) as bar:
        bar.update(300)
    assert capsys.readouterr() == ("", "")


def test_the_summary_has_frames_faces_speed_drops_and_files() -> None:
    summary = Summary(
        source="clip.mp4",
        files=[Path("a.csv")],
        frames=100,
        dropped=3,
        faces=150,
        seconds=2.0,
        stages={"detect": 0.5, "track": 0.2, "show": 1e-6},
    )
    first, stages, written = summary_lines(summary)
    assert first == "clip.mp4: 100 frames in 2.0 s (50.0 frames/s), 1.50 faces a frame, 3 frames dropped"
    assert stages == "  frames/s by stage: detect 200, track 500"
    assert written == "  written: a.csv"


def test_the_summary_of_nothing() -> None:
    first, written = summary_lines(Summary("clip.mp4"))
    assert first.startswith("clip.mp4: 0 frames")
    assert "--csv" in written
