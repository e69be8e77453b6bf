"""Learning a person's own ends: the neutral face, closed eyes, the open mouth; from two seconds of being still.

`Learner` holds the rules that all targets of a run share, and replaces them when something was learned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from realtime3d.avatar.angles import yaw_first
from realtime3d.avatar.calibration import LEAST_RANGE, Calibration, HeadRules
from realtime3d.errors import Realtime3dError, UsageError
from realtime3d.face.arkit import GROUPS, NAMES
from realtime3d.face.state import FaceState
from realtime3d.words import counted

_log = logging.getLogger(__name__)

What: TypeAlias = Literal["neutral", "head", "closed-eyes", "open-mouth"]
LEARN: tuple[What, ...] = get_args(What)
LEARN_S = 2.0
LEAST_FRAMES = 10  # fewer say too little
HIGHEST_NEUTRAL = 0.6  # more is not taken away: what is left of the range would turn noise into motion
AT_REST = {"jawOpen": 0.4, "eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.7}  # above them, a face is not at rest
LEAST_ACTION = 0.2  # between the resting value and the end of an action
HEADROOM = 0.95  # the end is reached a little before the value that was held


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of the person."""

    weights: NDArray[np.float64]  # (52,) as measured, in `NAMES`' order
    R: NDArray[np.float64]
    t: NDArray[np.float64]  # mm


def sample(face: FaceState) -> Sample:
    """What is kept of a tracked face."""
    weights = face.blendshapes()
    return Sample(np.array([weights[name] for name in NAMES]), face.pose.R, face.pose.t)


