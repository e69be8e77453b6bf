"""The step pose of `realtime3d training`: photographs whose pose finished nets agree on become samples."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.errors import SourceError

if TYPE_CHECKING:
    from realtime3d.types import Array, Image

Log = Callable[[str], None]
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
LEARNED_FROM = 150  # photographs with fits that the constants between face models are learned from


def add_pose(step: argparse.ArgumentParser) -> None:
    """Arguments of `pose`."""
    step.add_argument("photos", type=Path, help="folder of tight crops of one face each, without labels")
    step.add_argument("--teachers", nargs="+", default=["compact", "accurate"], metavar="SET", help="sets that answer")
    step.add_argument("--match", type=Path, required=True, metavar="DIR", help="photographs with fits")
    step.add_argument("--match-fits", type=Path, required=True, metavar="FILE", help="their fits, for --model")
    step.add_argument(
        "--beyond", type=float, default=40.0, metavar="DEG", help="keep faces turned by so much or more (%(default)s)"
    )
    step.add_argument("--out", type=Path, required=True, help="folder for the shards")


def pose(args: argparse.Namespace, log: Log) -> None:
    """Ask the teachers and write what they agree on."""
    import numpy as np
    from tqdm import tqdm

    from realtime3d.face.model import FaceModel
    from realtime3d.training.evaluation.metrics import box_of
    from realtime3d.training.labels.answers import Frames, ask_all, padded, read, usual_box
    from realtime3d.training.labels.fits import Fits
    from realtime3d.training.labels.pack import SIDE, FittedPhoto, shrink
    from realtime3d.training.samples.make_shards import posed_shards

    model = FaceModel.load(args.model)
    fits = Fits.load(args.match_fits)
    good = np.flatnonzero(fits.residual < np.median(fits.residual))
    some = fits.take(good[:: max(len(good) // LEARNED_FROM, 1)])
    files = sorted(p for p in args.photos.iterdir() if p.suffix.lower() in PICTURES) if args.photos.is_dir() else []
    if not files:
        raise SourceError(f"no pictures in {args.photos}: name a folder that holds {', '.join(PICTURES)} files")

    def bar(label: str) -> Callable[[Iterable], Iterable]:
        return lambda items: tqdm(items, desc=label, disable=True if args.quiet else None)

    def fitted() -> Iterator[tuple[Image, Array]]:
        for file, marks in zip(some.files, some.landmarks, strict=True):
            yield read(args.match / file), box_of(marks)

    def unknown() -> Iterator[tuple[Image, Array]]:
        for file in files:
            image = padded(read(file))
            yield image, usual_box(image)

    known = ask_all(args.teachers, fitted(), bar("learning the constants"))
    frames = Frames.between(known, some)
    turn = np.degrees(np.arccos(np.clip((np.trace(frames.turn) - 1) / 2, -1, 1)))
    log(f"constants: turn {turn:.1f} deg, shift {np.round(frames.shift, 1)} mm, scale {np.exp(frames.log_scale):.3f}")
    answers = [frames.applied(answer) for answer in ask_all(args.teachers, unknown(), bar("asking"))]
    usual, still = fits.alpha.mean(axis=0), np.zeros(model.n_expression + 5, np.float32)
    photos = []
    for file, answer in zip(files, answers, strict=True):
        if answer.trust > 0 and answer.turned_deg >= args.beyond:
            image, t = padded(read(file)), answer.anchor - answer.R @ _anchor()
            box = usual_box(image).astype(np.float32)
            photo = FittedPhoto(image, answer.R.astype(np.float32), t.astype(np.float32), answer.focal, usual,
                                np.zeros(52, np.float32), still, 0.0, box)  # fmt: skip
            photos.append((shrink(photo, SIDE), answer.trust))
    if not photos:
        raise SourceError(f"the teachers agree on no face of {args.photos} that is turned by {args.beyond:g} degrees")
    posed_shards(photos, args.out, log)
    trust = np.mean([one[1] for one in photos])
    log(f"wrote {len(photos)} of {len(files)} photographs, mean trust {trust:.2f}")


def _anchor() -> Array:
    from realtime3d.geometry import ANCHOR_MM

    return ANCHOR_MM
