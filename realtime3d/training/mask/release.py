"""The mask net as ONNX, and its entry in each model set of a `models.toml`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from realtime3d.errors import UsageError
from realtime3d.nets.modelset import LIST, read_list, write_list
from realtime3d.surface.mask import OUTPUT
from realtime3d.training.learning.export import write_onnx
from realtime3d.training.learning.release import LICENCE
from realtime3d.training.mask.net import MaskNet
from realtime3d.training.mask.train import load_mask_net

FILE = "mask.onnx"
PROVENANCE = (
    "the first blocks of compact_track.onnx, trained by realtime3d on openly licensed portraits with hands (WebXR, "
    "MIT), surgical masks (MaskTheFace, MIT) and drawn things pasted in front of them, see MODEL_CARD.md"
)


def export_mask(net: MaskNet, target: Path) -> Path:
    """Write a net with half-precision weights."""
    return write_onnx(_Named(net), (OUTPUT,), net.config.size, target)


class _Named(nn.Module):
    """The net, whose only output gets its name."""

    def __init__(self, net: MaskNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {OUTPUT: self.net(image)}


def add_mask(
    folder: Path, checkpoint: Path, sets: Sequence[str], training: str, metrics: Mapping[str, float] | None = None
) -> Path:
    """Export a checkpoint into a folder of models and name it in these sets."""
    listed = read_list(folder / LIST)
    unknown = [name for name in sets if name not in listed]
    if unknown:
        raise UsageError(f"{folder / LIST} has no set {', '.join(unknown)}")
    net, samples = load_mask_net(checkpoint)
    file = export_mask(net, folder / FILE)
    entry = {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "input": "image",
        "size": net.config.size,
        "outputs": [OUTPUT],
        "licence": LICENCE,
        "provenance": PROVENANCE,
        "training": training,
        "samples": samples,
        "metrics": dict(metrics or {}),
    }
    for name in sets:
        listed[name]["mask"] = dict(entry)
    write_list(folder / LIST, listed)
    return folder / LIST
