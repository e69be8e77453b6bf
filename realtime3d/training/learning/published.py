"""Nets that were exported, to be trained on from there: nobody has to begin where we began.

An export keeps the averaged weights, folded and in half precision; it has neither norms' statistics nor, in a track
net, the shape head that trained along. So norms come back as plain factors and must stay as they are (`--quick`), and
the shape head begins at the mean head.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime3d.errors import MissingError, require
from realtime3d.training.learning.nets import BLOCKS, NetConfig, NormConv, ShapeNet, TrackNet, build

if TYPE_CHECKING:
    import onnx

SUFFIX = ".onnx"
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]


def read(path: Path) -> dict[str, Any]:
    """Kind, shape and weights of an exported net, named as in a checkpoint."""
    onnx = require("onnx", "train", "going on from an exported net")
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path)).graph
        kind, config = _shape_of(graph)
        net = build(kind, config)
        _fill(net, _layers(graph, "Conv"), _layers(graph, "Gemm"))
    except OSError as error:
        raise MissingError(f"{path} cannot be read ({error}): name another file") from error
    except (DecodeError, ValueError, LookupError) as error:
        told = f"{path} is no net that `realtime3d training export` wrote ({error}): name another file"
        raise MissingError(told) from error
    return {"kind": kind, "net_config": asdict(config), "average": net.state_dict(), "samples": 0}


def _shape_of(graph: onnx.GraphProto) -> tuple[str, NetConfig]:
    """What kind of net a graph is and how large, from its input, its outputs and its layers."""
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    outputs = {value.name for value in graph.output}
    convolutions = sum(node.op_type == "Conv" for node in graph.node)
    dense = [weight.shape for weight, _ in _layers(graph, "Gemm")]
    if outputs == {"shape"}:
        return "shape", NetConfig(size=size, trunk=_trunk_of(convolutions), n_shape=dense[0][0])
    local = _layers(graph, "Conv")[-1][0].shape[0]
    trunk = _trunk_of(convolutions - 2)  # the small map has two of its own
    mixed = dense[1][0] if len(dense) == 4 else 0
    return "track", NetConfig(size=size, trunk=trunk, local=local, hidden=dense[0][0], mixed=mixed)


def _trunk_of(convolutions: int) -> str:
    """A stem, three layers in each block but two in the first one, and a last layer."""
    for name, blocks in BLOCKS.items():
        if convolutions == 3 * sum(blocks) + 1:
            return name
    raise ValueError(f"no trunk has {convolutions} convolutions")


def _layers(graph: onnx.GraphProto, kind: str) -> list[Layer]:
    """(weight, bias) of all nodes of a kind, in the order in which they run."""
    from onnx import numpy_helper

    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in stored:  # equal layers are stored once
            stored[node.output[0]] = stored[node.input[0]].astype(np.float32)
    return [(stored[n.input[1]], stored[n.input[2]]) for n in graph.node if n.op_type == kind]


def _fill(net: TrackNet | ShapeNet, convolutions: list[Layer], dense: list[Layer]) -> None:
    """Layers run in the order in which modules are listed, but for the small map's two and the shape head."""
    norms = [module for module in net.modules() if isinstance(module, NormConv)]
    with torch.no_grad():
        for module, (weight, bias) in zip(norms, convolutions, strict=True):
            factor = _factors(weight)
            _copy(module.conv.weight, weight / factor[:, None, None, None])
            _copy(module.norm.bias, bias)
            assert module.norm.running_var is not None
            _copy(module.norm.running_var, (1 / factor**2 - module.norm.eps).astype(np.float32))
        for head, (weight, bias) in zip(_heads(net), dense, strict=True):
            _copy(head.weight, weight)
            _copy(head.bias, bias)
        if isinstance(net, TrackNet):
            nn.init.zeros_(net.shape.weight)


def _heads(net: TrackNet | ShapeNet) -> list[nn.Linear]:
    if isinstance(net, ShapeNet):
        return [net.shape]
    return [layer for layer in (net.embed, net.mix, net.pose, net.expression) if layer is not None]


def _factors(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """(channels,) what each norm multiplies by, so that a layer's weights are as large as one draws them at random.

    An optimizer's steps are of one size for all weights. Folded ones are a tenth as large in some layers as in others:
    the usual rate overwrote the small ones.
    """
    size = np.sqrt(np.square(weight).sum(axis=(1, 2, 3)))  # 1 in a layer drawn at random
    return np.clip(size, np.median(size) / 10, None).clip(1e-3, 30).astype(np.float32)


def _copy(target: Tensor, values: NDArray[np.float32]) -> None:
    if target.shape != values.shape:
        raise ValueError(f"a layer has {values.shape} weights instead of {tuple(target.shape)}")
    target.copy_(torch.from_numpy(np.array(values)))
