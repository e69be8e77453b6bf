"""The step usual of `realtime3d training`: the detail that faces usually have, as means over many people."""

from __future__ import annotations

import argparse
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
