"""Whether two identities are one person's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.errors import UsageError
from realtime3d.face.fingerprint import fingerprint
from realtime3d.face.state import FaceState
from realtime3d.tracking.profile import read_profile
from realtime3d.types import FloatArray

Identity: TypeAlias = "FaceState | str | Path | ArrayLike"


@dataclass(frozen=True, slots=True)
class Calibration:
    """From a cosine to a probability, measured by benchmarks/likeness.py."""

    threshold: float  # at which as many strangers pass as people are refused
    slope: float
    offset: float
    false_match: float  # share of strangers that pass, measured on people who were kept out of training
    false_non_match: float  # share of pairs of one person that are refused

    def probability(self, cosine: float) -> float:
        return 1 / (1 + math.exp(min(-(self.slope * cosine + self.offset), 700.0)))


CALIBRATIONS: Mapping[str, Calibration] = {  # fingerprint of a face model -> of the nets that answer in it
    "2d243f7a93eb50cb": Calibration(0.974, 55.61, -53.77, 0.208, 0.167),  # compact and accurate
    "a373cb96de488f94": Calibration(0.946, 44.38, -41.66, 0.163, 0.25),  # those of realtime3d 1.0
}
SHIPPED = "2d243f7a93eb50cb"  # what arrays are taken to come from


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two identities are."""

    cosine: float  # of the two shapes, -1 to 1; two strangers have 0.9 on average
    probability: float  # that it is one person, where that and two people are equally likely beforehand
    same: bool  # whether the cosine is above the threshold


def same_person(a: Identity, b: Identity) -> Likeness:
    """How alike two identities are: of faces, of saved profiles (a path), or shapes as arrays (99,).

    >>> with r3d.FaceTracker() as tracker, r3d.open_source(clip) as source:
    ...     frames = list(source)
    ...     one, other = (tracker.process_picture(frames[i].image).faces[0] for i in (0, 30))
    >>> r3d.same_person(one, other).same
    True

    Shape alone tells people apart weakly: this says who of a few came back, and is no face recognition. Measured
    on 12 people kept out of training, a neutral and a smiling photograph each, one picture an identity (12 pairs of one
    person, 264 of two): area under the curve 0.90 with `compact`, 0.91 with `accurate` (95 % of draws of 12 people:
    0.78 to 0.98). At the threshold, 0.974, false matches are 15 % and 21 %, false non-matches 17 % and 8 % (2 and 1 of
    12 pairs).
    """
    shapes, marks = zip(*(_shape(x) for x in (a, b)), strict=True)
    known = {mark for mark in marks if mark}
    if len(known) > 1 or shapes[0].shape != shapes[1].shape:
        raise UsageError("the two identities belong to different face models: take both from the same set of nets")
    mark = next(iter(known), SHIPPED)
    if mark not in CALIBRATIONS:
        raise UsageError("nobody has measured how alike people are for these nets: compare their shapes yourself")
    lengths = [float(np.linalg.norm(shape)) for shape in shapes]
    if min(lengths) < 1e-6:
        raise UsageError("an identity is the mean person (all zero): nothing was learned of it yet")
    cosine = float(np.clip(shapes[0] @ shapes[1] / (lengths[0] * lengths[1]), -1, 1))
    calibration = CALIBRATIONS[mark]
    return Likeness(cosine, calibration.probability(cosine), cosine >= calibration.threshold)


def _shape(identity: Identity) -> tuple[FloatArray, str]:
    """Its 99 numbers, and the fingerprint of their face model, empty where nobody says."""
    if isinstance(identity, FaceState):
        return _checked(identity.shape, "a face"), fingerprint(identity.model)
    if isinstance(identity, (str, Path)):
        try:
            shape, mark = read_profile(identity)
        except FileNotFoundError:
            raise UsageError(f"{identity} does not exist: name a profile that --profile wrote") from None
        return _checked(shape, str(identity)), mark
    return _checked(identity, "an array"), ""


def _checked(values: ArrayLike, what: str) -> FloatArray:
    try:
        shape = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} is no identity: give a FaceState, a profile's path or a shape (99,)") from error
    if shape.ndim != 1 or shape.size < 2 or not np.isfinite(shape).all():
        raise UsageError(f"{what} of shape {shape.shape} is no identity: give a FaceState, a profile's path or (99,)")
    return shape.astype(np.float64)  # type: ignore[return-value]