def calm(samples: Sequence[Sample]) -> list[Sample]:
    """The half of the moments whose faces are most alike: without blinks, words and glances."""
    weights = np.array([one.weights for one in samples])
    away = np.abs(weights - np.median(weights, axis=0)).sum(axis=1)
    return [samples[i] for i in np.sort(np.argsort(away, kind="stable")[: max(len(samples) // 2, 1)])]


def neutral_from(samples: Sequence[Sample], calibration: Calibration) -> Calibration:
    """Rules with the neutral face and the resting head of the calm half of the moments.

    Gaze has no neutral (one glance would bend all others), and every weight keeps its end at 1: lids go from their own
    open to their own closed, so that a blink stays one.
    """
    _enough(samples)
    still = calm(samples)
    middle = np.median([one.weights for one in still], axis=0)
    rest = dict(zip(NAMES, middle.tolist(), strict=True))
    odd = [name for name, most in AT_REST.items() if rest[name] > most]
    if odd:
        raise UsageError(f"that was no neutral face ({' and '.join(odd)} held): relax, look at the camera, try again")
    weights = {
        name: {"neutral": round(min(value, HIGHEST_NEUTRAL), 3)}
        for name, value in rest.items()
        if name not in GROUPS["gaze"] and value >= 0.005
    }
    for name in weights:  # an end that was learned before stays above the new neutral
        full = calibration.weights.get(name, {}).get("full", 1.0)
        weights[name]["neutral"] = min(weights[name]["neutral"], round(full - LEAST_RANGE, 3))
    cleared = {name: _without(values, "neutral") for name, values in calibration.weights.items()}
    cleared = {name: values for name, values in cleared.items() if values}
    fresh = head_from(still, calibration)
    return _with_weights(fresh, cleared).updated({"weights": weights})


def head_from(samples: Sequence[Sample], calibration: Calibration) -> Calibration:
    """Rules with the head resting where it was: recentring."""
    middle = np.sum([one.R for one in samples], axis=0)
    u, _, vt = np.linalg.svd(middle)
    R = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt  # the mean rotation
    pitch, yaw, roll = yaw_first(R)
    x, y, z = np.median([one.t for one in samples], axis=0).tolist()
    names = ("neutral_pitch", "neutral_yaw", "neutral_roll", "neutral_x", "neutral_y", "neutral_z")
    values = (pitch, yaw, roll, x, y, z)
    return calibration.updated({"head": {n: round(v, 2) for n, v in zip(names, values, strict=True)}})


def end_from(samples: Sequence[Sample], calibration: Calibration, names: Sequence[str]) -> Calibration:
    """Rules with the present values of some weights as their ends."""
    _enough(samples)
    middle = np.median([one.weights for one in samples], axis=0)
    weights = {}
    for name in names:
        held = float(middle[NAMES.index(name)])
        neutral = calibration.weights.get(name, {}).get("neutral", 0.0)
        if held < neutral + LEAST_ACTION:
            raise UsageError(f"{name} was hardly held ({held:.2f}, {neutral:.2f} at rest): hold it, and try again")
        weights[name] = {"full": round(min(1.0, max(held * HEADROOM, neutral + LEAST_RANGE)), 3)}
    return calibration.updated({"weights": weights})


def learned(what: What, samples: Sequence[Sample], calibration: Calibration) -> Calibration:
    """The rules after learning `what`; UsageError where the moments do not show it."""
    if what == "neutral":
        return neutral_from(samples, calibration)
    if what == "head":
        _enough(samples)
        return head_from(samples, calibration)
    return end_from(samples, calibration, ["jawOpen"] if what == "open-mouth" else ["eyeBlinkLeft", "eyeBlinkRight"])


def _enough(samples: Sequence[Sample]) -> None:
    if len(samples) < LEAST_FRAMES:
        raise UsageError(
            f"only {counted(len(samples), 'frame')} with a face: stay in the picture for two seconds, try again"
        )


def _without(values: Mapping[str, float], key: str) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != key}


def _with_weights(calibration: Calibration, weights: Mapping[str, Mapping[str, float]]) -> Calibration:
    return replace(calibration, weights=dict(weights))


class Learner:
    """The rules of a run. Any thread may ask for learning; the targets' threads show it the face."""

    def __init__(self, calibration: Calibration, path: Path | None = None) -> None:
        """With `path`, what was learned is kept there."""
        self.calibration = calibration
        self.message = ""  # the last outcome, for the user
        self._path = path
        self._lock = threading.Lock()
        self._what: What | None = None
        self._until_s: float | None = None
        self._for_s = LEARN_S
        self._last_s = -1.0
        self._samples: list[Sample] = []

    def learn(self, what: What, for_s: float = LEARN_S) -> None:
        """Learn from the coming seconds."""
        with self._lock:
            self._what, self._for_s, self._until_s, self._samples, self._last_s = what, for_s, None, [], -1.0
            self.message = f"learning: {what}"

    def uncentre(self) -> None:
        """The head as it is measured again."""
        rest = {f.name: f.default for f in fields(HeadRules) if f.name.startswith("neutral_")}
        self.calibration = self.calibration.updated({"head": rest})

    @property
    def learning(self) -> What | None:
        return self._what

    def see(self, t_s: float, face: FaceState | None) -> None:
        """A moment; several targets may show the same one."""
        if self._what is None:
            return
        with self._lock:
            if self._what is None or t_s <= self._last_s:
                return
            self._last_s = t_s
            if self._until_s is None:
                self._until_s = t_s + self._for_s
            if face is not None and face.status == "tracked":
                self._samples.append(sample(face))
            if t_s >= self._until_s:
                self._finish(self._what)

    def end(self) -> None:
        """The source has ended: learn from what there was."""
        with self._lock:
            if self._what is not None and self._last_s >= 0:
                self._finish(self._what)

    def _finish(self, what: What) -> None:
        self._what = None
        try:
            self.calibration = learned(what, self._samples, self.calibration)
            if self._path is not None:
                self.calibration.save(self._path)
            self.message = f"learned: {what}" + (f", kept in {self._path}" if self._path is not None else "")
            _log.info("%s", self.message)
        except Realtime3dError as error:  # a face that was not still, a full disk: tracking goes on with the old rules
            self.message = str(error)
            _log.warning("%s", error)
        self._samples = []
