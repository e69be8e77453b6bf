"""How much arithmetic a net is."""

from __future__ import annotations

from math import prod
from typing import Any

from realtime3d.backends.base import NetSpec
from realtime3d.errors import require


def gflop(spec: NetSpec) -> float:
    """10^9 additions and multiplications of convolutions and matrix products for one crop."""
    onnx = require("onnx", "build", "counting a net's arithmetic")
    model = onnx.load(str(spec.file))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    inferred = onnx.shape_inference.infer_shapes(model)
    known = [*inferred.graph.value_info, *inferred.graph.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in known}
    shapes.update({t.name: list(t.dims) for t in inferred.graph.initializer})
    return sum(_flop(node, shapes) for node in inferred.graph.node) / 1e9


def _flop(node: Any, shapes: dict[str, list[int]]) -> int:
    if node.op_type == "Conv":
        return 2 * prod(shapes[node.input[1]][1:]) * prod(shapes[node.output[0]])
    if node.op_type == "Gemm":  # its first axis, too: a net that also looks at the mirror image has two there
        return 2 * prod(shapes[node.input[1]]) * shapes[node.output[0]][0]
    return 0
