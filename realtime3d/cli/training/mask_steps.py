"""The step mask of `realtime3d training`: the net that says what hides a face, from photographs to models.toml."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

from realtime3d.errors import SourceError

Log = Callable[[str], None]
PICTURES = (".jpg", ".jpeg", ".png")


def add_mask(step: argparse.ArgumentParser) -> None:
    """Arguments of `mask`."""
    step.add_argument("run", type=Path, metavar="RUN", help="folder of the run; a run that stopped goes on")
    step.add_argument(
        "--photos", type=Path, nargs="+", metavar="DIR", help="folders of photographs, labelled once into RUN/labelled"
    )
    step.add_argument("--hand", type=Path, required=True, metavar="GLB", help="a rigged hand with WebXR's 25 joints")
    step.add_argument("--masks", type=Path, nargs="+", required=True, metavar="PNG", help="surgical masks with alpha")
    step.add_argument(
        "--init", type=Path, default=Path("models/compact_track.onnx"), metavar="NET", help="whose trunk (%(default)s)"
    )
    step.add_argument("--minutes", type=float, default=25.0, help="of training (%(default)g)")
    step.add_argument("--size", type=int, default=128, help="pixels of the net's input (%(default)s)")
    step.add_argument("--batch", type=int, default=24, help="samples in a step (%(default)s)")
    step.add_argument("--lr", type=float, default=1.5e-3, help="learning rate (%(default)g)")
    step.add_argument("--decay", type=float, default=0.4, help="share of the minutes in which the rate falls to 0")
    step.add_argument("--seed", type=int, default=1)
    step.add_argument("--sets", default="compact,accurate", help="sets that get the net (%(default)s)")
    step.add_argument("--out", type=Path, metavar="DIR", help="folder with models.toml; without it nothing is exported")


def mask(args: argparse.Namespace, log: Log) -> None:
    """Label, train, and export where that is asked for."""
    from realtime3d.training.mask.prepare import prepare
    from realtime3d.training.mask.release import add_mask as release
    from realtime3d.training.mask.train import MaskRun, train

    labelled = args.run / "labelled"
    for folder in args.photos or ():
        target = labelled / f"{folder.name}.npz"
        if not target.exists():
            files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
            log(f"{prepare(files, target)} of {len(files)} photographs in {folder} are labelled")
    parts = tuple(sorted(labelled.glob("*.npz")))
    if not parts:
        raise SourceError(f"there are no labelled photographs in {labelled}: name folders of them with --photos")
    if not args.quiet:
        logging.getLogger("realtime3d.training").setLevel(logging.INFO)
    given = {
        name: getattr(args, name) for name in ("run", "hand", "init", "minutes", "size", "batch", "lr", "decay", "seed")
    }
    checkpoint = train(MaskRun(portraits=parts, masks=tuple(args.masks), **given))
    log(f"wrote {checkpoint}")
    if args.out is not None:
        words = f"realtime3d training mask RUN --minutes {args.minutes:g} --size {args.size} --lr {args.lr:g}"
        log(f"wrote the net into {release(args.out, checkpoint, args.sets.split(','), words)}")
