"""Follow faces in video files: every frame, with its real time, into tables and an overlay video.

INPUT is a video file, a numbered sequence of pictures (frames/%05d.png), a glob or a folder of pictures, the URL of
a video that has an end, or - for a video from the standard input. With several inputs each output names a folder.
"""

from __future__ import annotations

import argparse

from realtime3d.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", metavar="INPUT", nargs="+")
    part = parser.add_argument_group("part of the input")
    part.add_argument("--start", metavar="TIME", help="first frame at or after it; seconds, MM:SS or HH:MM:SS")
    part.add_argument("--end", metavar="TIME", help="frames before it")
    part.add_argument("--every", metavar="N", type=options.at_least(1), default=1, help="only each N-th frame")
    options.add_output_options(parser)
    options.add_overlay_options(parser)
    parser.add_argument("--resume", action="store_true", help="go on where a killed run of this command stopped")
    parser.add_argument("--fail-fast", action="store_true", help="of several inputs, end at the first that fails")
    options.add_send_options(parser)
    options.add_pace_option(parser)
    options.add_run_options(parser)
    options.add_config_options(parser)
    options.add_common(parser)


def run(args: argparse.Namespace) -> int:
    from realtime3d.cli.interrupt import Interrupt
    from realtime3d.cli.running import job_from, run_jobs
    from realtime3d.errors import UsageError
    from realtime3d.jobs import plan
    from realtime3d.sinks.choose import OUTPUTS
    from realtime3d.sources.base import SourceOptions
    from realtime3d.sources.choose import is_camera, parse_time

    for source in filter(is_camera, args.inputs):
        raise UsageError(f"{source} is a camera: `realtime3d live {source}`")
    start_s = parse_time(args.start) if args.start else 0.0
    end_s = parse_time(args.end) if args.end else None
    if end_s is not None and end_s <= start_s:
        raise UsageError(f"--end ({end_s:g} s) must come after --start ({start_s:g} s)")
    wanted = SourceOptions(start_s=start_s, end_s=end_s, every=args.every, live=False)
    template = job_from(args, wanted, resume=args.resume)
    jobs = plan(args.inputs, options.outputs_from(args), template)
    if not (jobs[0].outputs or args.profile or args.send or args.virtual_camera):
        names = ", ".join(f"--{kind}" for kind in (*OUTPUTS, "send"))
        raise UsageError(f"nothing would be kept: name an output ({names})")
    with jobs[0].tracker() as tracker, Interrupt() as stop:
        return run_jobs(jobs, tracker, args, stop)
