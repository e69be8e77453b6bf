"""How one person's values become an avatar's: a TOML file, presets, and what is learned from the person's neutral face.

    format = 1
    preset = "lively"
    [head]
    yaw_gain = 1.2
    [weights.eyeBlink]          # both sides; eyeBlinkLeft is one side, lids is a whole group
    neutral = 0.1               # the value with own open eyes: is sent as 0
    full = 0.8                  # the value with own closed eyes: is sent as 1

Everything that is not written is a default. docs/how-to/calibrate.md explains all of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime3d.config import check_name, read_toml, setting, toml_line, updated_section
from realtime3d.errors import UsageError
from realtime3d.face.arkit import GROUPS, NAMES
from realtime3d.files import check_output, write_whole

FORMAT = 1
LEAST_RANGE = 0.05  # between a weight's neutral and full value: below it noise would move the avatar
BASES = tuple(sorted({name.removesuffix("Left") for name in NAMES if name.endswith("Left")} - {"jaw", "mouth"}))
RULE_NAMES = (*GROUPS, *BASES, *NAMES)


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one weight, in this order."""

    neutral: float = setting(0.0, "", "value of the own neutral face: becomes 0", 0.0, 0.95)
    full: float = setting(1.0, "", "value at the own end of the action: becomes 1", 0.05, 1.0)
    dead_zone: float = setting(0.0, "", "smaller values become 0, the others keep their end", 0.0, 0.95)
    curve: float = setting(1.0, "", "exponent: below 1 lifts small values, above 1 presses them down", 0.1, 10.0)
    gain: float = setting(1.0, "", "factor", 0.0, 10.0)
    low: float = setting(0.0, "", "never less", 0.0, 1.0)
    high: float = setting(1.0, "", "never more", 0.0, 1.0)

    def __call__(self, value: float) -> float:
        value = (value - self.neutral) / (self.full - self.neutral)
        value = max(value - self.dead_zone, 0.0) / (1 - self.dead_zone)
        return max(self.low, min(self.high, value**self.curve * self.gain))


@dataclass(frozen=True, slots=True)
class HeadRules:
    """The head. `neutral` is where it rests, as learned; what is sent is relative to it, in its own directions."""

    neutral_pitch: float = setting(0.0, "deg", "turn of the resting head in the camera: becomes 0", -180, 180)
    neutral_yaw: float = setting(0.0, "deg", "the same", -180, 180)
    neutral_roll: float = setting(0.0, "deg", "the same", -180, 180)
    neutral_x: float = setting(0.0, "mm", "place of the resting head in the camera: becomes 0", -1e5, 1e5)
    neutral_y: float = setting(0.0, "mm", "the same", -1e5, 1e5)
    neutral_z: float = setting(600.0, "mm", "the same", -1e5, 1e5)
    pitch_gain: float = setting(1.0, "", "factor; a negative one turns the other way", -5, 5)
    yaw_gain: float = setting(1.0, "", "the same", -5, 5)
    roll_gain: float = setting(1.0, "", "the same", -5, 5)
    pitch: float = setting(0.0, "deg", "added afterwards", -90, 90)
    yaw: float = setting(0.0, "deg", "the same", -90, 90)
    roll: float = setting(0.0, "deg", "the same", -90, 90)
    move: bool = setting(True, "", "false: the head turns and does not move")
    blink_s: float = setting(0.15, "s", "while lids close, the head follows this slowly: blinks do not pull it", 0, 2)


@dataclass(frozen=True, slots=True)
class EyeRules:
    """Lids and gaze together."""

    closed: float = setting(0.55, "", "an eye whose eyeBlink is larger is closed: its gaze says nothing", 0.1, 1.0)
    wink: bool = setting(True, "", "the gaze of a closed eye is that of the open one")
    hold: bool = setting(True, "", "while both are closed, gaze stays where it was")
    link_blinks: bool = setting(False, "", "both eyes blink alike")
    link_gaze: bool = setting(False, "", "both eyes look the same way")
    lock: str = setting("none", "", "directions that are not sent", choices=("none", "vertical", "horizontal", "both"))


