"""The same person in many films gets one label, by the shape of the face.

Shapes are what the nets know of a person, and they know it with an error: frozen shapes of one person lie a fifth of
the way between strangers apart, those of a few frames much farther. So every label says how sure it is and which other
label may be the same person, and faces that were seen too shortly get none. Two faces that are in one film at the same
time are two people.
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
from realtime3d.tracking.likeness import CALIBRATIONS, SHIPPED, Calibration
from realtime3d.tracking.profile import fingerprint
from realtime3d.types import Array, FloatArray

LEAST_FRAMES = 15  # that tell a shape: with fewer, strangers are too often nearer than the same person
COLUMNS = ("film", "face_id", "person", "sure", "distance", "frames", "rival", "rival_same")
SHOWN = 20
PASSES = 3  # until hardly anybody changes places
NEAREST = 0.4  # of the distance of two strangers: of a thousand pairs of them, one is nearer
NOTE = (
    "Told by the shape of faces, which is a weak witness: "
    f"where that was measured, with one picture each, {CALIBRATIONS[SHIPPED].false_match:.0%} of strangers "
    f"were taken for one person, and {CALIBRATIONS[SHIPPED].false_non_match:.0%} of pairs of one person were not."
)
_NOTHING = 1e-6  # of weights: nobody is left


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
    """Who that is. Both numbers are None for a person who is seen only once; `sure` also where nobody has measured how
    alike people are for these nets."""

    seen: Seen
    person: int
    sure: float | None  # the chance that it is this person and none of the others
    distance: float | None  # from the person's other faces; 1: two strangers
    rival: int | None = None  # the other person who is most alike; None: there is none
    rival_same: float | None = None  # the chance that both are one person, where one and two are equally likely


@dataclass(slots=True)
class _People:
    """Mean shapes that grow, in a space where distances are plain."""

    mm: Array  # per coefficient, so that 1 is the distance of two strangers
    sums: list[Array] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    there: list[dict[str, list[tuple[float, float]]]] = field(default_factory=list)  # film -> spans
    films: dict[str, set[int]] = field(default_factory=dict)  # film -> who may be in it

    def distances(self, seen: Seen) -> Array:
        """From everybody; without end for those who are nobody any more, or are there at the same time."""
        if not self.sums:
            return np.zeros(0)
        weights = np.array(self.weights)
        means = np.array(self.sums) / np.maximum(weights, _NOTHING)[:, None]
        apart = np.linalg.norm(means - seen.shape * self.mm, axis=1)
        apart[weights < _NOTHING] = np.inf
        for i in self.films.get(seen.film, ()):
            if any(_together(span, seen.span) for span in self.there[i][seen.film]):
                apart[i] = np.inf
        return np.asarray(apart)

    def apart(self, seen: Seen, person: int) -> tuple[float, float] | None:
        """Distance from one and cosine of the two shapes; None where nobody is."""
        if self.weights[person] < _NOTHING:
            return None
        there, here = self.sums[person] / self.weights[person], seen.shape * self.mm
        a, b = there / self.mm, seen.shape
        cosine = float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), _NOTHING))
        return float(np.linalg.norm(there - here)), cosine

    def rivals(self) -> dict[int, tuple[int, float]]:
        """For each person the most alike who is nowhere at the same time, and the cosine of their shapes."""
        alive = [i for i, weight in enumerate(self.weights) if weight >= _NOTHING]
        shapes = np.array([self.sums[i] / self.mm for i in alive]).reshape(len(alive), len(self.mm))
        shapes /= np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), _NOTHING)
        found = {}
        for row, person in enumerate(alive):
            cosines = shapes @ shapes[row]
            cosines[row] = -np.inf
            for other in np.argsort(-cosines)[: len(alive) - 1]:
                if not self._meet(person, alive[other]):
                    found[person] = alive[other], float(cosines[other])
                    break
        return found

    def _meet(self, a: int, b: int) -> bool:
        """Whether both are in one film at the same time."""
        films = self.there[a].keys() & self.there[b].keys()
        return any(_together(x, y) for film in films for x in self.there[a][film] for y in self.there[b][film])

    def put(self, seen: Seen, person: int) -> None:
        if person == len(self.sums):
            self.sums.append(np.zeros(len(self.mm)))
            self.weights.append(0.0)
            self.there.append({})
        self.sums[person] = self.sums[person] + seen.weight * seen.shape * self.mm
        self.weights[person] += seen.weight
        self.there[person].setdefault(seen.film, []).append(seen.span)
        self.films.setdefault(seen.film, set()).add(person)

    def take_away(self, seen: Seen, person: int) -> None:
        self.sums[person] = self.sums[person] - seen.weight * seen.shape * self.mm
        self.weights[person] -= seen.weight
        self.there[person][seen.film].remove(seen.span)


def _together(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return min(a[1], b[1]) - max(a[0], b[0]) > 0.2


def name_people(faces: Iterable[Seen], model: FaceModel, nearest: float = NEAREST) -> list[Label]:
    """A person for each face: those known best first, then everybody again with all others known."""
    space = ShapeDistance(model)
    people = _People(space.mm / space.people_mm)
    ordered = sorted(faces, key=lambda seen: -seen.weight)
    who: dict[int, int] = {}
    for turn in range(PASSES):
        changed = 0
        for i, seen in enumerate(ordered):
            if turn:
                people.take_away(seen, who[i])
            apart = people.distances(seen)
            best = int(apart.argmin()) if len(apart) else 0
            near = len(apart) > 0 and apart[best] <= nearest
            person = best if near else who.get(i, len(people.sums))
            changed += who.get(i) != person
            who[i] = person
            people.put(seen, person)
        if not changed:
            break
    return _labelled(ordered, who, people, CALIBRATIONS.get(fingerprint(model)))


def _labelled(
    ordered: list[Seen], who: dict[int, int], people: _People, calibration: Calibration | None
) -> list[Label]:
    """Numbers by how long a person was seen, and how sure each label is."""
    frames: dict[int, int] = {}
    for i, seen in enumerate(ordered):
        frames[who[i]] = frames.get(who[i], 0) + seen.frames
    number = {person: n for n, (person, _) in enumerate(sorted(frames.items(), key=lambda item: -item[1]))}
    rivals = people.rivals()
    labels = []
    for i, seen in enumerate(ordered):
        rival, likeness = rivals.get(who[i], (None, 0.0))
        same = None if rival is None or calibration is None else round(calibration.probability(likeness), 3)
        people.take_away(seen, who[i])
        own = people.apart(seen, who[i])
        people.put(seen, who[i])
        sure = None if own is None else _sure(own[1], len(frames) - 1, calibration)
        distance = None if own is None else round(own[0], 3)
        labels.append(Label(seen, number[who[i]], sure, distance, None if rival is None else number[rival], same))
    return sorted(labels, key=lambda label: (label.person, label.seen.film, label.seen.face_id))


def _sure(cosine: float, others: int, calibration: Calibration | None) -> float | None:
    """The chance that it is this person and none of the others, all equally likely beforehand."""
    if calibration is None:
        return None
    same = min(calibration.probability(cosine), 1 - 1e-9)
    odds = same / (1 - same)
    return round(odds / (odds + others), 3) if others else round(same, 3)


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
            told = label.sure, label.distance, label.rival, label.rival_same
            sure, distance, *rival = ("" if value is None else value for value in told)
            table.writerow((seen.film, seen.face_id, label.person, sure, distance, seen.frames, *rival))


def people_rows(labels: Iterable[Label]) -> Rows:
    """The people who were seen longest, for the summary page."""
    found: dict[int, list[Any]] = {}
    for label in labels:
        entry = found.setdefault(label.person, [set(), 0, 0.0, 0, label])
        entry[0].add(label.seen.film)
        entry[1] += label.seen.frames
        if label.sure is not None:
            entry[2] += label.sure
            entry[3] += 1
    rows = [
        (str(person), f"{len(films)}", f"{frames:,}", f"{sure / count:.2f}" if count else "once", _rival(label))
        for person, (films, frames, sure, count, label) in sorted(found.items())[:SHOWN]
    ]
    heads = ("person", " films", " frames", " how sure", " may also be")
    return Rows("People", heads, rows, "Nobody was seen long enough.", NOTE if rows else "")


def _rival(label: Label) -> str:
    """The other person that it may be, where that is likelier than not."""
    if label.rival_same is None or label.rival_same < 0.5:
        return ""
    return f"person {label.rival} ({label.rival_same:.2f})"
