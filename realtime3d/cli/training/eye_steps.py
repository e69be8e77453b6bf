"""The steps eye-crops and eyes of `realtime3d training`: the net on the eyes' pixels."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.errors import SourceError, UsageError

if TYPE_CHECKING:
    from realtime3d.face.model import FaceModel
    from realtime3d.training.eyes.crops import EyeCrops

Log = Callable[[str], None]


def add_eye_crops(step: argparse.ArgumentParser) -> None:
    """Arguments of `eye-crops`."""
    step.add_argument("photos", type=Path, help="folder of photographs")
    step.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the crops go")
    step.add_argument("--landmarks", type=Path, metavar="FILE", help="MediaPipe's landmarks: read, or kept there")
    step.add_argument("--fits", type=Path, metavar="FILE", help="of these photographs: renders of them instead")
    step.add_argument("--people", type=int, default=300, metavar="N", help="at most so many are rendered (%(default)s)")


def eye_crops(args: argparse.Namespace, log: Log) -> None:
    """Cut eyes out of photographs, or out of renders of them."""
    from realtime3d.face.model import FaceModel
    from realtime3d.training.eyes.crops import of_photographs

    if not args.photos.is_dir():
        raise SourceError(f"no folder {args.photos}: name one with photographs")
    model, bar = FaceModel.load(args.model), _bar("cutting eyes", args.quiet)
    found = _renders(model, args, bar) if args.fits else of_photographs(args.photos, model, bar, args.landmarks)
    found.save(args.out)
    log(f"wrote {args.out}: {len(found.images)} eyes; next: realtime3d training eyes RUN.pt --crops {args.out}")


def _renders(model: FaceModel, args: argparse.Namespace, bar: Callable[[Iterable], Iterable]) -> EyeCrops:
    import cv2
    import numpy as np

    from realtime3d.training.eyes.renders import of_photographs
    from realtime3d.training.labels.fits import Fits
    from realtime3d.training.labels.splits import held_out_people, is_held_out
    from realtime3d.training.samples.photo import worth_turning

    fits = Fits.load(args.fits)
    people = held_out_people(fits.files)
    good = np.flatnonzero(worth_turning(model, fits.residual, fits.alpha, fits.motion))
    good = np.array([i for i in good.tolist() if not is_held_out(fits.files[i], people)], np.intp)
    chosen = np.random.default_rng(0).permutation(good)[: args.people].tolist()
    with np.load(args.model) as data:
        to_motion = data["arkit_to_motion"]

    def photos() -> Any:
        for i in bar(chosen):
            image = cv2.imread(str(args.photos / fits.files[i]))
            if image is None:
                raise SourceError(f"{args.photos / fits.files[i]} is missing or no picture: restore it")
            yield fits.photo(i, image)

    return of_photographs(model, to_motion, photos())


def add_eyes(step: argparse.ArgumentParser) -> None:
    """Arguments of `eyes`."""
    step.add_argument("run", type=Path, metavar="CKPT", help="the checkpoint to write")
    step.add_argument("--crops", type=Path, nargs="+", default=[], metavar="FILE", help="made by the step eye-crops")
    step.add_argument("--validation", type=Path, metavar="FILE", help="crops of people who are not trained on")
    step.add_argument("--minutes", type=float, default=10.0, help="length of the run (%(default)s)")
    step.add_argument("--lr", type=float, default=2e-3, help="learning rate (%(default)s)")
    step.add_argument("--init", type=Path, metavar="CKPT", help="go on from here")
    step.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    step.add_argument(
        "--export", nargs="+", default=[], metavar="SET", help="put the net into these sets of models.toml"
    )
    step.add_argument("--out", type=Path, default=Path("models"), metavar="DIR", help="folder with models.toml")
    step.add_argument("--training", default="", metavar="TEXT", help="how it was trained, for the list")


def eyes(args: argparse.Namespace, log: Log) -> None:
    """Train the net on the eyes' pixels, and put it into model sets; without --crops a finished run is exported."""
    import logging

    from realtime3d.training.eyes.crops import EyeCrops
    from realtime3d.training.eyes.learn import EyeConfig, load, measure, train

    if not args.quiet:
        logging.getLogger("realtime3d.training").setLevel(logging.INFO)
    figures: dict[str, float] = {}
    if args.crops:
        config = EyeConfig(
            tuple(args.crops), args.run, args.minutes, args.lr,
            init=args.init, validation=args.validation, seed=args.seed,
        )  # fmt: skip
        figures = train(config)
        log(f"wrote {args.run}")
    elif not args.export:
        raise UsageError("nothing to do: give --crops to train on, or --export to put a run into model sets")
    elif args.validation:
        from realtime3d.training.eyes.net import EyeNet

        net = EyeNet()
        net.load_state_dict(load(args.run))
        figures = measure(net, EyeCrops.load(args.validation))
    for name, value in figures.items():
        log(f"  {name:24} {value:.4f}")
    if args.export:
        from realtime3d.training.eyes.release import add_to_sets

        log(f"wrote {add_to_sets(args.run, args.out, args.export, args.training, figures)}")


def _bar(text: str, quiet: bool) -> Callable[[Iterable], Iterable]:
    from tqdm import tqdm

    return lambda items: tqdm(items, desc=text, disable=True if quiet else None)
