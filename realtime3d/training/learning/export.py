"""Nets as ONNX files: weights stored in half precision, arithmetic in single, pixels in as they come.

Half-precision weights sit behind a Cast each, which ONNX Runtime and TensorRT fold away while loading. They are
rounded to what bfloat16 holds too, so that a processor that computes in bfloat16 works with the same weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime3d.errors import UsageError, require
from realtime3d.face.model import FaceModel
from realtime3d.files import whole
from realtime3d.training.learning.checkpoint import load_net
from realtime3d.training.learning.mirror import Agreement
from realtime3d.training.learning.nets import ShapeNet, TrackNet

if TYPE_CHECKING:
    import onnx

TRACK_OUTPUTS = (
    "rotation",
    "position",
    "log_scale",
    "presence",
    "pose_log_sigma",
    "expression",
    "expression_log_sigma",
    "extras",
)
SHAPE_OUTPUTS = ("shape",)
OPSET = 17
SMALL = 64  # initialisers up to so many numbers stay in single precision


class Exported(nn.Module):
    """A net that gives a tuple of its outputs and keeps only what inference needs."""

    def __init__(self, net: nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.outputs = net, outputs

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        found = self.net(image)
        return tuple(found[name] for name in self.outputs)


def part_of(net: TrackNet | ShapeNet, part: str) -> tuple[TrackNet | ShapeNet, tuple[str, ...]]:
    """The net that answers "track" or "shape", and what it gives; a track net's own shape head can stand alone."""
    if part == "shape":
        return (ShapeNet.from_track_net(net) if isinstance(net, TrackNet) else net), SHAPE_OUTPUTS
    if not isinstance(net, TrackNet):
        raise UsageError("a shape net's checkpoint cannot answer pose and expression: give a track net's")
    return net, TRACK_OUTPUTS


def export(source: Path, target: Path, part: str = "track", mirror: FaceModel | None = None) -> Path:
    """Write the averaged net of a checkpoint ("track" or "shape") as ONNX with half-precision weights.

    With the face model as `mirror` it also looks at the mirrored picture and answers the mean of both.
    """
    plain, names = part_of(load_net(source), part)
    return write_onnx(Agreement(plain, mirror) if mirror else plain, names, plain.config.size, target)


def write_onnx(net: nn.Module, names: tuple[str, ...], size: int, target: Path) -> Path:
    """Write a net that answers `names` for pictures of `size` px."""
    onnx = require("onnx", "train", "exporting nets")
    with whole(target, make_folder=True) as draft:
        torch.onnx.export(
            Exported(net, names).eval(),
            (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
            str(draft),
            input_names=["image"],
            output_names=list(names),
            dynamic_axes={name: {0: "batch"} for name in ("image", *names)},
            opset_version=OPSET,
            dynamo=False,
        )
        model = halve(onnx.load(str(draft)))
        onnx.checker.check_model(model)
        onnx.save(model, str(draft))
    return target


def as_bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest numbers that bfloat16 holds: single precision's range with 8 significant bits."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).astype(np.uint32).view(np.float32)


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large initialisers in half precision, each behind a Cast back to single precision; in place."""
    from onnx import TensorProto, helper, numpy_helper

    casts, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= SMALL:
            kept.append(tensor)
            continue
        if not np.abs(values).max() < np.finfo(np.float16).max:
            raise UsageError(
                f"{tensor.name} does not fit half precision (largest weight {np.abs(values).max():.3g}): "
                "the run has diverged, export an earlier checkpoint"
            )
        half = (as_bfloat16(values) if values.ndim > 1 else values).astype(np.float16)  # biases stay precise everywhere
        kept.append(numpy_helper.from_array(half, f"{tensor.name}.half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return model
