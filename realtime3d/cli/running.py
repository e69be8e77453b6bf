"""One planned job from open to summary, as `video`, `live` and `demo` run it: with a bar, Ctrl-C and a window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from realtime3d.cli import complain
from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
from realtime3d.cli.report import progress_bar, summary_lines
from realtime3d.errors import Realtime3dError, printable
from realtime3d.jobs import Job
from realtime3d.running import open_run
from realtime3d.sinks.facts import is_done
from realtime3d.view.latency import Latency
from realtime3d.words import counted

if TYPE_CHECKING:
    from realtime3d.face.state import FrameResult
    from realtime3d.sources.base import SourceOptions
    from realtime3d.tracker import FaceTracker
    from realtime3d.view.live_window import LiveWindow
    from realtime3d.view.side_view import SideView


def job_from(args: argparse.Namespace, read: SourceOptions, *, resume: bool = False) -> Job:
    """What all jobs of a command line have in common; source and outputs come from `jobs.plan`."""
    from realtime3d.cli.options import config_from, more_from, send_from
    from realtime3d.render.base import style_of

    send = send_from(args)
    return Job(
        source="",
        read=read,
        config=config_from(args),
        boxes=args.boxes,
        profile=args.profile,
        blendshapes=args.blendshapes,
        raw=args.raw,
        more=replace(more_from(args), neutral=send.neutral()),
        mesh_every=args.mesh_every,
        mesh_level=args.mesh,
        style=style_of(getattr(args, "style", None), getattr(args, "hide", ())),
        renderer=getattr(args, "renderer", "software"),
        virtual_camera=getattr(args, "virtual_camera", False),
        shown=not getattr(args, "no_window", True),
        resume=resume,
        overwrite=args.overwrite,
        reads=(args.config,) if args.config else (),
        send=send,
    )


def run_job(job: Job, tracker: FaceTracker, args: argparse.Namespace, stop: Interrupt) -> None:
    """Follow the faces of one input, write its files, print its summary."""
    if is_done(job, tracker):
        _say([f"{job.source}: finished already, there is nothing to resume"], args)
        return
    with ExitStack() as stack:
        with stop.waiting():
            run = stack.enter_context(open_run(job, tracker))
        bar = stack.enter_context(progress_bar(run.info, run.read, quiet=args.quiet))
        summary = run.follow(until=stop.until, observe=lambda result: bar.update(), interrupted=lambda: stop.requested)
    _say(summary_lines(summary), args)


def run_jobs(jobs: Sequence[Job], tracker: FaceTracker, args: argparse.Namespace, stop: Interrupt) -> int:
    """One after the other, and on after one that fails; the exit code of the first that did."""
    failures: list[Realtime3dError] = []
    failed: list[str] = []
    for job in jobs:
        try:
            run_job(job, tracker, args, stop)
        except Realtime3dError as error:
            if len(jobs) == 1 or args.fail_fast:
                raise
            complain(f"{job.source}: {error}")
            failures.append(error)
            failed.append(str(job.source))
        if stop.requested:
            break
    if failed:
        complain(f"{len(failed)} of {counted(len(jobs), 'input')} failed: {', '.join(failed)}")
    return INTERRUPTED if stop.requested else failures[0].exit_code if failures else 0


def run_live(job: Job, tracker: FaceTracker, args: argparse.Namespace, stop: Interrupt) -> None:
    """The same for a camera or stream, with a window unless there is to be none."""
    latency = Latency("capture to result" if args.no_window else "capture to display")
    with ExitStack() as stack:
        with stop.waiting():
            run = stack.enter_context(open_run(job, tracker))
        window: LiveWindow | SideView | None = None
        if not args.no_window:
            from realtime3d.view.live_detail import LiveDetail
            from realtime3d.view.live_window import LiveWindow

            detail = stack.enter_context(LiveDetail()) if args.detail else None
            window = stack.enter_context(
                LiveWindow(
                    tracker,
                    run.renderer,
                    run.info,
                    latency,
                    args.save_to,
                    lambda: stop.requested,
                    sending=run.sending,
                    detail=detail,
                )
            )
            if args.view_3d:
                from realtime3d.view.side_view import SideView

                window = stack.enter_context(SideView(window, args.save_to))
        bar = stack.enter_context(progress_bar(run.info, run.read, quiet=args.quiet))

        def observe(result: FrameResult) -> None:
            bar.update()
            if window is None:
                latency.add(result.frame.t_ns)

        summary = run.follow(window=window, until=stop.until, observe=observe, interrupted=lambda: stop.requested)
    if window:
        summary.files += window.saved
    _say([*summary_lines(summary), f"  {latency}"], args)


def _say(lines: list[str], args: argparse.Namespace) -> None:
    if not args.quiet:
        out = sys.stderr if "-" in getattr(args, "send", ()) else sys.stdout
        for line in lines:
            indent = line[: len(line) - len(line.lstrip())]
            print(indent + printable(line), file=out)
