"""Measure faces in pictures: a table of all, and meshes, textures and an overlay of each.

INPUT is a folder, a picture, a pattern (photos/*.jpg), a text list with a path a line, or a CSV list with the columns
ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT or FILE,X,Y,W,H (ID and box can be left out; a header, too). Files are
named relative to their list. Every picture is looked at by itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.cli import options
from realtime3d.words import counted

if TYPE_CHECKING:
    from realtime3d.pictures.run import PicturesSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", metavar="INPUT", nargs="+")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for all files; it is made")
    group = parser.add_argument_group("outputs")
    group.add_argument(
        "--formats",
        metavar="LIST",
        type=_formats,
        help="meshes of each face: ply, obj, glb, vrm (an avatar), of PLYs also only shape, expression or posed; none "
        "(ply,obj,glb; imported face models have no glb)",
    )
    group.add_argument("--mesh", choices=("live", "full"), help="level of all meshes (full, of GLB live)")
    group.add_argument(
        "--views",
        metavar="DEG,...",
        type=_degrees,
        nargs="?",
        const=(),
        help="the head seen from other sides: yaw in degrees, as --views=-75,0,40 (0, 22, 40, 55, 75 to the seen side)",
    )
    group.add_argument("--plain", action="store_true", help="views without the picture's background")
    group.add_argument("--crops", metavar="PX", type=options.at_least(16), help="the face upright and cut out")
    group.add_argument("--maps", metavar="LIST", type=_maps, default=(), help="pictures of depth, normals, pncc, uv")
    group.add_argument(
        "--mask", action="store_true", help="ID_mask.png: skin, hair, glasses and what else is in front of the face"
    )
    group.add_argument(
        "--detail", action="store_true", help="wrinkles and folds: displacement, normals, albedo, meshes that have them"
    )
    group.add_argument(
        "--layout",
        choices=("own", "extreme-3d", "facial-details"),
        default="own",
        help="names of the files: ours, or only those that an earlier system writes; these mean --detail (own)",
    )
    group.add_argument("--no-overlay", action="store_true", help="neither ID_overlay.jpg nor contact.jpg")
    group.add_argument("--parquet", action="store_true", help="also faces.parquet (needs the [parquet] extra)")
    options.add_table_options(group)
    group.add_argument(
        "--prior",
        choices=("none", "facs", "emotion"),
        default="none",
        help="weigh expressions against what is usual for these action units or this emotion (none)",
    )
    parser.add_argument("--resume", action="store_true", help="go on where a killed run of this command stopped")
    parser.add_argument("--workers", metavar="N", type=options.at_least(1), default=1, help="processes (1)")
    faces = parser.add_argument_group("faces")
    faces.add_argument("--max-faces", metavar="N", type=int, help="of each picture at most so many, the largest first")
    options.add_lens_options(faces)
    options.add_model_options(parser)
    options.add_common(parser)


def _formats(text: str) -> frozenset[str]:
    from realtime3d.pictures.plan import FORMATS

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    wanted = frozenset(names) - {"none"}
    if not names or wanted - set(FORMATS) or ("none" in names and wanted):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of {', '.join(FORMATS)}; none for no meshes")
    return wanted


def _maps(text: str) -> tuple[str, ...]:
    from realtime3d.errors import UsageError
    from realtime3d.render.maps import check_maps

    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    try:
        check_maps(names)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return names


def _degrees(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of degrees: write --views=-75,0,40") from None


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
    from realtime3d.errors import SourceError
    from realtime3d.pictures.plan import PicturesJob
    from realtime3d.pictures.run import run_pictures

    job = PicturesJob(
        inputs=args.inputs,
        out=args.out,
        formats=args.formats,
        level=args.mesh,
        views=args.views,
        plain=args.plain,
        crops=args.crops or 0,
        maps=args.maps,
        overlay=not args.no_overlay and args.layout == "own",
        mask=args.mask,
        detail=args.detail or args.layout != "own",
        layout=args.layout,
        blendshapes=args.blendshapes,
        raw=args.raw,
        more=options.more_from(args),
        prior=args.prior,
        parquet=args.parquet,
        config=options.config_from(args),
        workers=args.workers,
        resume=args.resume,
        overwrite=args.overwrite,
    )
    hidden = True if args.quiet else None  # None: where stderr is no terminal
    with Interrupt() as stop, tqdm(unit="picture", desc=str(args.out), dynamic_ncols=True, disable=hidden) as bar:
        summary = run_pictures(
            job,
            until=stop.until,
            expect=bar.reset,
            observe=lambda done: bar.update() and None,
            interrupted=lambda: stop.requested,
        )
    if not args.quiet:
        print("\n".join(_lines(summary)))
    if stop.requested:
        return INTERRUPTED
    return SourceError.exit_code if summary.errors else 0


def _lines(summary: PicturesSummary) -> list[str]:
    kept = f", {counted(summary.kept, 'was', 'were')} done before" if summary.kept else ""
    lines = [
        f"{counted(summary.pictures, 'picture')} in {summary.seconds:.1f} s ({summary.rate:.1f} pictures/s), "
        f"{counted(summary.faces, 'face')}{kept}"
    ]
    if summary.without or summary.errors:
        without = counted(summary.without, "picture")
        lines.append(f"  {without} without a face, {counted(summary.errors, 'error')}: see errors.csv")
    if summary.moved_mm:
        mean, most = sum(summary.moved_mm) / len(summary.moved_mm), max(summary.moved_mm)
        lines.append(f"  the prior moved faces by {mean:.2f} mm on average, {most:.2f} mm at most")
    if summary.without_detail:
        small = counted(summary.without_detail, "face is", "faces are")
        lines.append(f"  {small} too small for detail: see errors.csv")
    return [*lines, f"  written: {', '.join(map(str, summary.files))}"]
