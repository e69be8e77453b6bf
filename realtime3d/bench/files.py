"""A video file in, files out: what `realtime3d video` does, all of it."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from pathlib import Path

from realtime3d.bench import scenes
from realtime3d.bench.measure import Metric
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.face.state import FrameResult
from realtime3d.pipeline import Summary, run
from realtime3d.render.choose import create_renderer
from realtime3d.sinks.base import Sink
from realtime3d.sinks.tables import CsvSink, TableOptions
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image

RUNS = 5  # at most: each has a start and an end of its own
FRAMES = 300


def encoding(bench: Bench) -> Result:
    """A 720p video file in; CSV and H.264 video with the overlay out at once; start and end included."""
    images = scenes.sized(scenes.clip_frames(bench.clip), *scenes.SIZES["720p"])
    runs = min(bench.effort.repeats, RUNS)
    with bench.tracker() as tracker, tempfile.TemporaryDirectory(prefix="realtime3d-bench-") as name:
        folder = Path(name)
        _write_video(folder / "in.mp4", images, min(FRAMES, bench.effort.long_run))
        found = [_run(tracker, folder / "in.mp4", folder / str(i)) for i in range(runs)]
    summaries = [summary for summary, _ in found]
    metrics = {
        "fps": Metric(tuple(summary.fps for summary in summaries), "fps", "higher"),
        "cpu_ms": Metric(tuple(1e3 * cpu / summary.frames for summary, cpu in found), "ms"),
    }
    for stage in ("read", "draw"):
        values = tuple(1e3 * summary.stages[stage] / summary.frames for summary in summaries)
        metrics[f"{stage}_ms"] = Metric(values, "ms")
    return Result({"picture": "1280x720", "frames": summaries[0].frames, "outputs": "CSV, H.264"}, metrics)


def _write_video(path: Path, images: tuple[Image, ...], count: int) -> None:
    """The clip forwards and backwards, as H.264."""
    frames = scenes.Endless(images)
    with VideoSink(path, VideoOptions(scenes.FPS)) as video:
        for _ in range(count):
            frame = frames.next()
            video.write(FrameResult(frame, ()), frame.image)


def _run(tracker: FaceTracker, path: Path, folder: Path) -> tuple[Summary, float]:
    """One whole run with its CPU seconds."""
    folder.mkdir()
    tracker.reset()
    cpu = time.process_time()
    with open_source(path, SourceOptions()) as source, closing(create_renderer()) as renderer:
        zero_ns = source.info.zero_ns
        sinks: list[Sink] = [
            CsvSink(folder / "faces.csv", TableOptions(tracker.model, zero_ns)),
            VideoSink(folder / "overlay.mp4", VideoOptions(source.info.fps, zero_ns)),
        ]
        return run(source, tracker, sinks, renderer), time.process_time() - cpu
