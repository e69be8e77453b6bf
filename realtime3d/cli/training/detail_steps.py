"""The steps usual and detail of `realtime3d training`: what detail is usual, and the net that mends what is solved."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

from realtime3d.errors import SourceError

Log = Callable[[str], None]
PICTURES = (".jpg", ".jpeg", ".png")


def add_usual(step: argparse.ArgumentParser) -> None:
    """Arguments of `usual`."""
    step.add_argument("photos", type=Path, nargs="+", metavar="DIR", help="folders of photographs, fine ones first")
    step.add_argument("--each", type=int, default=200, help="photographs of each folder at most (%(default)s)")
    step.add_argument("--models", default="default", metavar="SET", help="model set that finds faces (%(default)s)")


def usual(args: argparse.Namespace, log: Log) -> None:
    """Learn it for the face model of a set of nets, and write it beside the model."""
    import cv2
    import numpy as np

    from realtime3d.files import whole
    from realtime3d.surface.detail_maker import DetailMaker
    from realtime3d.surface.usual import SIZE, file_of
    from realtime3d.tracker import FaceTracker
    from realtime3d.training.detail.usual import FEWEST, Learner

    with FaceTracker(models=args.models) as tracker:
        learner = Learner(DetailMaker(tracker.model, SIZE))
        for file in _chosen(args.photos, args.each):
            image = cv2.imread(str(file))
            if image is None:
                continue
            picture = image.astype(np.uint8, copy=False)
            for face in tracker.process_picture(picture).faces[:1]:
                learner.add(face, picture, tracker.mask(picture, face).skin)
        path = file_of(tracker.model.path)
    if learner.count < FEWEST:
        raise SourceError(f"{learner.count} of the photographs show a face well enough, it takes {FEWEST}: name more")
    with whole(path) as draft:
        learner.learned().save(draft)
    log(f"wrote {path}, the mean of {learner.count} photographs")


def add_detail(step: argparse.ArgumentParser) -> None:
    """Arguments of `detail`."""
    step.add_argument("run", type=Path, metavar="RUN", help="folder of the run; a run that stopped goes on")
    step.add_argument(
        "--photos", type=Path, nargs="+", metavar="DIR", help="folders of photographs: RUN/composites.npz is made once"
    )
    step.add_argument("--each", type=int, default=400, help="photographs of each folder at most (%(default)s)")
    step.add_argument("--times", type=int, default=2, help="composites of each photograph (%(default)s)")
    step.add_argument("--models", default="default", metavar="SET", help="model set that finds faces (%(default)s)")
    step.add_argument("--minutes", type=float, default=20.0, help="of training (%(default)g)")
    step.add_argument("--crop", type=int, default=128, help="pixels of the sides of what it learns from (%(default)s)")
    step.add_argument("--batch", type=int, default=12, help="crops in a step (%(default)s)")
    step.add_argument("--lr", type=float, default=1.5e-3, help="learning rate (%(default)g)")
    step.add_argument("--decay", type=float, default=0.6, help="share of the minutes in which the rate falls to 0")
    step.add_argument("--seed", type=int, default=1)
    step.add_argument("--sets", default="compact,accurate", help="sets that get the net (%(default)s)")
    step.add_argument("--out", type=Path, metavar="DIR", help="folder with models.toml; without it nothing is exported")


def detail(args: argparse.Namespace, log: Log) -> None:
    """Make composites, train, and export where that is asked for."""
    from realtime3d.training.detail.photographs import chosen, prepare
    from realtime3d.training.detail.release import add_detail as release
    from realtime3d.training.detail.train import DetailRun, train

    made = args.run / "composites.npz"
    if not made.exists():
        if not args.photos:
            raise SourceError(f"there is no {made}: name folders of photographs with --photos")
        files = chosen(args.photos, args.each)
        log(f"{prepare(files, made, args.models, args.times, args.seed)} composites of {len(files)} photographs")
    if not args.quiet:
        logging.getLogger("realtime3d.training").setLevel(logging.INFO)
    given = {name: getattr(args, name) for name in ("run", "minutes", "crop", "batch", "lr", "decay", "seed")}
    checkpoint = train(DetailRun(composites=made, **given))
    log(f"wrote {checkpoint}")
    if args.out is not None:
        words = f"realtime3d training detail RUN --minutes {args.minutes:g} --lr {args.lr:g}"
        log(f"wrote the net into {release(args.out, checkpoint, args.sets.split(','), words)}")


def _chosen(folders: list[Path], each: int) -> list[Path]:
    """Evenly from each folder; people who are kept out of training are left out."""
    from realtime3d.training.labels.splits import held_out_people, is_held_out

    out = []
    for folder in folders:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
        held = held_out_people([file.name for file in files])
        free = [file for file in files if not is_held_out(file.name, held)]
        out += free[:: max(1, -(-len(free) // each))]
    return out
