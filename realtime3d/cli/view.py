"""Look at meshes and tables in a 3D window.

FILE is a .ply, .obj or .glb file, a folder that `images` or `--meshes` wrote, or a table (.csv, .parquet, .jsonl) of
`video` or `live`, which is played.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from realtime3d.cli import options
from realtime3d.view.keys import viewer_help_text

EPILOG = f"keys in the window:\n{viewer_help_text()}\n\nneeds Open3D: pip install '.[viewer]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--screenshot", metavar="F.png", type=Path, help="save what the window shows at first, and end")
    parser.add_argument(
        "--lamp", metavar="ACROSS,UP", type=_angles, help="its place at first: degrees to the right and up (45,30)"
    )
    parser.add_argument("--save-to", metavar="DIR", type=Path, default=Path(), help="for screenshots (key s)")
    parser.add_argument("--overwrite", action="store_true", help="replace a screenshot that is there already")
    parser.add_argument(
        "--models", metavar="compact|accurate|DIR", default="default", help="as when a table was written"
    )
    options.add_common(parser)


def _angles(text: str) -> tuple[float, float]:
    try:
        across, up = (float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no place of a lamp: write it as 45,30") from None
    if not (abs(across) <= 180 and abs(up) <= 90):
        raise argparse.ArgumentTypeError(f"{text!r} is no place of a lamp: within 180 and 90 degrees")
    return across, up


def run(args: argparse.Namespace) -> int:
    from realtime3d.files import check_output
    from realtime3d.replay import read_table
    from realtime3d.view.lamp import Lamp
    from realtime3d.view.open3d_ import Viewer
    from realtime3d.view.scenes import TABLE_SUFFIXES, scenes_of
    from realtime3d.view.window import check_display

    if args.screenshot is not None:
        check_output(args.screenshot, args.overwrite, [args.file])
    is_table = args.file.suffix.lower() in TABLE_SUFFIXES
    results = [r for r in read_table(args.file, models=args.models) if r.faces] if is_table else []
    viewer = Viewer(scenes_of(args.file, results), args.save_to, None if args.lamp is None else Lamp(*args.lamp))
    if args.screenshot is None:  # Open3D draws a single picture without a display, too
        check_display()
    viewer.run(args.screenshot)
    if not args.quiet and viewer.saved:
        print(f"  written: {', '.join(map(str, viewer.saved))}")
    return 0
