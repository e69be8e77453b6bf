"""One planned job from open to summary, as `video`, `live` and `demo` run it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.cli.interrupt import Interrupt
from realtime3d.cli.outputs import make_sinks
from realtime3d.cli.plan import Job, sidecar_of
from realtime3d.cli.report import progress_bar, summary_lines
from realtime3d.view.latency import Latency

if TYPE_CHECKING:
    from realtime3d.face.state import FrameResult
    from realtime3d.sources.base import SourceOptions
    from realtime3d.tracker import FaceTracker


def make_tracker(args: argparse.Namespace) -> FaceTracker:
    """A tracker with the options of the command line; it opens with `with`."""
    from realtime3d.cli.options import config_from
    from realtime3d.files import check_output
    from realtime3d.tracker import FaceTracker

    if args.profile:
        check_output(args.profile, overwrite=True)  # now, and not when the person has been learned
    return FaceTracker(config=config_from(args), boxes=args.boxes, profile=args.profile)


def run_job(
    job: Job, tracker: FaceTracker, options: SourceOptions, args: argparse.Namespace, stop: Interrupt, *, resume: bool
) -> None:
    """Follow the faces of one input, write its files, print its summary."""
    from realtime3d.pipeline import run
    from realtime3d.render.choose import create_renderer
    from realtime3d.sinks.resume import find_resume_point
    from realtime3d.sources.choose import open_source

    start_s = options.start_s
    point = find_resume_point(job.outputs, start_s) if resume else None
    if point:
        options = replace(options, start_s=max(start_s, point.source_start_s))
    tracker.reset(point.next_face_id if point else 0)
    with open_source(job.source, options) as source, closing(create_renderer()) as renderer:
        sinks = make_sinks(
            job,
            source.info,
            tracker,
            args,
            options=options,
            wanted_start_s=start_s,
            resume=point,
            interrupted=lambda: stop.requested,
        )
        with progress_bar(source.info, options, quiet=args.quiet) as bar:
            summary = run(source, tracker, sinks, renderer, until=stop.until, observe=lambda result: bar.update())
    _say(summary_lines(source.info.name, summary, _files(job)), args)


def run_live(job: Job, tracker: FaceTracker, options: SourceOptions, args: argparse.Namespace, stop: Interrupt) -> None:
    """The same for a camera or stream, with a window unless there is to be none."""
    from realtime3d.pipeline import run
    from realtime3d.render.choose import create_renderer
    from realtime3d.sources.choose import open_source

    latency = Latency("capture to result" if args.no_window else "capture to display")
    with ExitStack() as stack:
        source = stack.enter_context(open_source(job.source, options))
        renderer = stack.enter_context(closing(create_renderer()))
        sinks = make_sinks(job, source.info, tracker, args, options=options)
        window = None
        if not args.no_window:
            from realtime3d.view.live_window import LiveWindow

            window = stack.enter_context(
                LiveWindow(tracker, renderer, source.info, latency, args.save_to, lambda: stop.requested)
            )
        bar = stack.enter_context(progress_bar(source.info, options, quiet=args.quiet))

        def observe(result: FrameResult) -> None:
            bar.update()
            if window is None:
                latency.add(result.frame.t_ns)

        summary = run(source, tracker, sinks, renderer, window=window, until=stop.until, observe=observe)
    saved = window.saved if window else []
    _say([*summary_lines(source.info.name, summary, [*_files(job), *saved]), f"  {latency}"], args)


def _files(job: Job) -> list[Path]:
    return list(dict.fromkeys([*job.outputs.values(), *(sidecar_of(path) for path in job.outputs.values())]))


def _say(lines: list[str], args: argparse.Namespace) -> None:
    if not args.quiet:
        print("\n".join(lines))
