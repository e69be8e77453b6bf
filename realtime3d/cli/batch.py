"""Follow faces in many films, on all cores or on a cluster; the same command goes on where it was.

INPUT is a film, a folder of films, a pattern (takes/*.mp4), a text list with a film a line, a CSV list with a column
`file`, or an address (s3://bucket/takes, https://host/take.mp4; needs the [remote] extra).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.cli import options
from realtime3d.words import counted

if TYPE_CHECKING:
    from realtime3d.batch.driver import BatchSummary
    from realtime3d.batch.plan import BatchJob


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", metavar="INPUT", nargs="+")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for all files; it is made")
    group = parser.add_argument_group("machines")
    group.add_argument("--workers", metavar="N", type=options.at_least(1), default=0, help="processes (one a core)")
    group.add_argument("--ray", metavar="ADDRESS", help="on a Ray cluster; local: Ray here (needs the [batch] extra)")
    group.add_argument("--gpu-share", metavar="N", type=float, default=0.0, help="of a GPU, for each worker on Ray (0)")
    parser.set_defaults(boxes=None, profile=None, mesh_every=1, mesh=None)
    group = parser.add_argument_group("outputs")
    group.add_argument("--overlay", action="store_true", help="also each film with what was found drawn over it")
    group.add_argument("--glb", action="store_true", help="also each head as it moved, with the picture's colours")
    group.add_argument("--people", action="store_true", help="people.csv: one label for a person in many films")
    options.add_table_options(group)
    group = parser.add_argument_group("how it goes on")
    group.add_argument(
        "--chunk",
        metavar="MIN",
        type=float,
        default=10.0,
        help="minutes of the parts of longer films (10); 0: whole",
    )
    group.add_argument("--retry", action="store_true", help="try films again that were set aside")
    options.add_config_options(parser)
    options.add_common(parser)


def run(args: argparse.Namespace) -> int:
    from realtime3d.batch.run import run_batch
    from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
    from realtime3d.cli.progress import BatchBar
    from realtime3d.errors import SourceError

    with Interrupt() as stop, BatchBar(str(args.out), quiet=args.quiet) as bar:
        summary = run_batch(job_from(args), observe=bar, interrupted=lambda: stop.requested)
    if not args.quiet:
        print("\n".join(_lines(summary)))
    if stop.requested:
        return INTERRUPTED
    return SourceError.exit_code if summary.counts.aside else 0


def job_from(args: argparse.Namespace) -> BatchJob:
    """The batch that the options describe."""
    from realtime3d.batch.plan import BatchJob
    from realtime3d.cli.running import job_from
    from realtime3d.sources.base import SourceOptions

    return BatchJob(
        inputs=args.inputs,
        out=args.out,
        each=job_from(args, SourceOptions(live=False)),
        overlay=args.overlay,
        glb=args.glb,
        people=args.people,
        chunk_s=60 * args.chunk,
        workers=args.workers,
        ray=args.ray,
        gpu_share=args.gpu_share,
        retry=args.retry,
        overwrite=args.overwrite,
    )


def _lines(summary: BatchSummary) -> list[str]:
    counts = summary.counts
    kept = f", {counted(summary.kept, 'was', 'were')} done before" if summary.kept else ""
    rate = summary.frames / summary.seconds if summary.seconds else 0.0
    lines = [
        f"{counted(counts.done - summary.kept, 'film')} in {summary.seconds:.1f} s ({rate:.0f} frames/s), "
        f"{counted(summary.frames, 'frame')}, {counted(summary.rows, 'row')}{kept}"
    ]
    if counts.left:
        left = counted(counts.left, "film is left", "films are left")
        lines.append(f"  {left}: the same command goes on")
    if counts.aside:
        aside = counted(counts.aside, "film was set aside", "films were set aside")
        lines.append(f"  {aside}: see films.csv, and try again with --retry")
    return [*lines, f"  written: {', '.join(map(str, summary.files))}"]
