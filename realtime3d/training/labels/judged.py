"""Photographs whose expression was judged, twice: what both say, and what a set of nets sees of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.expressions import EMOTIONS
from realtime3d.tracker import FaceTracker
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.types import Array

UNSURE = "unsure"
COLUMNS = ("file", "first", "second")


@dataclass(frozen=True)
class Judgement:
    """One photograph's, each time one of EMOTIONS or `unsure`."""

    file: str
    first: str
    second: str

    @property
    def agreed(self) -> bool:
        return self.first == self.second != UNSURE


@dataclass(frozen=True)
class Judged:
    """What the emotions' net reads of photographs, and what it should say."""

    rows: Array  # (N, 54)
    emotions: NDArray[np.intp]  # (N,) index into EMOTIONS


def read(path: Path) -> list[Judgement]:
    """All rows of a CSV with the columns file, first, second."""
    words = {*EMOTIONS, UNSURE}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise SourceError(f"{path} has no judgements: its first line must be {','.join(COLUMNS)}")
            found = [Judgement(row["file"], row["first"], row["second"]) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read ({error}): name a CSV of judgements") from error
    for line, row in enumerate(found, 2):
        if not {row.first, row.second} <= words:
            raise SourceError(f"{path}, line {line}: a judgement is one of {', '.join((*EMOTIONS, UNSURE))}")
    return found


def without_kept_out(judgements: Sequence[Judgement], folder: Path) -> list[Judgement]:
    """Those of people who may be learned from; `folder` has all photographs, by which these people are chosen."""
    people = held_out_people([path.name for path in folder.iterdir()] if folder.is_dir() else [])
    return [judgement for judgement in judgements if not is_held_out(judgement.file, people)]


def agreement(judgements: Sequence[Judgement]) -> tuple[float, float]:
    """Share of the photographs of which both times the same was said, and Cohen's kappa."""
    words = (*EMOTIONS, UNSURE)
    first, second = (
        np.array([words.index(word) for word in side])
        for side in ([j.first for j in judgements], [j.second for j in judgements])
    )
    return float((first == second).mean()), kappa(first, second)


def kappa(a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """Cohen's: agreement beyond what chance gives with the same shares of each answer."""
    shares = [np.bincount(side, minlength=len(EMOTIONS) + 1) / len(side) for side in (a, b)]
    by_chance = float(shares[0] @ shares[1])
    return (float((a == b).mean()) - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0


def seen(tracker: FaceTracker, folder: Path, judgements: Sequence[Judgement]) -> Judged:
    """What nets see of the photographs that were judged alike; a picture without a face is left out."""
    rows, emotions = [], []
    for judgement in judgements:
        if not judgement.agreed:
            continue
        image = cv2.imread(str(folder / judgement.file))
        if image is None:
            raise SourceError(f"{folder / judgement.file} is missing or no picture: restore it, or take out its line")
        faces = tracker.process_picture(image).faces
        if faces:
            largest = max(faces, key=lambda face: float((face.box[2:] - face.box[:2]).prod()))
            rows.append(largest.features().row())
            emotions.append(EMOTIONS.index(judgement.first))
    if not rows:
        raise SourceError(f"no photograph of {folder} was judged alike and has a face: name another folder")
    return Judged(np.stack(rows), np.array(emotions))