@dataclass(frozen=True, slots=True)
class Smoothing:
    """Further smoothing, after the tracker's own: the time in which two thirds of a step are made."""

    head: float = setting(0.0, "s", "of the head", 0, 5)
    gaze: float = setting(0.0, "s", "of gaze", 0, 5)
    lids: float = setting(0.0, "s", "of lids", 0, 5)
    brows: float = setting(0.0, "s", "of brows", 0, 5)
    mouth: float = setting(0.0, "s", "of mouth", 0, 5)
    cheeks: float = setting(0.0, "s", "of cheeks", 0, 5)


@dataclass(frozen=True, slots=True)
class LostRules:
    """When the face is gone."""

    hold_s: float = setting(0.3, "s", "the last values stay for so long, then ...", 0, 60)
    ease_s: float = setting(
        0.6, "s", "... go to the neutral face in this time; who comes back is eased in alike", 0, 60
    )


@dataclass(frozen=True, slots=True)
class SendRules:
    """What is sent at all."""

    swap_sides: bool = setting(False, "", "left and right change places: a puppet that moves as a mirror does")
    only: tuple[str, ...] = setting((), "", "weights or groups that are sent; empty: all")
    without: tuple[str, ...] = setting((), "", "weights or groups that are not sent")
    targets: tuple[str, ...] = setting((), "", "where to, as --send takes them")
    rate: float = setting(0.0, "1/s", "at most so many frames a second; 0: every one", 0, 1000)


