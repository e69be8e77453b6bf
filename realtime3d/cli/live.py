"""Follow faces live, from a camera or a stream, in a window and into files."""

from __future__ import annotations

import argparse
from pathlib import Path

from realtime3d.cli import options
from realtime3d.view.keys import help_text

EPILOG = f"keys in the window:\n{help_text()}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument(
        "url", metavar="URL", nargs="?", help="a stream (rtsp://, http://, ...), or a camera as N or /dev/videoN"
    )
    camera = parser.add_argument_group("camera")
    camera.add_argument("--camera", metavar="N", type=options.at_least(0), help="number of the camera (0)")
    camera.add_argument("--size", metavar="WxH", type=options.size, help="picture size to ask for, as 1280x720")
    camera.add_argument("--fps", metavar="RATE", type=float, help="frames a second to ask for")
    camera.add_argument("--pixel-format", metavar="CODE", help="four characters to ask for, as MJPG or YUYV")
    view = parser.add_argument_group("window")
    view.add_argument("--no-window", action="store_true", help="only write files; Ctrl-C ends")
    view.add_argument("--view-3d", action="store_true", help="also a window with the faces in 3D (extra [viewer])")
    view.add_argument("--detail", action="store_true", help="also wrinkles and folds of the largest face, in a corner")
    view.add_argument("--save-to", metavar="DIR", type=Path, default=Path(), help="for snapshots and recordings")
    options.add_output_options(parser, live=True)
    options.add_overlay_options(parser)
    options.add_send_options(parser)
    options.add_run_options(parser)
    options.add_config_options(parser)
    options.add_common(parser)


def run(args: argparse.Namespace) -> int:
    from realtime3d.errors import UsageError

    if args.view_3d and args.no_window:
        raise UsageError("--view-3d stands beside the window: leave out --no-window")
    if args.detail and args.no_window:
        raise UsageError("--detail is shown in the window: leave out --no-window")
    if not args.no_window:
        from realtime3d.view.window import check_display

        check_display()
    if args.view_3d:
        from realtime3d.view.open3d_ import check_installed

        check_installed("--view-3d")
    from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
    from realtime3d.cli.running import job_from, run_live
    from realtime3d.jobs import plan
    from realtime3d.sources.base import SourceOptions
    from realtime3d.sources.choose import is_camera

    if args.url and args.camera is not None:
        raise UsageError("name a camera or a URL, not both")
    source = args.url or str(args.camera or 0)
    if not (is_camera(source) or "://" in source):
        raise UsageError(f"{source} is neither a camera nor a URL: for a file, `realtime3d video {source}`")
    width, height = args.size or (None, None)
    wanted = SourceOptions(width=width, height=height, fps=args.fps, pixel_format=args.pixel_format)
    template = job_from(args, wanted)
    (job,) = plan([source], options.outputs_from(args), template)
    with job.tracker() as tracker, Interrupt() as stop:
        run_live(job, tracker, args, stop)
        return INTERRUPTED if stop.requested else 0
