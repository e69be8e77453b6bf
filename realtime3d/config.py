"""Every setting, its default, its unit and its range, in one place.

`Config()` is the defaults; `Config.read("my.toml")` lays a file over them; `Config().to_toml()` prints all of it with
units. A section is a frozen dataclass whose fields are made by `setting`, so that checks, the printed file and the
documentation come from one line.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime3d.errors import UsageError, first_line

if sys.version_info >= (3, 11):
    import tomllib as tomllib
else:
    import tomli as tomllib


def setting(
    default: Any,
    unit: str,
    doc: str,
    low: float = -math.inf,
    high: float = math.inf,
    choices: Sequence[str] = (),
) -> Any:
    """One setting: its default (which fixes its type), unit ("" for none), meaning and allowed values."""
    return field(default=default, metadata={"unit": unit, "doc": doc, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which nets run, and on what."""

    set: str = setting("default", "", "default, compact, accurate, or a folder with a models.toml")
    backend: str = setting("auto", "", "auto, or a back end's name: never replaced silently by another")
    device: str = setting("auto", "", "auto, cpu, or a device the back end knows (cuda:0)")
    threads: int = setting(2, "threads", "CPU threads of each net", 1, 256)
    eyes: bool = setting(True, "", "look at the eyes' own pixels for gaze and lids, where the set has a net for it")


_RANGES = ("short", "full", "both")


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """Finding faces. The detector gives boxes only; its key points are never read."""

    range: str = setting("both", "", "short (up to about 2 m), full (up to 5 m) or both", choices=_RANGES)
    min_score: float = setting(0.5, "0..1", "weaker detections are dropped", 0.0, 1.0)
    model_file: str = setting(
        "", "path", "box detector (.tflite) to take instead; empty: those that come with the package"
    )


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Following faces from frame to frame."""

    max_faces: int = setting(
        8, "faces", "at most so many: of those that appear together the largest; who is followed stays", 1, 1000
    )
    detect_every: int = setting(15, "frames", "look for new faces this often; always when nobody is there", 1, 100_000)
    detect_weak: int = setting(3, "frames", "look for faces this often while a track is weak", 1, 100_000)
    hold_s: float = setting(0.5, "s", "a face that the nets do not see keeps its last pose for this long", 0, 60)
    reid_s: float = setting(3.0, "s", "a face that returns within this time gets its id and identity back", 0, 3600)
    presence_new: float = setting(0.8, "0..1", "probability that starts a track", 0, 1)
    presence_stay: float = setting(0.3, "0..1", "probability that keeps a track", 0, 1)
    presence_weak: float = setting(0.6, "0..1", "below it a track is weak", 0, 1)
    presence_unseen: float = setting(0.9, "0..1", "keeps a track that the detector should see but does not", 0, 1)
    max_sigma_deg: float = setting(30.0, "deg", "an answer that expects to be wrong by more says nothing", 0, 1000)
    unseen_s: float = setting(1.0, "s", "time of several runs of the detector until that probability counts", 0, 60)
    reid_distance: float = setting(0.6, "", "mean shapes nearer than this are one person's, single frames: 1", 0, 100)
    reid_faces: float = setting(
        2.0, "faces", "how far a face that returns may have moved, and again per second", 0, 100
    )


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """The cached shape of a face."""

    view_s: float = setting(0.25, "s", "after this time a frame counts as a new view of the face, and ...", 0, 60)
    view_deg: float = setting(6.0, "deg", "... after turning this far", 0, 180)
    enough_views: float = setting(20.0, "views", "(1: perfect and frontal) before a shape is frozen, if ...", 1, 64)
    min_s: float = setting(2.0, "s", "... they span this time and ...", 0, 3600)
    turned_deg: float = setting(12.0, "deg", "... the head was seen from directions this far apart, or ...", 0, 180)
    patience_s: float = setting(8.0, "s", "... this time passed without it turning", 0, 3600)
    good_weight: float = setting(0.1, "0..1", "frames below it only count while there are no better ones", 0, 1)
    keep_s: float = setting(3.0, "s", "identities of faces that left are kept for this long", 0, 3600)
    profile_distance: float = setting(0.7, "", "a face this near to it is the profile's person, 1: strangers", 0, 100)


@dataclass(frozen=True, slots=True)
class SmoothSettings:
    """Causal smoothing in real seconds. "Noise" is the standard deviation of a signal's own noise."""

    enabled: bool = setting(True, "", "false: the nets' answers as they are")
    gap_s: float = setting(0.5, "s", "a longer silence starts afresh", 0.01, 60)
    calm_hz: float = setting(0.35, "Hz", "cutoff while nothing but noise is seen", 0.001, 1000)
    sudden: float = setting(2.8, "spreads", "a step beyond so many spreads of the noise opens the filter ...", 0, 1000)
    sudden_hz: float = setting(6.0, "Hz", "... by so much for each multiple of the noise", 0, 1000)
    lasting: float = setting(1.6, "spreads", "the same for a mean over lasting_s, which shows slow motion ...", 0, 1000)
    lasting_hz: float = setting(4.5, "Hz", "... by so much for each multiple of the noise", 0, 1000)
    lasting_s: float = setting(0.12, "s", "time of that mean", 0.001, 60)
    along: float = setting(1.0, "noises", "beyond which a signal opens when others of its group did already", 0, 1000)
    stay_s: float = setting(0.15, "s", "in which an open filter closes again", 0.001, 60)


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What is known of the camera."""

    fov: float = setting(
        0.0,
        "deg",
        "angle of view across the picture's longer side; 0: not known, 60 is taken (see conventions)",
        0,
        170.0,
    )
    intrinsics: str = setting("", "path", "OpenCV calibration (.json, .yml, .yaml, .xml, .npz); replaces fov")
    mirror: bool = setting(False, "", "flip each picture left to right before anything looks at it")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `None` never appears: every value is a default or what somebody wrote."""

    models: ModelSettings = field(default_factory=ModelSettings)  # nets, back end, device
    detector: DetectorSettings = field(default_factory=DetectorSettings)  # what finds faces
    track: TrackerSettings = field(default_factory=TrackerSettings)  # how faces are followed
    identity: IdentitySettings = field(default_factory=IdentitySettings)  # how shapes are learned
    smooth: SmoothSettings = field(default_factory=SmoothSettings)  # how jitter is removed
    camera: CameraSettings = field(default_factory=CameraSettings)  # angle of view, calibration, mirror

    @classmethod
    def read(cls, path: str | Path) -> Config:
        """The defaults with a TOML file laid over them."""
        return cls().updated(read_toml(path, "configuration"), where=f"{path}: ")

    def updated(self, values: Mapping[str, Any], where: str = "") -> Config:
        """A copy with `{"section": {"key": value}}` laid over it; unknown keys and bad values are UsageErrors."""
        sections: dict[str, Any] = {}
        for name, entries in values.items():
            check_name(name, [f.name for f in dataclasses.fields(self)], f"{where}unknown section [{{}}]")
            if not isinstance(entries, Mapping):
                raise UsageError(f"{where}{name} is a section: write [{name}] and its keys below it")
            sections[name] = updated_section(getattr(self, name), entries, where, name)
        return dataclasses.replace(self, **sections)

    def with_options(self, given: Mapping[str, Any]) -> Config:
        """A copy with options as in `OPTIONS` laid over it; None: not given."""
        changes: dict[str, dict[str, Any]] = {}
        for option, value in given.items():
            if value is not None:
                section, key = OPTIONS[option]
                changes.setdefault(section, {})[key] = value
        return self.updated(changes)

    def to_toml(self) -> str:
        """All values as TOML, each with its unit and meaning."""
        lines: list[str] = []
        for section in dataclasses.fields(self):
            values = getattr(self, section.name)
            lines += [f"# {(type(values).__doc__ or '').strip()}", f"[{section.name}]"]
            lines += [toml_line(f, getattr(values, f.name)) for f in dataclasses.fields(values)]
            lines.append("")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Plain nested dictionaries, for sidecar files."""
        return dataclasses.asdict(self)


_MANY_PARTS = re.compile(r"""(?<![\w"'-])(?:["']?[\w-]*["']?[ \t]*\.[ \t]*){100}""")


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """The values of a user's TOML file; UsageError where it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the {what} ({error}); name a TOML file") from error
    if _MANY_PARTS.search(text):  # for each of them the parser copies all before it
        raise UsageError(f"{path} has a key of very many parts: `realtime3d config` prints a valid file")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOML's own, a number of 5,000 digits, nests without end
        raise UsageError(
            f"{path} is not valid TOML: {first_line(error)}; `realtime3d config` prints a valid file"
        ) from error


