"""Turn official weights of other projects into a model set: ExpNet, FacePoseNet, 3DMM-CNN, the Basel Face Model.

PATH is a file of the weights, the folder they lie in, or a checkout of the project with the weights in their place.
Nothing is downloaded: docs/how-to/official-weights.md says whose the files are and under which terms. Four imports into
one DIR make a set for `realtime3d images --models DIR` and `process_boxes`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from realtime3d.cli.options import add_common

KINDS = {  # what people name -> module of the importer, part of the set
    "expnet": ("expnet", "expression"),
    "fpn": ("facepose", "pose"),
    "3dmm": ("shape3dmm", "shape"),
    "bfm": ("basel", "face_model"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=tuple(KINDS), help="what PATH holds")
    parser.add_argument("path", metavar="PATH", type=Path)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the model set: made, or added to")
    parser.add_argument("--mean", metavar="F", type=Path, help="mean picture of a ResNet, instead of the one beside it")
    parser.add_argument("--overwrite", action="store_true", help="replace this part of the set")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    import importlib

    from realtime3d.errors import UsageError
    from realtime3d.importers import model_set
    from realtime3d.nets.modelset import how_to_add

    module, part = KINDS[args.kind]
    if args.mean and args.kind == "bfm":
        raise UsageError("--mean is a net's: leave it out with bfm")
    model_set.check(args.out, part, args.overwrite)
    importer = importlib.import_module(f"realtime3d.importers.{module}")
    piece = importer.read(args.path) if args.kind == "bfm" else importer.read(args.path, args.mean)
    file, missing = model_set.add(args.out, piece, args.overwrite)
    if not args.quiet:
        print(f"{file}  {len(piece.data) / 1e6:.0f} MB, from {piece.read}")
        if missing:
            print(f"to complete the set: {how_to_add(missing, args.out)}")
        else:
            print(f"the set is complete: `realtime3d images PHOTO --models {args.out} --out FACES`")
    return 0
