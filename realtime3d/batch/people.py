"""The same person in many films gets one label, by the shape of the face.

Shapes are what the nets know of a person, and they know it with an error: frozen shapes of one person lie a fifth of
the way between strangers apart, those of a few frames much farther. So every label says how sure it is, and faces that
were seen too shortly get none. Two faces that are in one film at the same time are two people.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.batch.manifest import Manifest
from realtime3d.batch.page import Rows
from realtime3d.batch.tally import unpacked
from realtime3d.face.model import FaceModel
from realtime3d.files import whole
from realtime3d.tracking.identity import ShapeDistance
from realtime3d.types import Array, FloatArray

LEAST_FRAMES = 15  # that tell a shape: with fewer, strangers are too often nearer than the same person
COLUMNS = ("film", "face_id", "person", "sure", "distance", "frames")
SHOWN = 20
PASSES = 3  # until hardly anybody changes places


@dataclass(frozen=True, slots=True)
class Seen:
    """One face of one film."""

    film: str
    face_id: int
    shape: FloatArray
    weight: float  # frames that told the shape
    frames: int
    span: tuple[float, float]  # seconds of the film


@dataclass(slots=True)
class Label:
    """Who that is. `sure`: 0 it may as well be the next person, 1 nobody else comes near."""

    seen: Seen
    person: int
    sure: float
    distance: float  # from the person's mean shape; 1: two strangers


@dataclass(slots=True)
class _People:
    """Mean shapes that grow, in a space where distances are plain."""

    mm: Array  # per coefficient, so that 1 is the distance of two strangers
    nearest: float  # farther faces are somebody else's
    sums: list[Array] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    there: list[dict[str, list[tuple[float, float]]]] = field(default_factory=list)  # film -> spans

    def distances(self, seen: Seen) -> Array:
        means = np.array(self.sums) / np.array(self.weights)[:, None]
        apart = np.linalg.norm(means - seen.shape * self.mm, axis=1)
        for i, films in enumerate(self.there):
            if any(_together(span, seen.span) for span in films.get(seen.film, ())):
                apart[i] = np.inf
        return np.asarray(apart)

    def put(self, seen: Seen, person: int) -> None:
        if person == len(self.sums):
            self.sums.append(np.zeros(len(self.mm)))
            self.weights.append(0.0)
            self.there.append({})
        self.sums[person] = self.sums[person] + seen.weight * seen.shape * self.mm
        self.weights[person] += seen.weight
        self.there[person].setdefault(seen.film, []).append(seen.span)

    def take_away(self, seen: Seen, person: int) -> None:
        self.sums[person] = self.sums[person] - seen.weight * seen.shape * self.mm
        self.weights[person] = max(self.weights[person] - seen.weight, 1e-9)
        self.there[person][seen.film].remove(seen.span)


def _together(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return min(a[1], b[1]) - max(a[0], b[0]) > 0.2


def name_people(faces: Iterable[Seen], model: FaceModel, nearest: float) -> list[Label]:
    """A person for each face: those known best first, then everybody again with all others known."""
    space = ShapeDistance(model)
    people = _People(space.mm / space.people_mm, nearest)
    ordered = sorted(faces, key=lambda seen: -seen.weight)
    who: dict[int, int] = {}
    for turn in range(PASSES):
        changed = 0
        for i, seen in enumerate(ordered):
            if turn:
                people.take_away(seen, who[i])
            apart = people.distances(seen) if people.sums else np.zeros(0)
            best = int(apart.argmin()) if len(apart) else 0
            person = best if len(apart) and apart[best] <= nearest else who.get(i, len(people.sums))
            changed += who.get(i) != person
            who[i] = person
            people.put(seen, person)
        if turn and not changed:
            break
    return _labelled(ordered, who, people)


def _labelled(ordered: list[Seen], who: dict[int, int], people: _People) -> list[Label]:
    """Numbers by how long a person was seen, and how sure each label is."""
    frames: dict[int, int] = {}
    for i, seen in enumerate(ordered):
        frames[who[i]] = frames.get(who[i], 0) + seen.frames
    number = {person: n for n, (person, _) in enumerate(sorted(frames.items(), key=lambda item: -item[1]))}
    labels = []
    for i, seen in enumerate(ordered):
        own = np.linalg.norm(people.sums[who[i]] / people.weights[who[i]] - seen.shape * people.mm)
        others = people.distances(seen)
        others[[person for person in range(len(others)) if person == who[i] or person not in frames]] = np.inf
        limit = min(float(others.min(initial=np.inf)), people.nearest)
        sure = max(0.0, 1.0 - float(own) / max(limit, 1e-9))
        labels.append(Label(seen, number[who[i]], round(sure, 3), round(float(own), 3)))
    return sorted(labels, key=lambda label: (label.person, label.seen.film, label.seen.face_id))


def faces_of(manifest: Manifest) -> Iterator[Seen]:
    """Every face that was seen long enough to say something about its shape."""
    for film, _, notes in manifest.finished():
        for name, face in notes["faces"].items():
            if face["learned_from"] >= LEAST_FRAMES and face["shape"]:
                span = face["first_s"], face["last_s"]
                weight = float(face["learned_from"])
                yield Seen(film, int(name), unpacked(face["shape"]), weight, face["frames"], span)


def write_people(path: Path, labels: Iterable[Label]) -> None:
    with whole(path) as draft, open(draft, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for label in labels:
            seen = label.seen
            table.writerow((seen.film, seen.face_id, label.person, label.sure, label.distance, seen.frames))


def people_rows(labels: Iterable[Label]) -> Rows:
    """The people who were seen longest, for the summary page."""
    found: dict[int, list[Any]] = {}
    for label in labels:
        entry = found.setdefault(label.person, [set(), 0, 0.0, 0])
        entry[0].add(label.seen.film)
        entry[1] += label.seen.frames
        entry[2] += label.sure
        entry[3] += 1
    rows = [
        (str(person), f"{len(films)}", f"{frames:,}", f"{sure / count:.2f}")
        for person, (films, frames, sure, count) in sorted(found.items())[:SHOWN]
    ]
    return Rows("People", ("person", " films", " frames", " how sure"), rows, "Nobody was seen long enough.")
