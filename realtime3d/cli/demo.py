"""See the whole pipeline work on a bundled clip: no camera, no internet, no GPU.

Writes demo.mp4 (the overlay), demo.csv with demo.json, and demo.png: pose and expression against the exact truth.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from realtime3d.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("demo"), help="folder for the files (demo)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    options.add_model_options(parser)
    options.add_common(parser)
    parser.set_defaults(blendshapes=False, raw=False, mesh_every=1, mesh=None, boxes=None, profile=None)


def run(args: argparse.Namespace) -> int:
    from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
    from realtime3d.cli.running import job_from, run_job
    from realtime3d.demo import clip_path, load_truth, plot
    from realtime3d.files import check_output
    from realtime3d.jobs import plan
    from realtime3d.sources.base import SourceOptions

    truth, picture = load_truth(), args.out / "demo.png"
    wide = max(truth.camera.width, truth.camera.height)
    args.fov = round(math.degrees(2 * math.atan(wide / 2 / truth.camera.fx)), 9)  # 60, and not 59.99999999999999
    outputs = {"csv": args.out / "demo.csv", "overlay": args.out / "demo.mp4"}
    (job,) = plan([str(clip_path())], outputs, job_from(args, SourceOptions()))
    check_output(picture, args.overwrite)
    with job.tracker() as tracker, Interrupt() as stop:
        run_job(job, tracker, args, stop)
        if stop.requested:
            return INTERRUPTED
        plot(outputs["csv"], truth, picture, tracker.model)
    if not args.quiet:
        print(f"  plot against the truth: {picture}")
    return 0
