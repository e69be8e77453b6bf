"""From a tracked face to what is sent: small steps in one order, the first ones pure functions of one moment.

    weights -> own rules -> gaze past closed lids -> linked eyes -> lips -> head from its rest -> sides
            -> smoothed -> eased where a face comes or goes -> only what is to be sent

`Shaper` strings them together for one face that is followed, and holds the little that has a memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realtime3d.avatar import angles
from realtime3d.avatar.angles import from_yaw_first, yaw_first
from realtime3d.avatar.base import NEUTRAL, AvatarFrame, neutral_frame
from realtime3d.avatar.calibration import Calibration, EyeRules, HeadRules, Rule, chosen_weights
from realtime3d.face.arkit import GROUPS, NAMES, other_side
from realtime3d.face.state import FaceState

Weights = Mapping[str, float]
Place = tuple[float, float, float]

SIDES = ("Left", "Right")
UP_DOWN, IN_OUT = ("eyeLookUp", "eyeLookDown"), ("eyeLookIn", "eyeLookOut")
LOCKED = {"none": (), "vertical": UP_DOWN, "horizontal": IN_OUT, "both": UP_DOWN + IN_OUT}
GAP_S = 1.0  # a longer silence, or time that goes back, starts memory afresh
BLINK_S = 0.5  # lids that are closed for longer are no blink


def by_rules(weights: Weights, rules: Mapping[str, Rule]) -> dict[str, float]:
    """Each weight by its own rule; within 0 to 1."""
    shaped = {name: min(1.0, max(0.0, value)) for name, value in weights.items()}
    for name, rule in rules.items():
        shaped[name] = rule(shaped[name])
    return shaped


def gaze_of(weights: Weights) -> dict[str, float]:
    return {name: weights[name] for name in GROUPS["gaze"]}


def copied_gaze(weights: Weights, side: str) -> dict[str, float]:
    """The gaze of one eye for both: what is inward for one is outward for the other."""
    other = "Left" if side == "Right" else "Right"
    inward, outward = weights[f"eyeLookIn{side}"], weights[f"eyeLookOut{side}"]
    return {
        **weights,
        f"eyeLookIn{other}": outward,
        f"eyeLookOut{other}": inward,
        f"eyeLookUp{other}": weights[f"eyeLookUp{side}"],
        f"eyeLookDown{other}": weights[f"eyeLookDown{side}"],
    }


def seen_gaze(weights: Weights, rules: EyeRules, last: Weights) -> dict[str, float]:
    """Gaze that does not come from closed eyes: from the open one in a wink, from before a blink."""
    closed = [weights[f"eyeBlink{side}"] > rules.closed for side in SIDES]
    if all(closed):
        return {**weights, **last} if rules.hold else dict(weights)
    if any(closed) and rules.wink:
        return copied_gaze(weights, SIDES[closed.index(False)])
    return dict(weights)


def linked_eyes(weights: Weights, rules: EyeRules) -> dict[str, float]:
    """Both eyes alike, and directions that are not sent, where that is asked for."""
    linked = dict(weights)
    if rules.link_blinks:
        for name in ("eyeBlink", "eyeSquint", "eyeWide"):
            mean = (linked[f"{name}Left"] + linked[f"{name}Right"]) / 2
            linked[f"{name}Left"] = linked[f"{name}Right"] = mean
    if rules.link_gaze:
        for plus, minus in (("eyeLookUp", "eyeLookDown"), ("eyeLookOut", "eyeLookIn")):
            sign = -1 if plus == "eyeLookOut" else 1  # outward is to the other side for the other eye
            left, right = (linked[f"{plus}{side}"] - linked[f"{minus}{side}"] for side in SIDES)
            mean = (left + sign * right) / 2
            for side, value in zip(SIDES, (mean, sign * mean), strict=True):
                linked[f"{plus}{side}"], linked[f"{minus}{side}"] = max(value, 0.0), max(-value, 0.0)
    for name in LOCKED[rules.lock]:
        linked[f"{name}Left"] = linked[f"{name}Right"] = 0.0
    return linked


def closed_lips(weights: Weights) -> dict[str, float]:
    """mouthClose undoes jawOpen: more than that would push the lips through each other."""
    return {**weights, "mouthClose": min(weights["mouthClose"], weights["jawOpen"])}


def swapped(weights: Weights) -> dict[str, float]:
    """Left and right change places."""
    return {other_side(name): value for name, value in weights.items()}


def rested_head(R: NDArray[np.float64], t: NDArray[np.float64], rules: HeadRules) -> tuple[NDArray[np.float64], Place]:
    """The head's turn and way from where it rests, in the resting head's own directions, with gains and offsets."""
    rest = from_yaw_first(rules.neutral_pitch, rules.neutral_yaw, rules.neutral_roll)
    turn = rest.T @ R
    if (rules.pitch_gain, rules.yaw_gain, rules.roll_gain, rules.pitch, rules.yaw, rules.roll) != (1, 1, 1, 0, 0, 0):
        pitch, yaw, roll = yaw_first(turn)
        turn = from_yaw_first(
            max(-90.0, min(90.0, pitch * rules.pitch_gain + rules.pitch)),
            max(-180.0, min(180.0, yaw * rules.yaw_gain + rules.yaw)),
            max(-180.0, min(180.0, roll * rules.roll_gain + rules.roll)),
        )
    if not rules.move:
        return turn, (0.0, 0.0, 0.0)
    x, y, z = (rest.T @ (t - (rules.neutral_x, rules.neutral_y, rules.neutral_z))).tolist()
    return turn, (x, y, z)


@dataclass(frozen=True, slots=True)
class Values:
    """What is sent of a face: weights, turn and way of the head."""

    weights: Weights
    R: NDArray[np.float64]
    place: Place


RESTING = Values(NEUTRAL, np.eye(3), (0.0, 0.0, 0.0))


def blended(a: Values, b: Values, fraction: float) -> Values:
    """From a (0) to b (1)."""
    if fraction >= 1:
        return b
    f = max(fraction, 0.0)
    weights = {name: a.weights[name] + f * (b.weights[name] - a.weights[name]) for name in NAMES}
    x, y, z = (p + f * (q - p) for p, q in zip(a.place, b.place, strict=True))
    return Values(weights, angles.between(a.R, b.R, f), (x, y, z))


def _step(dt_s: float, time_s: float) -> float:
    """The fraction of the way that a first-order filter makes in dt."""
    return 1.0 if time_s <= 0 else 1.0 - math.exp(-dt_s / time_s)


class Shaper:
    """Shapes one face, frame by frame. Time is the frames' own."""

    def __init__(self, calibration: Calibration, *, only: frozenset[str] | None = None) -> None:
        """`only`: the weights that this target gets, further limited by the calibration's lists."""
        self._only = only
        self.use(calibration)
        self._t_s = -math.inf
        self._sent = RESTING
        self._filtered: Values | None = None  # None: nothing to go on from
        self._last_gaze: Weights = gaze_of(NEUTRAL)
        self._closing_since: float | None = None
        self._face_id: int | None = None
        self._gone_s = math.inf  # when the face was last there
        self._from, self._from_s = RESTING, -math.inf  # what a face that comes is eased in from, and since when

    def use(self, calibration: Calibration) -> None:
        """Other rules from the next frame on."""
        self.calibration = calibration
        self._rules = calibration.rules()
        self._times = {name: getattr(calibration.smooth, group) for group, part in GROUPS.items() for name in part}
        self._smooths = any(self._times.values())
        allowed = chosen_weights(calibration.send.only, calibration.send.without)
        self._chosen = allowed if self._only is None else allowed & self._only

    @property
    def resting(self) -> bool:
        """Whether what was sent last is the neutral face of somebody who is gone."""
        return self._sent is RESTING

    def step(self, t_s: float, index: int, face: FaceState | None) -> AvatarFrame:
        """What is sent for this moment; `face` is None where it is not there."""
        dt_s = t_s - self._t_s
        if not 0 < dt_s <= GAP_S:
            self._filtered, self._closing_since = None, None
            if dt_s < 0:  # a recording that begins again
                self._gone_s, self._from_s = math.inf, -math.inf
        self._t_s = t_s
        if face is None:
            self._sent, frame = self._eased_out(t_s), neutral_frame(t_s, index)
            frame = replace(frame, face_id=frame.face_id if self._face_id is None else self._face_id)
        else:
            self._sent = self._eased_in(t_s, face.id, self._shaped(t_s, dt_s, face))
            frame = replace(
                neutral_frame(t_s, index), face_id=face.id, present=True, confidence=face.confidence, face=face
            )
        sent = self._sent
        return replace(frame, weights=self._allowed(sent.weights), R=sent.R, position_mm=sent.place)

    def _allowed(self, weights: Weights) -> Weights:
        if len(self._chosen) == len(weights):
            return weights
        return {name: value for name, value in weights.items() if name in self._chosen}

    def _shaped(self, t_s: float, dt_s: float, face: FaceState) -> Values:
        rules = self.calibration
        weights = seen_gaze(by_rules(face.blendshapes(), self._rules), rules.eyes, self._last_gaze)
        self._last_gaze = gaze_of(weights)
        weights = closed_lips(linked_eyes(weights, rules.eyes))
        R, place = rested_head(face.pose.R, face.pose.t, rules.head)
        if rules.send.swap_sides:
            weights, R, place = swapped(weights), angles.mirrored(R), (-place[0], *place[1:])
        shaped = self._filtered = self._smoothed(t_s, dt_s, Values(weights, R, place))
        return shaped

    def _smoothed(self, t_s: float, dt_s: float, new: Values) -> Values:
        before = self._filtered
        head_s = max(self.calibration.smooth.head, self._blink_time(t_s, new.weights))
        if before is None or not (self._smooths or head_s > 0):
            return new
        weights = new.weights
        if self._smooths:
            steps = {name: _step(dt_s, time_s) for name, time_s in self._times.items()}
            weights = {n: before.weights[n] + steps[n] * (v - before.weights[n]) for n, v in new.weights.items()}
        f = _step(dt_s, head_s)
        x, y, z = (p + f * (q - p) for p, q in zip(before.place, new.place, strict=True))
        return Values(weights, angles.between(before.R, new.R, f), (x, y, z))

    def _blink_time(self, t_s: float, weights: Weights) -> float:
        """How slowly the head follows for the sake of a blink."""
        if max(weights["eyeBlinkLeft"], weights["eyeBlinkRight"]) < self.calibration.eyes.closed / 2:
            self._closing_since = None
            return 0.0
        if self._closing_since is None:
            self._closing_since = t_s
        return self.calibration.head.blink_s if t_s - self._closing_since < BLINK_S else 0.0

    def _eased_in(self, t_s: float, face_id: int, new: Values) -> Values:
        """A face that comes, or another one than before, takes over from what was sent last."""
        if self._face_id is not None and (face_id != self._face_id or self._gone_s < t_s):
            away_s = t_s - self._gone_s if self._gone_s < t_s else math.inf
            if face_id != self._face_id or away_s > self.calibration.lost.hold_s:
                self._from, self._from_s = self._sent, t_s
        self._face_id, self._gone_s = face_id, math.inf
        ease_s = self.calibration.lost.ease_s
        return blended(self._from, new, (t_s - self._from_s) / ease_s if ease_s > 0 else 1.0)

    def _eased_out(self, t_s: float) -> Values:
        if self._face_id is None:
            return RESTING
        if self._gone_s == math.inf:
            self._gone_s, self._from = t_s, self._sent
        lost = self.calibration.lost
        gone_s = t_s - self._gone_s - lost.hold_s
        if gone_s <= 0:
            return self._from
        return blended(self._from, RESTING, gone_s / lost.ease_s if lost.ease_s > 0 else 1.0)
