"""Which net files there are, where they lie and what they answer: `models.toml` read, checked and written.

The default sets ship inside the wheel (`realtime3d/_models`); in a source checkout they lie in `models/`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime3d.backends.base import NetSpec
from realtime3d.config import tomllib
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.files import write_whole

FORMAT = 1
LIST = "models.toml"
FOLLOWING, IMPORTED = "following", "imported"  # kinds of sets: for streams and pictures, or for pictures alone
PARTS = {FOLLOWING: ("track", "shape"), IMPORTED: ("pose", "expression", "shape")}  # nets of each kind
EYES = "eyes"  # a net on the eyes' own pixels, which sets for streams may have
MORE = ("mask", "detail")  # nets that a set may have, opened by what asks for them
IMPORTS = {  # what brings each part of an imported set
    "pose": ("a pose net", "fpn"),
    "expression": ("an expression net", "expnet"),
    "shape": ("a shape net", "3dmm"),
    "face_model": ("a face model", "bfm"),
}
NO_STREAM = (
    "imported nets do not say whether there is a face, so they cannot follow one through a stream: "
    "use `realtime3d images` or process_boxes, or take --models compact or accurate"
)
_NOT_SETS = ("format", "default", "face_model")
_REINSTALL = "reinstall realtime3d or name another set with --models"
_log = logging.getLogger(__name__)
_said: set[str] = set()


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a set, with what `models.toml` says of it."""

    path: Path
    sha256: str
    facts: Mapping[str, Any]  # licence, provenance, metrics, ...

    def check(self) -> None:
        """Refuse a file that is not there or not the one that was listed."""
        try:
            digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError as error:
            raise MissingError(f"{self.path}: cannot read the model file ({error.strerror}); {_REINSTALL}") from error
        if digest != self.sha256:
            raise MissingError(
                f"{self.path} is not the file that {LIST} lists (sha256 {digest[:12]}..., "
                f"expected {self.sha256[:12]}...); {_REINSTALL}"
            )


@dataclass(frozen=True, slots=True)
class ModelSet:
    """The nets of one name and the face model they speak of. Nothing is loaded yet."""

    name: str  # as `--models` takes it
    folder: Path  # of its models.toml
    status: str  # "preview" (not yet trained to its bars) or "released"
    nets: Mapping[str, NetSpec]  # by their parts, PARTS, and EYES where there is one
    files: Mapping[str, ModelFile]  # the same, "face_model", and those of `more`
    kind: str = FOLLOWING  # what it can do: follow faces, or look at one picture
    more: Mapping[str, NetSpec] = field(default_factory=dict)  # by their parts, MORE: those that the set has

    @property
    def notice(self) -> str | None:
        """What every command says once of nets that are not trained to their bars."""
        if self.status != "preview":
            return None
        return f"model set {self.name!r} is a preview: its nets are not yet trained to their bars, see MODEL_CARD.md"

    def check(self) -> None:
        """Compare every file's hash with the list."""
        for file in self.files.values():
            file.check()

    def check_streams(self) -> None:
        """MissingError where its nets are for pictures alone."""
        if self.kind == IMPORTED:
            raise MissingError(NO_STREAM)

    def say_notice(self) -> None:
        """Log the preview notice, once in a process."""
        if self.notice and self.notice not in _said:
            _said.add(self.notice)
            _log.warning(self.notice)

    def load_face_model(self) -> FaceModel:
        """The face model all nets of the set answer for."""
        return FaceModel.load(self.files["face_model"].path)


