"""A net in two parts for OpenVINO: its first layers, where bfloat16 hurts most, and the rest.

The first layers look at pixels. They are few per cent of a net's work, and most of what rounding does to its answers
(docs/backends.md). OpenVINO has no switch for single layers, so the parts are models of their own.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

CONVOLUTIONS = frozenset({"Convolution", "GroupConvolution"})
FIRST = 2  # convolutions in the first part


class InTurn:
    """Two requests as one: what the first answers is the input of the second. No numbers are copied between them."""

    def __init__(self, first: Any, rest: Any) -> None:
        self._first, self._rest = first, rest

    def infer(self, inputs: Mapping[str, Any], *, share_inputs: bool) -> None:
        self._first.infer(inputs, share_inputs=share_inputs)
        self._rest.set_input_tensor(self._first.get_output_tensor(0))
        self._rest.infer()

    def get_tensor(self, name: str) -> Any:
        return self._rest.get_tensor(name)


def split(model: Any, twin: Any) -> tuple[Any, Any] | None:
    """The first part of `model` and the rest of `twin`, the same net read again; None where no place parts it.

    The place is the last before the third convolution where everything that follows needs one array alone.
    """
    place = _place(model.get_ordered_ops())
    if place is None:
        return None
    openvino, ops = importlib.import_module("openvino"), importlib.import_module("openvino.opset13")
    end = model.get_ordered_ops()[place].output(0)
    first = openvino.Model([ops.result(end)], model.get_parameters())
    begin = twin.get_ordered_ops()[place].output(0)
    entrance = ops.parameter(begin.get_partial_shape(), begin.get_element_type())
    for target in begin.get_target_inputs():
        target.replace_source_output(entrance.output(0))
    return first, openvino.Model(twin.get_results(), [entrance])


def _place(ordered: list[Any]) -> int | None:
    """The number of the operation whose answer is all that the rest needs."""
    number = {op.get_friendly_name(): i for i, op in enumerate(ordered)}
    constant = [op.get_type_name() == "Constant" for op in ordered]
    last_use = [0] * len(ordered)  # of what each operation answers
    for i, op in enumerate(ordered):
        for port in op.inputs():
            last_use[number[port.get_source_output().get_node().get_friendly_name()]] = i
    found, convolutions, open_until = None, 0, 0
    for i, op in enumerate(ordered):
        convolutions += op.get_type_name() in CONVOLUTIONS
        if convolutions > FIRST:
            return found
        if constant[i]:
            continue
        if convolutions == FIRST and open_until <= i and len(op.outputs()) == 1:  # nothing earlier is used later
            found = i
        open_until = max(open_until, last_use[i])
    return None