OPTIONS = {  # option of the command line and of `FaceTracker` -> the setting it overrides
    "models": ("models", "set"),
    "backend": ("models", "backend"),
    "device": ("models", "device"),
    "threads": ("models", "threads"),
    "eyes": ("models", "eyes"),
    "max_faces": ("track", "max_faces"),
    "detect_every": ("track", "detect_every"),
    "smooth": ("smooth", "enabled"),
    "fov": ("camera", "fov"),
    "intrinsics": ("camera", "intrinsics"),
    "mirror": ("camera", "mirror"),
}


def toml_line(entry: dataclasses.Field[Any], value: Any) -> str:
    """A setting as a line of TOML, with its unit and meaning."""
    text = json.dumps(value, ensure_ascii=False)  # TOML's basic strings, numbers and booleans are JSON's
    unit = entry.metadata["unit"]
    return f"{entry.name} = {text}  # {f'[{unit}] ' if unit else ''}{entry.metadata['doc']}"


def check_name(name: str, known: Sequence[str], problem: str) -> None:
    """Refuse what is not there, with the nearest that is."""
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise UsageError(f"{problem.format(name)}; the nearest there is: {nearest}")


def updated_section(section: Any, entries: Mapping[str, Any], where: str, name: str) -> Any:
    """A copy of a dataclass of settings with `entries` laid over it; `name` is how the file calls it."""
    fields = {f.name: f for f in dataclasses.fields(section)}
    for key in entries:
        check_name(key, list(fields), f"{where}unknown key {{!r}} in [{name}]")
    return dataclasses.replace(
        section, **{key: _checked(value, fields[key], f"{where}{name}.{key}") for key, value in entries.items()}
    )


def _checked(value: Any, entry: dataclasses.Field[Any], name: str) -> Any:
    """The value in the type of the setting's default, inside its range."""
    kind = type(entry.default)
    if kind is float and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    if type(value) is not kind:
        raise UsageError(f"{name} must be {_KINDS[kind]}, not {value!r:.60}")
    choices, low, high = (entry.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not {value!r:.60}")
    if kind in (int, float) and not low <= value <= high:
        raise UsageError(f"{name} must lie between {low:g} and {high:g}, not {value!r:.60}")
    return value


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list of texts"}