def default_folder() -> Path:
    """The folder of the sets that ship with the package."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_models", package.parent / "models"):
        if (folder / LIST).is_file():
            return folder
    raise MissingError(f"no {LIST} in {package / '_models'}: reinstall realtime3d, or name a folder with --models DIR")


def find(name: str = "default") -> ModelSet:
    """The set of this name that ships with the package, or the one in the folder `name`."""
    folder = Path(name)
    if name != "default" and (folder / LIST).is_file():
        return _read(folder, "default")
    if folder.is_absolute() or len(folder.parts) > 1:
        raise MissingError(f"no {LIST} in {folder}: name a folder that has one, or a set that ships with realtime3d")
    return _read(default_folder(), name)


def names(folder: Path | None = None) -> list[str]:
    """The names of the sets in a folder."""
    return _set_names(_parse((folder or default_folder()) / LIST))


def _set_names(listed: Mapping[str, Any]) -> list[str]:
    return [key for key, value in listed.items() if key not in _NOT_SETS and isinstance(value, Mapping)]


def _parse(path: Path) -> dict[str, Any]:
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingError(f"{path} cannot be read ({error}); {_REINSTALL}") from error
    if listed.get("format") != FORMAT:
        raise MissingError(
            f"{path} has format {listed.get('format')}, this version reads {FORMAT}: build the models again"
        )
    return listed


def _read(folder: Path, name: str) -> ModelSet:
    path = folder / LIST
    listed = _parse(path)
    known = _set_names(listed)
    if name == "default":
        name = str(_entry(listed, "default", path, ""))
    if name not in known:
        raise MissingError(
            f"no model set {name!r} in {path}: there is {', '.join(known) or 'none'}; or name a folder with a {LIST}"
        )
    kind = str(listed[name].get("kind", FOLLOWING))
    if kind not in PARTS:
        raise MissingError(
            f"{path}: [{name}] is of kind {kind!r}, this version knows {' and '.join(PARTS)}; {_REINSTALL}"
        )
    if kind == IMPORTED:
        lacking = missing_parts(listed[name])
        if lacking:
            raise MissingError(f"the set in {folder} is not complete: {how_to_add(lacking, folder)}")
    parts = PARTS[kind] + ((EYES,) if kind == FOLLOWING and EYES in listed[name] else ())
    tables = {part: _entry(listed[name], part, path, f"[{name}] ") for part in parts}
    own = len(tables)
    tables.update({part: listed[name][part] for part in MORE if part in listed[name]})
    files = {part: _file(folder, table, path, f"[{name}.{part}] ") for part, table in tables.items()}
    if "face_model" in listed[name]:  # nets answer for the model they were trained with, and sets may differ
        files["face_model"] = _file(folder, listed[name]["face_model"], path, f"[{name}.face_model] ")
    elif "face_model" in listed:
        files["face_model"] = _file(folder, listed["face_model"], path, "[face_model] ")
    else:
        shipped = default_folder()
        files["face_model"] = _file(shipped, _parse(shipped / LIST)["face_model"], shipped / LIST, "[face_model] ")
    face_model = files["face_model"].path
    asked = name if folder == default_folder() else str(folder)
    specs = {
        part: _net(f"{name}.{part}", files[part], table, path, face_model, asked) for part, table in tables.items()
    }
    nets, more = dict(list(specs.items())[:own]), dict(list(specs.items())[own:])
    return ModelSet(name, folder, str(listed[name].get("status", "released")), nets, files, kind, more)


def missing_parts(table: Mapping[str, Any]) -> list[str]:
    """The parts that an imported set's table does not have yet."""
    return [part for part in IMPORTS if part not in table]


def how_to_add(parts: list[str], folder: Path) -> str:
    """What is missing, and the commands that bring it."""
    told = (IMPORTS[part] for part in parts)
    return ", ".join(f"add {what} with `realtime3d import {command} PATH --out {folder}`" for what, command in told)


def _entry(table: Any, key: str, path: Path, where: str) -> Any:
    if not isinstance(table, Mapping) or key not in table:
        raise MissingError(f"{path}: {where}has no {key!r}; {_REINSTALL}")
    return table[key]


def _file(folder: Path, table: Any, path: Path, where: str) -> ModelFile:
    name, digest = str(_entry(table, "file", path, where)), str(_entry(table, "sha256", path, where))
    return ModelFile(folder / name, digest, {k: v for k, v in table.items() if k not in ("file", "sha256")})


def _net(name: str, file: ModelFile, table: Mapping[str, Any], path: Path, face_model: Path, models: str) -> NetSpec:
    where = f"[{name}] "
    size, outputs = _entry(table, "size", path, where), _entry(table, "outputs", path, where)
    if type(size) is not int or not 8 <= size <= 4096 or not isinstance(outputs, list):
        raise MissingError(f"{path}: {where}needs a size in px and a list of outputs; {_REINSTALL}")
    return NetSpec(
        name=name,
        file=file.path,
        sha256=file.sha256,
        input=str(_entry(table, "input", path, where)),
        size=size,
        outputs=tuple(map(str, outputs)),
        face_model=face_model,
        models=models,
    )


def read_list(path: Path) -> dict[str, Any]:
    """A `models.toml` as it stands; empty where there is none yet."""
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingError(f"{path} cannot be read ({error}): repair or delete it") from error


def write_list(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a `models.toml`."""
    write_whole(path, to_toml(values).encode())


def to_toml(values: Mapping[str, Any], prefix: str = "") -> str:
    """Strings, numbers, booleans, lists of strings and nested tables as TOML."""
    plain = {k: v for k, v in values.items() if not isinstance(v, Mapping)}
    tables = {k: v for k, v in values.items() if isinstance(v, Mapping)}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    parts = ["\n".join(lines) + "\n"] if lines else []
    for key, table in tables.items():
        inner = to_toml(table, f"{prefix}{key}.")
        head = f"[{prefix}{key}]\n" if any(not isinstance(v, Mapping) for v in table.values()) or not table else ""
        parts.append(head + inner)
    return "\n".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return f"{value:.6g}" if isinstance(value, float) else str(value)
