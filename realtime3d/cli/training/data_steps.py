"""The steps of training as commands: `realtime3d training STEP`. Heavy parts are imported by the step that runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from realtime3d.cli.training.detail_steps import add_detail, add_usual, detail, usual
from realtime3d.cli.training.expression_steps import add_expressions, add_prior, expressions, prior
from realtime3d.cli.training.eye_steps import add_eye_crops, add_eyes, eye_crops, eyes
from realtime3d.cli.training.mask_steps import add_mask, mask
from realtime3d.cli.training.net_steps import (
    add_average,
    add_evaluate,
    add_export,
    add_train,
    average,
    evaluate,
    export,
    train,
)
from realtime3d.cli.training.pose_step import add_pose, pose
from realtime3d.errors import SourceError

if TYPE_CHECKING:
    from realtime3d.training.labels.fits import Fits
    from realtime3d.training.labels.pack import FittedPhoto

T = TypeVar("T")
Log = Callable[[str], None]
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MODEL = Path("models/face_model.npz")


def add_steps(parser: argparse.ArgumentParser, common: Callable[[argparse.ArgumentParser], object]) -> None:
    """All steps in the order in which they are run."""
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True, parser_class=type(parser))
    for name, text, options, run in (
        (
            "face-model",
            "build the face model from scans of people, out of a checkout of ICT-FaceKit",
            _face_model_options,
            face_model,
        ),
        ("calibrate", "learn from neutral faces where MediaPipe sees its landmarks", _calibrate_options, calibrate),
        ("expressions", "learn what action units and emotions look like in a face model", add_expressions, expressions),
        ("fit", "fit the face model to a folder of photographs", _fit_options, fit),
        ("pack", "cut fitted photographs into a self-contained training pack", _pack_options, pack),
        ("render", "render training shards from a pack", _render_options, render),
        ("pose", "make samples of photographs without labels, of the pose that finished nets agree on", add_pose, pose),
        ("train", "train a net on shards; goes on where it was stopped", add_train, train),
        ("average", "take the mean of the weights of nets that went on from one another", add_average, average),
        ("export", "write a model set: ONNX with half-precision weights, listed in models.toml", add_export, export),
        ("eye-crops", "cut eyes with labels out of photographs, or out of renders of them", add_eye_crops, eye_crops),
        ("eyes", "train the net on the eyes' pixels, and put it into model sets", add_eyes, eyes),
        ("mask", "train the net that says what hides a face, on composites made on the fly", add_mask, mask),
        ("detail", "train the net that mends solved detail, on photographs with drawn wrinkles", add_detail, detail),
        ("usual", "learn the detail that faces usually have, with each expression", add_usual, usual),
        ("prior", "learn which expressions are usual, and how far the nets err", add_prior, prior),
        ("evaluate", "measure model sets and write the table of the model card", add_evaluate, evaluate),
    ):
        step = steps.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        options(step)
        step.add_argument("--model", type=Path, default=MODEL, help="face model file (%(default)s)")
        common(step)
        step.set_defaults(step=run)


def _face_model_options(step: argparse.ArgumentParser) -> None:
    step.add_argument(
        "source",
        type=Path,
        help="checkout of the public repository (docs/face-model.md names it), or a folder with its two repacked files",
    )
    step.add_argument("--seed", type=int, default=0, help="of all that is drawn at random (%(default)s)")


def face_model(args: argparse.Namespace, log: Log) -> None:
    import numpy as np

    from realtime3d.training.labels.calibration import Calibration, calibration_file
    from realtime3d.training.model import ict
    from realtime3d.training.model.ict_source import IctSource

    built = ict.build(IctSource.load(args.source), args.seed, log)
    ict.save(built.arrays, args.model)
    calibration, n_shape = calibration_file(args.model), len(built.arrays["shape_basis"])
    Calibration(built.spread_mm, np.zeros((len(built.spread_mm), 3)), np.zeros(n_shape)).save(calibration)
    log(f"wrote {args.model} and {calibration}; next: realtime3d training calibrate --model {args.model}")


def _calibrate_options(step: argparse.ArgumentParser) -> None:
    step.add_argument("photos", type=Path, help="folder of photographs")
    step.add_argument(
        "--neutral", nargs="+", required=True, metavar="PATTERN", help="names of those with neutral, frontal faces"
    )


def calibrate(args: argparse.Namespace, log: Log) -> None:
    import numpy as np

    from realtime3d.face.model import FaceModel
    from realtime3d.training.labels.calibration import Calibration, calibration_file
    from realtime3d.training.labels.fit import calibrate
    from realtime3d.training.labels.landmarks import find_landmarks
    from realtime3d.training.labels.splits import held_out_people, is_held_out

    files = _pictures(args.photos)
    people = held_out_people([p.name for p in files])
    neutral = [p for p in files if any(p.match(n) for n in args.neutral) and not is_held_out(p.name, people)]
    names, points, sizes = find_landmarks(neutral, _bar("finding landmarks", args.quiet))
    if not names:
        raise SourceError(f"no face in {args.photos} whose name matches {' '.join(args.neutral)}: give other patterns")
    start = Calibration.load(calibration_file(args.model))
    with np.load(args.model) as data:
        to_motion = data["arkit_to_motion"]
    found = calibrate(FaceModel.load(args.model), to_motion, start, points, sizes)
    found.save(calibration_file(args.model))
    far = np.linalg.norm(found.offset, axis=1)
    log(f"calibrated on {len(names)} faces: offsets {far.mean():.1f} mm, at most {far.max():.1f} mm")


def _fit_options(step: argparse.ArgumentParser) -> None:
    step.add_argument("photos", type=Path, help="folder of photographs with one face each")
    step.add_argument("--out", type=Path, required=True, help="file for the fits (.npz)")


def fit(args: argparse.Namespace, log: Log) -> None:
    import numpy as np

    from realtime3d.face.model import FaceModel
    from realtime3d.training.labels.calibration import Calibration, calibration_file
    from realtime3d.training.labels.fit import fit_in_chunks
    from realtime3d.training.labels.landmarks import find_landmarks

    files = _pictures(args.photos)
    names, points, sizes = find_landmarks(files, _bar("finding landmarks", args.quiet))
    if not names:
        raise SourceError(f"no face was found in the {len(files)} pictures of {args.photos}: use pictures of faces")
    log(f"faces in {len(names)} of {len(files)} pictures")
    with np.load(args.model) as data:
        to_motion = data["arkit_to_motion"]
    calibration = Calibration.load(calibration_file(args.model))
    bar = _bar("fitting", args.quiet)
    fits = fit_in_chunks(FaceModel.load(args.model), to_motion, calibration, names, points, sizes, bar)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    fits.save(args.out)
    worst = ", ".join(f"{p} %: {np.percentile(fits.residual, p):.4f}" for p in (50, 90, 99))
    log(f"wrote {args.out}; residual in eye distances, {worst}")


def _pictures(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not files:
        raise SourceError(f"no pictures in {folder}: name a folder that holds {', '.join(PICTURES)} files")
    return files


def _pack_options(step: argparse.ArgumentParser) -> None:
    step.add_argument("photos", type=Path, help="folder of the fitted photographs")
    step.add_argument("--fits", type=Path, required=True, help="file made by the step fit")
    step.add_argument("--out", type=Path, required=True, help="folder for the pack's parts")


def pack(args: argparse.Namespace, log: Log) -> None:
    from realtime3d.training.labels.fits import Fits
    from realtime3d.training.labels.pack import trusted, write_pack

    fits = Fits.load(args.fits)
    rows = trusted(fits.files, fits.residual)
    bar = _bar("packing", args.quiet)
    parts = write_pack(_fitted_photos(fits, bar(rows.tolist()), args.photos), args.out, args.model)
    size = sum(part.stat().st_size for part in parts) / 1e6
    log(f"wrote {len(rows)} of {len(fits.files)} photographs as {len(parts)} parts of {size:.0f} MB into {args.out}")


def _fitted_photos(fits: Fits, rows: Iterable[int], folder: Path) -> Iterator[tuple[str, FittedPhoto]]:
    import cv2

    for i in rows:
        image = cv2.imread(str(folder / fits.files[i]))
        if image is None:
            raise SourceError(f"{folder / fits.files[i]} is missing or no picture: restore it or fit the folder again")
        yield fits.files[i], fits.photo(i, image)


def _render_options(step: argparse.ArgumentParser) -> None:
    step.add_argument("--pack", type=Path, required=True, help="folder of a training pack")
    step.add_argument("--out", type=Path, required=True, help="folder for the shards")
    step.add_argument("--shards", type=int, default=40, help="shards of about 2,000 rendered samples (%(default)s)")
    step.add_argument("--first", type=int, default=0, help="number of the first; existing ones are kept (%(default)s)")
    step.add_argument(
        "--assets", type=Path, metavar="DIR", help="folder with mask*/*.png and hand*/*.glb that hide parts of faces"
    )


def render(args: argparse.Namespace, log: Log) -> None:
    from realtime3d.training.labels.pack import Pack
    from realtime3d.training.samples.covers import NONE, Covers
    from realtime3d.training.samples.make_shards import photo_shards, rendered_shard
    from realtime3d.training.samples.photo import HeadParts
    from realtime3d.training.samples.shards import shard_names

    covers = Covers.load(args.assets) if args.assets else NONE
    photos = Pack.load(args.pack, args.model)
    log(f"{len(photos)} photographs")
    photo_shards(photos, args.out, log)
    top = HeadParts.of(photos.model)
    done = set(shard_names(args.out))
    numbers = [k for k in range(args.first, args.first + args.shards) if f"rendered_{k:03d}" not in done]
    for number in _bar("rendering", args.quiet)(numbers):
        rendered_shard(photos, top, args.out, number, covers=covers)


def _bar(label: str, quiet: bool) -> Callable[[Iterable[T]], Iterable[T]]:
    """A progress bar round a sequence, silent where nobody looks."""
    from tqdm import tqdm

    return lambda items: tqdm(items, desc=label, disable=True if quiet else None)