_RULE = dataclasses.fields(Rule)
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "natural": {},
    "lively": {
        "head": {"yaw_gain": 1.2, "pitch_gain": 1.2},
        "weights": {
            "brows": {"gain": 1.4, "dead_zone": 0.03},
            "mouth": {"gain": 1.25, "dead_zone": 0.02},
            "cheeks": {"gain": 1.3, "dead_zone": 0.03},
            "gaze": {"gain": 1.3},
        },
    },
    "calm": {
        "smooth": {"head": 0.12, "gaze": 0.06, "brows": 0.15, "mouth": 0.05, "cheeks": 0.15},
        "weights": {"brows": {"dead_zone": 0.06}, "cheeks": {"dead_zone": 0.08}, "gaze": {"dead_zone": 0.04}},
    },
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """All rules. The default sends what was measured, but for eyes that cannot be seen and lips that cannot close."""

    head: HeadRules = field(default_factory=HeadRules)  # turns and place of the head
    eyes: EyeRules = field(default_factory=EyeRules)  # lids and gaze
    smooth: Smoothing = field(default_factory=Smoothing)  # beyond the tracker's own
    lost: LostRules = field(default_factory=LostRules)  # when the face is gone
    send: SendRules = field(default_factory=SendRules)  # what goes out at all
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # name, pair or group -> keys of `Rule`

    @classmethod
    def read(cls, path: str | Path) -> Calibration:
        """A file's rules over its preset's over the defaults."""
        values = read_toml(path, "calibration")
        version, preset = values.pop("format", FORMAT), values.pop("preset", "natural")
        if version != FORMAT:
            raise UsageError(f"{path} is a calibration of format {version}, this version reads {FORMAT}")
        return cls.preset(preset).updated(values, where=f"{path}: ")

    @classmethod
    def preset(cls, name: str) -> Calibration:
        """One of `PRESETS`."""
        if not isinstance(name, str):  # of a file
            raise UsageError(f"the preset is a text, not {name!r:.60}")
        check_name(name, list(PRESETS), "no calibration preset {!r}")
        return cls().updated(PRESETS[name])

    def updated(self, values: Mapping[str, Any], where: str = "") -> Calibration:
        """A copy with `{"section": {"key": value}}` laid over it; unknown keys and bad values are UsageErrors."""
        changes: dict[str, Any] = {}
        for name, entries in values.items():
            check_name(name, [f.name for f in dataclasses.fields(self)], f"{where}unknown section [{{}}]")
            if not isinstance(entries, Mapping):
                raise UsageError(f"{where}{name} is a section: write [{name}] and its keys below it")
            if name == "weights":
                changes[name] = self._updated_weights(entries, where)
            else:
                changes[name] = updated_section(getattr(self, name), entries, where, name)
        send = changes.get("send", self.send)
        for word in (*send.only, *send.without):
            check_name(word, RULE_NAMES, f"{where}[send] knows no weight {{!r}}")
        new = dataclasses.replace(self, **changes)
        new.rules()  # says now what does not fit together
        return new

    def _updated_weights(self, entries: Mapping[str, Any], where: str) -> Mapping[str, Mapping[str, float]]:
        weights = dict(self.weights)
        for name, values in entries.items():
            check_name(name, RULE_NAMES, f"{where}unknown weight [weights.{{}}]")
            if not isinstance(values, Mapping):
                raise UsageError(f"{where}weights.{name} is a section: write [weights.{name}] and its keys below it")
            rule = updated_section(Rule(), values, where, f"weights.{name}")  # checks names and ranges
            weights[name] = {**weights.get(name, {}), **{key: getattr(rule, key) for key in values}}
        return weights

    def rules(self) -> dict[str, Rule]:
        """The rule of each weight that has one: its group's, then its pair's, then its own, key by key."""
        found = {}
        for name in NAMES:
            pair = name.removesuffix("Left").removesuffix("Right")
            group = next(group for group, members in GROUPS.items() if name in members)
            written: dict[str, float] = {}
            for key in dict.fromkeys((group, pair, name)):
                written |= self.weights.get(key, {})
            if written:
                found[name] = _checked_rule(name, Rule(**written))
        return found

    def to_toml(self) -> str:
        """What differs from the defaults, as a file that `read` takes."""
        lines = [f"format = {FORMAT}"]
        for part in dataclasses.fields(self):
            if part.name != "weights":
                lines += _section(part.name, getattr(self, part.name))
        for name, written in self.weights.items():
            lines += ["", f"[weights.{name}]", *(toml_line(f, written[f.name]) for f in _RULE if f.name in written)]
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path) -> None:
        """Write (or replace, in one step) the file; OutputError where that fails."""
        path = Path(path)
        check_output(path, overwrite=True)
        write_whole(path, self.to_toml().encode())


def _checked_rule(name: str, rule: Rule) -> Rule:
    if rule.full - rule.neutral < LEAST_RANGE:
        raise UsageError(f"weights.{name}: full must be larger than neutral by {LEAST_RANGE} or more")
    if rule.low > rule.high:
        raise UsageError(f"weights.{name}: low must not be larger than high")
    return rule


def _written(values: Any) -> dict[str, Any]:
    """The settings that are not at their default."""
    every = {f.name: getattr(values, f.name) for f in dataclasses.fields(values)}
    return {f.name: every[f.name] for f in dataclasses.fields(values) if every[f.name] != f.default}


def _section(name: str, values: Any) -> list[str]:
    written = _written(values)
    fields = [f for f in dataclasses.fields(values) if f.name in written]
    return ["", f"[{name}]", *(toml_line(f, written[f.name]) for f in fields)] if fields else []


def chosen_weights(only: tuple[str, ...], without: tuple[str, ...]) -> frozenset[str]:
    """The weights that lists of names, pairs and groups let through."""

    def members(words: tuple[str, ...]) -> set[str]:
        return {
            name
            for name in NAMES
            for word in words
            if word == name or name in GROUPS.get(word, ()) or name in (f"{word}Left", f"{word}Right")
        }

    return frozenset((members(only) if only else set(NAMES)) - members(without))
