"""The detail net as ONNX, and its entry in each model set of a `models.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from realtime3d.surface.refine import OUTPUT
from realtime3d.training.detail.net import DetailNet
from realtime3d.training.detail.train import load_detail_net
from realtime3d.training.learning.export import write_onnx
from realtime3d.training.learning.release import list_in_sets

FILE = "detail.onnx"
PROVENANCE = (
    "trained by realtime3d from scratch on openly licensed portraits with wrinkles, stains and light drawn into them, "
    "see MODEL_CARD.md"
)


def export_detail(net: DetailNet, target: Path) -> Path:
    """Write a net with half-precision weights."""
    return write_onnx(net, (OUTPUT,), net.config.size, target)


def add_detail(
    folder: Path, checkpoint: Path, sets: Sequence[str], training: str, metrics: Mapping[str, float] | None = None
) -> Path:
    """Export a checkpoint into a folder of models and name it in these sets."""
    net, samples = load_detail_net(checkpoint)
    facts = {"provenance": PROVENANCE, "training": training, "samples": samples, "metrics": dict(metrics or {})}
    return list_in_sets(folder, OUTPUT, sets, lambda: export_detail(net, folder / FILE), net.config.size, facts)
