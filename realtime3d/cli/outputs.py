"""The sinks of a job, and what is written about the run beside its tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.cli.plan import TABLES, Job, sidecar_of

if TYPE_CHECKING:
    from realtime3d.sinks.base import Sink
    from realtime3d.sinks.resume import ResumePoint
    from realtime3d.sources.base import SourceInfo, SourceOptions
    from realtime3d.tracker import FaceTracker


def make_sinks(
    job: Job,
    info: SourceInfo,
    tracker: FaceTracker,
    args: argparse.Namespace,
    *,
    options: SourceOptions,
    wanted_start_s: float = 0.0,
    resume: ResumePoint | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[Sink]:
    """Everything that writes for this job. `options` is how the source was opened, `wanted_start_s` its --start;
    `interrupted` is asked at the end."""
    from realtime3d.sinks.tables import TableOptions

    table = TableOptions(
        model=tracker.model,
        zero_ns=info.zero_ns,
        blendshapes=args.blendshapes,
        raw=args.raw,
        resume_s=resume.timestamp_s if resume else None,
    )
    sinks = [_table(kind, path, table) for kind, path in job.outputs.items() if kind != "overlay"]
    if "overlay" in job.outputs:
        sinks.append(_overlay(job.outputs["overlay"], info, options, wanted_start_s, resume))
    return [*sinks, *_sidecars(job, info, tracker, table, options, resume is not None, interrupted)]


def _table(kind: str, path: Path, options: Any) -> Sink:
    if kind == "parquet":
        from realtime3d.sinks.parquet import ParquetSink

        return ParquetSink(path, options)
    from realtime3d.sinks.tables import CsvSink, JsonlSink

    return CsvSink(path, options) if kind == "csv" else JsonlSink(path, options)


def _overlay(
    path: Path, info: SourceInfo, options: SourceOptions, wanted_start_s: float, resume: ResumePoint | None
) -> Sink:
    from realtime3d.sinks.video import VideoOptions, VideoSink

    return VideoSink(
        path,
        VideoOptions(
            fps=info.fps / options.every if info.fps else None,
            zero_ns=info.zero_ns + round(wanted_start_s * 1e9),
            sound=info.path if info.has_audio else None,
            sound_start_s=wanted_start_s,
            sound_end_s=options.end_s,
            resume_s=resume.video_s if resume else None,
        ),
    )


def _sidecars(
    job: Job,
    info: SourceInfo,
    tracker: FaceTracker,
    table: Any,
    options: SourceOptions,
    resume: bool,
    interrupted: Callable[[], bool],
) -> list[Sink]:
    from realtime3d.sinks.columns import column_groups
    from realtime3d.sinks.sidecar import SidecarSink

    groups = column_groups(table.model, blendshapes=table.blendshapes, raw=table.raw)
    columns = ["frame", "face_id", "timestamp", *(name for group in groups for name in group.names)]
    facts = {**run_facts(job, info, tracker), "columns": columns}
    paths = dict.fromkeys(sidecar_of(path) for kind, path in job.outputs.items() if kind in TABLES)
    return [
        SidecarSink(path, facts, zero_ns=info.zero_ns, every=options.every, resume=resume, interrupted=interrupted)
        for path in paths
    ]


def run_facts(job: Job, info: SourceInfo, tracker: FaceTracker) -> Mapping[str, Any]:
    """What a run knows from the start: source, models with their hashes, settings, outputs."""
    models = tracker.model_set
    return {
        "source": {"name": info.name, "width": info.width, "height": info.height, "fps": info.fps, "live": info.live},
        "models": {
            "set": models.name,
            "status": models.status,
            "files": {part: {"file": f.path.name, "sha256": f.sha256} for part, f in models.files.items()},
        },
        "backend": {"name": tracker.backend.name, "device": tracker.backend.device},
        "settings": tracker.config.as_dict(),
        "outputs": {kind: path.name for kind, path in job.outputs.items()},
    }
