"""`realtime3d.run` and jobs as plain data."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

import realtime3d as r3d
from realtime3d.jobs import check
from realtime3d.running import open_run
from realtime3d.sinks.choose import OUTPUTS
from tests.helpers.run_parts import ListSink


@pytest.fixture
def tracker(net_folder: Path, tmp_path: Path) -> r3d.FaceTracker:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("frame,box_x,box_y,box_w,box_h\n" + "".join(f"{i},120,70,80,90\n" for i in range(100)))
    return r3d.FaceTracker(models=net_folder, backend="fake", boxes=boxes)


def test_a_run_writes_what_it_is_told_to(clip: Path, tracker: r3d.FaceTracker, tmp_path: Path) -> None:
    seen, sink = list[int](), ListSink()
    with tracker:
        summary = r3d.run(
            clip,
            csv=tmp_path / "a.csv",
            overlay=str(tmp_path / "a.mp4"),
            tracker=tracker,
            sinks=[sink],
            observe=lambda result: seen.append(result.frame.index),
        )
    assert [path.name for path in summary.files] == ["a.csv", "a.mp4", "a.json"]
    assert all(path.stat().st_size for path in summary.files)
    assert summary.frames == summary.faces == len(seen) == len(sink.results) > 5
    assert len((tmp_path / "a.csv").read_text().splitlines()) == summary.frames + 1


def test_a_program_may_hand_in_pictures(tracker: r3d.FaceTracker, tmp_path: Path) -> None:
    import numpy as np

    pictures = [(i / 10, np.zeros((240, 320, 3), np.uint8)) for i in range(7)]
    with tracker:
        summary = r3d.run(pictures, jsonl=tmp_path / "a.jsonl", tracker=tracker)
    assert summary.frames == 7 == len((tmp_path / "a.jsonl").read_text().splitlines())


def test_what_cannot_work_is_refused_before_anything_is_opened(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("mine")
    with pytest.raises(r3d.OutputError, match="there already"):
        r3d.run(clip, csv=tmp_path / "old.csv")
    with pytest.raises(r3d.SourceError, match="does not exist"):
        r3d.run(tmp_path / "none.mp4")
    with pytest.raises(r3d.UsageError, match="name it"):
        r3d.run(clip, overlay=tmp_path / "a.avi")
    assert (tmp_path / "old.csv").read_text() == "mine"


def test_a_job_goes_to_another_process_and_comes_back_the_same(
    clip: Path, tracker: r3d.FaceTracker, tmp_path: Path
) -> None:
    job = r3d.Job(str(clip), {"csv": tmp_path / "a.csv"}, blendshapes=True)
    sent = pickle.loads(pickle.dumps(job))
    assert sent == job and sent.files() == [tmp_path / "a.csv", tmp_path / "a.json"]
    check([sent])
    with tracker, open_run(sent, tracker) as run:
        assert run.info.width == 320
        first = run.follow()
    with tracker, open_run(replace(job, outputs={"csv": tmp_path / "b.csv"}), tracker) as run:
        run.follow()
    assert first.frames and (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("kind", OUTPUTS)
def test_every_row_of_the_table_of_outputs_is_whole(kind: str, tmp_path: Path) -> None:
    output = OUTPUTS[kind]
    assert output.suffix.startswith(".") != output.folder and output.help
    assert not output.suffixes or Path(f"a{output.suffix}").suffix in output.suffixes
    assert output.last(tmp_path / f"none{output.suffix}", 0.0) is None
