"""The steps expressions and prior of `realtime3d training`: what is read from faces, and what is usual of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.errors import SourceError, UsageError

if TYPE_CHECKING:
    from realtime3d.face.model import FaceModel
    from realtime3d.training.labels.judged import Judged
    from realtime3d.training.labels.pack import FittedPhoto
    from realtime3d.training.learning.expression_head import Sample

Log = Callable[[str], None]
PICTURES_EACH, HIDDEN = 7, 0.5  # posed pictures of each photograph, and the share that is half hidden
MOST_PHOTOS = 250  # with PICTURES_EACH of each, the step takes minutes


def add_expressions(step: argparse.ArgumentParser) -> None:
    """Arguments of `expressions`."""
    step.add_argument(
        "--judged", type=Path, metavar="CSV", help="what photographs show, judged twice: file,first,second"
    )
    step.add_argument("--photos", type=Path, metavar="DIR", help="folder of those photographs")
    step.add_argument("--models", default="default", metavar="SET", help="nets that look at them (%(default)s)")


def expressions(args: argparse.Namespace, log: Log) -> None:
    """Learn how action units and emotions are read."""
    import numpy as np

    from realtime3d.face.expressions import file_of
    from realtime3d.face.model import FaceModel
    from realtime3d.files import whole
    from realtime3d.training.learning.expression_head import spoilt, train_head

    if (args.judged is None) != (args.photos is None):
        raise UsageError("--judged and --photos belong together: name both or none")
    with np.load(args.model) as data:
        to_motion = data["arkit_to_motion"]
    model = FaceModel.load(args.model)
    sample = spoilt(model, to_motion)
    judged = _judged(args, sample, log) if args.judged is not None else None
    head, path = train_head(model, to_motion, sample, judged), file_of(args.model)
    with whole(path) as draft:
        head.save(draft)
    log(f"wrote {path}; the emotions' net has {head.size:,} weights")


def _judged(args: argparse.Namespace, sample: Sample, log: Log) -> Judged:
    """Photographs that were judged alike, of people who are not kept out; says how alike, and what nets that did not
    learn from one say of it."""
    from realtime3d.face.expressions import EMOTIONS
    from realtime3d.tracker import FaceTracker
    from realtime3d.training.labels import judged as labels
    from realtime3d.training.learning.expression_head import cross_validated

    judgements = labels.read(args.judged)
    share, kappa = labels.agreement(judgements)
    log(f"{len(judgements)} photographs, judged alike: {share:.3f} of them, kappa {kappa:.3f}")
    judgements = labels.without_kept_out(judgements, args.photos)
    with FaceTracker(models=args.models) as tracker:
        if tracker.model.path.resolve() != args.model.resolve():
            raise UsageError(f"{args.models} has the face model {tracker.model.path}: name that one with --model")
        found = labels.seen(tracker, args.photos, judgements)
    said = cross_validated(sample, found)
    right = said == found.emotions
    log(f"of {len(right)} judged alike, not learned from: right {right.mean():.3f}, "
        f"kappa {labels.kappa(said, found.emotions):.3f}")  # fmt: skip
    for k, name in enumerate(EMOTIONS):
        if (found.emotions == k).any():
            log(f"  {name}: {right[found.emotions == k].mean():.2f} of {(found.emotions == k).sum()}")
    return found


def add_prior(step: argparse.ArgumentParser) -> None:
    """Arguments of `prior`."""
    step.add_argument("photos", type=Path, help="folder of photographs that are trained on")
    step.add_argument("--fits", type=Path, required=True, help="file made by the step fit")
    step.add_argument("--models", default="default", metavar="SET", help="model set whose errors count (%(default)s)")


def prior(args: argparse.Namespace, log: Log) -> None:
    """Learn the prior of a face model, with the errors of a set of nets that answer for it."""
    import numpy as np

    from realtime3d.face.prior import file_of
    from realtime3d.files import whole
    from realtime3d.tracker import FaceTracker
    from realtime3d.training.evaluation.expressions import TrueBox, posed_pictures
    from realtime3d.training.learning.prior import learn

    box = TrueBox()
    with np.load(args.model) as data:
        to_motion = data["arkit_to_motion"]
    with FaceTracker(models=args.models, boxes=box, smooth=False) as tracker:
        photos, rng = _photos(tracker.model, args.fits, args.photos), np.random.default_rng(1)
        posed = list(posed_pictures(tracker, box, photos, to_motion, PICTURES_EACH, rng, hidden=HIDDEN))
        if not posed:
            raise SourceError(f"no photograph of {args.photos} can be posed: it takes calm, frontal faces")
        found, true = (np.stack(rows) for rows in zip(*((p.expression, p.motion) for p in posed), strict=True))
        hidden, sigma = (np.array(rows) for rows in zip(*((p.hidden, p.sigma_deg) for p in posed), strict=True))
        learned = learn(tracker.model, to_motion, found, true[:, : found.shape[1]], hidden, sigma)
    path = file_of(args.model)
    with whole(path) as draft:
        learned.save(draft)
    log(f"wrote {path}, from {len(posed)} posed pictures")


def _photos(model: FaceModel, fits_file: Path, folder: Path) -> Iterator[tuple[int, FittedPhoto]]:
    """Some of those that can be posed, of people who are not kept out."""
    import cv2

    from realtime3d.training.evaluation.expressions import posable
    from realtime3d.training.labels.fits import Fits
    from realtime3d.training.labels.splits import held_out_people, is_held_out

    fits = Fits.load(fits_file)
    people = held_out_people(fits.files)
    rows = [i for i in posable(model, fits).tolist() if not is_held_out(fits.files[i], people)]
    for i in rows[:: -(-len(rows) // MOST_PHOTOS) or 1]:
        image = cv2.imread(str(folder / fits.files[i]))
        if image is None:
            raise SourceError(f"{folder / fits.files[i]} is missing or no picture: restore it or fit the folder again")
        yield i, fits.photo(i, image)
