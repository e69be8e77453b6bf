"""The mask net as ONNX, and its entry in each model set of a `models.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from realtime3d.surface.mask import OUTPUT
from realtime3d.training.learning.export import write_onnx
from realtime3d.training.learning.release import list_in_sets
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
    net, samples = load_mask_net(checkpoint)
    facts = {"provenance": PROVENANCE, "training": training, "samples": samples, "metrics": dict(metrics or {})}
    return list_in_sets(folder, OUTPUT, sets, lambda: export_mask(net, folder / FILE), net.config.size, facts)
