"""The net on the eyes' pixels as a file of model sets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from realtime3d.errors import UsageError
from realtime3d.nets.modelset import EYES, FOLLOWING, LIST, read_list, write_list
from realtime3d.training.eyes.learn import load
from realtime3d.training.eyes.net import OUTPUTS, EyeNet
from realtime3d.training.eyes.samples import SIZE
from realtime3d.training.learning import checkpoint
from realtime3d.training.learning.export import write_onnx
from realtime3d.training.learning.release import LICENCE

FILE = "eyes.onnx"
PROVENANCE = (
    "trained by realtime3d on the eyes of openly licensed photographs, with labels from MediaPipe's face mesh, and of "
    "renders of them, see MODEL_CARD.md"
)


def add_to_sets(source: Path, folder: Path, names: Sequence[str], training: str, metrics: Mapping[str, float]) -> Path:
    """Export a checkpoint into `folder` and list it in these sets of its `models.toml`; gives the list's path."""
    listed = read_list(folder / LIST)
    for name in names:
        if not isinstance(listed.get(name), dict) or listed[name].get("kind", FOLLOWING) != FOLLOWING:
            raise UsageError(f"no set {name!r} for streams in {folder / LIST}: name one that is listed")
    net = EyeNet()
    net.load_state_dict(load(source))
    file = write_onnx(net.eval(), OUTPUTS, SIZE, folder / FILE)
    entry: dict[str, Any] = {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "input": "image",
        "size": SIZE,
        "outputs": list(OUTPUTS),
        "licence": LICENCE,
        "provenance": PROVENANCE,
        "training": training,
        "samples": checkpoint.load(source)["samples"],
        "metrics": dict(metrics),
    }
    for name in names:
        table = listed[name]
        order = [key for key in table if key not in (EYES, "face_model")]
        own = {key: table[key] for key in order} | {EYES: entry}
        listed[name] = own | ({"face_model": table["face_model"]} if "face_model" in table else {})
    write_list(folder / LIST, listed)
    return folder / LIST
