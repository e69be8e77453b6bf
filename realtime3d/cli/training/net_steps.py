"""The steps train, average, export and evaluate of `realtime3d training`: their options, and what they do."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from realtime3d.errors import UsageError

Log = Callable[[str], None]


def add_train(parser: argparse.ArgumentParser) -> None:
    """Arguments of `train`."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run; a run that stopped goes on")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, metavar="DIR", help="folders of samples")
    parser.add_argument("--validation", type=Path, metavar="DIR", help="samples that are not trained on")
    parser.add_argument("--net", choices=("track", "shape"), default="track", help="pose and expression, or identity")
    parser.add_argument(
        "--trunk", choices=("thin", "lite0"), default="thin", help="EfficientNet-lite0, whole or thinned"
    )
    parser.add_argument("--init", type=Path, metavar="CKPT", help="start from this checkpoint instead of ImageNet")
    parser.add_argument(
        "--grow",
        type=Path,
        metavar="CKPT",
        help="start from a smaller net: fewer blocks (--trunk), pixels (--size) or units (--mixed)",
    )
    parser.add_argument("--from-model", type=Path, metavar="FILE", help="the face model that --init was trained for")
    parser.add_argument(
        "--heads", type=int, default=0, metavar="SAMPLES", help="correct the heads over so many samples first (0)"
    )
    parser.add_argument(
        "--border", type=int, default=0, metavar="SAMPLES", help="correct presence over so many samples first (0)"
    )
    parser.add_argument("--minutes", type=float, help="end after so many minutes")
    parser.add_argument("--samples", type=int, help="end after so many samples")
    parser.add_argument("--decay", type=float, default=0.25, help="share of the budget in which the rate falls to 0")
    parser.add_argument("--size", type=int, default=112, help="pixels of the net's input")
    parser.add_argument("--mixed", type=int, default=0, help="units that combine features before the heads (0)")
    parser.add_argument("--batch", type=int, default=32, help="samples in a step")
    parser.add_argument("--photos", type=float, default=0.15, help="share of photographs in a step (%(default)s)")
    parser.add_argument(
        "--openings", type=float, default=6.0, help="weight of how far lids and lips are open (%(default)s)"
    )
    parser.add_argument("--expression", type=float, default=4.0, help="weight of the expression's mm (%(default)s)")
    parser.add_argument("--gaze", type=float, default=3.0, help="weight of gaze and tongue (%(default)s)")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches")
    parser.add_argument("--threads", type=int, default=2, help="threads of the trainer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="norms as they stand: goes on about twice as fast on a CPU"
    )


def train(args: argparse.Namespace, log: Log) -> None:
    """Train and tell which checkpoint to export."""
    from realtime3d.training.learning.losses import LossWeights
    from realtime3d.training.learning.train import train as run
    from realtime3d.training.learning.train_config import TrainConfig
    from realtime3d.training.samples.dataset import DataConfig

    if args.size % 16 or args.size < 64:
        raise UsageError(f"--size is {args.size}: it must be a multiple of 16, 64 or more")
    if args.batch < 2:
        raise UsageError(f"--batch is {args.batch}: batch statistics need 2 or more")
    usual = DataConfig()
    faces = usual.photos + usual.rendered
    if not 0 <= args.photos <= faces:
        raise UsageError(f"--photos is {args.photos:g}: it must lie between 0 and {faces:g}, the share of faces")
    data = replace(usual, size=args.size, batch=args.batch, photos=args.photos, rendered=round(faces - args.photos, 6))
    weights = LossWeights(gaps=args.openings, expression=args.expression, extras=args.gaze)
    names = (
        "run validation net trunk mixed init grow from_model heads border quick minutes samples decay lr workers "
        "threads seed"
    )
    given = {name: getattr(args, name) for name in names.split()}
    config = TrainConfig(shards=tuple(args.shards), face_model=args.model, data=data, weights=weights, **given)
    if not args.quiet:
        logging.getLogger("realtime3d.training").setLevel(logging.INFO)
    log(f"wrote {run(config)}")


def add_average(parser: argparse.ArgumentParser) -> None:
    """Arguments of `average`."""
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CKPT", help="nets of one kind and size")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=(), metavar="S", help="how much each counts (equally)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CKPT", help="the checkpoint to write")


def average(args: argparse.Namespace, log: Log) -> None:
    """Write the mean of several nets' weights."""
    from realtime3d.training.learning.checkpoint import average as mean

    mean(args.checkpoints, args.out, args.shares)
    log(f"wrote {args.out}; next: realtime3d training export {args.out}")


def add_export(parser: argparse.ArgumentParser) -> None:
    """Arguments of `export`."""
    parser.add_argument("track", type=Path, metavar="CKPT", help="checkpoint of the net for pose and expression")
    parser.add_argument("--shape", type=Path, metavar="CKPT", help="ShapeNet's checkpoint; default: CKPT's own head")
    parser.add_argument("--name", default="compact", help="name of the set")
    parser.add_argument("--out", type=Path, default=Path("models"), metavar="DIR", help="folder with models.toml")
    parser.add_argument("--status", choices=("preview", "released"), default="preview")
    parser.add_argument("--mirror", action="store_true", help="also look at the mirrored picture: twice the time")
    parser.add_argument("--training", default="", metavar="TEXT", help="the command that trained it, for the list")


def export(args: argparse.Namespace, log: Log) -> None:
    """Write both nets and their entry in models.toml."""
    from realtime3d.training.learning.release import write_set

    places = (args.out, args.name, args.track, args.shape, args.model)
    listed = write_set(*places, args.status, args.training, mirror=args.mirror)
    log(f"wrote {args.name} into {listed}")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Arguments of `evaluate`."""
    parser.add_argument("models", nargs="+", metavar="MODELS", help="model sets: names or folders")
    parser.add_argument("--aflw", type=Path, metavar="DIR", help="pictures of AFLW2000-3D with labels.npz")
    parser.add_argument("--val", type=Path, metavar="DIR", help="photographs that are not trained on")
    parser.add_argument("--val-fits", type=Path, metavar="FILE", help="their fits")
    parser.add_argument("--train", type=Path, metavar="DIR", help="training photographs: the people kept out")
    parser.add_argument("--train-fits", type=Path, metavar="FILE", help="their fits")
    parser.add_argument("--seen", type=Path, metavar="FILE", help="CSV with what is seen on the photographs of --val")
    parser.add_argument("--only", nargs="+", default=[], metavar="SECTION", help="measure these sections only")
    parser.add_argument(
        "--backend",
        default="onnxruntime",
        metavar="NAME",
        help="what runs the nets (%(default)s: single precision, the same figures on every machine)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="evaluation.json and evaluation.md")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="contact sheets of the worst cases: photographs!")


def evaluate(args: argparse.Namespace, log: Log) -> None:
    """Measure every set and show the table."""
    from realtime3d.training.evaluation.evaluate import Places, draw_limits, table, write_report
    from realtime3d.training.evaluation.evaluate import evaluate as measure

    places = Places(args.model, args.aflw, args.val, args.val_fits, args.train, args.train_fits, args.seen)
    sheets = {Path(name).name: args.sheets / Path(name).name for name in args.models} if args.sheets else {}
    results = {
        Path(name).name: measure(name, places, tuple(args.only), sheets.get(Path(name).name), args.backend)
        for name in args.models
    }
    log(table(results))
    if sheets:
        draw_limits(sheets, args.sheets / "limits.png")
    log(f"wrote {write_report(args.out, results)}")
