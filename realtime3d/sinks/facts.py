"""What makes two runs the same one: a sidecar holds it, and `--resume` compares it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.sources.inputs import identity_of

if TYPE_CHECKING:
    from realtime3d.jobs import Job
    from realtime3d.tracker import FaceTracker


def same_in_one_run(job: Job, tracker: FaceTracker) -> dict[str, Any]:
    """What is known before the source is open and must be the same where a run is continued."""
    from realtime3d.sinks.columns import TableOptions, table_columns

    models = tracker.model_set
    table = TableOptions(tracker.model, blendshapes=job.blendshapes, raw=job.raw, more=job.more)
    return {
        "input": identity_of(job.source),
        "part": {"start_s": job.read.start_s, "end_s": job.read.end_s, "every": job.read.every},
        "boxes": identity_of(job.boxes) if isinstance(job.boxes, (str, Path)) else {},
        "models": {
            "set": models.name,
            "status": models.status,
            "files": {part: {"file": f.path.name, "sha256": f.sha256} for part, f in models.files.items()},
        },
        "settings": tracker.config.as_dict(),
        "columns": table_columns(table),
        "rows": {"all_frames": job.more.all_frames, "neutral": dict(job.more.neutral or {})},
    }


def is_done(job: Job, tracker: FaceTracker) -> bool:
    """Whether a job that resumes has nothing left to do; OutputError where its files are those of another run."""
    from realtime3d.sinks.resume import is_complete

    return job.resume and bool(job.outputs) and is_complete(job.outputs, same_in_one_run(job, tracker))
