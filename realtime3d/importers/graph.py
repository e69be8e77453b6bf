"""ONNX files made node by node, of the operators that every back end knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.errors import require

EXTRA = "import"
OPSET, IR_VERSION = 17, 8
IMAGE = "image"
Pads = tuple[int, int, int, int]  # top, left, bottom, right
NO_PADS: Pads = (0, 0, 0, 0)


class Graph:
    """One net that is being built. Each method adds a node and gives the name of what comes out of it."""

    def __init__(self, name: str, size: int) -> None:
        """Its input is (N, size, size, 3) uint8 BGR."""
        self._onnx: Any = require("onnx", EXTRA, "importing nets")
        self._name, self._size = name, size
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def pixels(self) -> str:
        """The picture as (N, 3, size, size) float32."""
        numbers = self.node("Cast", [IMAGE], to=self._onnx.TensorProto.FLOAT)
        return self.node("Transpose", [numbers], perm=[0, 3, 1, 2])

    def constant(self, values: ArrayLike) -> str:
        name = f"constant{len(self._constants)}"
        array = np.ascontiguousarray(values, dtype=np.float32)
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def conv(
        self, x: str, weights: NDArray, bias: NDArray, *, stride: int = 1, pads: Pads = NO_PADS, group: int = 1
    ) -> str:
        """`weights` (out, in / group, height, width)."""
        shape = list(map(int, weights.shape[2:]))
        inputs = [x, self.constant(weights), self.constant(bias)]
        return self.node("Conv", inputs, kernel_shape=shape, strides=[stride] * 2, pads=list(pads), group=group)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x])

    def max_pool(self, x: str, side: int, stride: int, pads: Pads = NO_PADS) -> str:
        return self.node("MaxPool", [x], kernel_shape=[side] * 2, strides=[stride] * 2, pads=list(pads))

    def full(self, x: str, weights: NDArray, bias: NDArray) -> str:
        """A fully connected layer; `weights` (in, out)."""
        return self.node("Gemm", [x, self.constant(weights), self.constant(bias)])

    def resized(self, x: str, old: int, new: int) -> str:
        """Bilinear from `old` to `new` pixels a side as TensorFlow 1 does it: pixel i comes from i * old / new."""
        rows = bilinear(old, new)
        wide = self.node("MatMul", [x, self.constant(rows.T)])
        return self.node("MatMul", [self.constant(rows), wide])

    def finished(self, outputs: Mapping[str, tuple[str, int]]) -> bytes:
        """The file; `outputs` are names with what they are called in here and their widths."""
        helper, proto = self._onnx.helper, self._onnx.TensorProto
        nodes = [*self._nodes, *(helper.make_node("Identity", [x], [name]) for name, (x, _) in outputs.items())]
        image = helper.make_tensor_value_info(IMAGE, proto.UINT8, ["N", self._size, self._size, 3])
        answers = [helper.make_tensor_value_info(name, proto.FLOAT, ["N", n]) for name, (_, n) in outputs.items()]
        graph = helper.make_graph(nodes, self._name, [image], answers, self._constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="realtime3d")
        data: bytes = model.SerializeToString()
        self._onnx.checker.check_model(data)
        return data


def bilinear(old: int, new: int) -> NDArray[np.float64]:
    """(new, old) weights: row i mixes the two pixels around i * old / new."""
    at = np.arange(new) * (old / new)
    first = np.minimum(at.astype(int), old - 1)
    rows = np.zeros((new, old))
    rows[np.arange(new), first] += 1 - (at - first)
    rows[np.arange(new), np.minimum(first + 1, old - 1)] += at - first
    return rows
