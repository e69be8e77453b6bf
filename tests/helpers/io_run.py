"""A small run from a video to all outputs, that a test kills and resumes: `python io_run.py CLIP FOLDER [resume]`."""

from __future__ import annotations

import importlib.util
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from realtime3d.sinks.base import Sink
from realtime3d.sinks.resume import ResumePoint, find_resume_point
from realtime3d.sinks.sidecar import SidecarSink
from realtime3d.sinks.tables import CsvSink, JsonlSink, TableOptions
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame
from tests.helpers.io_faces import face, result, tiny_model

START_S = 0.4
EMPTY = range(60, 70)  # frames without a face
TWO = range(30, 50)  # frames with two


def outputs(folder: Path) -> dict[str, Path]:
    kinds = {"csv": "out.csv", "jsonl": "out.jsonl", "overlay": "out.mp4"}
    if importlib.util.find_spec("pyarrow") is not None:
        kinds["parquet"] = "out.parquet"
    return {kind: folder / name for kind, name in kinds.items()}


def sinks(clip: Path, folder: Path, point: ResumePoint | None) -> list[Sink]:
    files = outputs(folder)
    options = TableOptions(tiny_model(), resume_s=None if point is None else point.timestamp_s)
    video = VideoOptions(
        zero_ns=round(START_S * 1e9),
        sound=clip,
        sound_start_s=START_S,
        resume_s=None if point is None else point.video_s,
    )
    made: list[Sink] = [CsvSink(files["csv"], options), JsonlSink(files["jsonl"], options)]
    if "parquet" in files:
        from realtime3d.sinks.parquet import ParquetSink

        made.append(ParquetSink(files["parquet"], options, rows_per_part=7))
    made.append(VideoSink(files["overlay"], video))
    return [*made, SidecarSink(folder / "out.json", {}, resume=point is not None)]


def run(clip: Path, folder: Path, *, resume: bool, pause_s: float = 0.0) -> None:
    point = find_resume_point(outputs(folder), START_S) if resume else None
    start_s = START_S if point is None else max(START_S, point.source_start_s)
    with open_source(clip, SourceOptions(start_s=start_s)) as source, ExitStack() as stack:
        opened = [stack.enter_context(sink) for sink in sinks(clip, folder, point)]
        for item in source:
            assert isinstance(item, Frame)
            shown = 0 if item.index in EMPTY else 2 if item.index in TWO else 1
            faces = [face(number, item.index * 2 + number, frozen=item.index > 40) for number in range(shown)]
            for sink in opened:
                sink.write(result(item.index, item.t_ns / 1e9, *faces, image=item.image), item.image)
            time.sleep(pause_s)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), resume="resume" in sys.argv[3:], pause_s=0.004)
